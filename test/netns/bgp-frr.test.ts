// The speaker against FRR as the ToR, in namespaces: iBGP, and eBGP with a 4-octet AS number of our own.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseIp, type IpAddress, type Ipv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, type ReceivedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
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

const ROUTER = "bgpt-frr";
const SPEAKER = "bgpt-speaker";
const VNI = 100 as Vni;
const TOR = parseIp("10.98.0.1") as IpAddress;
const VTEP = parseIp("10.98.0.2") as Ipv4;
const TOR_ASN = 65000;
const BARE_METAL = "02:aa:00:00:00:01";

const rd = `${VTEP}:${VNI}` as RouteDistinguisher;

function exported(asn: number, mac: string, more: { ip?: string; sequence?: number } = {}): ExportedRoute {
  return {
    nlri: {
      type: "mac-ip",
      rd,
      esi: ZERO_ESI,
      ethernetTag: 0,
      mac: mac as Mac,
      vni: VNI,
      ...(more.ip && { ip: more.ip as IpAddress }),
    },
    nextHop: VTEP,
    routeTargets: [`${asn & 0xffff}:${VNI}` as RouteTarget],
    ...(more.sequence && { mobility: { sequence: more.sequence, sticky: false } }),
  };
}

/** Of FRR's `show bgp neighbors`. */
type Neighbour = {
  readonly neighborCapabilities: { readonly extendedMessage?: string };
  readonly messageStats: { readonly updatesRecv: number };
};

function flooding(asn: number): ExportedRoute {
  return {
    nlri: { type: "imet", rd, ethernetTag: 0, originator: VTEP },
    nextHop: VTEP,
    routeTargets: [`${asn & 0xffff}:${VNI}` as RouteTarget],
    pmsi: { vni: VNI },
  };
}

