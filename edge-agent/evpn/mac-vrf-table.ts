// The MAC table of a network, kept up to date: the same table that mac-table.ts defines, but a change of a route or of an
// endpoint costs what it concerns, one MAC or one segment. Changes mark MACs as dirty; `step` makes their entries anew and
// says what became of it. No clock, no I/O; who is right about a MAC is decided by mac-table.ts and mobility.ts.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type Esi, type ReceivedRoute, routeKey } from "../bgp/route.ts";
import { fabricPath, isUsable } from "./fabric-path.ts";
import {
  type Conflict,
  type Declared,
  floodList,
  type Learned,
  type MacEntry,
  type MacOutcome,
  type MacTable,
  macOutcome,
  type TableContext,
} from "./mac-table.ts";
import { MultiMap, type OneOrMore, valuesOf, withoutValue, withValue } from "./multi-map.ts";
import { collectSegments, isMultihomed, type Segments } from "./segments.ts";

/** What is declared of the network. */
export type DeclaredPart = {
  declared(mac: Mac): Declared | undefined;
  members(): Iterable<IpAddress>;
  /** A machine that nobody declared, heard on a port here; absent: there are none. */
  learned?(mac: Mac): Learned | undefined;
};

/** What became of the dirty MACs; each with what it was and what it is, where the two differ. */
export type TableDelta = {
  readonly entries: readonly EntryChange[];
  /** All dirty MACs that are, or were, declared: the fabric may confirm them otherwise though their entry is the same. */
  readonly declared: readonly Mac[];
  /** The other dirty MACs: they may be of those that were declared once. */
  readonly undeclared: readonly Mac[];
  /** Who answers ARP and ND for an IP; undefined: nobody any more. */
  readonly neighbours: ReadonlyMap<IpAddress, Mac | undefined>;
  readonly conflicts: readonly { readonly before: Conflict | undefined; readonly after: Conflict | undefined }[];
  /** Set if the flood list changed. */
  readonly flood: MacTable["flood"] | undefined;
};

export type EntryChange = {
  readonly mac: Mac;
  readonly before: MacEntry | undefined;
  readonly after: MacEntry | undefined;
};

/** Sees each outcome before it becomes an entry; true if it is to be made again, since a decision has changed. */
export type Settle = (mac: Mac, outcome: MacOutcome) => boolean;

const NO_IPS: readonly IpAddress[] = [];
/** Up to so many a search is shorter than an index. */
const FEW = 8;
/** More than one decision about a MAC leads to another, but not for ever. */
const MOST_ROUNDS = 4;

/** What is kept of one MAC. */
class Slot {
  readonly mac: Mac;
  routes: OneOrMore<ReceivedRoute> | undefined = undefined;
  entry: MacEntry | undefined = undefined;
  /** To be made anew, and in the queue for it. */
  dirty = false;

  constructor(mac: Mac) {
    this.mac = mac;
  }
}

export class MacVrfTable {
  readonly conflicts = new Map<Mac, Conflict>();
  readonly #slots = new Map<Mac, Slot>();
  #queue: Slot[] = [];
  #queueAt = 0;
  readonly #imets = new Map<string, ReceivedRoute>();
  readonly #segments = new Map<Esi, { readonly routes: Map<string, ReceivedRoute>; built: Segments | undefined }>();
  /** The MACs announced behind a segment. */
  readonly #behind = new Map<Esi, Set<Mac>>();
  readonly #claims = new MultiMap<IpAddress, Mac>();
  #flood: MacTable["flood"] = [];
  #floodDirty = true;

  get flood(): MacTable["flood"] {
    return this.#flood;
  }

  /** Something is to be made anew. */
  get dirty(): boolean {
    return this.#queue.length > 0 || this.#floodDirty;
  }

  entry(mac: Mac): MacEntry | undefined {
    return this.#slots.get(mac)?.entry;
  }

