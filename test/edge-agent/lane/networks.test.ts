import { describe, expect, it } from "vitest";
import { DUPLICATE_LIMITS } from "../../../edge-agent/evpn/duplicate-mac.ts";
import type { HostIntent } from "../../../edge-agent/intent/view.ts";
import { kernelDigest } from "../../../edge-agent/report/kernel-digest.ts";
import type { RaisedMac } from "../../../edge-agent/evpn/mobility.ts";
import type { RaisedSequences } from "../../../edge-agent/lane/raised-sequences.ts";
import { INTENT_OLD_AFTER_MS } from "../../../edge-agent/lane/trust.ts";
import type { PeerKey } from "../../../edge-agent/bgp/route.ts";
import type { PeerSummary } from "../../../edge-agent/bgp/speaker.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";
import { HIGH, LOW, macOf, macRoute, OWN } from "../evpn/fabric-routes.ts";
import { networkWorld, toldState } from "./network-world.ts";

const asn = 65001 as Asn;
const vni = 100 as Vni;
const [blue] = [
  {
    id: "blue",
    definition: { tenant: "acme", name: "blue", vni, subnets: [] },
    vteps: new Map([["h1", { site: "ams", address: OWN, asns: [asn] }]]),
    endpoints: [{ id: "e1", record: { host: "h1", mac: macOf(1), ips: [], port: "tap1", mobility: 0 } }],
  },
];
const intent: HostIntent = {
  id: "h1",
  host: { site: "ams", vtep: OWN, bgp: { asn, peers: [] } },
  pending: [],
  networks: [blue],
};

/** A host with one network and one endpoint of its own. */
function host(options: { fabricVteps?: readonly Prefix[]; cloud?: boolean; raised?: RaisedSequences } = {}) {
  const world = networkWorld(options);
  world.heard(options.cloud ?? true);
  world.declares(intent);
  const state = () => {
    const told = world.told.get(vni);
    return told && toldState(told);
  };
  return {
    ...world,
    state,
    sequences: () =>
      [...world.exported.values()].map(({ mobility }) => mobility?.sequence ?? 0).toSorted((a, b) => a - b),
  };
}

const session: PeerSummary = {
  peer: HIGH,
  address: undefined,
  asn: undefined,
  state: "Established",
  sinceMs: 0,
  families: [],
  routesIn: 0,
  staleRoutes: 0,
  routesOut: 0,
  rejected: {},
  messagesIn: 0,
  messagesOut: 0,
  malformed: { "attribute-discard": 0, "treat-as-withdraw": 0, "session-reset": 0 },
  sessions: 1,
};

