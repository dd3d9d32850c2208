// The plan of a write: what would be written, what it would do to each host and ToR, what limits would leave, and whether
// tenants would stay apart. Made of a rehearsal that the write was done on; bounded in its lines, never in its counts.

import { parseIp } from "../../shared/address/ip.ts";
import type { ResourceRef } from "../domain/resource.ts";
import type { Rehearsal, Store } from "../store/store.ts";
import type { Difference } from "./lines.ts";
import { type HostEffect, hostEffects } from "./effects.ts";
import { brokerHeadroom, type Headroom, headroom, traffic } from "./headroom.ts";
import { checkIsolation, type IsolationCheck } from "./isolation.ts";
import { type Changed, changedResources, readWorlds, type Worlds } from "./world.ts";

export type PlannedResource = { resource: ResourceRef; does: "create" | "change" | "delete" };
export type LineCount = { added: number; removed: number };

export type PlannedHost = {
  host: string;
  site: string;
  kernel: LineCount;
  bgp: LineCount;
  /** `-` goes and `+` comes: kernel first, then BGP. */
  lines: string[];
  leftOut: number;
};

export type PlannedTor = {
  /** The fabric peer with the address, if there is one. */
  tor?: string;
  site: string;
  /** The peer's address, or a host and the link it is on. */
  peer: string;
  announced: number;
  withdrawn: number;
  changed: number;
};

export type Plan = {
  resources: { total: number; items: PlannedResource[]; leftOut: number };
  hosts: { touched: number; items: PlannedHost[]; leftOut: number; lines: number };
  tors: PlannedTor[];
  headroom: Headroom[];
  isolation: { ok: boolean; checks: IsolationCheck[] };
  /** Why hosts were not looked at. */
  beyond?: string;
};

/** How many hosts and resources are named. */
const MOST_NAMED = 1000;

/** `lines`: how many lines are shown over all hosts. `tenant`: who asks is bound to it. */
export async function planOf(
  store: Store,
  rehearsal: Rehearsal,
  { lines, tenant }: { lines: number; tenant?: string | undefined },
): Promise<Plan> {
  const changes = await changedResources(store, rehearsal);
  const worlds = await readWorlds(store, changes);
  const seen = await lookAtHosts(store, { changes, worlds, lines });
  const [room, checks] = await Promise.all([
    headroom(rehearsal, changes, worlds.after),
    checkIsolation(rehearsal, { changes, world: worlds.after, tenant }),
  ]);
  const items = changes.slice(0, MOST_NAMED).map(plannedResource);
  return {
    resources: { total: changes.length, items, leftOut: changes.length - items.length },
    hosts: seen.hosts,
    tors: seen.tors,
    headroom: [...room, ...brokerHeadroom(seen.mostBytes)],
    isolation: { ok: checks.every(({ ok }) => ok), checks },
    ...(worlds.beyond === undefined ? {} : { beyond: worlds.beyond }),
  };
}

function plannedResource({ ref, before, after }: Changed): PlannedResource {
  return { resource: ref, does: !before ? "create" : after ? "change" : "delete" };
}

async function lookAtHosts(store: Store, given: { changes: readonly Changed[]; worlds: Worlds; lines: number }) {
  const { changes, worlds } = given;
  const heard = traffic(changes, worlds.after);
  const items: PlannedHost[] = [];
  const tors = new Map<string, PlannedTor>();
  let left = given.lines;
  let touched = 0;
  let total = 0;
  let mostBytes = 0;
  for (const effect of hostEffects(worlds, changes)) {
    const { host, site, kernel, bgp } = effect;
    touched++;
    const all = [...signed(kernel), ...signed(bgp)];
    const shown = items.length < MOST_NAMED ? all.slice(0, left) : [];
    left -= shown.length;
    total += all.length;
    mostBytes = Math.max(mostBytes, heard.bytesOf(effect));
    addTors(tors, effect);
    if (items.length >= MOST_NAMED) continue;
    const counts = { kernel: countOf(kernel), bgp: countOf(bgp) };
    items.push({ host, site, ...counts, lines: shown, leftOut: all.length - shown.length });
  }
  const hosts = { touched, items, leftOut: touched - items.length, lines: total };
  return { hosts, tors: await named(store, tors), mostBytes };
}

function signed({ removed, added }: Difference): string[] {
  return [...removed.map((line) => `- ${line}`), ...added.map((line) => `+ ${line}`)];
}

function countOf({ removed, added }: Difference): LineCount {
  return { added: added.length, removed: removed.length };
}

/** Peers by their address are the same for all hosts of a site; one on a link is the host's own. */
function addTors(tors: Map<string, PlannedTor>, { host, site, peers }: HostEffect): void {
  for (const [peer, { announced, withdrawn, changed }] of peers) {
    const name = parseIp(peer) ? peer : `${host} ${peer}`;
    const key = `${site} ${name}`;
    const known = tors.get(key) ?? { site, peer: name, announced: 0, withdrawn: 0, changed: 0 };
    known.announced += announced;
    known.withdrawn += withdrawn;
    known.changed += changed;
    tors.set(key, known);
  }
}

/** With the sites' fabric peers, by their addresses. */
function named(store: Store, tors: ReadonlyMap<string, PlannedTor>): Promise<PlannedTor[]> {
  const sorted = [...tors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, tor]) => tor);
  return Promise.all(
    sorted.map(async (planned): Promise<PlannedTor> => {
      const ip = parseIp(planned.peer);
      const tor = ip && (await store.owner({ kind: "peer-address", site: planned.site, ip }));
      return tor === undefined ? planned : { tor, ...planned };
    }),
  );
}
