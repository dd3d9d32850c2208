// Hosts with EVPN peers over a table in memory: what their agents would report of the fabric, written from the protocol's
// text. Not a test by itself.

import type { IpAddress } from "../../../shared/address/ip.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { endpointLines, forwardingDigest } from "../../../shared/message/forwarding.ts";
import type { RecordChange } from "../../../shared/message/inbox.ts";
import type { PeerReport } from "../../../shared/message/report.ts";
import { type Channel, networkChannel, type PrefixRecord } from "../../../shared/model/record.ts";
import type { EndpointRecord, VtepRecord } from "../../../shared/model/record.ts";
import { type ChangeRecord, placeOf as changePlace } from "../../../functions/domain/change.ts";
import { tableReceipts } from "../../../functions/report/receipts.ts";
import { EngineWorld } from "../publish/engine-world.ts";
import { type Replica, routedOf } from "../publish/replica.ts";

export const N1: Channel = networkChannel("n1");
export const [TOR1, TOR2] = ["192.0.2.1", "192.0.2.2"] as const;

/** What a host says of itself and its peers; by default one session with the first ToR, over which all is told. */
export type Said = {
  bgp?: PeerReport[];
  /** By peer, the hosts whose endpoints it passed on; default: the first ToR, all of them. */
  passed?: Record<string, readonly string[] | "all">;
  /** Names that were not passed on although their host's others were: MACs, or static routes. */
  withheld?: readonly string[];
  announces?: boolean;
  /** By peer, names that it passes on of what is gone; default: none of all that sent their table. */
  strays?: Record<string, readonly string[]>;
  /** By peer, names that it had passed on until they were deleted; default: none. */
  deleted?: Record<string, readonly string[]>;
  /** The agent is of before there were proofs of static routes. */
  older?: boolean;
  /** Where it takes next hops to be, instead of where they are; null: more than are told. */
  hops?: Record<string, string> | null;
  /** The kernel holds what it should; default true. */
  applied?: boolean;
};

export function session(peer: string, fields: Partial<PeerReport> = {}): PeerReport {
  const routerId = peer === TOR1 ? "203.0.113.1" : "203.0.113.2";
  const families = [{ family: "evpn", agreed: true, routesIn: 1, routesOut: 1 }];
  const up = {
    asn: 64512,
    state: "Established",
    sinceMs: 0,
    routesIn: 1,
    routesOut: 1,
    told: true,
    families,
    routerId,
  };
  return { peer, ...up, ...fields };
}

/** What h1 says by default, which has sessions with both, and h3, with the second; all others are at the first. */
export const AT_TWO_TORS: Readonly<Record<string, Said>> = {
  h1: { bgp: [session(TOR1), session(TOR2)], passed: { [TOR1]: "all", [TOR2]: "all" } },
  h3: { bgp: [session(TOR2)], passed: { [TOR2]: "all" } },
};

