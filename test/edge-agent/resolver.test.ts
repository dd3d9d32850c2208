import { describe, expect, it } from "vitest";
import type { ReceivedRoute } from "../../edge-agent/bgp/route.ts";
import type { HostIntent } from "../../edge-agent/intent/view.ts";
import { createDiary } from "../../edge-agent/log.ts";
import { createResolver, INTENT_OLD_AFTER_MS } from "../../edge-agent/resolver.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { HIGH, LOW, macOf, macRoute, OWN } from "./evpn/fabric-routes.ts";

const intent: HostIntent = {
  id: "h1",
  host: { site: "ams", vtep: OWN, bgp: { asn: 65001 as Asn, peers: [] } },
  pending: [],
  networks: [
    {
      id: "blue",
      definition: { tenant: "acme", name: "blue", vni: 100 as Vni, subnets: [] },
      vteps: new Map([["h1", { site: "ams", address: OWN, asns: [65001 as Asn] }]]),
      endpoints: [{ id: "e1", record: { host: "h1", mac: macOf(1), ips: [], port: "tap1", mobility: 0 } }],
    },
  ],
};

function agent(fabricVteps?: readonly Prefix[]) {
  let nowMs = 0;
  let due: { atMs: number; act: () => void } | undefined;
  let calls = 0;
  const clock = {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    setTimer: (afterMs: number, act: () => void) => {
      const timer = { atMs: nowMs + afterMs, act };
      due = timer;
      return () => {
        if (due === timer) due = undefined;
      };
    },
  };
  const diary = createDiary(clock.wallMs, () => {});
  const resolver = createResolver({
    clock,
    log: diary,
    fabricVteps,
    again: () => {
      calls++;
    },
  });
  return {
    resolver,
    warnings: () => diary.recent().map(({ kind }) => kind),
    calls: () => calls,
    dueMs: () => due?.atMs,
    /** Time passes to the timer that is due. */
    wait: () => {
      if (!due) throw new Error("no timer is set");
      nowMs = due.atMs;
      due.act();
    },
    see: (...fabric: ReceivedRoute[]) => resolver.resolve(intent, fabric),
  };
}

describe("resolver", () => {
  it("resolver: a claim on our endpoint -> reported once, and after a second announced anew (RFC 7432 15.1)", () => {
    const { resolver, see, wait, warnings, calls } = agent();
    resolver.heard(true);
    const claim = macRoute(1, HIGH, { sequence: 3 });
    expect(see(claim).exports.map(({ mobility }) => mobility?.sequence ?? 0)).toEqual([0, 0]);
    see(claim);
    expect(warnings()).toEqual(["conflict"]);
    wait();
    expect(calls()).toBe(1);
    const { exports, desired } = see(claim);
    expect(exports.find(({ nlri }) => nlri.type === "mac-ip")?.mobility).toEqual({ sequence: 4, sticky: false });
    expect(desired.networks[0]?.local).toEqual([{ mac: macOf(1), port: "tap1" }]);
    expect(warnings()).toEqual(["conflict", "mac-taken-back"]);
  });

  it("resolver: the cloud is away for 30 s -> a higher sequence is followed, its port is kept; until it is back", () => {
    const { resolver, see, wait, dueMs } = agent();
    const claim = macRoute(1, HIGH, { sequence: 3 });
    expect(see(claim).desired.networks[0]?.local).toHaveLength(1);
    expect(dueMs()).toBe(INTENT_OLD_AFTER_MS);
    wait();
    const followed = see(claim);
    expect(followed.desired.networks[0]).toMatchObject({
      local: [],
      remote: [{ mac: macOf(1), vtep: HIGH }],
      ports: [{ name: "tap1" }],
    });
    expect(followed.exports.map(({ nlri }) => nlri.type)).toEqual(["imet"]);
    expect(dueMs()).toBeUndefined();
    resolver.heard(true);
    expect(see(claim).desired.networks[0]?.local).toHaveLength(1);
    resolver.heard(false);
    expect(see(claim).desired.networks[0]?.local).toHaveLength(1);
  });

  it("resolver: moved too often -> frozen and reported; by command released and taken back again", () => {
    const { resolver, see, wait, warnings } = agent();
    resolver.heard(true);
    for (const sequence of [1, 3]) {
      see(macRoute(1, HIGH, { sequence }));
      wait();
      see(macRoute(1, HIGH, { sequence }));
    }
    see(macRoute(1, HIGH, { sequence: 5 }));
    expect(warnings().filter((kind) => kind === "duplicate-mac")).toHaveLength(1);
    expect(resolver.moved()).toMatchObject([{ network: "blue", mac: macOf(1), moves: 5, frozen: { forMs: 0 } }]);
    expect(resolver.clear(macOf(1))).toEqual(["blue"]);
    expect(resolver.clear(macOf(1))).toEqual([]);
    expect(resolver.moved()).toEqual([]);
  });

  it("resolver: two undeclared MACs say to own an IP -> the immutable binding answers ARP (RFC 9047)", () => {
    const { see } = agent();
    const ip = "10.0.0.9" as IpAddress;
    const immutable = { arpNd: { router: false, override: false, immutable: true } };
    const neighbours = see(macRoute(7, LOW, { ip }), macRoute(8, HIGH, { ip, ...immutable })).desired.networks[0];
    expect(neighbours?.neighbours).toEqual([{ ip, mac: macOf(8) }]);
  });

  it("resolver: a list of VTEPs -> routes of others are not used, for MACs, segments or flooding", () => {
    const { see } = agent([`${LOW}/32` as Prefix]);
    const { networks } = see(macRoute(7, LOW), macRoute(8, HIGH));
    expect(networks[0]?.table.entries.map(({ mac }) => mac)).toEqual([macOf(1), macOf(7)]);
  });

  it("resolver: closed -> no timer is left", () => {
    const { resolver, see, dueMs } = agent();
    see();
    resolver.close();
    expect(dueMs()).toBeUndefined();
  });
});
