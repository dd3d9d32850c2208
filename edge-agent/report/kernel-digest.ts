// The proof behind "live": the forwarding form of what the kernel was read back to hold, without what only the fabric
// told (the cloud does not know of that). Equal to the cloud's digest of intent only if nothing is missing or left over.
//
// `kernelDigest` defines it; `NetworkReceipt` keeps the same digest by sums, so that a change costs one hash per line that
// it concerns, and a MAC that only the fabric knows costs none.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type Digest, digestSum } from "../../shared/message/digest.ts";
import { floodLine, forwardingDigest, ipLine, macLine } from "../../shared/message/forwarding.ts";
import type { NetworkState } from "../dataplane/state.ts";
import type { VerifiedChange, VerifiedNetwork } from "../dataplane/verified.ts";
import type { MacEntry, MacTable } from "../evpn/mac-table.ts";
import { KeyedSum } from "./keyed-sum.ts";

/** The digest of one network; undefined while its devices are not there. */
export function kernelDigest(
  actual: NetworkState | undefined,
  table: Pick<MacTable, "entries" | "flood">,
): Digest | undefined {
  if (!actual) return undefined;
  const lines = new Set<string>([floodLine(actual.vtep)]);
  for (const vtep of actual.flood) lines.add(floodLine(vtep));
  for (const { mac } of actual.local) lines.add(macLine(mac, actual.vtep));
  for (const { mac, vtep, vteps = [vtep] } of actual.remote) for (const way of vteps) lines.add(macLine(mac, way));
  for (const { ip, mac } of actual.neighbours) lines.add(ipLine(ip, mac));
  for (const { vtep, source } of table.flood) if (source === "fabric") lines.delete(floodLine(vtep));
  for (const entry of table.entries) {
    if (entry.source !== "fabric") continue;
    for (const way of waysOf(entry)) lines.delete(macLine(entry.mac, way));
    for (const ip of entry.ips) lines.delete(ipLine(ip, entry.mac));
  }
  return forwardingDigest(lines);
}

/** What the receipt asks of the network's table. */
export type TableLookup = {
  entry(mac: Mac): MacEntry | undefined;
  readonly flood: MacTable["flood"];
};

/** The digest of one network, kept by sums. */
export class NetworkReceipt {
  /** What counts of each key; nothing of what only the fabric told. */
  readonly #macs = new KeyedSum<Mac>();
  readonly #ips = new KeyedSum<IpAddress>();
  readonly #flood = new KeyedSum<IpAddress>();
  readonly #dirtyMacs = new Set<Mac>();
  readonly #dirtyIps = new Set<IpAddress>();
  /** Keys that the kernel was read back to hold otherwise: as many as a burst has, so they are looked at in parts too. */
  readonly #readMacs: Iterator<Mac>[] = [];
  readonly #readIps: Iterator<IpAddress>[] = [];
  #floodDirty = false;
  #known: Digest | undefined;

  /** As of the last time that all was worked off; undefined while the devices are not there. */
  get digest(): Digest | undefined {
    return this.#known;
  }

  get dirty(): boolean {
    const keys = this.#dirtyMacs.size + this.#dirtyIps.size + this.#readMacs.length + this.#readIps.length;
    return this.#floodDirty || keys > 0;
  }