describe.runIf(requireKernel("root", "vxlan", "bridge", "frr")).each([
  { kind: "iBGP", ourAsn: TOR_ASN },
  { kind: "eBGP", ourAsn: 4200000002 },
])("bgp with FRR, $kind", ({ kind, ourAsn }) => {
  const internal = kind === "iBGP";
  let frr: Frr;
  let speaker: SpeakerInNamespace;

  const fabric = async (): Promise<readonly ReceivedRoute[]> => (await speaker.ask()).ribIn;
  const macs = async (): Promise<string[]> =>
    (await fabric()).flatMap(({ nlri }) => (nlri.type === "mac-ip" && !nlri.ip ? [nlri.mac as string] : []));
  const neighbour = (): Neighbour =>
    (frr.json(`show bgp neighbors ${VTEP}`) as Record<string, Neighbour>)[VTEP] as Neighbour;
  const torFdb = (): string => inside(ROUTER, `bridge fdb show dev vx${VNI}`);
  const established = (): number | undefined =>
    speaker.events.findLast((it) => it.event === "session" && it.state === "Established")?.atMs;

  beforeAll(async () => {
    linkedNamespaces(ROUTER, SPEAKER, "10.98.0");
    addVni(ROUTER, VNI, TOR);
    inside(ROUTER, `bridge fdb add ${BARE_METAL} dev acc${VNI} master static`);
    speaker = new SpeakerInNamespace(SPEAKER);
    const peers = [{ address: TOR, asn: TOR_ASN as Asn, holdTimeSec: 9 }];
    speaker.tell({ type: "imports", targets: [`${TOR_ASN}:${VNI}`] });
    speaker.tell({ type: "configure", config: { asn: ourAsn as Asn, routerId: VTEP, peers } });
    speaker.tell({ type: "exports", routes: [flooding(ourAsn), exported(ourAsn, "02:bb:00:00:00:01")] });
    await eventually("the speaker tries in vain", () => speaker.events.length > 0);
    frr = new Frr(
      ROUTER,
      [
        "hostname tor",
        `router bgp ${TOR_ASN}`,
        ` bgp router-id ${TOR}`,
        " no bgp default ipv4-unicast",
        " no bgp ebgp-requires-policy",
        ` neighbor ${VTEP} remote-as ${ourAsn}`,
        ` neighbor ${VTEP} timers connect 1`,
        " address-family l2vpn evpn",
        `  neighbor ${VTEP} activate`,
        ...(internal ? [`  neighbor ${VTEP} route-reflector-client`] : []),
        "  advertise-all-vni",
        " exit-address-family",
        "",
      ].join("\n"),
    );
  });

  afterAll(async () => {
    try {
      await speaker.stop();
      await frr.stop();
    } finally {
      removeNamespaces(ROUTER, SPEAKER);
    }
  });

  it("session: FRR starts while we try -> Established within 2 s of its answering", async () => {
    const answersAtMs = Date.now();
    const atMs = await eventually("Established", established);
    expect(atMs - answersAtMs).toBeLessThan(2000);
    const { summary } = await speaker.ask();
    expect(summary).toMatchObject([{ state: "Established", holdTimeSec: 9, peerRouterId: TOR }]);
  });

  it("FRR's table: its flood membership and bare metal MAC arrive, then End-of-RIB", async () => {
    await eventually("End-of-RIB", () => speaker.events.some((it) => it.event === "end-of-rib"));
    const routes = await fabric();
    expect(routes).toHaveLength(2);
    expect(routes.find(({ nlri }) => nlri.type === "imet")).toMatchObject({
      nlri: { originator: TOR },
      nextHop: TOR,
      routeTargets: [`${TOR_ASN}:${VNI}`],
      encapsulations: [8],
      asPath: internal ? [] : [TOR_ASN],
      pmsi: { tunnelType: 6, vni: VNI, endpoint: TOR },
    });
    const macRoute = routes.find(({ nlri }) => nlri.type === "mac-ip");
    expect(macRoute).toMatchObject({ nlri: { mac: BARE_METAL, vni: VNI }, nextHop: TOR });
    expect(macRoute?.localPref).toBe(internal ? 100 : undefined);
  });

  it("our routes: FRR shows them as valid and best, and its kernel forwards to our VTEP", async () => {
    await eventually("the MAC in FRR's kernel", () =>
      torFdb().includes(`02:bb:00:00:00:01 dst ${VTEP} self extern_learn`),
    );
    await eventually("the flood entry", () => torFdb().includes(`00:00:00:00:00:00 dst ${VTEP} self permanent`));
    const shown = JSON.stringify(frr.json("show bgp l2vpn evpn route"));
    for (const prefix of ["[2]:[0]:[48]:[02:bb:00:00:00:01]", `[3]:[0]:[32]:[${VTEP}]`]) {
      expect(shown).toContain(`"${prefix}":{`);
    }
    const detail = JSON.stringify(frr.json(`show bgp l2vpn evpn route rd ${rd}`));
    expect(detail).toContain(`RT:${ourAsn & 0xffff}:${VNI} ET:8`);
    expect(detail).toContain('"bestpath":');
    expect(detail).toContain('"origin":"IGP"');
  });

  it("our routes, sent back to us by FRR -> refused by ORIGINATOR_ID (RFC 4456 section 8) or AS_PATH", async () => {
    const reason = internal ? "originated-here" : "as-loop";
    const rejected = await eventually("our routes come back", async () => {
      const [peer] = (await speaker.ask()).summary;
      return (peer?.rejected[reason] ?? 0) >= 2 && peer?.rejected;
    });
    expect(Object.keys(rejected)).toEqual([reason]);
    expect((await fabric()).filter(({ nextHop }) => nextHop === VTEP)).toEqual([]);
  });

  it("MAC with an IP and a raised mobility sequence: FRR shows both", async () => {
    const moved = [
      exported(ourAsn, "02:bb:00:00:00:01", { sequence: 7 }),
      exported(ourAsn, "02:bb:00:00:00:01", { sequence: 7, ip: "192.168.100.21" }),
      exported(ourAsn, "02:bb:00:00:00:01", { sequence: 7, ip: "2001:db8::21" }),
    ];
    speaker.tell({ type: "exports", routes: [flooding(ourAsn), ...moved] });
    const text = await eventually("MM:7 three times", () => {
      const shown = frr.show(`show bgp l2vpn evpn route rd ${rd}`);
      return shown.split("MM:7").length > 3 && shown;
    });
    expect(text).toContain("[32]:[192.168.100.21]");
    expect(text).toContain("[128]:[2001:db8::21]");
  });

  it("FRR learns, loses and pins MACs: each arrives here within a second", async () => {
    inside(ROUTER, `bridge fdb add 02:aa:00:00:00:02 dev acc${VNI} master static sticky`);
    await eventually("the MAC", async () => (await macs()).includes("02:aa:00:00:00:02"), 1000);
    const sticky = (await fabric()).find(({ nlri }) => nlri.type === "mac-ip" && nlri.mac === "02:aa:00:00:00:02");
    expect(sticky?.mobility).toEqual({ sequence: 0, sticky: true });
    inside(ROUTER, `bridge fdb del 02:aa:00:00:00:02 dev acc${VNI} master`);
    await eventually("the withdrawal", async () => !(await macs()).includes("02:aa:00:00:00:02"), 1000);
  });

  it("imports: targets that match nothing empty the table; widened again, route refresh brings it back (RFC 2918)", async () => {
    speaker.tell({ type: "imports", targets: ["65000:999"] });
    expect(await fabric()).toEqual([]);
    speaker.tell({ type: "imports", targets: [`${TOR_ASN}:${VNI}`] });
    await eventually("the table", async () => (await fabric()).length === 2, 3000);
  });

  it("2000 routes at once, then none but one: FRR's kernel follows", async () => {
    const hex = (octet: number): string => octet.toString(16).padStart(2, "0");
    const many = Array.from({ length: 2000 }, (_, i) => exported(ourAsn, `02:cc:00:00:${hex(i >> 8)}:${hex(i & 255)}`));
    const updatesBefore = neighbour().messageStats.updatesRecv;
    speaker.tell({ type: "exports", routes: [flooding(ourAsn), ...many] });
    const count = (): number => torFdb().split(`dst ${VTEP} self extern_learn`).length - 1;
    await eventually("2000 MACs in FRR's kernel", () => count() === 2000, 10_000);
    const [peer] = (await speaker.ask()).summary;
    expect(peer?.routesOut).toBe(2001);
    // Extended messages (RFC 8654): 1862 such routes fit into one, where 4096 octets take 107.
    const { neighborCapabilities, messageStats } = neighbour();
    expect(neighborCapabilities.extendedMessage).toBe("advertisedAndReceived");
    expect(messageStats.updatesRecv - updatesBefore).toBeLessThan(10);
    speaker.tell({ type: "exports", routes: [flooding(ourAsn), exported(ourAsn, "02:bb:00:00:00:01")] });
    await eventually("one MAC in FRR's kernel", () => count() === 1, 10_000);
    expect((await speaker.ask()).summary).toMatchObject([
      { state: "Established", sessions: 1, malformed: { "session-reset": 0 } },
    ]);
  });

  it("bgpd crashes and returns without a MAC -> stale routes kept, session back in 2 s, End-of-RIB sweeps", async () => {
    frr.killBgpd();
    await eventually("stale routes", async () => (await speaker.ask()).summary[0]?.staleRoutes === 2);
    expect(await macs()).toEqual([BARE_METAL]);
    const answersAtMs = Date.now();
    frr.startBgpd();
    const upAtMs = await eventually("Established", () =>
      (established() ?? 0) > answersAtMs ? established() : undefined,
    );
    expect(upAtMs - answersAtMs).toBeLessThan(2500);
    // FRR holds its first table back for a second. (zebra misses a deletion while there is no bgpd.)
    inside(ROUTER, `bridge fdb del ${BARE_METAL} dev acc${VNI} master`);
    expect(await macs()).toEqual([BARE_METAL]);
    await eventually("the sweep", async () => (await macs()).length === 0);
    const { summary, ribIn } = await speaker.ask();
    expect(summary).toMatchObject([{ staleRoutes: 0, sessions: 2 }]);
    expect(ribIn).toMatchObject([{ nlri: { type: "imet" } }]);
    await eventually("our routes again", () => torFdb().includes(`02:bb:00:00:00:01 dst ${VTEP} self extern_learn`));
  });

  it("neighbor shut down with a reason, and opened again -> the reason is shown (RFC 9003), the session returns", async () => {
    run9003(`neighbor ${VTEP} shutdown message maintenance at noon`);
    const down = await eventually("the reason", () =>
      speaker.events.find((it) => it.event === "session" && it.detail?.includes("Administrative Shutdown (6/2)")),
    );
    expect(down.detail).toContain("maintenance at noon");
    const openedAtMs = Date.now();
    run9003(`no neighbor ${VTEP} shutdown`);
    await eventually("Established", () => (established() ?? 0) > openedAtMs, 15_000);

    function run9003(line: string): void {
      frr.show(`configure terminal\nrouter bgp ${TOR_ASN}\n${line}`);
    }
  });
});
