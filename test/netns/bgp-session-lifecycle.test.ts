// Shutdown with a reason, hard reset, maximum of routes, route refresh, roles, names, several ToRs, loopbacks over
// multihop and IPv6 sessions, each with FRR as the ToR.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import type { PeerConfig, PeerSummary } from "../../edge-agent/bgp/speaker.ts";
import {
  addVni,
  eventually,
  Frr,
  inside,
  linkedNamespaces,
  removeNamespaces,
  SpeakerInNamespace,
} from "../edge-agent/bgp/namespace-lab.ts";
import { requireKernel } from "./require-root.ts";

const ROUTER = "bgs-life-frr";
const SPEAKER = "bgs-life-speaker";
const VNI = 100 as Vni;
const TOR = parseIp("10.96.0.1") as IpAddress;
const OURS = parseIp("10.96.0.2") as Ipv4;
const TOR_LOOPBACK = parseIp("2001:db8:1::1") as IpAddress;
const OUR_LOOPBACK = parseIp("2001:db8:2::2") as IpAddress;
const OUR_LINK_LOCAL = "fe80::b";
const TOR_ASN = 65000;
const OUR_ASN = 65001;

const OUR_MAC = "02:bb:00:00:00:01" as Mac;
const exported: ExportedRoute = {
  nlri: {
    type: "mac-ip",
    rd: `${OURS}:${VNI}` as RouteDistinguisher,
    esi: ZERO_ESI,
    ethernetTag: 0,
    mac: OUR_MAC,
    vni: VNI,
  },
  nextHop: OURS,
  routeTargets: [`${TOR_ASN}:${VNI}` as RouteTarget],
};

type Neighbour = {
  readonly hostname: string;
  readonly bgpState: string;
  readonly neighborCapabilities?: Record<string, unknown>;
};

