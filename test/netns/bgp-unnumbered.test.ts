// Peers by interface: two FRR ToRs with `neighbor IFACE interface remote-as external`, each on a link of its own and with the
// same link-local address. Nothing but the links' names is configured on either side.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import {
  addVni,
  eventually,
  Frr,
  inside,
  removeNamespaces,
  run,
  SpeakerInNamespace,
} from "../edge-agent/bgp/namespace-lab.ts";
import { requireKernel } from "./require-root.ts";

const SPEAKER = "bgpu-speaker";
const TORS = [
  { namespace: "bgpu-tor1", link: "uplink1", asn: 65101, vtep: "10.97.1.1", mac: "02:aa:00:00:00:01" },
  { namespace: "bgpu-tor2", link: "uplink2", asn: 65102, vtep: "10.97.2.1", mac: "02:aa:00:00:00:02" },
] as const;
const OWN_ASN = 65001 as Asn;
const VTEP = parseIp("10.97.0.2") as Ipv4;
const VNI = 100 as Vni;
const OWN_MAC = "02:bb:00:00:00:01";
/** Of both ToRs: every link has its own. */
const TOR_LINK_LOCAL = "fe80::1";

const exported: ExportedRoute = {
  nlri: {
    type: "mac-ip",
    rd: `${VTEP}:${VNI}` as RouteDistinguisher,
    esi: ZERO_ESI,
    ethernetTag: 0,
    mac: OWN_MAC as Mac,
    vni: VNI,
  },
  nextHop: VTEP,
  routeTargets: [`${OWN_ASN}:${VNI}` as RouteTarget],
};

function frrConfig({ asn, vtep }: (typeof TORS)[number]): string {
  return [
    "hostname tor",
    `router bgp ${asn}`,
    ` bgp router-id ${vtep}`,
    " no bgp default ipv4-unicast",
    " no bgp ebgp-requires-policy",
    " neighbor host interface remote-as external",
    " address-family l2vpn evpn",
    "  neighbor host activate",
    "  advertise-all-vni",
    " exit-address-family",
    "",
  ].join("\n");
}

describe.runIf(requireKernel("root", "vxlan", "bridge", "frr"))("bgp by interface, with two FRR ToRs", () => {
  const tors: Frr[] = [];
  let speaker: SpeakerInNamespace;
  const peers = async () => (await speaker.ask()).summary;

  beforeAll(async () => {
    removeNamespaces(SPEAKER, ...TORS.map(({ namespace }) => namespace));
    run("ip", "netns", "add", SPEAKER);
    inside(SPEAKER, "ip link set lo up");
    for (const tor of TORS) {
      const { namespace, link, vtep } = tor;
      run("ip", "netns", "add", namespace);
      inside(namespace, "ip link set lo up");
      inside(namespace, `ip addr add ${vtep}/32 dev lo`);
      run(
        "ip",
        ..."link add host netns".split(" "),
        namespace,
        ..."type veth peer name".split(" "),
        link,
        "netns",
        SPEAKER,
      );
      inside(namespace, "ip link set host addrgenmode none");
      inside(namespace, "ip link set host up");
      inside(SPEAKER, `ip link set ${link} up`);
      inside(namespace, `ip addr add ${TOR_LINK_LOCAL}/64 dev host nodad`);
      inside(namespace, `ip route add ${VTEP}/32 dev host`);
      addVni(namespace, VNI, vtep);
      tors.push(new Frr(namespace, frrConfig(tor)));
      inside(namespace, `bridge fdb add ${tor.mac} dev acc${VNI} master dynamic`);
    }
    speaker = new SpeakerInNamespace(SPEAKER);
    speaker.tell({ type: "imports", targets: TORS.map(({ asn }) => `${asn}:${VNI}`) });
    speaker.tell({ type: "exports", routes: [exported] });
    speaker.tell({
      type: "configure",
      config: {
        asn: OWN_ASN,
        routerId: VTEP,
        peers: TORS.map(({ link }) => ({ interface: link, asn: "external" as const, connectRetrySec: 1 })),
      },
    });
  });

  afterAll(async () => {
    await speaker.stop();
    for (const tor of tors) await tor.stop();
    removeNamespaces(SPEAKER, ...TORS.map(({ namespace }) => namespace));
  });

  it("both ToRs are found by their router advertisements -> a session with each, named by its link", async () => {
    await eventually(
      "both sessions",
      async () => (await peers()).every(({ state }) => state === "Established"),
      30_000,
    );
    expect(await peers()).toMatchObject(
      TORS.map(({ link, asn, vtep }) => ({
        peer: link,
        address: TOR_LINK_LOCAL,
        asn,
        peerRouterId: vtep,
        sessions: 1,
      })),
    );
  });

  it("each ToR's routes are held under its link; ours is in both ToRs' kernels", async () => {
    const held = async () => {
      const { ribIn } = await speaker.ask();
      const macs = ribIn.flatMap(({ peer, nlri }) => (nlri.type === "mac-ip" ? [`${peer} ${nlri.mac}`] : []));
      return macs.toSorted();
    };
    const expected = TORS.map(({ link, mac }) => `${link} ${mac}`);
    await eventually("both MACs", async () => (await held()).length === expected.length, 15_000);
    expect(await held()).toEqual(expected);
    for (const { namespace } of TORS) {
      const fdb = () => inside(namespace, `bridge fdb show dev vx${VNI}`);
      await eventually("our MAC", () => fdb().includes(`${OWN_MAC} dst ${VTEP}`), 15_000);
    }
  });

  it("one link goes down and comes back -> its session too, the other one is not disturbed", async () => {
    const [first] = TORS;
    inside(first.namespace, "ip link set host down");
    await eventually("down", async () => (await peers())[0]?.state !== "Established", 15_000);
    expect((await peers())[1]).toMatchObject({ state: "Established", sessions: 1 });
    inside(first.namespace, "ip link set host up");
    inside(first.namespace, `ip addr replace ${TOR_LINK_LOCAL}/64 dev host nodad`);
    await eventually("up again", async () => (await peers())[0]?.sessions === 2, 30_000);
    expect((await peers())[1]).toMatchObject({ state: "Established", sessions: 1 });
  });
});
