// The EVPN policy against FRR as the ToR and route reflector, in namespaces: our host's overlay in the test, its speaker in
// a namespace; a second speaker as another VTEP of the fabric; and FRR with a bare metal port of its own.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import type { HostIntent } from "../../edge-agent/intent/view.ts";
import type { Overlay } from "../../edge-agent/overlay.ts";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import {
  addVni,
  eventually,
  Frr,
  inside,
  removeNamespaces,
  run,
  SpeakerInNamespace,
} from "../edge-agent/bgp/namespace-lab.ts";
import { networkWorld } from "../edge-agent/lane/network-world.ts";
import { requireKernel } from "./require-root.ts";

const [TOR_NS, HOST_NS, OTHER_NS] = ["evt-tor", "evt-host", "evt-other"] as const;
const TOR = parseIp("10.96.0.1") as IpAddress;
const HOST = parseIp("10.96.0.2") as Ipv4;
const OTHER = parseIp("10.96.0.3") as Ipv4;
/** Announced by the second speaker too. */
const THIRD = parseIp("10.96.0.4") as Ipv4;
const ASN = 65000 as Asn;
const VNI = 100 as Vni;
const OURS = "02:bb:00:00:00:01" as Mac;
/** Declared on our host, and pinned to a port of the ToR before it all begins. */
const PINNED = "02:bb:00:00:00:02" as Mac;
const ROAMING = "02:cc:00:00:00:01" as Mac;

const intent: HostIntent = {
  id: "h1",
  host: { site: "ams", vtep: HOST, bgp: { asn: ASN, peers: [{ address: TOR, asn: ASN }] } },
  pending: [],
  networks: [
    {
      id: "blue",
      definition: { tenant: "acme", name: "blue", vni: VNI, subnets: [] },
      vteps: new Map([["h1", { site: "ams", address: HOST, asns: [ASN] }]]),
      endpoints: [
        { id: "e1", record: { host: "h1", mac: OURS, ips: [], port: "tap1", mobility: 0 } },
        { id: "e2", record: { host: "h1", mac: PINNED, ips: [], port: "tap2", mobility: 0 } },
      ],
    },
  ],
};

function roaming(sequence: number, vtep: Ipv4): ExportedRoute {
  const rd = `${vtep}:${VNI}` as RouteDistinguisher;
  return {
    nlri: { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac: ROAMING, vni: VNI },
    nextHop: vtep,
    routeTargets: [`${ASN}:${VNI}` as RouteTarget],
    mobility: { sequence, sticky: false },
  };
}

/** The ToR's configuration of docs/bgp.md, with this test's addresses. */
function documentedConfig(): string {
  const page = readFileSync(new URL("../../docs/bgp.md", import.meta.url), "utf8");
  const block = /^```frr\n([^]*?)^```/m.exec(page)?.[1];
  if (!block) throw new Error("docs/bgp.md shows no configuration of FRR");
  return block.replace("192.0.2.254", TOR).replace("192.0.2.0/24", "10.96.0.0/24");
}

/** Three namespaces on one switch. */
function segment(): void {
  removeNamespaces(TOR_NS, HOST_NS, OTHER_NS);
  for (const [name, address] of [
    [TOR_NS, TOR],
    [HOST_NS, HOST],
    [OTHER_NS, OTHER],
  ] as const) {
    run("ip", "netns", "add", name);
    inside(name, "ip link set lo up");
    if (name === TOR_NS) {
      inside(name, "ip link add lan type bridge stp_state 0");
      inside(name, `ip addr add ${address}/24 dev lan`);
      inside(name, "ip link set lan up");
      continue;
    }
    const link = `link add to-${name} netns ${TOR_NS} type veth peer name uplink netns ${name}`;
    run("ip", ...link.split(" "));
    inside(TOR_NS, `ip link set to-${name} master lan up`);
    inside(name, `ip addr add ${address}/24 dev uplink`);
    inside(name, "ip link set uplink up");
  }
}

