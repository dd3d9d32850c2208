// The speaker against GoBGP as the ToR, over IPv4 and over IPv6 throughout (session, next hops, VTEPs and machines): routes of
// all types, which FRR cannot be made to send, and IPv6 VTEPs, which FRR 8.4 does not take.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import { buildMacTable } from "../../edge-agent/evpn/mac-table.ts";
import {
  eventually,
  inside,
  linkedNamespaces,
  removeNamespaces,
  SpeakerInNamespace,
} from "../edge-agent/bgp/namespace-lab.ts";
import { type Gobgp, requireGobgp, startGobgp } from "./gobgp.ts";
import { requireKernel } from "./require-root.ts";

const ROUTER = "bgpt-gobgp";
const SPEAKER = "bgpt-speaker2";
const ASN = 65000 as Asn;
const TOR_ID = parseIp("10.97.0.1") as Ipv4;
const OUR_ID = parseIp("10.97.0.2") as Ipv4;
const MACHINE = "02:dd:00:00:00:01";

const FAMILIES = [
  {
    family: "IPv4",
    tor: TOR_ID,
    vtep: OUR_ID,
    machine: "192.168.100.44",
    ours: "192.168.100.21",
    prefix: "198.51.100.0/24",
    ourPrefix: "203.0.113.0/24",
  },
  {
    family: "IPv6",
    tor: "2001:db8:97::1",
    vtep: "2001:db8:97::2",
    machine: "2001:db8:1::44",
    ours: "2001:db8:1::21",
    prefix: "2001:db8:2::/64",
    ourPrefix: "2001:db8:3::/64",
  },
] as const;

describe.runIf(requireKernel("root") && requireGobgp()).each(FAMILIES)("bgp with GoBGP over $family", (addresses) => {
  const [tor, vtep] = [addresses.tor as IpAddress, addresses.vtep as IpAddress];
  let gobgp: Gobgp;
  let speaker: SpeakerInNamespace;
  const rib = (line: string): string => gobgp.rib(line);
  const types = async (): Promise<string[]> => (await speaker.ask()).ribIn.map(({ nlri }) => nlri.type).toSorted();

  beforeAll(async () => {
    linkedNamespaces(ROUTER, SPEAKER, "10.97.0");
    if (tor !== TOR_ID) {
      inside(ROUTER, `ip addr add ${tor}/64 dev to-speaker nodad`);
      inside(SPEAKER, `ip addr add ${vtep}/64 dev to-router nodad`);
    }
    gobgp = startGobgp({ namespace: ROUTER, routerId: TOR_ID, neighbour: vtep, asn: ASN });
    speaker = new SpeakerInNamespace(SPEAKER);
    speaker.tell({ type: "imports", targets: ["65000:100", "65000:5000"] });
    speaker.tell({ type: "configure", config: { asn: ASN, routerId: OUR_ID, peers: [{ address: tor, asn: ASN }] } });
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

  it("routes of types 1 to 5 -> all arrive with their next hops and make a MAC table, and go again", async () => {
    const common = `rd ${TOR_ID}:100 rt 65000:100 encap vxlan`;
    const esi = "esi arbitrary 01:02:03:04:05:06:07:08:09";
    const routes = [
      `a-d ${esi} etag 0 label 100 ${common} esi-label 100`,
      `macadv ${MACHINE} ${addresses.machine} etag 0 label 100 ${common} nexthop ${tor}`,
      `multicast ${tor} etag 0 ${common} pmsi ingress-repl 100 ${tor}`,
      `esi ${tor} ${esi} ${common}`,
      `prefix ${addresses.prefix} etag 0 label 5000 rd ${TOR_ID}:5000 rt 65000:5000 encap vxlan router-mac 02:ee:00:00:00:04 nexthop ${tor}`,
    ];
    for (const route of routes) rib(`add -a evpn ${route}`);
    const all = ["ethernet-ad", "ethernet-segment", "imet", "ip-prefix", "mac-ip"];
    await eventually("five types", async () => (await types()).join() === all.join());
    const { ribIn } = await speaker.ask();
    expect(ribIn.map(({ nextHop }) => nextHop)).toEqual(Array.from({ length: 5 }, () => tor));
    expect(ribIn.find(({ nlri }) => nlri.type === "ip-prefix")).toMatchObject({
      nlri: { prefix: addresses.prefix, vni: 5000 },
      routerMac: "02:ee:00:00:00:04",
    });
    expect(buildMacTable({ ownVtep: vtep, declared: [], members: [], fabric: ribIn })).toMatchObject({
      entries: [{ mac: MACHINE, vtep: tor, ips: [addresses.machine] }],
      flood: [{ vtep: tor }],
    });
    rib("del all -a evpn");
    await eventually("no route", async () => (await types()).length === 0);
  });

  it("an IPv6 next hop and an IPv6 address -> as they are, over either", async () => {
    rib(
      "add -a evpn macadv 02:dd:00:00:00:02 2001:db8::44 etag 0 label 100 rd 10.97.0.1:100 rt 65000:100 encap vxlan nexthop 2001:db8::2",
    );
    await eventually("the route", async () => (await types()).length === 1);
    expect((await speaker.ask()).ribIn).toMatchObject([{ nextHop: "2001:db8::2", nlri: { ip: "2001:db8::44" } }]);
  });

  it("our routes -> GoBGP's table has them with target, encapsulation, mobility and tunnel", async () => {
    const rd = `${OUR_ID}:100` as RouteDistinguisher;
    const shared = { nextHop: vtep, routeTargets: ["65000:100" as RouteTarget] };
    const mac = "02:bb:00:00:00:01" as Mac;
    const machine = {
      type: "mac-ip",
      rd,
      esi: ZERO_ESI,
      ethernetTag: 0,
      mac,
      ip: addresses.ours as IpAddress,
      vni: 100 as Vni,
    } as const;
    const prefix = addresses.ourPrefix as Prefix;
    const gateway = (tor === TOR_ID ? "0.0.0.0" : "::") as IpAddress;
    const routes: ExportedRoute[] = [
      { ...shared, nlri: { type: "imet", rd, ethernetTag: 0, originator: vtep }, pmsi: { vni: 100 as Vni } },
      { ...shared, nlri: machine, mobility: { sequence: 7, sticky: true } },
      {
        ...shared,
        nlri: { type: "ip-prefix", rd, esi: ZERO_ESI, ethernetTag: 0, prefix, gateway, vni: 5000 as Vni },
        routerMac: "02:bb:00:00:00:99" as Mac,
      },
    ];
    speaker.tell({ type: "exports", routes });
    const text = await eventually("three routes", () => {
      const shown = rib("-a evpn");
      const all = ["type:macadv", "type:multicast", "type:Prefix", `[rd:${rd}]`].every((part) => shown.includes(part));
      return all && shown;
    });
    const line = text.split("\n").find((it) => it.includes(mac));
    for (const part of ["65000:100", "VXLAN", addresses.ours, ` ${vtep} `]) expect(line).toContain(part);
    expect(line?.toLowerCase()).toMatch(/mac mobility: 7.*sticky|mobility.*7/);
    expect((await speaker.ask()).summary).toMatchObject([
      { state: "Established", malformed: { "treat-as-withdraw": 0, "session-reset": 0 } },
    ]);
  });
});
