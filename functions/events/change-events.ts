// Events of changes, and whose they are: the tenant is looked up where the record does not say it.

import { type Channel, channelNetwork, channelRouter } from "../../shared/model/record.ts";
import type { WrittenMark } from "../publish/channel-items.ts";
import { batchGet, type Item, keyText, type Table } from "../publish/table.ts";
import { resourceKey } from "../store/key.ts";
import { Event } from "./event.ts";

/** An event of which the tenant may still have to be looked up. */
export type Unowned = Event;

/** A write that was stored: who did what, without what was there before and after (the audit has that). */
export function changeEvent(key: string, item: Item): Unowned {
  const { id, at, action, resource, version, actor, tenant } = item;
  const event = { key, kind: "change", at, resource, data: { change: id, action, version, actor } };
  return Event.parse(tenant === undefined ? event : { ...event, tenant });
}

/** A change that is in the log of every channel that it concerns. */
export function publishedEvent(mark: WrittenMark): Unowned {
  const { change, channel, seq, atMs } = mark;
  const data = { change, state: "published", channel, seq, summary: "published" };
  return {
    key: `published/${change}`,
    kind: "receipt",
    at: new Date(atMs).toISOString(),
    ...resourceOf(mark),
    data,
  };
}

/** The resource that a change's own place is of. */
function resourceOf({ channel, key }: { channel: Channel; key: string }): Pick<Event, "resource"> {
  const id = key.slice(key.indexOf("/") + 1);
  const network = channelNetwork(channel);
  if (network !== undefined) {
    return { resource: key === "network" ? { kind: "network", id: network } : { kind: "endpoint", id, network } };
  }
  const router = channelRouter(channel);
  if (router !== undefined) {
    return { resource: key === "router" ? { kind: "router", id: router } : { kind: "prefix", id, router } };
  }
  return { resource: { kind: "host", id: channel.slice("host:".length) } };
}

/** The resource and the tenant of changes' own places. */
export async function ownerOf(
  table: Table,
  places: readonly { channel: Channel; key: string }[],
): Promise<(place: { channel: Channel; key: string }) => Pick<Event, "resource" | "tenant">> {
  const tenants = await readTenants(
    table,
    places.flatMap((place) => resourceOf(place).resource ?? []),
  );
  return (place) => {
    const { resource } = resourceOf(place);
    return { ...(resource ? { resource } : {}), ...tenantOf(resource, tenants) };
  };
}

/** The events with their tenants. */
export async function withOwners(table: Table, events: readonly Unowned[]): Promise<Event[]> {
  const unknown = events.flatMap(({ tenant, resource }) => (tenant === undefined && resource ? [resource] : []));
  const tenants = await readTenants(table, unknown);
  return events.map((event) =>
    event.tenant === undefined ? { ...event, ...tenantOf(event.resource, tenants) } : event,
  );
}

type Resource = NonNullable<Event["resource"]>;

/** What says the tenant: the network or router itself, or that which an endpoint or prefix is in. */
function parentOf({ kind, id, network, router }: Resource) {
  if (kind === "network" || network !== undefined) return resourceKey({ kind: "network", id: network ?? id });
  if (kind === "router" || router !== undefined) return resourceKey({ kind: "router", id: router ?? id });
  return undefined;
}

async function readTenants(table: Table, resources: readonly Resource[]): Promise<ReadonlyMap<string, Item>> {
  return batchGet(
    table,
    resources.flatMap((resource) => parentOf(resource) ?? []),
  );
}

function tenantOf(resource: Resource | undefined, items: ReadonlyMap<string, Item>): Pick<Event, "tenant"> {
  if (!resource) return {};
  if (resource.kind === "tenant") return { tenant: resource.id };
  const parent = parentOf(resource);
  const tenant = parent && items.get(keyText(parent))?.["tenant"];
  return typeof tenant === "string" ? { tenant } : {};
}