export function fabricHosts(world: EngineWorld = EngineWorld.inMemory()) {
  let number = 0;

  /** A report as the host's replica stands. */
  async function report(host: string, said: Said = {}): Promise<void> {
    const { bgp = [session(TOR1)], passed = { [TOR1]: "all" }, withheld = [], announces = true, applied = true } = said;
    const { strays = Object.fromEntries(bgp.map(({ peer }) => [peer, []])), deleted = {} } = said;
    const strayOf = (isOf: (name: string) => boolean) =>
      Object.entries(strays).map(([peer, names]) => {
        return { peer, names: names?.filter(isOf), deleted: (deleted[peer] ?? []).filter(isOf) };
      });
    const agent = world.agent(host);
    const places = placesOf(agent);
    const channels = agent.have().map((held) => {
      const records = agent.channels.get(held.channel)?.records ?? new Map<string, RecordChange>();
      const [site] = Array.from(places.values()).flatMap((each) => (each.host === host ? [each.site] : []));
      const all = held.channel.startsWith("rtr:") ? staticsOf(records, places) : endpointsOf(records, places);
      const here = all.filter((each) => each.place?.site === site);
      const proof = (some: readonly Named[]) => ({
        digest: forwardingDigest(some.flatMap(({ lines }) => lines)),
        count: some.length,
      });
      const own = here.filter(({ place }) => place?.host === host);
      const others = here.filter(({ place }) => place?.host !== host);
      const seen = Object.entries(passed).map(([peer, from]) => {
        const has = ({ name, place }: Named) =>
          (from === "all" || (place && from.includes(place.host))) && !withheld.includes(name);
        const lacking = others.filter((each) => !has(each)).map(({ name }) => name);
        return { peer, ...proof(others.filter(has)), lacking };
      });
      const announced = announces
        ? { ...proof(own), lacking: [] }
        : { ...proof([]), lacking: own.map(({ name }) => name) };
      const base = { ...held, problems: [] };
      if (held.channel.startsWith("host:")) return base;
      const isRouted = held.channel.startsWith("net:") && !records.has(`vtep/${host}`);
      const kernel = applied ? (isRouted ? routedOf(records) : agent.forwarding(held.channel)) : EMPTY_DIGEST;
      const shared = { announced, seen, site: proof(here) };
      if (bgp.length === 0 || isRouted) return { ...base, kernel };
      if (held.channel.startsWith("net:")) {
        const peers = strayOf((name) => !isStatic(name)).map(({ names, ...each }) => ({ ...each, macs: names }));
        return { ...base, kernel, ...shared, strays: { peers } };
      }
      const hops = here.flatMap(({ nextHop: ip, place }) => (ip && place ? [{ ip, vtep: place.vtep }] : []));
      const told = said.hops && Object.entries(said.hops).map(([ip, vtep]) => ({ ip, vtep }));
      const statics = {
        ...shared,
        strays: strayOf(isStatic).map(({ names, ...each }) => ({ ...each, routes: names })),
        whole: { digest: agent.forwarding(held.channel), count: all.length },
        ...(said.hops === null ? {} : { hops: told ?? hops }),
      };
      return { ...base, kernel, ...(said.older ? {} : { statics }) };
    });
    number += 1;
    const message = {
      v: 2,
      atMs: world.nowMs,
      number,
      agent: { version: "1", startedAtMs: 1, kernel: "6" },
      inSync: true,
      channels,
      bgp,
      counters: {},
      events: [],
    };
    await world.report(host, message);
  }

  function receiptOf(id: string, resource: ChangeRecord["resource"], atMs = world.nowMs) {
    const at = new Date(atMs).toISOString();
    const change = { id, resource, action: "create" as const, ...changePlace(resource), version: 1, at };
    return tableReceipts(world.table, () => world.nowMs).receipt(change);
  }

  function receipt(id: string, endpoint = "e1", atMs = world.nowMs) {
    return receiptOf(id, { kind: "endpoint", network: "n1", id: endpoint }, atMs);
  }

  return { world, report, receipt, receiptOf };
}

function isStatic(name: string): boolean {
  return name.includes("/");
}

type Place = { readonly host: string; readonly site: string; readonly vtep: IpAddress };
/** Something declared, by the name that reports have for it, with lines that differ wherever it is. */
type Named = {
  readonly name: string;
  readonly place: Place | undefined;
  readonly lines: readonly string[];
  readonly nextHop?: IpAddress;
};
type Records = ReadonlyMap<string, RecordChange>;

/** Where each address of an endpoint is, by all networks that the host holds. */
function placesOf(agent: Replica): ReadonlyMap<IpAddress, Place> {
  const places = new Map<IpAddress, Place>();
  for (const { records } of agent.channels.values()) {
    for (const [key, { body }] of records) {
      if (!key.startsWith("endpoint/") || body === null) continue;
      const { host, ips } = body as EndpointRecord;
      const vtep = records.get(`vtep/${host}`)?.body as VtepRecord | undefined;
      if (!vtep) throw new Error(`an endpoint on ${host}, which is no member`);
      for (const ip of ips) places.set(ip, { host, site: vtep.site, vtep: vtep.address });
    }
  }
  return places;
}

function endpointsOf(records: Records, places: ReadonlyMap<IpAddress, Place>): Named[] {
  return live<EndpointRecord>(records, "endpoint/").map((endpoint) => {
    const place = places.get(endpoint.ips[0] as IpAddress);
    return { name: endpoint.mac, place, lines: place ? endpointLines(endpoint, place.vtep) : [] };
  });
}

function staticsOf(records: Records, places: ReadonlyMap<IpAddress, Place>): Named[] {
  return live<PrefixRecord>(records, "prefix/").map(({ prefix, nextHop }) => {
    const place = places.get(nextHop);
    return { name: `${prefix} ${nextHop}`, place, lines: [`${prefix} ${nextHop} ${place?.vtep}`], nextHop };
  });
}

function live<T>(records: Records, kind: string): T[] {
  return [...records].flatMap(([key, { body }]) => (key.startsWith(kind) && body !== null ? [body as T] : []));
}
