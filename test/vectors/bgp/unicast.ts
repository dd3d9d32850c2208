// UPDATEs of unicast families as real daemons sent them on sessions with AS 65000, captured on 2026-11-22 from Debian's
// packages, without the 16 octets of the marker. `origin` names the daemon and the session. Read in both directions.

import type { UnicastFamily } from "../../../edge-agent/bgp/family.ts";

export type UnicastVector = {
  readonly origin: string;
  readonly hex: string;
  readonly internal: boolean;
  readonly family: UnicastFamily;
  readonly announced?: readonly string[];
  readonly withdrawn?: readonly string[];
  readonly nextHop?: { readonly address: string; readonly linkLocal?: string };
  /** What else the path must contain. */
  readonly also?: object;
};

const LINK_LOCAL = { address: "fe80::a1", linkLocal: "fe80::a1" };

export const UNICAST_VECTORS: readonly UnicastVector[] = [
  {
    origin: "FRR 8.4.4, eBGP over IPv4: several prefixes in the classic field",
    hex: `00 5f 02 00 00 00 1c 40 01 01 00 50 02 00 06 02 01 00 00 fd e9 40 03 04 c0 00 02 01 80 04 04 00 00 00 00
      20 0a 63 00 0b 18 ac 10 01 20 0a 63 00 12 20 0a 63 00 11 20 0a 63 00 10 20 0a 63 00 0f 20 0a 63 00 0e
      20 0a 63 00 0d 20 0a 63 00 0c`,
    internal: false,
    family: "ipv4-unicast",
    announced: ["10.99.0.11/32", "172.16.1.0/24", ...[18, 17, 16, 15, 14, 13, 12].map((n) => `10.99.0.${n}/32`)],
    nextHop: { address: "192.0.2.1" },
    also: { asPath: [65001], asPathLength: 1, origin: "igp", med: 0 },
  },
  {
    origin: "FRR 8.4.4, eBGP over IPv4: our own VTEP, passed back",
    hex: "00 35 02 00 00 00 19 40 01 01 00 50 02 00 0a 02 02 00 00 fd e9 00 00 fd e8 40 03 04 c0 00 02 01 20 0a 63 00 01",
    internal: false,
    family: "ipv4-unicast",
    announced: ["10.99.0.1/32"],
    nextHop: { address: "192.0.2.1" },
    also: { asPath: [65001, 65000], asPathLength: 2 },
  },
  {
    origin: "FRR 8.4.4, eBGP by link-local addresses: IPv4 with the link-local next hop twice (RFC 8950)",
    hex: `00 57 02 00 00 00 40 90 0e 00 2a 00 01 01 20 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 a1
      fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 a1 00 20 0a 63 00 01 40 01 01 00 50 02 00 0a 02 02 00 00 fd e9
      00 00 fd e8`,
    internal: false,
    family: "ipv4-unicast",
    announced: ["10.99.0.1/32"],
    nextHop: LINK_LOCAL,
    also: { asPath: [65001, 65000] },
  },
  {
    origin: "FRR 8.4.4, eBGP by link-local addresses: IPv6 (RFC 2545)",
    hex: `00 66 02 00 00 00 4f 90 0e 00 36 00 02 01 20 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 a1
      fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 a1 00 80 20 01 0d b8 00 99 00 00 00 00 00 00 00 00 00 11
      40 01 01 00 50 02 00 06 02 01 00 00 fd e9 80 04 04 00 00 00 00`,
    internal: false,
    family: "ipv6-unicast",
    announced: ["2001:db8:99::11/128"],
    nextHop: LINK_LOCAL,
    also: { asPath: [65001], med: 0 },
  },
  {
    origin: "GoBGP 3.10, iBGP over IPv6: IPv4 with a global IPv6 next hop (RFC 8950)",
    hex: `00 42 02 00 00 00 2b 40 01 01 02 40 02 00 40 05 04 00 00 00 64 80 0e 1a 00 01 01 10
      20 01 0d b8 00 96 00 00 00 00 00 00 00 00 00 01 00 20 0a 63 00 32`,
    internal: true,
    family: "ipv4-unicast",
    announced: ["10.99.0.50/32"],
    nextHop: { address: "2001:db8:96::1" },
    also: { asPath: [], origin: "incomplete", localPref: 100 },
  },
  {
    origin: "GoBGP 3.10, iBGP over IPv4: in the classic field",
    hex: `00 31 02 00 00 00 15 40 01 01 02 40 02 00 40 03 04 0a 60 00 01 40 05 04 00 00 00 64 20 0a 63 00 32`,
    internal: true,
    family: "ipv4-unicast",
    announced: ["10.99.0.50/32"],
    nextHop: { address: "10.96.0.1" },
    also: { localPref: 100 },
  },
  {
    origin: "GoBGP 3.10, iBGP over IPv6: withdrawn in the classic field all the same",
    hex: "00 1c 02 00 05 20 0a 63 00 32 00 00",
    internal: true,
    family: "ipv4-unicast",
    withdrawn: ["10.99.0.50/32"],
  },
  {
    origin: "GoBGP 3.10, iBGP: IPv6",
    hex: `00 4e 02 00 00 00 37 40 01 01 02 40 02 00 40 05 04 00 00 00 64 80 0e 26 00 02 01 10
      20 01 0d b8 00 96 00 00 00 00 00 00 00 00 00 01 00 80 20 01 0d b8 00 99 00 00 00 00 00 00 00 00 00 50`,
    internal: true,
    family: "ipv6-unicast",
    announced: ["2001:db8:99::50/128"],
    nextHop: { address: "2001:db8:96::1" },
  },
];

export const UNICAST_END_OF_RIB_VECTORS: readonly { origin: string; hex: string; family: UnicastFamily }[] = [
  { origin: "FRR 8.4.4", family: "ipv4-unicast", hex: "00 17 02 00 00 00 00" },
  { origin: "FRR 8.4.4", family: "ipv6-unicast", hex: "00 1d 02 00 00 00 06 80 0f 03 00 02 01" },
];
