// Items to values and back: resources with their marks, changes. Every resource read is parsed again, so that what the
// store gives is as well-typed as what came over the API; an item that does not parse is our bug and throws.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod";
import { PrefixField } from "../../shared/model/fields.ts";
import { ChannelField } from "../../shared/message/inbox.ts";
import { Endpoint, Host, Network, Site, Tenant } from "../../shared/model/resource.ts";
import type { ChangeRecord } from "../domain/change.ts";
import type { Held, ResourceKind, ResourceOf } from "../domain/resource.ts";
import type { Write } from "../domain/write.ts";
import { resourceKey, writeKey } from "./key.ts";

export type Item = Record<string, AttributeValue>;

/** How long a tombstone keeps the version, in seconds: longer than any log (72 h) or replica that could remember it. */
export const TOMBSTONE_SEC = 7 * 24 * 3600;

const SCHEMAS: { [K in ResourceKind]: z.ZodType<ResourceOf[K]> } = {
  tenant: Tenant,
  site: Site,
  host: Host,
  network: Network,
  endpoint: Endpoint,
};

const Marks = z.object({
  version: z.number(),
  deleted: z.boolean().default(false),
  deleting: z.boolean().default(false),
  narrowing: z.array(PrefixField).optional(),
});

const ChangeItem = z.object({
  id: z.string(),
  resource: z.union([
    z.object({ kind: z.literal("endpoint"), network: z.string(), id: z.string() }),
    z.object({ kind: z.enum(["tenant", "site", "host", "network"]), id: z.string() }),
  ]),
  action: z.enum(["create", "change", "delete", "move"]),
  channels: z.array(ChannelField),
  key: z.string().optional(),
  version: z.number(),
  at: z.string(),
});

/** What an item says is held; `undefined` where there is no item. */
export function readHeld<K extends ResourceKind>(kind: K, item: Item | undefined): Held<ResourceOf[K]> {
  if (!item) return { state: "absent" };
  const plain = unmarshall(item);
  const { version, deleted, deleting, narrowing } = Marks.parse(plain);
  if (deleted) return { state: "deleted", version };
  const resource = SCHEMAS[kind].parse(plain);
  return { state: "live", resource, deleting, ...(narrowing ? { narrowing } : {}) };
}

/** Reads a change item, also from a stream image. */
export function readChange(item: Item): ChangeRecord {
  const { key, ...change } = ChangeItem.parse(unmarshall(item));
  return { ...change, ...(key === undefined ? {} : { key }) };
}

/** Whom a guard belongs to. */
export function readOwner(item: Item | undefined): string | undefined {
  return item?.["owner"]?.S;
}

/** The item that a write puts; undefined if it puts none. */
export function itemOf(write: Write): Item | undefined {
  const key = writeKey(write);
  switch (write.write) {
    case "resource":
      return resourceItem(write);
    case "claim":
      return marshall({ ...key, type: "guard", owner: write.owner });
    case "link": {
      const { kind: _, ...ids } = write.index;
      return marshall({ ...key, type: "index", ...ids });
    }
    case "record":
      return marshall({ ...key, type: "change", ...write.change }, UNDEFINED_IS_ABSENT);
    case "require":
    case "release":
    case "unlink":
      return undefined;
  }
}

function resourceItem({ ref, resource, deleted }: Write & { write: "resource" }): Item {
  const item = { ...resource, ...resourceKey(ref), type: ref.kind };
  if (!deleted) return marshall(item, UNDEFINED_IS_ABSENT);
  const ttl = Math.floor(Date.parse(resource.updatedAt) / 1000) + TOMBSTONE_SEC;
  return marshall({ ...item, deleted, ttl }, UNDEFINED_IS_ABSENT);
}

const UNDEFINED_IS_ABSENT = { removeUndefinedValues: true };