  /**
   * An entry of the table has changed, or the kernel was read back to hold something else for the MAC: which lines count may
   * be another matter now. What only the fabric told is found to count for nothing at once.
   */
  macChanged(mac: Mac, verified: VerifiedNetwork | undefined, table: TableLookup): void {
    if (this.#macs.has(mac) || (verified && macLines(mac, verified, table).length > 0)) this.#dirtyMacs.add(mac);
  }

  ipChanged(ip: IpAddress, verified: VerifiedNetwork | undefined, table: TableLookup): void {
    if (this.#ips.has(ip) || (verified && ipLines(ip, verified, table).length > 0)) this.#dirtyIps.add(ip);
  }

  floodChanged(): void {
    this.#floodDirty = true;
  }

  /** The kernel was read back to hold something else. */
  verifiedChanged(change: VerifiedChange, now: VerifiedNetwork | undefined): void {
    this.#readMacs.push(change.macs.keys());
    this.#readIps.push(change.neighbours.keys());
    if (change.flood) this.#floodDirty = true;
    if (change.whole) this.readAnew(now);
  }

  /** Everything may be otherwise. */
  readAnew(now: VerifiedNetwork | undefined): void {
    for (const mac of this.#macs.keys()) this.#dirtyMacs.add(mac);
    for (const ip of this.#ips.keys()) this.#dirtyIps.add(ip);
    this.#readMacs.push(keysOf(now?.macs() ?? []));
    this.#readIps.push(keysOf(now?.neighbours() ?? []));
    this.#floodDirty = true;
  }

  /** Works off at most `most` keys. */
  step(verified: VerifiedNetwork | undefined, table: TableLookup, most: number): void {
    let left = most;
    for (const mac of drain(this.#readMacs)) {
      this.macChanged(mac, verified, table);
      if (left-- <= 0) return;
    }
    for (const ip of drain(this.#readIps)) {
      this.ipChanged(ip, verified, table);
      if (left-- <= 0) return;
    }
    for (const mac of this.#dirtyMacs) {
      if (left-- <= 0) return;
      this.#dirtyMacs.delete(mac);
      this.#macs.put(mac, verified ? macLines(mac, verified, table) : NONE);
    }
    for (const ip of this.#dirtyIps) {
      if (left-- <= 0) return;
      this.#dirtyIps.delete(ip);
      this.#ips.put(ip, verified ? ipLines(ip, verified, table) : NONE);
    }
    if (this.#floodDirty) this.#stepFlood(verified, table);
    this.#known = verified && digestSum([this.#macs, this.#ips, this.#flood].map(({ digest }) => digest));
  }

  #stepFlood(verified: VerifiedNetwork | undefined, table: TableLookup): void {
    this.#floodDirty = false;
    const fabric = new Set(table.flood.flatMap(({ vtep, source }) => (source === "fabric" ? [vtep] : [])));
    const counted = new Set([verified?.vtep ?? [], verified?.flood ?? []].flat().filter((vtep) => !fabric.has(vtep)));
    for (const vtep of new Set([...this.#flood.keys(), ...counted])) {
      this.#flood.put(vtep, counted.has(vtep) ? [floodLine(vtep)] : NONE);
    }
  }
}

const NONE: readonly string[] = [];

/** What is left of all of them; one that is at its end is dropped. */
function* drain<T>(iterators: Iterator<T>[]): IterableIterator<T> {
  for (let first = iterators[0]; first; first = iterators[0]) {
    const next = first.next();
    if (next.done) iterators.shift();
    else yield next.value;
  }
}

function* keysOf<K>(pairs: Iterable<readonly [K, unknown]>): IterableIterator<K> {
  for (const [key] of pairs) yield key;
}

function macLines(mac: Mac, verified: VerifiedNetwork, table: TableLookup): readonly string[] {
  const target = verified.mac(mac);
  if (!target) return NONE;
  if (target.kind === "local") return [macLine(mac, verified.vtep)];
  const entry = table.entry(mac);
  const fabric = entry?.source === "fabric" ? entry : undefined;
  const [only, ...more] = target.vteps;
  if (only && more.length === 0 && fabric && isWay(fabric, only)) return NONE;
  const counted = fabric ? target.vteps.filter((way) => !isWay(fabric, way)) : target.vteps;
  return counted.map((way) => macLine(mac, way));
}

function ipLines(ip: IpAddress, verified: VerifiedNetwork, table: TableLookup): readonly string[] {
  const mac = verified.neighbour(ip);
  if (mac === undefined) return NONE;
  const entry = table.entry(mac);
  return entry?.source === "fabric" && entry.ips.includes(ip) ? NONE : [ipLine(ip, mac)];
}

function isWay({ vtep, segment }: MacEntry, way: IpAddress): boolean {
  return segment ? segment.vteps.includes(way) : vtep === way;
}

function waysOf({ vtep, segment }: MacEntry): readonly IpAddress[] {
  return segment?.vteps ?? [vtep];
}
