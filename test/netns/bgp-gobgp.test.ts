// The speaker against GoBGP as the ToR: routes of all types and IPv6 next hops, which FRR cannot be made to send.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import { eventually, linkedNamespaces, removeNamespaces, SpeakerInNamespace } from "../edge-agent/bgp/namespace-lab.ts";
import { type Gobgp, requireGobgp, startGobgp } from "./gobgp.ts";
import { requireKernel } from "./require-root.ts";

const ROUTER = "bgpt-gobgp";
const SPEAKER = "bgpt-speaker2";
const TOR = parseIp("10.97.0.1") as IpAddress;
const VTEP = parseIp("10.97.0.2") as Ipv4;
const ASN = 65000 as Asn;

describe.runIf(requireKernel("root") && requireGobgp())("bgp with GoBGP", () => {
  let gobgp: Gobgp;
  let speaker: SpeakerInNamespace;
  const rib = (line: string): string => gobgp.rib(line);
  const types = async (): Promise<string[]> => (await speaker.ask()).ribIn.map(({ nlri }) => nlri.type).toSorted();

  beforeAll(async () => {
    linkedNamespaces(ROUTER, SPEAKER, "10.97.0");
    gobgp = startGobgp({ namespace: ROUTER, address: TOR, neighbour: VTEP, asn: ASN });
    speaker = new SpeakerInNamespace(SPEAKER);
    speaker.tell({ type: "imports", targets: ["65000:100", "65000:5000"] });
    speaker.tell({ type: "configure", config: { asn: ASN, routerId: VTEP, peers: [{ address: TOR, asn: ASN }] } });
    await eventually("Established", () => speaker.events.some((it) => it.state === "Established"));
  });

  afterAll(async () => {
    try {
      await speaker.stop();
      await gobgp.remove();
    } finally {
      removeNamespaces(ROUTER, SPEAKER);
    }
  });

  it("routes of types 1 to 5 -> all arrive, and go again", async () => {
    const common = "rd 10.97.0.1:100 rt 65000:100 encap vxlan";
    const esi = "esi arbitrary 01:02:03:04:05:06:07:08:09";
    const routes = [
      `a-d ${esi} etag 0 label 100 ${common} esi-label 100`,
      `macadv 02:dd:00:00:00:01 0.0.0.0 etag 0 label 100 ${common} nexthop ${TOR}`,
      `multicast ${TOR} etag 0 ${common} pmsi ingress-repl 100 ${TOR}`,
      `esi ${TOR} ${esi} ${common}`,
      `prefix 198.51.100.0/24 etag 0 label 5000 rd 10.97.0.1:5000 rt 65000:5000 encap vxlan router-mac 02:ee:00:00:00:04 nexthop ${TOR}`,
    ];
    for (const route of routes) rib(`add -a evpn ${route}`);
    const all = ["ethernet-ad", "ethernet-segment", "imet", "ip-prefix", "mac-ip"];
    await eventually("five types", async () => (await types()).join() === all.join());
    const { ribIn } = await speaker.ask();
    expect(ribIn.find(({ nlri }) => nlri.type === "ip-prefix")).toMatchObject({
      nlri: { prefix: "198.51.100.0/24", vni: 5000 },
      routerMac: "02:ee:00:00:00:04",
    });
    rib("del all -a evpn");
    await eventually("no route", async () => (await types()).length === 0);
  });

  it("an IPv6 next hop and an IPv6 address -> as they are", async () => {
    rib(
      "add -a evpn macadv 02:dd:00:00:00:02 2001:db8::44 etag 0 label 100 rd 10.97.0.1:100 rt 65000:100 encap vxlan nexthop 2001:db8::2",
    );
    await eventually("the route", async () => (await types()).length === 1);
    expect((await speaker.ask()).ribIn).toMatchObject([{ nextHop: "2001:db8::2", nlri: { ip: "2001:db8::44" } }]);
  });

  it("our routes -> GoBGP's table has them with target, encapsulation, mobility and tunnel", async () => {
    const rd = `${VTEP}:100` as RouteDistinguisher;
    const shared = { nextHop: VTEP, routeTargets: ["65000:100" as RouteTarget] };
    const mac = "02:bb:00:00:00:01" as Mac;
    const routes: ExportedRoute[] = [
      { ...shared, nlri: { type: "imet", rd, ethernetTag: 0, originator: VTEP }, pmsi: { vni: 100 as Vni } },
      {
        ...shared,
        nlri: {
          type: "mac-ip",
          rd,
          esi: ZERO_ESI,
          ethernetTag: 0,
          mac,
          ip: parseIp("192.168.100.21") as IpAddress,
          vni: 100 as Vni,
        },
        mobility: { sequence: 7, sticky: true },
      },
    ];
    speaker.tell({ type: "exports", routes });
    const text = await eventually("two routes", () => {
      const shown = rib("-a evpn");
      return shown.includes("type:macadv") && shown.includes("type:multicast") && shown.includes(`[rd:${rd}]`) && shown;
    });
    const line = text.split("\n").find((it) => it.includes(mac));
    for (const part of ["65000:100", "VXLAN", "192.168.100.21", VTEP]) expect(line).toContain(part);
    expect(line?.toLowerCase()).toMatch(/mac mobility: 7.*sticky|mobility.*7/);
    expect((await speaker.ask()).summary).toMatchObject([
      { state: "Established", malformed: { "treat-as-withdraw": 0, "session-reset": 0 } },
    ]);
  });
});