describe.runIf(requireKernel("root", "vxlan", "bridge", "frr"))("bgp sessions, their life with FRR", () => {
  let frr: Frr;
  let speaker: SpeakerInNamespace;

  const vtysh = (...lines: string[]): void => {
    frr.show(["configure terminal", `router bgp ${TOR_ASN}`, ...lines].join("\n"));
  };
  const direct: PeerConfig = { address: TOR, asn: TOR_ASN as Asn };
  const loopback: PeerConfig = {
    address: TOR_LOOPBACK,
    asn: TOR_ASN as Asn,
    localAddress: OUR_LOOPBACK,
    multihop: 4,
  };
  const configure = (...peers: PeerConfig[]): void => {
    speaker.tell({ type: "configure", config: { asn: OUR_ASN as Asn, routerId: OURS, peers } });
  };
  const summary = async (address: IpAddress = TOR): Promise<PeerSummary | undefined> =>
    (await speaker.ask()).summary.find((it) => it.address === address);
  const established = (address: IpAddress = TOR) =>
    eventually(`Established with ${address}`, async () => (await summary(address))?.state === "Established", 15_000);
  const neighbour = (address: string = OURS): Neighbour => {
    const shown = (frr.json(`show bgp neighbors ${address}`) as Record<string, Neighbour>)[address];
    if (!shown) throw new Error(`FRR knows no neighbour ${address}`);
    return shown;
  };
  const lastError = (pattern: RegExp) =>
    eventually(`the reason ${pattern}`, async () => {
      const text = (await summary())?.lastError ?? "no reason yet";
      if (pattern.test(text)) return true;
      throw new Error(text);
    });

  beforeAll(async () => {
    linkedNamespaces(ROUTER, SPEAKER, "10.96.0");
    inside(ROUTER, `ip addr add ${TOR_LOOPBACK}/128 dev lo`);
    inside(SPEAKER, `ip addr add ${OUR_LOOPBACK}/128 dev lo`);
    inside(ROUTER, "ip addr add 2001:db8::1/64 dev to-speaker nodad");
    inside(SPEAKER, "ip addr add 2001:db8::2/64 dev to-router nodad");
    inside(ROUTER, `ip route add ${OUR_LOOPBACK}/128 via 2001:db8::2`);
    inside(SPEAKER, `ip route add ${TOR_LOOPBACK}/128 via 2001:db8::1`);
    inside(ROUTER, "ip addr add fe80::a/64 dev to-speaker nodad");
    inside(SPEAKER, `ip addr add ${OUR_LINK_LOCAL}/64 dev to-router nodad`);
    inside(SPEAKER, "ip link set to-router addrgenmode none");
    addVni(ROUTER, VNI, TOR);
    for (const n of [1, 2, 3]) inside(ROUTER, `bridge fdb add 02:aa:00:00:00:0${n} dev acc${VNI} master static`);
    const neighbours = [OURS, OUR_LOOPBACK].flatMap((address) => [
      ` neighbor ${address} remote-as ${OUR_ASN}`,
      ` neighbor ${address} timers connect 1`,
    ]);
    frr = new Frr(
      ROUTER,
      [
        "hostname tor",
        `router bgp ${TOR_ASN}`,
        ` bgp router-id ${TOR}`,
        " no bgp default ipv4-unicast",
        " no bgp ebgp-requires-policy",
        ...neighbours,
        ` neighbor ${OUR_LOOPBACK} update-source ${TOR_LOOPBACK}`,
        ` neighbor ${OUR_LOOPBACK} ebgp-multihop 4`,
        " address-family l2vpn evpn",
        `  neighbor ${OURS} activate`,
        `  neighbor ${OUR_LOOPBACK} activate`,
        "  advertise-all-vni",
        " exit-address-family",
        "",
      ].join("\n"),
    );
    speaker = new SpeakerInNamespace(SPEAKER, "hostName=host-a", "restart=lost");
    speaker.tell({ type: "imports", targets: [`${TOR_ASN}:${VNI}`] });
    configure(direct, loopback);
    await eventually("bgpd", () => frr.show("show bgp summary").length > 0);
  });

  afterAll(async () => {
    try {
      await speaker.stop();
      await frr.stop();
    } finally {
      removeNamespaces(ROUTER, SPEAKER);
    }
  });

  it("a ToR on the link over IPv4, and one behind a hop from loopback to loopback over IPv6 -> both up, with routes", async () => {
    for (const address of [TOR, TOR_LOOPBACK]) {
      await established(address);
      await eventually(`routes of ${address}`, async () => (await summary(address))?.routesIn === 4);
    }
    expect(await summary(TOR_LOOPBACK)).toMatchObject({ localAddress: OUR_LOOPBACK });
    configure(direct);
    await eventually("only one", async () => (await speaker.ask()).summary.length === 1);
    expect((await summary())?.sessions).toBe(1);
  });

  it("names and capabilities -> each knows the other's; what is unknown is shown", async () => {
    expect(await summary()).toMatchObject({ peerHostName: "tor" });
    expect(neighbour()).toMatchObject({ hostname: "host-a" });
    const kinds = (await summary())?.capabilities?.map((it) => it.kind) ?? [];
    expect(kinds).toEqual(
      expect.arrayContaining([
        "enhanced-route-refresh",
        "fqdn",
        "graceful-restart",
        "long-lived-graceful-restart",
        "unknown",
      ]),
    );
    const text = JSON.stringify(neighbour().neighborCapabilities);
    expect(text).toContain('"enhancedRouteRefresh":"advertisedAndReceived"');
    expect(text).toMatch(/gracefulRestart(Capability)?":"advertisedAndReceived"/);
  });

  it("route refresh from FRR, and of FRR -> answered between marks, nothing is lost (RFC 7313)", async () => {
    const before = neighbourStats();
    frr.show(`clear bgp l2vpn evpn ${OURS} soft in`);
    await eventually("FRR gets the two marks", () => neighbourStats().refreshRecv >= before.refreshRecv + 2);
    speaker.tell({ type: "imports", targets: [] });
    speaker.tell({ type: "imports", targets: [`${TOR_ASN}:${VNI}`] });
    await eventually("all routes again", async () => (await summary())?.routesIn === 4);
    await eventually("none is stale", async () => (await summary())?.staleRoutes === 0);
    expect(await summary()).toMatchObject({ state: "Established", malformed: { "session-reset": 0 } });

    function neighbourStats(): { refreshRecv: number } {
      const { messageStats } = neighbour() as unknown as { messageStats: { routeRefreshRecv: number } };
      return { refreshRecv: messageStats.routeRefreshRecv };
    }
  });

  it("we shut down with a reason -> FRR shows it, enclosed in a hard reset (RFC 9003, 8538)", async () => {
    configure({ ...direct, shutdown: { reason: "rack move" } });
    await eventually("FRR is told", () => neighbour().bgpState !== "Established");
    expect(neighbour()).toMatchObject({
      lastNotificationReason: "Cease/Administrative Shutdown",
      lastNotificationHardReset: true,
      lastShutdownDescription: "rack move",
    });
    configure(direct);
    await established();
  });

  it("FRR shuts down with a reason -> shown here, its routes go at once", async () => {
    await eventually("routes", async () => (await summary())?.routesIn === 4);
    vtysh(`neighbor ${OURS} shutdown message power work`);
    await lastError(/Hard Reset \(6\/9\): Cease\/Administrative Shutdown \(6\/2\): "power work"/);
    expect(await summary()).toMatchObject({ routesIn: 0 });
    vtysh(`no neighbor ${OURS} shutdown`);
    await established();
  });

  it("FRR sends more routes than the maximum -> warning, 6/1, tried again after the restart time (RFC 4486)", async () => {
    configure({ ...direct, maximumRoutes: { limit: 3, restartAfterSec: 2 } });
    await lastError(/Maximum Number of Prefixes Reached \(6\/1\): more than 3 routes/);
    const downAtMs = Date.now();
    expect(speaker.events.some((it) => it.event === "error" && it.detail?.includes("the limit is 3"))).toBe(true);
    expect(await summary()).toMatchObject({ routesIn: 0, state: "Idle" });
    await eventually("a new attempt", async () => (await summary())?.sessions === 2, 6000);
    expect(Date.now() - downAtMs).toBeGreaterThan(1500);
    configure(direct);
    await established();
  });

  it("our process ends for a restart and another follows -> no NOTIFICATION, R and F bit; FRR keeps no EVPN (RFC 4724 4.1)", async () => {
    const held = (): boolean => frr.show("show bgp l2vpn evpn").includes(OUR_MAC);
    speaker.tell({ type: "exports", routes: [exported] });
    await eventually("our route there", held);
    const told = (): number =>
      (neighbour() as unknown as { messageStats: { notificationsRecv: number } }).messageStats.notificationsRecv;
    const before = told();
    speaker.tell({ type: "close", purpose: "restart" });
    await eventually("FRR sees the end", () => neighbour().bgpState !== "Established");
    expect(told()).toBe(before);
    // Its graceful restart does not cover EVPN, whatever we ask for (docs/bgp.md); GoBGP's does (bgp-session-gobgp.test.ts).
    await eventually("our route gone there", () => !held());
    speaker = new SpeakerInNamespace(SPEAKER, "hostName=host-a", "restart=preserved");
    speaker.tell({ type: "imports", targets: [`${TOR_ASN}:${VNI}`] });
    speaker.tell({ type: "exports", routes: [exported] });
    configure(direct);
    await established();
    await eventually("our route again", held);
    await eventually("FRR's view", () => neighbour().bgpState === "Established");
    expect(neighbour()).toMatchObject({
      gracefulRestartInfo: { rBit: true, nBit: true, timers: { receivedRestartTimer: 120 } },
    });
    expect(JSON.stringify(neighbour().neighborCapabilities)).toMatch(/l2VpnEvpn":\{"advertisedAndReceived":true\}/);
  });

  it("a ToR by its link-local address on an interface -> up, with GTSM, with routes", async () => {
    const torLinkLocal = parseIp("fe80::a") as IpAddress;
    const linkLocal = { address: torLinkLocal, asn: TOR_ASN as Asn, interface: "to-router", ttlSecurityHops: 1 };
    vtysh(
      `neighbor ${OUR_LINK_LOCAL} remote-as external`,
      `neighbor ${OUR_LINK_LOCAL} interface to-speaker`,
      `neighbor ${OUR_LINK_LOCAL} timers connect 1`,
      `neighbor ${OUR_LINK_LOCAL} ttl-security hops 1`,
      "address-family l2vpn evpn",
      `neighbor ${OUR_LINK_LOCAL} activate`,
    );
    configure(direct, linkLocal);
    await established(torLinkLocal);
    await eventually("routes", async () => (await summary(torLinkLocal))?.routesIn === 4);
    expect(await summary(torLinkLocal)).toMatchObject({ localAddress: OUR_LINK_LOCAL });
    configure(direct);
  });

  it("roles that fit -> up; roles that do not -> 2/11 (RFC 9234)", async () => {
    vtysh(`neighbor ${OURS} local-role provider`);
    configure({ ...direct, role: "customer", strictRole: true });
    await established();
    expect((await summary())?.capabilities).toContainEqual({ kind: "role", role: "provider" });
    configure({ ...direct, role: "provider" });
    await lastError(/Role Mismatch \(2\/11\)/);
    vtysh(`no neighbor ${OURS} local-role provider`);
    configure(direct);
    await established();
  });
});
