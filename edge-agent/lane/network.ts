// One network, kept up to date: what overlay.ts defines, at the cost of what changes. Records and routes mark what they
// concern; `step` works some of it off and says what the kernel and the ToRs are to be told. No clock, no I/O.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { ImportTarget } from "../../shared/address/rt.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { HostRecord, RecordBody } from "../../shared/model/record.ts";
import { type ExportChange, type ExportedRoute, routeKey } from "../bgp/route.ts";
import { type DesiredChange, type MacTarget, type NetworkFrame, sameTarget } from "../dataplane/desired.ts";
import {
  type Declared,
  type IntentTrust,
  type Learned,
  MAX_SEQUENCE,
  type MobilityDecisions,
} from "../evpn/mac-table.ts";
import { MacVrfTable, type Settle, type TableDelta } from "../evpn/mac-vrf-table.ts";
import { isOwn, type RoutedNetwork } from "../evpn/originate.ts";
import {
  type Announcement,
  announceMac,
  announceMembership,
  type NetworkSettings,
  type RefusedExport,
  settingsOf,
  targetOf,
} from "../overlay.ts";
import type { OfSite } from "../report/confirmation.ts";
import { NetworkRecords } from "./network-intent.ts";

/** What a router on this host adds to a network that it routes. */
export type Routing = {
  /** For the network's routes with an IP (RFC 9135 5.1). */
  readonly routed: RoutedNetwork;
  /** The anycast gateway's MAC, which the network's bridge has instead of its own. */
  readonly bridgeMac: Mac | undefined;
};

/** What this host is, for each of its networks. */
export type HostPart = {
  readonly id: string;
  readonly record: HostRecord;
  readonly rd: RouteDistinguisher | undefined;
  readonly routing: Routing | undefined;
};

export type StepContext = {
  readonly trust: IntentTrust;
  readonly decisions: MobilityDecisions;
  readonly settle: Settle;
};

/** What is to be told after a step. */
export type NetworkStep = {
  readonly desired: DesiredChange | undefined;
  readonly exports: readonly ExportChange[];
  readonly refused: readonly RefusedExport[];
  readonly delta: TableDelta;
  /** MACs of endpoints that may be announced or confirmed otherwise than before. */
  readonly endpoints: readonly Mac[];
};

/** Learned MACs of one port that the fabric hears of. */
export const MOST_LEARNED = 256;

const NO_TARGETS: ReadonlySet<ImportTarget> = new Set();

export class Network {
  readonly records: NetworkRecords;
  readonly table = new MacVrfTable();
  /** What the ToRs are told, by MAC; the membership under no MAC. */
  readonly #announced = new Map<Mac | undefined, readonly Announcement[]>();
  /** To be announced anew although its entry did not change. */
  readonly #reannounce = new Set<Mac | undefined>();
  /** To be told to the dataplane anew although its entry did not change. */
  readonly #retell = new Set<Mac>();
  readonly #learned = new Map<Mac, Learned>();
  readonly #learnedOn = new Map<string, number>();
  #learning = false;
  #host: HostPart;
  #settings: NetworkSettings | undefined;
  #settingsDirty = true;
  #frame: NetworkFrame | undefined;
  #frameDirty = true;
  #portChanges = 0;

  constructor(id: string, host: HostPart) {
    this.records = new NetworkRecords(id, host.id);
    this.#host = host;
  }

  get id(): string {
    return this.records.id;
  }

  /** The VNI that intent gives it now; undefined while the definition is not held. */
  get vni(): Vni | undefined {
    return this.records.definition?.vni;
  }

  get ownVtep(): IpAddress {
    return this.#host.record.vtep;
  }

  get rd(): RouteDistinguisher | undefined {
    return this.#host.rd;
  }

  /** As of `applySettings`; undefined while the definition is not held. */
  get settings(): NetworkSettings | undefined {
    return this.#settings;
  }

  get imports(): ReadonlySet<ImportTarget> {
    return this.#settings?.imports ?? NO_TARGETS;
  }

  /** Settings are to be applied before the next step. */
  get unsettled(): boolean {
    return this.#settingsDirty;
  }

  /** A step would do something. */
  get dirty(): boolean {
    return (
      this.table.dirty || this.#retell.size > 0 || this.#frameDirty || this.#portChanges !== this.records.portChanges
    );
  }