  *entries(): IterableIterator<MacEntry> {
    for (const { entry } of this.#slots.values()) if (entry) yield entry;
  }

  /** The MAC/IP routes of a MAC. */
  routesOf(mac: Mac): readonly ReceivedRoute[] {
    return valuesOf(this.#slots.get(mac)?.routes);
  }

  /** A route came, or took the place of `before`, which is the object that was put last for the same key and peer. */
  put(route: ReceivedRoute, before?: ReceivedRoute): void {
    const { nlri } = route;
    if (nlri.type === "mac-ip") {
      const slot = this.#slotOf(nlri.mac);
      slot.routes = withValue(before ? withoutValue(slot.routes, before) : slot.routes, route);
      this.#mark(slot);
      if (isMultihomed(nlri.esi)) this.#macBehind(nlri.esi, nlri.mac);
    } else if (nlri.type === "imet") {
      this.#imets.set(keyOf(route), route);
      this.#floodDirty = true;
    } else if (nlri.type === "ethernet-ad" && isMultihomed(nlri.esi)) {
      const segment = this.#segments.get(nlri.esi) ?? { routes: new Map(), built: undefined };
      this.#segments.set(nlri.esi, segment);
      segment.routes.set(keyOf(route), route);
      this.#segmentChanged(nlri.esi);
    }
  }

  delete(route: ReceivedRoute): void {
    const { nlri } = route;
    if (nlri.type === "mac-ip") {
      const slot = this.#slotOf(nlri.mac);
      slot.routes = withoutValue(slot.routes, route);
      this.#mark(slot);
    } else if (nlri.type === "imet") {
      this.#imets.delete(keyOf(route));
      this.#floodDirty = true;
    } else if (nlri.type === "ethernet-ad" && isMultihomed(nlri.esi)) {
      const segment = this.#segments.get(nlri.esi);
      segment?.routes.delete(keyOf(route));
      if (segment?.routes.size === 0) this.#segments.delete(nlri.esi);
      this.#segmentChanged(nlri.esi);
    }
  }

  /** All routes that were put, for a filter that changed; each may be deleted when it is its turn. */
  *routes(): IterableIterator<ReceivedRoute> {
    // A copy: a deletion changes the several routes of a MAC in place.
    for (const { routes } of this.#slots.values()) yield* valuesOf(routes).slice();
    yield* this.#imets.values();
    for (const { routes } of this.#segments.values()) yield* routes.values();
  }

  /** What is declared of a MAC, or a decision about it, has changed. */
  touch(mac: Mac): void {
    this.#mark(this.#slotOf(mac));
  }

  touchFlood(): void {
    this.#floodDirty = true;
  }

  /** Trust in intent has changed: it bears on conflicts alone. */
  touchConflicts(): void {
    for (const mac of this.conflicts.keys()) this.touch(mac);
  }

  /** The own VTEP has changed: it bears on everything. `declared` are the MACs that intent names. */
  touchAll(declared: Iterable<Mac>): void {
    for (const mac of declared) this.touch(mac);
    for (const slot of this.#slots.values()) this.#mark(slot);
    for (const segment of this.#segments.values()) segment.built = undefined;
    this.#floodDirty = true;
  }

  /** Makes at most `most` dirty entries anew. */
  step(part: DeclaredPart, context: TableContext, settle: Settle, most: number): TableDelta {
    const entries: EntryChange[] = [];
    const declared: Mac[] = [];
    const undeclared: Mac[] = [];
    const conflicts: { before: Conflict | undefined; after: Conflict | undefined }[] = [];
    const ips = new Map<IpAddress, Mac | undefined>();
    const segments = this.#segmentsFor(context.ownVtep);
    for (const slot of this.#take(most)) {
      const { mac, entry: before } = slot;
      const { entry: after, conflict } = this.#outcome(slot, part, context, segments, settle);
      const conflictBefore = this.conflicts.size > 0 ? this.conflicts.get(mac) : undefined;
      if (conflict) this.conflicts.set(mac, conflict);
      else if (conflictBefore) this.conflicts.delete(mac);
      if (conflict || conflictBefore) conflicts.push({ before: conflictBefore, after: conflict });
      const isDeclared = before?.endpoint !== undefined || after?.endpoint !== undefined;
      (isDeclared ? declared : undeclared).push(mac);
      if (before !== after && !(before && after && isSameEntry(before, after))) {
        this.#claim(mac, before, after, ips);
        slot.entry = after;
        entries.push({ mac, before, after });
      }
      if (!after && slot.routes === undefined) this.#slots.delete(mac);
    }
    const flood = this.#takeFlood(part, context.ownVtep);
    return { entries, declared, undeclared, neighbours: this.#neighbours(ips), conflicts, flood };
  }

  #slotOf(mac: Mac): Slot {
    const known = this.#slots.get(mac);
    if (known) return known;
    const slot = new Slot(mac);
    this.#slots.set(mac, slot);
    return slot;
  }

  #mark(slot: Slot): void {
    if (slot.dirty) return;
    slot.dirty = true;
    this.#queue.push(slot);
  }

  /** The next of the queue, dirty no more. */
  #take(most: number): readonly Slot[] {
    const taken = this.#queue.slice(this.#queueAt, this.#queueAt + most);
    this.#queueAt += taken.length;
    if (this.#queueAt >= this.#queue.length) {
      this.#queue = [];
      this.#queueAt = 0;
    }
    for (const slot of taken) slot.dirty = false;
    return taken;
  }

  /** Who answers for an IP now. */
  neighbour(ip: IpAddress): Mac | undefined {
    const held = this.#claims.get(ip);
    if (held === undefined || typeof held === "string") return held;
    return chooseNeighbour(ip, held, (mac) => this.entry(mac));
  }

  /** All of them. */
  *neighbours(): IterableIterator<readonly [IpAddress, Mac]> {
    for (const ip of this.#claims.keys()) {
      const mac = this.neighbour(ip);
      if (mac !== undefined) yield [ip, mac];
    }
  }

  #outcome(
    { mac, routes }: Slot,
    part: DeclaredPart,
    context: TableContext,
    segments: Segments,
    settle: Settle,
  ): MacOutcome {
    const declared = part.declared(mac);
    const { frozen } = context.decisions;
    for (let round = 1; ; round++) {
      const pinned = frozen.size > 0 ? frozen.get(mac) : undefined;
      const path = routes && fabricPath(routes, { ownVtep: context.ownVtep, segments, pinned });
      const outcome = macOutcome(mac, declared, path, context, part.learned?.(mac));
      if (!settle(mac, outcome) || round === MOST_ROUNDS) return outcome;
    }
  }

  /** Before entries change: whose IPs they are told to be, and who answered for each until now. */
  #claim(mac: Mac, before: MacEntry | undefined, after: MacEntry | undefined, ips: Map<IpAddress, Mac | undefined>) {
    const had = before?.ips ?? NO_IPS;
    const has = after?.ips ?? NO_IPS;
    for (const ip of had) if (!ips.has(ip)) ips.set(ip, this.neighbour(ip));
    for (const ip of has) if (!ips.has(ip)) ips.set(ip, this.neighbour(ip));
    for (const ip of without(had, has)) this.#claims.delete(ip, mac);
    for (const ip of without(has, had)) this.#claims.put(ip, mac);
  }

  #neighbours(before: ReadonlyMap<IpAddress, Mac | undefined>): Map<IpAddress, Mac | undefined> {
    const changed = new Map<IpAddress, Mac | undefined>();
    for (const [ip, was] of before) {
      const now = this.neighbour(ip);
      if (now !== was) changed.set(ip, now);
    }
    return changed;
  }

  #takeFlood(part: DeclaredPart, ownVtep: IpAddress): MacTable["flood"] | undefined {
    if (!this.#floodDirty) return undefined;
    this.#floodDirty = false;
    const flood = floodList(part.members(), this.#imets.values(), ownVtep);
    const text = (list: MacTable["flood"]) => list.map(({ vtep, source }) => `${vtep} ${source}`).join();
    if (text(flood) === text(this.#flood)) return undefined;
    this.#flood = flood;
    return flood;
  }

  #macBehind(esi: Esi, mac: Mac): void {
    const macs = this.#behind.get(esi);
    if (macs) macs.add(mac);
    else this.#behind.set(esi, new Set([mac]));
  }

  /** RFC 7432 8.2: one route decides about all MACs behind the segment. */
  #segmentChanged(esi: Esi): void {
    const segment = this.#segments.get(esi);
    if (segment) segment.built = undefined;
    const macs = this.#behind.get(esi);
    for (const mac of macs ?? []) {
      if (this.routesOf(mac).some(({ nlri }) => nlri.type === "mac-ip" && nlri.esi === esi)) this.touch(mac);
      else macs?.delete(mac);
    }
    if (macs?.size === 0) this.#behind.delete(esi);
  }

  #segmentsFor(ownVtep: IpAddress): Segments {
    const of = (esi: Esi): Segments | undefined => {
      const segment = this.#segments.get(esi);
      if (!segment) return undefined;
      segment.built ??= collectSegments([...segment.routes.values()], (route) => isUsable(route, ownVtep));
      return segment.built;
    };
    return {
      pathsTo: (esi, advertiser) => of(esi)?.pathsTo(esi, advertiser),
      lowest: (esi) => of(esi)?.lowest(esi),
    };
  }
}

/**
 * Of several MACs that have an IP, the one that answers ARP and ND: a declared one, then one whose binding is immutable
 * (RFC 9047 2), then the lowest, so that every host chooses the same.
 */
export function chooseNeighbour(
  ip: IpAddress,
  macs: Iterable<Mac>,
  entryOf: (mac: Mac) => MacEntry | undefined,
): Mac | undefined {
  let best: { readonly mac: Mac; readonly rank: number } | undefined;
  for (const mac of macs) {
    const entry = entryOf(mac);
    if (!entry) continue;
    const rank = entry.endpoint !== undefined ? 0 : entry.immutableIps?.includes(ip) ? 1 : 2;
    if (!best || rank < best.rank || (rank === best.rank && mac < best.mac)) best = { mac, rank };
  }
  return best?.mac;
}

/** Those of `all` that are not in `others`. */
function without(all: readonly IpAddress[], others: readonly IpAddress[]): readonly IpAddress[] {
  if (others.length === 0) return all;
  const there = others.length > FEW ? new Set(others) : undefined;
  return all.filter((ip) => !(there ? there.has(ip) : others.includes(ip)));
}

function keyOf({ peer, nlri }: ReceivedRoute): string {
  return `${peer}|${routeKey(nlri)}`;
}

function isSameEntry(a: MacEntry, b: MacEntry): boolean {
  return (
    a.source === b.source &&
    a.vtep === b.vtep &&
    a.vni === b.vni &&
    a.port === b.port &&
    a.mobility === b.mobility &&
    a.endpoint === b.endpoint &&
    a.confirmed === b.confirmed &&
    a.fixed === b.fixed &&
    a.gateway === b.gateway &&
    a.frozen === b.frozen &&
    a.lastResort === b.lastResort &&
    isSameList(a.ips, b.ips) &&
    isSameList(a.immutableIps, b.immutableIps) &&
    a.segment?.esi === b.segment?.esi &&
    a.segment?.mode === b.segment?.mode &&
    isSameList(a.segment?.vteps, b.segment?.vteps) &&
    isSameList(a.segment?.backups, b.segment?.backups)
  );
}

function isSameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && a.length === b.length && a.every((each, i) => each === b[i]);
}
