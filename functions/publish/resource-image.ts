// A record of the table's stream, parsed: the new image of a host, network, endpoint, router or prefix; nothing of
// our concern; or poison. Removals are no concern: a deletion is a tombstone (`deleted: true`), and what TTL removes was one already.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import * as z from "zod";
import { Endpoint, Host, Network, Router, RouterPrefix } from "../../shared/model/resource.ts";

/** What every image carries. `ttl`, epoch seconds: when a tombstone runs out. */
type Imaged = { readonly deleted: boolean; readonly ttl?: number };

export type ResourceImage =
  | ({ readonly kind: "host"; readonly resource: Host } & Imaged)
  | ({ readonly kind: "network"; readonly resource: Network } & Imaged)
  | ({ readonly kind: "endpoint"; readonly resource: Endpoint } & Imaged)
  | ({ readonly kind: "router"; readonly resource: Router } & Imaged)
  | ({ readonly kind: "prefix"; readonly resource: RouterPrefix } & Imaged);

type ImageKind = ResourceImage["kind"];
const IMAGE_KINDS: readonly ImageKind[] = ["host", "network", "endpoint", "router", "prefix"];

/** `eventId` and `image` are what is kept of poison for an operator. */
export type Poison = {
  readonly kind: "poison";
  readonly eventId: string;
  readonly reason: string;
  /** The item's keys as text, as far as they could be read. */
  readonly item: string;
  readonly image: string;
};

export type ParsedRecord = ResourceImage | Poison | { readonly kind: "ignored" };

const Tombstone = z.object({ deleted: z.boolean().optional(), ttl: z.number().optional() });
const Versioned = z.object({ version: z.number() });

/** Parses one stream record; never throws. */
export function parseStreamRecord(record: DynamoDBRecord): ParsedRecord {
  const image = record.dynamodb?.NewImage;
  if (record.eventName === "REMOVE" || !image) return { kind: "ignored" };
  // Before all else: of items that are not ours we need to understand nothing. (The local engine's stream has an empty
  // map, as in our own records, as a value of no type.)
  const type = IMAGE_KINDS.find((kind) => kind === image["type"]?.S);
  if (!type) return { kind: "ignored" };
  let item: Record<string, unknown>;
  try {
    item = unmarshallImage(image);
  } catch (error) {
    return poison(record, `the image is no item: ${(error as Error).message}`);
  }
  if (sameVersion(record, item)) return { kind: "ignored" };
  const parsed = parseResource(type, item);
  return typeof parsed === "string" ? poison(record, parsed) : parsed;
}

/** Parses the item of a resource; the reason as text if it is none. */
export function parseResource(type: ImageKind, item: unknown): ResourceImage | string {
  const tombstone = Tombstone.safeParse(item);
  if (!tombstone.success) return reasonOf(tombstone.error);
  const { deleted = false, ttl } = tombstone.data;
  const imaged = { deleted, ...(ttl === undefined ? {} : { ttl }) };
  switch (type) {
    case "host": {
      const host = Host.safeParse(item);
      return host.success ? { kind: type, resource: host.data, ...imaged } : reasonOf(host.error);
    }
    case "network": {
      const network = Network.safeParse(item);
      return network.success ? { kind: type, resource: network.data, ...imaged } : reasonOf(network.error);
    }
    case "endpoint": {
      const endpoint = Endpoint.safeParse(item);
      return endpoint.success ? { kind: type, resource: endpoint.data, ...imaged } : reasonOf(endpoint.error);
    }
    case "router": {
      const router = Router.safeParse(item);
      return router.success ? { kind: type, resource: router.data, ...imaged } : reasonOf(router.error);
    }
    case "prefix": {
      const prefix = RouterPrefix.safeParse(item);
      return prefix.success ? { kind: type, resource: prefix.data, ...imaged } : reasonOf(prefix.error);
    }
  }
}

/** A write that is no new version, such as a fence around a resource that is being deleted, changes nothing for hosts. */
function sameVersion(record: DynamoDBRecord, item: Record<string, unknown>): boolean {
  const old = record.dynamodb?.OldImage;
  if (!old) return false;
  try {
    const before = Versioned.safeParse(unmarshallImage(old));
    return before.success && before.data.version === item["version"];
  } catch {
    return false;
  }
}

function unmarshallImage(image: NonNullable<NonNullable<DynamoDBRecord["dynamodb"]>["NewImage"]>) {
  // The stream event's attribute values are the client's, under the name of another package.
  return unmarshall(image as Record<string, AttributeValue>);
}

function poison(record: DynamoDBRecord, reason: string): Poison {
  const keys = Object.values(record.dynamodb?.Keys ?? {}).map((value) => value.S ?? "?");
  const image = JSON.stringify(record.dynamodb?.NewImage ?? {});
  return { kind: "poison", eventId: record.eventID ?? "?", reason, item: keys.join(" "), image };
}

function reasonOf(error: z.ZodError): string {
  const issue = error.issues[0];
  return `${issue?.path.join(".") || "item"}: ${issue?.message ?? "invalid"}`;
}
