// What limits leave after a write: tenants' quotas, the sizes of routers' books, and what the broker carries to one host.

import { MAX_PAYLOAD_BYTES } from "../../shared/message/inbox.ts";
import type { Network, Router } from "../../shared/model/resource.ts";
import { MAX_ROUTED_NETWORKS, MAX_ROUTER_PREFIXES } from "../domain/router-book.ts";
import { DEFAULT_QUOTAS } from "../domain/tenant.ts";
import type { RoomOf } from "../domain/write.ts";
import type { ResourceImage } from "../publish/resource-image.ts";
import { changeOf } from "../publish/resource-change.ts";
import type { Store } from "../store/store.ts";
import type { HostEffect } from "./effects.ts";
import type { Changed, World } from "./world.ts";

/** `used` after the write, of `limit`. */
export type Headroom = { readonly of: string; readonly used: number; readonly limit: number };

/** A broker drops what exceeds this on one connection (AWS IoT Core). */
const MESSAGES_A_SECOND = 100;

/** Quotas and book sizes of what the write bears on; `after` reads as it would be. */
export async function headroom(after: Store, changes: readonly Changed[], world: World): Promise<Headroom[]> {
  const tenants = new Set<string>();
  const networks = new Set<string>();
  for (const { ref, before, after: now } of changes) {
    const resource = now ?? before;
    if (ref.kind === "tenant") tenants.add(ref.id);
    if (ref.kind === "network" || ref.kind === "router") tenants.add((resource as Network | Router).tenant);
    if (ref.kind === "endpoint") networks.add(ref.network);
  }
  for (const held of await after.many([...networks].map((id) => ({ kind: "network", id }) as const))) {
    if (held.state === "live") tenants.add(held.resource.tenant);
  }
  const rooms = Array.from(tenants, async (id): Promise<Headroom[]> => {
    const held = await after.get({ kind: "tenant", id });
    const left = await after.room(id);
    if (held.state !== "live" || !left) return [];
    return (Object.keys(DEFAULT_QUOTAS) as RoomOf[]).map((of) => {
      const limit = held.resource.quotas?.[of] ?? DEFAULT_QUOTAS[of];
      return { of: `${of} of tenant ${id}`, used: limit - left[of], limit };
    });
  });
  const books = Array.from(world.routers.keys(), async (id): Promise<Headroom[]> => {
    const book = await after.book(id);
    if (!book) return [];
    return [
      { of: `networks of router ${id}`, used: Object.keys(book.networks).length, limit: MAX_ROUTED_NETWORKS },
      { of: `prefixes of router ${id}`, used: Object.keys(book.prefixes).length, limit: MAX_ROUTER_PREFIXES },
    ];
  });
  return (await Promise.all([...rooms, ...books])).flat();
}

/** The octets of records that a host hears: of a network that it joins all, else what changed. About as they are sent. */
export type Traffic = { bytesOf(effect: HostEffect): number };

export function traffic(changes: readonly Changed[], world: World): Traffic {
  const changed = new Map<string, number>();
  const whole = new Map<string, number>();
  for (const each of changes) {
    const found = recordBytes(each);
    if (found) changed.set(found.channel, (changed.get(found.channel) ?? 0) + found.bytes);
  }
  const wholeOf = (id: string): number => {
    const known = whole.get(id);
    if (known !== undefined) return known;
    const network = world.networks.get(id);
    const records = network
      ? [
          { ref: { kind: "network", id } as const, before: undefined, after: network.definition },
          ...Array.from(network.endpoints.values(), (after) => ({
            ref: { kind: "endpoint", network: id, id: after.id } as const,
            before: undefined,
            after,
          })),
        ]
      : [];
    const bytes = records.reduce((sum, record) => sum + (recordBytes(record)?.bytes ?? 0), 0);
    whole.set(id, bytes);
    return bytes;
  };
  const shared = [...changed].reduce((sum, [channel, bytes]) => sum + (channel.startsWith("host:") ? 0 : bytes), 0);
  return {
    bytesOf({ host, joins }) {
      const joined = joins.reduce((sum, id) => sum + wholeOf(id) - (changed.get(`net:${id}`) ?? 0), 0);
      return (changed.get(`host:${host}`) ?? 0) + Math.max(0, shared + joined);
    },
  };
}

/** The broker's limits for the host that hears most. */
export function brokerHeadroom(mostBytes: number): Headroom[] {
  const messages = Math.ceil(mostBytes / MAX_PAYLOAD_BYTES);
  return [
    { of: "octets to one host (one message)", used: mostBytes, limit: MAX_PAYLOAD_BYTES },
    { of: "messages to one host (a second's)", used: messages, limit: MESSAGES_A_SECOND },
  ];
}

function recordBytes({ ref, before, after }: Changed): { channel: string; bytes: number } | undefined {
  switch (ref.kind) {
    case "host":
    case "network":
    case "router":
    case "prefix":
    case "endpoint": {
      const image = { kind: ref.kind, resource: after ?? before, deleted: after === undefined } as ResourceImage;
      const { channel, change } = changeOf(image);
      return { channel, bytes: Buffer.byteLength(JSON.stringify(change)) };
    }
    case "tenant":
    case "site":
    case "fabric-peer":
    case "vni-pool":
    case "rollout":
      return undefined;
  }
}
