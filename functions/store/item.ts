// Items to values and back: resources with their marks, changes, books, memos. Every resource read is parsed again, so
// that what the store gives is as well-typed as what came over the API; an item that does not parse is our bug and throws.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod";
import { ChannelField } from "../../shared/message/inbox.ts";
import { IpField, PrefixField } from "../../shared/model/fields.ts";
import {
  Endpoint,
  FabricPeer,
  Host,
  Network,
  Router,
  RouterPrefix,
  Site,
  Tenant,
  VniPool,
} from "../../shared/model/resource.ts";
import type { AuditedRefusal } from "../domain/audit.ts";
import { CHANGE_ACTIONS, type ChangeRecord } from "../domain/change.ts";
import { type Held, type ResourceKind, type ResourceOf, TOP_KINDS } from "../domain/resource.ts";
import { Rollout } from "../domain/rollout.ts";
import type { RouterBook } from "../domain/router-book.ts";
import type { Memo, PortUse, RoomOf, Write } from "../domain/write.ts";
import { resourceKey, writeKey } from "./key.ts";
import type { AuditEntry } from "./store.ts";

export type Item = Record<string, AttributeValue>;

/** How long a tombstone keeps the version, in seconds: longer than any log (72 h) or replica that could remember it. */
export const TOMBSTONE_SEC = 7 * 24 * 3600;
/** How long changes and refusals are kept, in seconds: the audit of thirteen months. */
const AUDIT_SEC = 400 * 24 * 3600;

const SCHEMAS: { [K in ResourceKind]: z.ZodType<ResourceOf[K]> } = {
  tenant: Tenant,
  site: Site,
  host: Host,
  "fabric-peer": FabricPeer,
  "vni-pool": VniPool,
  network: Network,
  router: Router,
  prefix: RouterPrefix,
  endpoint: Endpoint,
  rollout: Rollout,
};

const Marks = z.object({
  version: z.number(),
  deleted: z.boolean().default(false),
  deleting: z.boolean().default(false),
  narrowing: z.array(PrefixField).optional(),
});

const Ref = z.union([
  z.object({ kind: z.literal("endpoint"), network: z.string(), id: z.string() }),
  z.object({ kind: z.literal("prefix"), router: z.string(), id: z.string() }),
  z.object({ kind: z.enum(TOP_KINDS), id: z.string() }),
]);

const ChangeItem = z.object({
  id: z.string(),
  resource: Ref,
  action: z.enum(CHANGE_ACTIONS),
  channels: z.array(ChannelField),
  key: z.string().optional(),
  version: z.number(),
  at: z.string(),
  tenant: z.string().optional(),
});
const AuditItem = ChangeItem.extend({
  actor: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
});
const RefusedItem = z.object({
  outcome: z.literal("refused"),
  id: z.string(),
  at: z.string(),
  actor: z.string(),
  operation: z.string(),
  path: z.string(),
  status: z.number(),
  problem: z.string(),
  reason: z.string(),
  request: z.unknown().optional(),
  resource: Ref.optional(),
  tenant: z.string().optional(),
});