describe("networks lane", () => {
  it("networks lane: a claim on our endpoint -> reported once, and after a second announced anew (RFC 7432 15.1)", () => {
    const { sees, wait, warnings, sequences, state } = host();
    const claim = macRoute(1, HIGH, { sequence: 3 });
    sees(claim);
    expect(sequences()).toEqual([0, 0]);
    sees(claim);
    expect(warnings()).toEqual(["conflict"]);
    wait(999);
    expect(sequences()).toEqual([0, 0]);
    wait(1);
    expect(sequences()).toEqual([0, 4]);
    expect(state()?.local).toEqual([{ mac: macOf(1), port: "tap1" }]);
    expect(warnings()).toEqual(["conflict", "mac-taken-back"]);
  });

  it("networks lane: raised, then the agent restarts -> announced with the raised sequence from the first on", () => {
    let kept: readonly RaisedMac[] = [];
    const raised = () => ({ known: kept, keep: (all: readonly RaisedMac[]) => void (kept = all) });
    const before = host({ raised: raised() });
    before.sees(macRoute(1, HIGH, { sequence: 3 }));
    before.wait(1000);
    expect(kept).toEqual([{ network: "blue", mac: macOf(1), sequence: 4 }]);

    const after = host({ raised: raised() });
    expect(after.sequences()).toEqual([0, 4]);
    // The claim that it answered is of no more avail than before.
    after.sees(macRoute(1, HIGH, { sequence: 3 }));
    after.wait(5000);
    expect(after.sequences()).toEqual([0, 4]);
    expect(kept).toEqual([{ network: "blue", mac: macOf(1), sequence: 4 }]);
  });

  it("networks lane: raised, restarted, and the endpoint was moved away meanwhile -> announced by nobody here, forgotten", () => {
    let kept: readonly RaisedMac[] = [{ network: "blue", mac: macOf(1), sequence: 4 }];
    const raised = { known: kept, keep: (all: readonly RaisedMac[]) => void (kept = all) };
    const world = networkWorld({ raised });
    world.heard(true);
    const vteps = new Map([...blue.vteps, ["h2", { site: "ams", address: LOW, asns: [asn] }] as const]);
    const endpoints = blue.endpoints.map(({ id, record }) => ({ id, record: { ...record, host: "h2", mobility: 1 } }));
    world.declares({ ...intent, networks: [{ ...blue, vteps, endpoints }] });
    expect([...world.exported.values()].map(({ nlri }) => nlri.type)).toEqual(["imet"]);
    expect(world.mobility.raised()).toEqual([]);
  });

  it("networks lane: another AS's route target with the same VNI -> not used; where any AS is asked for -> used", () => {
    const { sees, rest, state, declares } = host();
    sees(macRoute(2, HIGH, { routeTargets: ["65009:100" as RouteTarget] }));
    expect(state()?.remote).toEqual([]);
    const anyAs = (importAnyAs: boolean) => ({ ...blue, definition: { ...blue.definition, importAnyAs } });
    declares({ ...intent, networks: [anyAs(true)] });
    rest();
    expect(state()?.remote).toEqual([{ mac: macOf(2), vtep: HIGH }]);
    declares({ ...intent, networks: [anyAs(false)] });
    rest();
    expect(state()?.remote).toEqual([]);
  });

  it("networks lane: a peer of just any AS -> the targets of its AS are imported once its session told it", () => {
    const { sees, rest, state, sessions, declares, lane } = host();
    const peers = [{ interface: "eth1", asn: "external" as const }];
    declares({ ...intent, host: { ...intent.host, bgp: { asn, peers } } });
    const route = macRoute(2, HIGH, { routeTargets: ["65009:100" as RouteTarget] });
    sees(route);
    expect(state()?.remote).toEqual([]);
    sessions.push({ ...session, peer: "eth1" as PeerKey, asn: 65009 as Asn });
    lane.session?.("eth1" as PeerKey, true);
    rest();
    expect(state()?.remote).toEqual([{ mac: macOf(2), vtep: HIGH }]);
  });

  it("networks lane: the cloud is away for 30 s -> a higher sequence is followed, its port is kept; until it is back", () => {
    const { sees, wait, heard, rest, state, exported } = host({ cloud: false });
    sees(macRoute(1, HIGH, { sequence: 3 }));
    expect(state()?.local).toHaveLength(1);
    wait(INTENT_OLD_AFTER_MS);
    expect(state()).toMatchObject({ local: [], remote: [{ mac: macOf(1), vtep: HIGH }], ports: [{ name: "tap1" }] });
    expect([...exported.values()].map(({ nlri }) => nlri.type)).toEqual(["imet"]);
    heard(true);
    rest();
    expect(state()?.local).toHaveLength(1);
    heard(false);
    rest();
    expect(state()?.local).toHaveLength(1);
  });

  it("networks lane: moved too often -> frozen and reported; by command released and taken back again", () => {
    const { lane, sees, wait, rest, warnings, sequences } = host();
    for (const sequence of [1, 3]) {
      sees(macRoute(1, HIGH, { sequence }));
      wait(1000);
    }
    sees(macRoute(1, HIGH, { sequence: 5 }));
    expect(warnings().filter((kind) => kind === "duplicate-mac")).toHaveLength(1);
    expect(lane.moved()).toMatchObject([{ network: "blue", mac: macOf(1), moves: 5, frozen: { forMs: 0 } }]);
    wait(60_000);
    expect(sequences()).toEqual([0, 4]);
    expect(lane.clearDuplicate(macOf(1))).toEqual(["blue"]);
    expect(lane.clearDuplicate(macOf(1))).toEqual([]);
    rest();
    wait(1000);
    expect(sequences()).toEqual([0, 6]);
  });

  it("networks lane: frozen, and nothing changes any more -> released by time alone, and taken back", () => {
    const { lane, sees, wait, sequences } = host();
    for (const sequence of [1, 3, 5]) {
      sees(macRoute(1, HIGH, { sequence }));
      wait(1000);
    }
    wait(DUPLICATE_LIMITS.freezeMs);
    expect(sequences()).toEqual([0, 6]);
    wait(DUPLICATE_LIMITS.withinMs);
    expect(lane.moved()).toEqual([]);
  });

  it("networks lane: two undeclared MACs say to own an IP -> the immutable binding answers ARP (RFC 9047)", () => {
    const { sees, state } = host();
    const ip = "10.0.0.9" as IpAddress;
    const immutable = { arpNd: { router: false, override: false, immutable: true } };
    sees(macRoute(7, LOW, { ip }), macRoute(8, HIGH, { ip, ...immutable }));
    expect(state()?.neighbours).toEqual([{ ip, mac: macOf(8) }]);
    sees(macRoute(7, LOW, { ip }));
    expect(state()?.neighbours).toEqual([{ ip, mac: macOf(7) }]);
  });

  it("networks lane: a list of VTEPs -> routes of others are not used, for MACs, segments or flooding", () => {
    const { sees } = host({ fabricVteps: [`${LOW}/32` as Prefix] });
    const { networks } = sees(macRoute(7, LOW), macRoute(8, HIGH));
    expect(networks[0]?.table.entries.map(({ mac }) => mac)).toEqual([macOf(1), macOf(7)]);
  });

  it("networks lane: the VTEP knows the network by another VNI -> frames to it carry that (RFC 8365 5.1.3)", () => {
    const { sees, state } = host();
    const route = macRoute(7, LOW);
    sees({ ...route, nlri: { ...route.nlri, vni: 300 as Vni } as typeof route.nlri });
    expect(state()?.remote).toEqual([{ mac: macOf(7), vtep: LOW, vni: 300 }]);
  });

  it("networks lane: two networks with one VNI -> the second waits and says so, until the first is gone", () => {
    const world = host();
    const red = { ...blue, id: "red", definition: { ...blue.definition, name: "red", tenant: "other" }, endpoints: [] };
    world.put("host:h1", "network/red", {});
    world.put("net:red", "network", red.definition);
    world.rest();
    expect(world.lane.overlay().networks.map(({ id }) => id)).toEqual(["blue"]);
    expect(world.lane.channel?.("net:red")?.problems).toEqual(["network blue has VNI 100 on this host"]);
    world.put("host:h1", "network/blue", undefined);
    world.rest();
    expect(world.state()).toMatchObject({ owner: "overspan net=red tenant=other", local: [], ports: [] });
    expect(world.exported.size).toBe(1);
  });

  it("networks lane: told to leave everything -> nothing is wanted and nothing announced; unknown at first -> untouched", () => {
    const world = networkWorld();
    world.lane.intent?.(new Map());
    world.rest();
    expect(world.told.size).toBe(0);
    world.declares(intent);
    expect(world.told.size).toBe(1);
    world.intent.channels.clear();
    world.lane.intent?.(new Map([["host:h1", "whole"]]));
    world.rest();
    expect(world.told.size).toBe(1);
    world.intent.inSync = true;
    world.lane.intent?.(new Map([["host:h1", "whole"]]));
    world.rest();
    expect([world.told.size, world.exported.size]).toEqual([0, 0]);
  });

  it("networks lane: a network that is carried for its router alone -> no devices, and back when an endpoint comes", () => {
    const world = host();
    world.put("host:h1", "network/blue", { routed: true });
    world.rest();
    expect(world.told.size).toBe(0);
    world.put("host:h1", "network/blue", {});
    world.rest();
    expect(world.state()?.local).toHaveLength(1);
  });

  it("networks lane: a network goes and comes back before the kernel is read again -> proven of what stayed there", () => {
    const world = host();
    const proof = () => world.lane.channel?.("net:blue")?.kernel;
    expect(proof()).toBeUndefined();
    world.readBack();
    const before = proof();
    expect(before).toBe(kernelDigest(world.kernel.get(vni), { entries: [], flood: [] }));
    world.put("host:h1", "network/blue", undefined);
    world.rest();
    world.put("host:h1", "network/blue", {});
    world.rest();
    world.readBack();
    expect(proof()).toBe(before);
  });

  it("networks lane: an MTU or a port changes, which no line says -> not proven until the kernel was read back for it", () => {
    const world = host();
    const proof = () => world.lane.channel?.("net:blue")?.kernel;
    world.readBack();
    const before = proof();
    expect(before).toBeDefined();
    const [endpoint] = blue.endpoints;
    for (const change of [
      () => world.put("net:blue", "network", { ...blue.definition, mtuBytes: 1400 }),
      () => world.put("net:blue", "endpoint/e1", { ...endpoint?.record, port: "tap2" } as never),
    ]) {
      change();
      expect(proof()).toBeUndefined();
      world.rest();
      expect(proof()).toBeUndefined();
      world.silent();
      expect(proof()).toBeUndefined();
      world.readBack();
      expect(proof()).toBe(before);
    }
    world.unfinished.add(vni);
    world.readBack();
    expect(proof()).toBeUndefined();
    world.unfinished.clear();
    world.readBack();
    expect(proof()).toBe(before);
  });

  it("networks lane: a BGP peer is found on an interface -> no network takes that as a port", () => {
    const world = host();
    expect(world.state()?.uplinks).toBeUndefined();
    const peers = [{ interface: "eth0", asn: "external" as const }];
    world.put("host:h1", "host", { ...intent.host, bgp: { asn, peers } });
    world.rest();
    expect(world.state()?.uplinks).toEqual(["eth0"]);
  });

  it("networks lane: a route comes or goes -> what intent asked for stays proven", () => {
    const world = host();
    world.readBack();
    const before = world.lane.channel?.("net:blue")?.kernel;
    world.sees(macRoute(7, LOW));
    expect(world.lane.channel?.("net:blue")?.kernel).toBe(before);
  });

  it("networks lane: a network is left -> the host's channel says so until the kernel has let go of it", () => {
    const world = host();
    const problems = () => world.lane.channel?.("host:h1")?.problems;
    world.readBack();
    expect(problems()).toEqual([]);
    world.put("host:h1", "network/blue", undefined);
    expect(problems()).toEqual(["the kernel was not read since this host's networks changed"]);
    world.rest();
    expect(problems()).toEqual(["the kernel was not read since this host's networks changed"]);
    world.keeps();
    expect(problems()).toEqual(["VNI 100 is not this host's any more, and still in its kernel"]);
    world.readBack();
    expect(problems()).toEqual([]);
  });

  it("networks lane: what only the fabric told is in the kernel -> the proof is as without it", () => {
    const world = host();
    world.readBack();
    const before = world.lane.channel?.("net:blue")?.kernel;
    world.sees(macRoute(7, LOW, { ip: "10.0.0.7" }));
    world.readBack();
    expect(world.kernel.get(vni)?.remote).toHaveLength(1);
    expect(world.lane.channel?.("net:blue")?.kernel).toBe(before);
    world.sees();
    expect(world.kernel.get(vni)?.remote).toHaveLength(1);
    world.readBack();
    expect(world.lane.channel?.("net:blue")?.kernel).toBe(before);
  });

  it("networks lane: hundreds of conflicts at once -> a few are said in full, the rest counted in one line", () => {
    const world = host();
    for (let n = 2; n <= 100; n++) {
      const record = { host: "h1", mac: macOf(n), ips: [], port: `tap${n}`, mobility: 0 };
      world.put("net:blue", `endpoint/e${n}`, record);
    }
    world.rest();
    world.sees(...Array.from({ length: 100 }, (_, n) => macRoute(n + 1, HIGH, { sequence: 9, sticky: true })));
    expect(world.diary.counters.get("conflict")).toBe(21);
    expect(world.diary.recent().at(-1)?.detail).toBe("blue: and 80 more at once");
  });

  it("networks lane: a burst of routes -> said how many wait, worked off in slices, and told in parts", () => {
    const world = host();
    const burst = Array.from({ length: 2000 }, (_, n) => macRoute(1, LOW, { ip: `10.1.${n >> 8}.${n & 0xff}` }));
    world.announce(...burst);
    expect(world.mostWaiting()).toBe(2000);
    expect(world.state()?.neighbours).toEqual([]);
    world.rest();
    world.sees(...burst.slice(0, 1));
    expect(world.lane.overlay().networks[0]?.table.conflicts).toHaveLength(1);
  });

  it("networks lane: a route distinguisher is given for the VNI -> announced with it, and no more with the one before", () => {
    const world = host();
    const rds = () => new Set([...world.exported.values()].map(({ nlri }) => nlri.rd));
    expect([...rds()]).toEqual([`${OWN}:100`]);
    const rd = "65001:7" as RouteDistinguisher;
    world.declares({
      ...intent,
      host: { ...intent.host, bgp: { asn, peers: [], routeDistinguishers: [{ vni, rd }] } },
    });
    world.rest();
    expect([...rds()]).toEqual([rd]);
    world.declares(intent);
    world.rest();
    expect([...rds()]).toEqual([`${OWN}:100`]);
  });

  it("networks lane: closed -> no timer is left", () => {
    const { lane, sees, timers } = host({ cloud: false });
    sees(macRoute(1, HIGH, { sequence: 3 }));
    expect(timers()).toBeGreaterThan(0);
    void lane.close?.();
    expect(timers()).toBe(0);
  });
});

