// What the guards' lane knows of one network, and what follows from it alone: places, MACs, and the edits of its MAC lists.

import type { Mac } from "../../shared/address/mac.ts";
import type { EndpointRecord, NetworkRecord } from "../../shared/model/record.ts";
import type { MacListKey, Mirror } from "../dataplane/guards.ts";
import type { PortPolicy } from "./guard-policy.ts";

/** What is known of a network that has endpoints here, or may have. */
export type GuardPart = {
  readonly id: string;
  definition: NetworkRecord | undefined;
  /** Endpoints of this host. */
  readonly local: Map<string, EndpointRecord>;
  /** MACs of all endpoints and of what they may send besides, if the network's guards need to know; by endpoint. */
  readonly declared: Map<string, readonly Mac[]>;
  policies: ReadonlyMap<string, PortPolicy>;
  mirrors: ReadonlyMap<string, Mirror>;
  lists: ReadonlyMap<MacListKey, ReadonlySet<Mac>>;
};

/** A network of which nothing is known yet. */
export function emptyPart(id: string): GuardPart {
  return {
    id,
    definition: undefined,
    local: new Map(),
    declared: new Map(),
    policies: new Map(),
    mirrors: new Map(),
    lists: new Map(),
  };
}

/** The endpoint's ports on this host: where it is, and where it is about to come. */
export function placesOf(record: EndpointRecord, host: string): string[] {
  const here = record.host === host ? [record.port] : [];
  const next = record.next?.host === host ? [record.next.port] : [];
  return [...new Set([...here, ...next])].filter((port) => port !== undefined);
}

/** What an endpoint may send from. */
export function macsOf({ mac, allowedAddresses = [] }: EndpointRecord): Mac[] {
  return [mac, ...allowedAddresses.flatMap((pair) => pair.mac ?? [])];
}

/** Its guards tell declared or known MACs from others. */
export function needsMacs(definition: NetworkRecord | undefined): boolean {
  return definition?.learning === true || definition?.stormPacketsPerSec !== undefined;
}

/** A host without guards does not do what is asked of it. */
export function asksForGuards({ definition, policies }: GuardPart): boolean {
  if (definition?.stormPacketsPerSec !== undefined) return true;
  return [...policies.values()].some(({ guard }) => guard.mode === "enforce");
}

/** The lists are these from now on: what that changes, list by list; undefined: the list goes. */
export function takeLists(
  part: GuardPart,
  now: ReadonlyMap<MacListKey, ReadonlySet<Mac>>,
): Map<MacListKey, Map<Mac, boolean> | undefined> {
  const edits = new Map<MacListKey, Map<Mac, boolean> | undefined>();
  for (const key of part.lists.keys()) if (!now.has(key)) edits.set(key, undefined);
  for (const [key, list] of now) {
    const edit = editOf(part.lists.get(key), list);
    if (edit) edits.set(key, edit);
  }
  part.lists = now;
  return edits;
}

function editOf(before: ReadonlySet<Mac> | undefined, now: ReadonlySet<Mac>): Map<Mac, boolean> | undefined {
  const edit = new Map<Mac, boolean>();
  for (const mac of now) if (!before?.has(mac)) edit.set(mac, true);
  for (const mac of before ?? []) if (!now.has(mac)) edit.set(mac, false);
  return edit.size > 0 || !before ? edit : undefined;
}

/** The list with what the edit adds (true) and takes away. */
export function edited(list: ReadonlySet<Mac>, edit: ReadonlyMap<Mac, boolean>): Set<Mac> {
  const next = new Set(list);
  for (const [mac, present] of edit) {
    if (present) next.add(mac);
    else next.delete(mac);
  }
  return next;
}