const BookItem = z.object({
  revision: z.number(),
  networks: z.record(z.string(), z.array(PrefixField)),
  prefixes: z.record(z.string(), z.object({ prefix: PrefixField, nextHop: IpField })),
});
const PortItem = z.object({ network: z.string(), endpoints: z.number() });
const RoomItem = z.object({ networks: z.number(), routers: z.number(), endpoints: z.number() });
const MemoItem = z.object({
  actor: z.string(),
  key: z.string(),
  part: z.string().optional(),
  fingerprint: z.string(),
  effect: z.enum([...CHANGE_ACTIONS, "none"]),
  resource: z.unknown(),
  ttl: z.number(),
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

/** Reads a change item; undefined for what is none, such as a refusal. */
export function readChange(item: Item | undefined): ChangeRecord | undefined {
  if (item?.["type"]?.S !== "change") return undefined;
  const { key, tenant, ...change } = ChangeItem.parse(unmarshall(item));
  return { ...change, ...(key === undefined ? {} : { key }), ...(tenant === undefined ? {} : { tenant }) };
}

/** Reads a change or a refusal as the audit's entry. */
export function readAudit(item: Item): AuditEntry {
  const plain = unmarshall(item);
  if (item["type"]?.S !== "change") {
    const { request, resource, tenant, ...refused } = RefusedItem.parse(plain);
    const entry: AuditedRefusal = refused;
    if (tenant !== undefined) entry.tenant = tenant;
    if (request !== undefined) entry.request = request;
    if (resource !== undefined) entry.resource = resource;
    return entry;
  }
  const { id, at, version, actor, action, resource, tenant, before, after } = AuditItem.parse(plain);
  const whose = tenant === undefined ? {} : { tenant };
  const sides = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
  return { id, at, version, outcome: "done", actor, action, resource, ...whose, ...sides };
}

/** Whom a guard belongs to: a port's is the network that uses it. */
export function readOwner(item: Item | undefined): string | undefined {
  return item?.["type"]?.S === "port" ? item["network"]?.S : item?.["owner"]?.S;
}

export function readBook(item: Item | undefined): RouterBook | undefined {
  return item && BookItem.parse(unmarshall(item));
}

export function readPort(item: Item | undefined): PortUse | undefined {
  return item && PortItem.parse(unmarshall(item));
}

export function readRoom(item: Item | undefined): Record<RoomOf, number> | undefined {
  return item && RoomItem.parse(unmarshall(item));
}

export function readMemo(item: Item | undefined): Memo | undefined {
  if (!item) return undefined;
  const { part, ...memo } = MemoItem.parse(unmarshall(item));
  return { ...memo, ...(part === undefined ? {} : { part }) };
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
    case "book":
      return write.book && marshall({ ...key, type: "book", ...write.book });
    case "room":
      return write.mode === "open" ? marshall({ ...key, type: "room", ...write.rooms }) : undefined;
    case "record": {
      const { actor, before, after } = write.audit;
      const audit = { actor, before, after, ttl: secondsAfter(write.change.at, AUDIT_SEC) };
      return marshall({ ...key, type: "change", ...write.change, ...audit }, UNDEFINED_IS_ABSENT);
    }
    case "trail":
      return marshall({ ...key, type: "trail", ttl: secondsAfter(write.at, AUDIT_SEC) });
    case "refused":
      return marshall(
        { ...key, type: "refused", ...write.audit, ttl: secondsAfter(write.audit.at, AUDIT_SEC) },
        UNDEFINED_IS_ABSENT,
      );
    case "memo":
      return marshall({ ...key, type: "memo", ...write.memo }, UNDEFINED_IS_ABSENT);
    case "require":
    case "release":
    case "unlink":
    case "take-port":
    case "leave-port":
    case "close-room":
      return undefined;
  }
}

/** What a write adds to numbers of an item, and what else it sets there; undefined if it does no such thing. */
export function additionsOf(write: Write): { add: Record<string, number>; set: Record<string, string> } | undefined {
  if (write.write === "take-port") {
    return { add: { endpoints: write.endpoints }, set: { network: write.network, type: "port" } };
  }
  if (write.write === "leave-port") {
    return write.expected.endpoints > 1 ? { add: { endpoints: -1 }, set: {} } : undefined;
  }
  if (write.write !== "room" || write.mode === "open") return undefined;
  return { add: Object.fromEntries(Object.entries(write.rooms).map(([of, taken]) => [of, -taken])), set: {} };
}

function resourceItem({ ref, resource, deleted }: Write & { write: "resource" }): Item {
  const item = { ...resource, ...resourceKey(ref), type: ref.kind };
  // Kept as long as its entries in the audit.
  const kept = ref.kind === "rollout" ? { ttl: secondsAfter(resource.updatedAt, AUDIT_SEC) } : {};
  if (!deleted) return marshall({ ...item, ...kept }, UNDEFINED_IS_ABSENT);
  return marshall({ ...item, deleted, ttl: secondsAfter(resource.updatedAt, TOMBSTONE_SEC) }, UNDEFINED_IS_ABSENT);
}

function secondsAfter(at: string, seconds: number): number {
  return Math.floor(Date.parse(at) / 1000) + seconds;
}

const UNDEFINED_IS_ABSENT = { removeUndefinedValues: true };