it("networks lane: a range of source ports -> the tunnel device's, and another one when it changes", () => {
  const { put, rest, told } = host();
  const definition = { tenant: "acme", name: "blue", vni, subnets: [] };
  put("net:blue", "network", { ...definition, sourcePorts: { from: 50_000, to: 60_000 } });
  rest();
  expect(told.get(vni)?.frame?.sourcePorts).toEqual({ low: 50_000, high: 60_000 });
  put("net:blue", "network", definition);
  rest();
  expect(told.get(vni)?.frame?.sourcePorts).toBeUndefined();
});

describe("networks lane: machines that nobody declared, heard on a port here", () => {
  const definition = { tenant: "acme", name: "blue", vni, subnets: [], learning: true };
  const STRANGER = macOf(9);
  const OTHER = "192.0.2.3" as IpAddress;

  function learning() {
    const world = host();
    world.put("net:blue", "network", definition);
    world.rest();
    const announced = () =>
      [...world.exported.values()].flatMap(({ nlri, mobility }) =>
        nlri.type === "mac-ip" && nlri.mac !== macOf(1) ? [`${nlri.mac} ${mobility?.sequence ?? 0}`] : [],
      );
    return { ...world, announced };
  }

  it("networks lane: learning is allowed -> announced by MAC alone, left to the bridge, withdrawn when it ages", () => {
    const { learns, announced, told, lane } = learning();
    learns(vni, [STRANGER, "tap1"]);
    expect(announced()).toEqual([`${STRANGER} 0`]);
    expect(told.get(vni)?.macs.has(STRANGER)).toBe(false);
    expect(lane.overlay().networks[0]?.table.entries.find(({ mac }) => mac === STRANGER)).toMatchObject({
      source: "learned",
      port: "tap1",
      vtep: OWN,
    });
    learns(vni, [STRANGER, "tap2"]);
    expect(announced()).toEqual([`${STRANGER} 0`]);
    learns(vni, [STRANGER, undefined]);
    expect(announced()).toEqual([]);
  });

  it("networks lane: learning is not allowed -> never announced; allowed later -> then, and taken back with the leave", () => {
    const { learns, announced, put, rest } = learning();
    put("net:blue", "network", { ...definition, learning: false });
    rest();
    learns(vni, [STRANGER, "tap1"]);
    expect(announced()).toEqual([]);
    put("net:blue", "network", definition);
    rest();
    expect(announced()).toEqual([`${STRANGER} 0`]);
    put("net:blue", "network", { ...definition, learning: false });
    rest();
    expect(announced()).toEqual([]);
  });

  it("networks lane: a declared machine heard here -> intent stands, nothing of it is announced", () => {
    const { learns, announced, put, rest, state } = learning();
    put("net:blue", "vtep/h2", { site: "ams", address: OTHER, asns: [asn] });
    put("net:blue", "endpoint/e9", { host: "h2", mac: STRANGER, ips: [], mobility: 0 });
    rest();
    learns(vni, [STRANGER, "tap1"]);
    expect(announced()).toEqual([]);
    expect(state()?.remote).toEqual([{ mac: STRANGER, vtep: OTHER }]);
    put("net:blue", "endpoint/e9", undefined);
    rest();
    expect(announced()).toEqual([`${STRANGER} 0`]);
  });

  it("networks lane: the fabric has it elsewhere -> its entry yields; heard here, one above; moved away, followed (RFC 7432 15)", () => {
    const { learns, announced, told, sees } = learning();
    const at = (sequence: number) => macRoute(9, OTHER, { mobility: { sequence, sticky: false } });
    sees(at(4));
    const remote = { kind: "remote", vteps: [OTHER], yields: true };
    expect(told.get(vni)?.macs.get(STRANGER)).toEqual(remote);
    learns(vni, [STRANGER, "tap1"]);
    expect(announced()).toEqual([`${STRANGER} 5`]);
    expect(told.get(vni)?.macs.has(STRANGER)).toBe(false);
    // The old place withdraws; nothing changes here.
    sees();
    expect(announced()).toEqual([`${STRANGER} 5`]);
    sees(at(6));
    expect(announced()).toEqual([]);
    expect(told.get(vni)?.macs.get(STRANGER)).toEqual(remote);
  });

  it("networks lane: heard by an agent that has just started, and moved away meanwhile -> followed; its next frame here, one above", () => {
    const { learns, announced, told, sees } = learning();
    // The bridge remembers it from before; which sequence it had, nobody does: the old entry must not outbid a move.
    learns(vni, [STRANGER, "tap1"]);
    expect(announced()).toEqual([`${STRANGER} 0`]);
    sees(macRoute(9, OTHER, { mobility: { sequence: 7, sticky: false } }));
    expect(announced()).toEqual([]);
    expect(told.get(vni)?.macs.get(STRANGER)).toEqual({ kind: "remote", vteps: [OTHER], yields: true });
    learns(vni, [STRANGER, undefined]);
    learns(vni, [STRANGER, "tap1"]);
    expect(announced()).toEqual([`${STRANGER} 8`]);
  });

  it("networks lane: both places hear it with one sequence -> the lower VTEP has it (RFC 7432 15.1)", () => {
    const { learns, announced, sees } = learning();
    learns(vni, [STRANGER, "tap1"]);
    sees(macRoute(9, HIGH));
    expect(announced()).toEqual([`${STRANGER} 0`]);
    sees(macRoute(9, LOW));
    expect(announced()).toEqual([]);
  });

  it("networks lane: sticky in the fabric -> not taken over, whoever is heard here (RFC 7432 15.2)", () => {
    const { learns, announced, told, sees } = learning();
    sees(macRoute(9, OTHER, { mobility: { sequence: 0, sticky: true } }));
    learns(vni, [STRANGER, "tap1"]);
    expect(announced()).toEqual([]);
    expect(told.get(vni)?.macs.get(STRANGER)).toEqual({ kind: "remote", vteps: [OTHER] });
  });

  it("networks lane: heard here and there by turns -> frozen where it is, and said (RFC 7432 15.1)", () => {
    const { learns, announced, sees, warnings } = learning();
    for (let sequence = 1; sequence < 12; sequence += 2) {
      sees(macRoute(9, OTHER, { mobility: { sequence, sticky: false } }));
      learns(vni, [STRANGER, undefined]);
      learns(vni, [STRANGER, "tap1"]);
    }
    expect(warnings()).toContain("duplicate-mac");
    const before = announced();
    learns(vni, [STRANGER, undefined]);
    learns(vni, [STRANGER, "tap1"]);
    expect(announced()).toEqual(before);
  });

  it("networks lane: a port that makes up MACs -> 256 are announced, and it is said once", () => {
    const { learns, announced, warnings } = learning();
    const macs = Array.from({ length: 300 }, (_, index) => macOf(1000 + index));
    learns(vni, ...macs.map((mac) => [mac, "tap1"] as const));
    expect(announced()).toHaveLength(256);
    expect(warnings().filter((kind) => kind === "learned-too-many")).toHaveLength(1);
    learns(vni, ...macs.map((mac) => [mac, undefined] as const), [STRANGER, "tap1"]);
    expect(announced()).toEqual([`${STRANGER} 0`]);
  });
});
