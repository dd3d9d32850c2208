// The underlay over unnumbered links, with peers by their link-local addresses, and by their links alone: IPv4 and IPv6
// loopbacks with IPv6 next hops in both directions (RFC 8950), against two FRR.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, type Frr, inside, removeNamespaces } from "../edge-agent/bgp/namespace-lab.ts";
import { requireKernel } from "./require-root.ts";
import {
  HOST_ASN,
  HOST_LINK_LOCAL,
  HostInNamespace,
  makeLab,
  namesOf,
  REMOTE6,
  REMOTES,
  startTor,
  TOR_LINK_LOCAL,
  TORS,
  VTEP,
  VTEP6,
} from "./underlay-lab.ts";

const names = namesOf("ll");
const [FIRST = ""] = REMOTES;
const recordOf = (kind: "address" | "interface") => ({
  site: "s1",
  vtep: VTEP,
  bgp: {
    asn: HOST_ASN,
    peers: TORS.map(({ asn, link }, i) => ({
      ...(kind === "address" && { address: TOR_LINK_LOCAL[i] }),
      interface: link,
      asn: kind === "address" ? asn : "external",
      families: ["ipv4-unicast", "ipv6-unicast"],
      holdTimeSec: 9,
    })),
    underlay: {
      announceVtep: true,
      accept: [
        { prefix: "10.99.0.0/24", ge: 32 },
        { prefix: "2001:db8:99::/64", ge: 128 },
      ],
      multipathRelax: true,
    },
  },
});

describe.runIf(requireKernel("root", "frr")).each(["address", "interface"] as const)(
  "underlay with FRR by %s",
  (kind) => {
    const record = recordOf(kind);
    const tors: Frr[] = [];
    let host: HostInNamespace;

    beforeAll(async () => {
      makeLab(names);
      // Nothing but link-local addresses on the links between the host and its ToRs.
      for (const n of [1, 2] as const) {
        inside(names.host, `ip -4 addr flush dev to-tor${n}`);
        inside(names.tors[n === 1 ? 0 : 1], "ip -4 addr flush dev to-host");
        inside(names.host, `ip addr del 2001:db8:1:${n}::2/64 dev to-tor${n}`);
        inside(names.tors[n === 1 ? 0 : 1], `ip addr del 2001:db8:1:${n}::1/64 dev to-host`);
      }
      const lines = [
        `neighbor ${HOST_LINK_LOCAL} interface to-host`,
        `neighbor ${HOST_LINK_LOCAL} capability extended-nexthop`,
      ];
      for (const i of [0, 1] as const) {
        tors.push(
          kind === "address"
            ? startTor(names, i, HOST_LINK_LOCAL, { lines })
            : startTor(names, i, "to-host", { link: true }),
        );
      }
      host = new HostInNamespace(names);
      host.tell({ type: "record", record });
      await eventually(
        "sessions",
        async () => (await host.ask()).summary.every(({ state }) => state === "Established"),
        20_000,
      );
    }, 60_000);

    afterAll(async () => {
      try {
        await host.stop();
        for (const tor of tors) await tor.stop();
      } finally {
        removeNamespaces(names.host, ...names.tors, names.remote);
      }
    }, 30_000);

    it("an IPv4 VTEP behind both -> ECMP by IPv6 neighbours on their links, from our VTEP", async () => {
      const text = () => inside(names.host, `ip route show ${FIRST}`);
      const ways = TORS.map(({ link }, i) => `via inet6 ${TOR_LINK_LOCAL[i]} dev ${link}`);
      await eventually("two ways", () => ways.every((way) => text().includes(way)));
      expect(text()).toContain(`src ${VTEP}`);
    });

    it("our IPv4 VTEP -> in the ToRs' kernels by our link-local address, and packets go both ways", async () => {
      for (const tor of names.tors) {
        const way = `via inet6 ${HOST_LINK_LOCAL} dev to-host`;
        await eventually("the VTEP", () => inside(tor, `ip route show ${VTEP}`).includes(way));
      }
      for (const remote of REMOTES) {
        expect(inside(names.host, `ping -c 1 -W 2 ${remote}`), remote).toContain("1 received");
      }
    });

    it("IPv6 routes in the same sessions -> by the same neighbours", async () => {
      const text = () => inside(names.host, `ip -6 route show ${REMOTE6} proto 79`);
      const ways = TORS.map(({ link }, i) => `via ${TOR_LINK_LOCAL[i]} dev ${link}`);
      await eventually("two ways", () => ways.every((way) => text().includes(way)));
      expect(text()).not.toContain("src");
    });

    it("an IPv6 VTEP -> announced and reached in the same way", async () => {
      const { bgp, ...rest } = record;
      host.tell({ type: "record", record: { ...rest, vtep: VTEP6, bgp: { ...bgp, routerId: VTEP } } });
      for (const tor of names.tors) {
        await eventually("the VTEP", () => inside(tor, `ip -6 route show ${VTEP6}`).includes(HOST_LINK_LOCAL), 20_000);
      }
      await eventually("the source", () => inside(names.host, `ip -6 route show ${REMOTE6}`).includes(`src ${VTEP6}`));
      expect(inside(names.host, `ping -c 1 -W 2 ${REMOTE6}`)).toContain("1 received");
    }, 30_000);
  },
);
