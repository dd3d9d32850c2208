// Hosts with EVPN peers over a table in memory: what their agents would report of the fabric, written from the protocol's
// text. Not a test by itself.

import type { Mac } from "../../../shared/address/mac.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { endpointLines, forwardingDigest } from "../../../shared/message/forwarding.ts";
import type { PeerReport, Report } from "../../../shared/message/report.ts";
import { type Channel, networkChannel } from "../../../shared/model/record.ts";
import type { EndpointRecord, VtepRecord } from "../../../shared/model/record.ts";
import { placeOf } from "../../../functions/domain/change.ts";
import { tableReceipts } from "../../../functions/report/receipts.ts";
import { EngineWorld } from "../publish/engine-world.ts";

export const N1: Channel = networkChannel("n1");
export const [TOR1, TOR2] = ["192.0.2.1", "192.0.2.2"] as const;

/** What a host says of itself and its peers; by default one session with the first ToR, over which all is told. */
export type Said = {
  bgp?: PeerReport[];
  /** By peer, the hosts whose endpoints it passed on; default: the first ToR, all of them. */
  passed?: Record<string, readonly string[] | "all">;
  /** MACs that were not passed on although their host's others were. */
  withheld?: readonly string[];
  announces?: boolean;
  /** By peer, MACs that it passes on of what is gone; default: none of all that sent their table. */
  strays?: Record<string, readonly string[]>;
  /** By peer, MACs that it had passed on until they were deleted; default: none. */
  deleted?: Record<string, readonly string[]>;
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

export function fabricHosts(world: EngineWorld = EngineWorld.inMemory()) {
  let number = 0;

  /** A report as the host's replica stands. */
  async function report(host: string, said: Said = {}): Promise<void> {
    const { bgp = [session(TOR1)], passed = { [TOR1]: "all" }, withheld = [], announces = true, applied = true } = said;
    const { strays = Object.fromEntries(bgp.map(({ peer }) => [peer, []])), deleted = {} } = said;
    const strayProof = {
      peers: Object.entries(strays).map(([peer, macs]) => {
        return { peer, macs: macs as Mac[], deleted: (deleted[peer] ?? []) as Mac[] };
      }),
    };
    const agent = world.agent(host);
    const channels = agent.have().map((held) => {
      const records = agent.channels.get(held.channel)?.records ?? new Map<string, { body: unknown }>();
      const vtep = (id: string) => records.get(`vtep/${id}`)?.body as VtepRecord;
      const endpoints = [...records]
        .filter(([key, { body }]) => key.startsWith("endpoint/") && body !== null)
        .map(([, { body }]) => body as EndpointRecord)
        .filter((endpoint) => vtep(endpoint.host).site === vtep(host)?.site);
      const proof = (some: readonly EndpointRecord[]) => ({
        digest: forwardingDigest(some.flatMap((each) => endpointLines(each, vtep(each.host).address))),
        count: some.length,
      });
      const own = endpoints.filter((each) => each.host === host);
      const others = endpoints.filter((each) => each.host !== host);
      const seen = Object.entries(passed).map(([peer, from]) => {
        const has = (each: EndpointRecord) =>
          (from === "all" || from.includes(each.host)) && !withheld.includes(each.mac);
        const lacking = others.filter((each) => !has(each)).map(({ mac }) => mac);
        return { peer, ...proof(others.filter(has)), lacking };
      });
      const announced = announces
        ? { ...proof(own), lacking: [] }
        : { ...proof([]), lacking: own.map(({ mac }) => mac) };
      const isNetwork = held.channel.startsWith("net:");
      return {
        ...held,
        problems: [],
        ...(isNetwork ? { kernel: applied ? agent.forwarding(held.channel) : EMPTY_DIGEST } : {}),
        ...(isNetwork && bgp.length > 0 ? { announced, seen, strays: strayProof, site: proof(endpoints) } : {}),
      };
    });
    number += 1;
    const message: Report = {
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

  function receipt(id: string, endpoint = "e1", atMs = world.nowMs) {
    const resource = { kind: "endpoint", network: "n1", id: endpoint } as const;
    const at = new Date(atMs).toISOString();
    const change = { id, resource, action: "create" as const, ...placeOf(resource), version: 1, at };
    return tableReceipts(world.table, () => world.nowMs).receipt(change);
  }

  return { world, report, receipt };
}