  get frame(): NetworkFrame | undefined {
    return this.#frame;
  }

  *announcements(): IterableIterator<Announcement> {
    for (const each of this.#announced.values()) yield* each;
  }

  /** The routes of a MAC that are announced. */
  announcedOf(mac: Mac): readonly ExportedRoute[] {
    return (this.#announced.get(mac) ?? []).flatMap(({ route, reason }) => (reason ? [] : [route]));
  }

  /** The endpoint of a MAC at this site. */
  endpointOfSite(mac: Mac): OfSite<Declared> | undefined {
    return this.records.endpointOfSite(mac, this.#host.record);
  }

  /** A record as it is now; undefined: it is gone. */
  put(key: string, body: RecordBody | undefined): void {
    const { macs, settings } = this.records.put(key, body);
    for (const mac of macs) this.table.touch(mac);
    if (!settings) return;
    this.#settingsDirty = true;
    this.table.touchFlood();
  }

  /** Machines that nobody declared may be announced (`NetworkRecord.learning`). */
  get learning(): boolean {
    return this.records.definition?.learning === true;
  }

  /**
   * The bridge learned a MAC on a port, or forgot it. False if the port has too many already: a machine may make up as
   * many as it likes, and the fabric is not to hear of all of them.
   */
  learn(mac: Mac, port: string | undefined): boolean {
    const before = this.#learned.get(mac);
    if (before?.port === port) return true;
    if (before) this.#countLearned(before.port, -1);
    this.#learned.delete(mac);
    const full = port !== undefined && (this.#learnedOn.get(port) ?? 0) >= MOST_LEARNED;
    if (port !== undefined && !full) {
      this.#countLearned(port, 1);
      this.#learned.set(mac, { port, sequence: before?.sequence ?? this.#nextSequence(mac) });
    }
    if (this.learning) this.table.touch(mac);
    return !full;
  }

  /**
   * RFC 7432 15: one above what the fabric says of the MAC until now; by itself 0. What a process before said is not kept: what
   * the bridge remembers from then must not win over a move that nobody here saw.
   */
  #nextSequence(mac: Mac): number {
    const entry = this.table.entry(mac);
    return entry?.source === "fabric" ? Math.min(entry.mobility + 1, MAX_SEQUENCE) : 0;
  }

  #countLearned(port: string, by: 1 | -1): void {
    const count = (this.#learnedOn.get(port) ?? 0) + by;
    if (count > 0) this.#learnedOn.set(port, count);
    else this.#learnedOn.delete(port);
  }

  #learnedOf(mac: Mac): Learned | undefined {
    return this.#learned.size > 0 && this.learning ? this.#learned.get(mac) : undefined;
  }

  /** This host's own record, the network's RD or its router may have changed. */
  configure(host: HostPart): void {
    const { record, rd, routing } = this.#host;
    if (record === host.record && rd === host.rd && routing === host.routing) return;
    this.#host = host;
    this.#settingsDirty = true;
  }

  /** Takes over what intent says of the network as a whole; true if the import targets are others than before. */
  applySettings(): boolean {
    this.#settingsDirty = false;
    const before = this.#settings;
    const { definition, vteps } = this.records;
    const { record, rd, routing } = this.#host;
    if (!definition) return false;
    const plain = settingsOf({ host: record }, { id: this.id, definition, vteps }, rd);
    const { originator } = plain;
    const routed = originator && routing ? { ...originator, routed: routing.routed } : originator;
    const settings = { ...plain, originator: routed };
    this.#settings = settings;
    this.#frameDirty = true;
    if (this.#learning !== this.learning) {
      this.#learning = this.learning;
      for (const mac of this.#learned.keys()) this.table.touch(mac);
      for (const { mac, source } of this.table.entries()) if (source === "fabric") this.#retell.add(mac);
    }
    if (before && before.frame.vtep !== settings.frame.vtep) this.table.touchAll(this.records.macs);
    if (JSON.stringify(before?.originator) !== JSON.stringify(routed)) {
      this.#reannounce.add(undefined);
      for (const mac of this.#announced.keys()) this.#reannounce.add(mac);
      for (const mac of this.records.localMacs()) this.#reannounce.add(mac);
      for (const mac of this.#learned.keys()) this.#reannounce.add(mac);
    }
    return !isSameSet(before?.imports ?? NO_TARGETS, settings.imports);
  }

  /** Makes at most `most` entries anew; undefined while there is no definition. The VNI must not change in its life. */
  step(context: StepContext, most: number): NetworkStep | undefined {
    const settings = this.#settings;
    if (!settings) return undefined;
    const { vtep, vni } = settings.frame;
    const part = {
      declared: (mac: Mac) => this.records.declared(mac, vtep),
      members: () => Array.from(this.records.vteps.values(), ({ address }) => address),
      learned: (mac: Mac) => this.#learnedOf(mac),
    };
    const { learning } = this;
    const { trust, decisions, settle } = context;
    const delta = this.table.step(part, { ownVtep: vtep, vni, trust, decisions }, settle, most);
    const macs = new Map<Mac, MacTarget | undefined>();
    const exports: ExportChange[] = [];
    const refused: RefusedExport[] = [];
    for (const mac of this.#retell) {
      const entry = this.table.entry(mac);
      if (entry) macs.set(mac, targetOf(entry, learning));
    }
    this.#retell.clear();
    for (const { mac, before, after } of delta.entries) {
      const target = after && targetOf(after, learning);
      if (!sameTarget(before && targetOf(before, learning), target)) macs.set(mac, target);
      if (isOwn(after) || isOwn(before)) this.#announce(mac, exports, refused);
    }
    const endpoints = [...delta.declared];
    for (const mac of this.#reannounce) {
      this.#announce(mac, exports, refused);
      if (mac !== undefined) endpoints.push(mac);
    }
    this.#reannounce.clear();
    if (delta.flood) this.#frameDirty = true;
    const frame = this.#takeFrame(settings);
    const desired = {
      vni,
      ...(frame && { frame }),
      ...(macs.size > 0 && { macs }),
      ...(delta.neighbours.size > 0 && { neighbours: delta.neighbours }),
    };
    const told = frame !== undefined || macs.size > 0 || delta.neighbours.size > 0;
    return { desired: told ? desired : undefined, exports, refused, delta, endpoints };
  }

  /** Everything that the ToRs were told, to be taken back. */
  takeBack(): ExportChange[] {
    const told = Array.from(this.announcements()).filter(({ reason }) => !reason);
    this.#announced.clear();
    return told.map(({ route }) => ({ key: routeKey(route.nlri), route: undefined }));
  }

  /** What the ToRs are to hear of a MAC, less what they know. */
  #announce(mac: Mac | undefined, exports: ExportChange[], refused: RefusedExport[]): void {
    const before = this.#announced.get(mac) ?? [];
    const after = this.#announcementsOf(mac);
    if (before.length + after.length === 0) return;
    const keys = new Set<string>();
    for (const { route, reason } of after) {
      const key = routeKey(route.nlri);
      if (reason) {
        refused.push({ route, reason });
        continue;
      }
      keys.add(key);
      exports.push({ key, route });
    }
    for (const { route, reason } of before) {
      const key = routeKey(route.nlri);
      if (!reason && !keys.has(key)) exports.push({ key, route: undefined });
    }
    if (after.length > 0) this.#announced.set(mac, after);
    else this.#announced.delete(mac);
  }

  #announcementsOf(mac: Mac | undefined): readonly Announcement[] {
    const originator = this.#settings?.originator;
    if (!originator) return [];
    if (mac === undefined) return [announceMembership(originator)];
    const entry = this.table.entry(mac);
    return entry ? announceMac(originator, entry, this.#announceable) : [];
  }

  readonly #announceable = {
    has: (mac: Mac) => this.records.isLocal(mac) || this.#learnedOf(mac) !== undefined,
  };

  #takeFrame({ frame }: NetworkSettings): NetworkFrame | undefined {
    if (!this.#frameDirty && this.#portChanges === this.records.portChanges) return undefined;
    this.#frameDirty = false;
    this.#portChanges = this.records.portChanges;
    const next: NetworkFrame = {
      ...frame,
      bridgeMac: this.#host.routing?.bridgeMac,
      ports: Array.from(this.records.ports, (name) => ({ name })),
      flood: this.table.flood.map(({ vtep }) => vtep),
    };
    if (JSON.stringify(next) === JSON.stringify(this.#frame)) return undefined;
    this.#frame = next;
    return next;
  }
}

function isSameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}