describe.runIf(requireKernel("root", "vxlan", "bridge", "frr"))("evpn with FRR", () => {
  let frr: Frr;
  let host: SpeakerInNamespace;
  let other: SpeakerInNamespace;
  const world = networkWorld();
  world.heard(true);
  world.declares(intent);
  const startMs = performance.now();

  /** What the agent does on every change: routes in, overlay, routes out. */
  async function refresh(): Promise<Overlay> {
    const { ribIn } = await host.ask();
    world.wait(performance.now() - startMs - world.nowMs());
    const overlay = world.sees(...ribIn);
    host.tell({ type: "exports", routes: overlay.exports });
    return overlay;
  }
  const entryOf = async (mac: Mac) => (await refresh()).networks[0]?.table.entries.find((entry) => entry.mac === mac);
  const claimOn = async (mac: Mac) =>
    (await refresh()).networks[0]?.table.conflicts.find((conflict) => conflict.mac === mac);
  const torFdb = (): string => inside(TOR_NS, `bridge fdb show dev vx${VNI}`);
  const torHasIt = (mac: Mac, vtep: IpAddress): boolean => torFdb().includes(`${mac} dst ${vtep} self extern_learn`);
  const torRoute = (mac: Mac): string => frr.show(`show bgp l2vpn evpn route vni ${VNI} mac ${mac}`);

  beforeAll(async () => {
    segment();
    addVni(TOR_NS, VNI, TOR);
    inside(TOR_NS, `bridge fdb add ${PINNED} dev acc${VNI} master static sticky`);
    host = new SpeakerInNamespace(HOST_NS);
    other = new SpeakerInNamespace(OTHER_NS);
    for (const [speaker, routerId] of [
      [host, HOST],
      [other, OTHER],
    ] as const) {
      speaker.tell({ type: "imports", targets: [`${ASN}:${VNI}`] });
      const peers = [{ address: TOR, asn: ASN, holdTimeSec: 9 }];
      speaker.tell({ type: "configure", config: { asn: ASN, routerId, peers } });
    }
    frr = new Frr(TOR_NS, `hostname tor\n${documentedConfig()}`);
    await eventually("both sessions, and FRR's first table", async () => {
      for (const speaker of [host, other]) if ((await speaker.ask()).summary[0]?.state !== "Established") return false;
      return host.events.some((it) => it.event === "end-of-rib");
    });
    await refresh();
    await eventually("our endpoint at the ToR", () => torHasIt(OURS, HOST));
  });

  afterAll(async () => {
    void world.lane.close?.();
    try {
      await host.stop();
      await other.stop();
      await frr.stop();
    } finally {
      removeNamespaces(TOR_NS, HOST_NS, OTHER_NS);
    }
  });

  it("two places, the one with the higher sequence withdraws -> the other at once (FRR 8.4.4 stays on the stale one)", async () => {
    const vtep = async () => (await entryOf(ROAMING))?.vtep;
    other.tell({ type: "exports", routes: [roaming(7, OTHER), roaming(9, THIRD)] });
    await eventually("the higher sequence", async () => (await vtep()) === THIRD);
    other.tell({ type: "exports", routes: [roaming(7, OTHER)] });
    await eventually("the path that is left", async () => (await vtep()) === OTHER, 1000);
    other.tell({ type: "exports", routes: [] });
    await eventually("no path", async () => (await vtep()) === undefined, 1000);
  });

  it("two places with one sequence -> the lower VTEP, here and in FRR's kernel, in whatever order they came (RFC 7432 15.1)", async () => {
    for (const order of [
      [OTHER, THIRD],
      [THIRD, OTHER],
    ] as const) {
      const routes = order.map((vtep) => roaming(7, vtep));
      other.tell({ type: "exports", routes: routes.slice(0, 1) });
      await eventually("the first", async () => (await entryOf(ROAMING))?.vtep === order[0]);
      other.tell({ type: "exports", routes });
      await eventually("the lower one", async () => (await entryOf(ROAMING))?.vtep === OTHER);
      await eventually("FRR's choice", () => torHasIt(ROAMING, OTHER));
      other.tell({ type: "exports", routes: [] });
      await eventually("no path", async () => (await entryOf(ROAMING)) === undefined);
    }
  });

  it("our endpoint's MAC elsewhere with its own sequence -> ours, the lower VTEP, stands here and at FRR (15.1)", async () => {
    const claim = roaming(0, OTHER);
    other.tell({ type: "exports", routes: [{ ...claim, nlri: { ...claim.nlri, mac: OURS } as typeof claim.nlri }] });
    await eventually("the claim at FRR", () => torRoute(OURS).includes(OTHER));
    expect(await entryOf(OURS)).toMatchObject({ source: "local", mobility: 0 });
    expect(torHasIt(OURS, HOST)).toBe(true);
    other.tell({ type: "exports", routes: [] });
    await eventually("the claim is gone", () => !torRoute(OURS).includes(OTHER));
    expect(await entryOf(OURS)).toMatchObject({ source: "local", mobility: 0 });
  });

  it("bare metal at the ToR takes our endpoint's MAC -> FRR raises, we take it back one above (RFC 7432 15.1)", async () => {
    inside(TOR_NS, `bridge fdb replace ${OURS} dev acc${VNI} master static`);
    await eventually("FRR's claim", async () => (await claimOn(OURS)) !== undefined);
    expect(await entryOf(OURS)).toMatchObject({ source: "local" });
    const entry = await eventually("taken back", async () => {
      const now = await entryOf(OURS);
      return (now?.mobility ?? 0) > 0 && now;
    });
    expect(entry).toMatchObject({ source: "local", port: "tap1", mobility: 2 });
    await eventually("FRR gives way", () => torRoute(OURS).includes("MM:2"));
    await eventually("FRR's kernel sends to us again", () => torHasIt(OURS, HOST));
    expect(world.diary.recent().map(({ kind }) => kind)).toContain("mac-taken-back");
  });

  it("taken again and again -> frozen after 5 moves, FRR's next claim stands, and a command lets us answer", async () => {
    const frozen = async () => (await entryOf(OURS))?.frozen ?? false;
    for (let round = 0; round < 4 && !(await frozen()); round++) {
      inside(TOR_NS, `bridge fdb replace ${OURS} dev acc${VNI} master static`);
      await eventually("claimed", async () => (await claimOn(OURS)) !== undefined);
      await eventually("answered, or frozen", async () => {
        const conflict = await claimOn(OURS);
        return conflict === undefined || conflict.response === "frozen";
      });
      if (!(await frozen())) await eventually("FRR's kernel sends to us", () => torHasIt(OURS, HOST));
    }
    expect(await frozen()).toBe(true);
    expect(world.lane.moved().filter(({ mac }) => mac === OURS)).toMatchObject([{ moves: 5, frozen: {} }]);
    expect(world.lane.clearDuplicate(OURS)).toEqual(["blue"]);
    await eventually("answered", async () => (await claimOn(OURS)) === undefined);
    await eventually("FRR's kernel sends to us", () => torHasIt(OURS, HOST));
  });

  it("sticky at the ToR -> we keep our endpoint, do not raise, and say so (RFC 7432 15.2)", async () => {
    expect(await eventually("the sticky claim", () => claimOn(PINNED))).toMatchObject({
      fixed: true,
      response: "keep",
      fabricVtep: TOR,
      declaredMobility: 0,
    });
    expect(await entryOf(PINNED)).toMatchObject({ source: "local", mobility: 0 });
    expect(world.diary.recent().some(({ detail }) => detail.includes(`${PINNED} is declared`))).toBe(true);
  });
});
