// The underlay against GoBGP within one AS: IPv4 routes with IPv6 next hops over an IPv6 session in both directions (RFC 8950),
// beside IPv6 routes and EVPN, and over an IPv4 session in the classic fields.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseIp, type IpAddress } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import { eventually, inside, linkedNamespaces, removeNamespaces } from "../edge-agent/bgp/namespace-lab.ts";
import { type Gobgp, requireGobgp, startGobgp } from "./gobgp.ts";
import { requireKernel } from "./require-root.ts";
import { HostInNamespace } from "./underlay-lab.ts";

const ROUTER = "uly-go-r";
const HOST = "uly-go-h";
const ASN = 65000;
const VTEP = "10.99.0.1";
const REMOTE = "10.99.0.50";
const REMOTE6 = "2001:db8:99::50";
const SESSIONS = {
  IPv6: { router: "2001:db8:96::1", host: "2001:db8:96::2", via: "via inet6 2001:db8:96::1 dev to-router" },
  IPv4: { router: "10.96.0.1", host: "10.96.0.2", via: "via 10.96.0.1 dev to-router" },
} as const;

describe.runIf(requireKernel("root") && requireGobgp()).each(["IPv6", "IPv4"] as const)(
  "underlay with GoBGP over %s",
  (kind) => {
    const session = SESSIONS[kind];
    let gobgp: Gobgp;
    let host: HostInNamespace;

    beforeAll(async () => {
      linkedNamespaces(ROUTER, HOST, "10.96.0");
      inside(ROUTER, "ip addr add 2001:db8:96::1/64 dev to-speaker nodad");
      inside(HOST, "ip addr add 2001:db8:96::2/64 dev to-router nodad");
      inside(HOST, `ip addr add ${VTEP}/32 dev lo`);
      const families = ["ipv4-unicast", "ipv6-unicast", "l2vpn-evpn"];
      const neighbour = parseIp(session.host) as IpAddress;
      const address = parseIp("10.96.0.1") as IpAddress;
      gobgp = startGobgp({ namespace: ROUTER, routerId: address, neighbour, asn: ASN as Asn, families });
      host = new HostInNamespace({ host: HOST });
      const peer = { address: session.router, asn: ASN, families: ["evpn", "ipv4-unicast", "ipv6-unicast"] };
      const bgp = { asn: ASN, peers: [peer], underlay: { announceVtep: true } };
      host.tell({ type: "record", record: { site: "s1", vtep: VTEP, bgp } });
      const up = async () => (await host.ask()).summary[0]?.state === "Established";
      await eventually("Established", up, 30_000);
    }, 40_000);

    afterAll(async () => {
      try {
        await host.stop();
        await gobgp.remove();
      } finally {
        removeNamespaces(ROUTER, HOST);
      }
    }, 20_000);

    it("a route of theirs -> in the kernel by the session's address, with the VTEP as source; withdrawn -> gone", async () => {
      gobgp.rib(`add -a ipv4 ${REMOTE}/32 nexthop ${session.router}`);
      const text = () => inside(HOST, `ip route show ${REMOTE}`);
      await eventually("the route", () => text().includes(session.via));
      expect(text()).toContain(`src ${VTEP}`);
      expect(text()).toContain("proto 79");
      gobgp.rib(`del -a ipv4 ${REMOTE}/32`);
      await eventually("gone", () => text() === "");
    });

    it("our VTEP -> theirs by our end of the session", async () => {
      const rib = () => gobgp.rib("-a ipv4");
      await eventually("the VTEP", () => rib().includes(`${VTEP}/32`));
      expect(rib()).toMatch(new RegExp(`${VTEP}/32\\s+${session.host}\\s`));
    });

    it("IPv6 routes -> in the kernel over either session: theirs may name a next hop on the link", async () => {
      gobgp.rib(`add -a ipv6 ${REMOTE6}/128 nexthop 2001:db8:96::1`);
      const text = () => inside(HOST, `ip -6 route show ${REMOTE6}`);
      await eventually("the route", () => text().includes("via 2001:db8:96::1 dev to-router"));
      const [summary] = (await host.ask()).summary;
      expect(summary?.families.map(({ family, agreed, routesOut }) => [family, agreed, routesOut])).toEqual([
        ["evpn", true, 0],
        ["ipv4-unicast", true, 1],
        ["ipv6-unicast", true, 0],
      ]);
    });
  },
);
