// One view of an agent, made of a fixed intent and fixed routes by the real overlay: what the tests of `show` print.

import type { AgentView } from "../../../edge-agent/agent.ts";
import type { PeerSummary } from "../../../edge-agent/bgp/speaker.ts";
import { type ReceivedRoute, ZERO_ESI } from "../../../edge-agent/bgp/route.ts";
import { createIntent } from "../../../edge-agent/intent/intent.ts";
import type { HostIntent } from "../../../edge-agent/intent/view.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import { buildOverlay } from "../../../edge-agent/overlay.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";

const ip = (text: string) => text as IpAddress;
const VTEP = ip("192.0.2.1");
export const TOR = ip("192.0.2.254");
const TOR_ASN = 65002 as Asn;
export const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

const intent: HostIntent = {
  id: "h1",
  host: { site: "ams", vtep: VTEP, bgp: { asn: 65021 as Asn, peers: [{ address: TOR, asn: TOR_ASN }] } },
  pending: [],
  networks: [
    {
      id: "blue",
      definition: { tenant: "acme", name: "blue", vni: 10100 as Vni, subnets: [] },
      vteps: new Map([["h1", { site: "ams", address: VTEP, asns: [65021 as Asn, TOR_ASN] }]]),
      endpoints: [
        {
          id: "web1",
          record: { host: "h1", mac: "02:00:00:00:00:01" as Mac, ips: [ip("10.0.0.1")], port: "tap1", mobility: 1 },
        },
      ],
    },
  ],
};

const path: Omit<ReceivedRoute, "nlri"> = {
  peer: TOR,
  peerAsn: TOR_ASN,
  nextHop: TOR,
  routeTargets: ["65002:10100" as RouteTarget],
  mobility: undefined,
  encapsulations: [8],
  routerMac: undefined,
  defaultGateway: false,
  pmsi: undefined,
  asPath: [65002, 65010],
  origin: "igp",
  localPref: undefined,
  med: 0,
  originatorId: undefined,
};
const rd = "192.0.2.254:2" as RouteDistinguisher;
const bareMetal = { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, vni: 10100 as Vni } as const;

const fabric: readonly ReceivedRoute[] = [
  {
    ...path,
    mobility: { sequence: 7, sticky: true },
    nlri: { ...bareMetal, mac: "02:aa:00:00:00:01" as Mac, ip: ip("10.0.0.9") },
  },
  {
    ...path,
    pmsi: { tunnelType: 6, leafInformationRequired: false, vni: 10100 as Vni, endpoint: TOR },
    nlri: { type: "imet", rd, ethernetTag: 0, originator: TOR },
  },
  {
    ...path,
    routerMac: "02:ee:00:00:00:04" as Mac,
    origin: "incomplete",
    nlri: {
      type: "ip-prefix",
      rd,
      esi: ZERO_ESI,
      ethernetTag: 0,
      prefix: "198.51.100.0/24" as never,
      gateway: ip("0.0.0.0"),
      vni: 5000 as Vni,
    },
  },
];

const peer: PeerSummary = {
  peer: TOR,
  address: TOR,
  asn: TOR_ASN,
  state: "Established",
  sinceMs: NOW_MS - 3_723_000,
  families: [
    { family: "evpn", agreed: true, routesIn: 3, staleRoutes: 0, routesOut: 3, told: true, rejected: { "as-loop": 2 } },
  ],
  routesIn: 3,
  staleRoutes: 0,
  routesOut: 3,
  rejected: { "as-loop": 2 },
  messagesIn: 14,
  messagesOut: 12,
  malformed: { "attribute-discard": 0, "treat-as-withdraw": 1, "session-reset": 0 },
  sessions: 2,
  peerRouterId: TOR,
  holdTimeSec: 9,
  keepaliveSec: 3,
  capabilities: [{ kind: "multiprotocol", afi: 25, safi: 70 }, { kind: "route-refresh" }],
  localAddress: VTEP,
  lastError: "received Cease/Administrative Reset (6/4)",
};

/** The view, with what a test wants otherwise. */
export function fixedView(extra: Partial<AgentView> = {}): AgentView {
  const diary = createDiary(
    () => NOW_MS,
    () => {},
  );
  return {
    host: "h1",
    intent: createIntent("h1", []),
    hostIntent: intent,
    overlay: buildOverlay(intent, fabric),
    dataplane: undefined,
    drift: { recent: [], byNetwork: new Map() },
    capabilities: [{ name: "nexthop-fdb", present: true, detail: "a VTEP's change is one message" }],
    routers: { support: { vrf: true }, routers: [], report: undefined },
    peers: [peer],
    fabric,
    moved: [
      { network: "blue", mac: "02:aa:00:00:00:01" as Mac, place: TOR, sequence: 7, moves: 1 },
      {
        network: "blue",
        mac: "02:00:00:00:00:01" as Mac,
        place: VTEP,
        sequence: 9,
        moves: 5,
        frozen: { forMs: 60_000, releaseInMs: 480_000 },
      },
    ],
    partsOf: () => [],
    guards: undefined,
    underlay: { config: undefined, routes: [], told: new Map(), report: undefined, whole: true },
    malformed: [
      {
        atMs: NOW_MS - 60_000,
        peer: TOR,
        severity: "treat-as-withdraw",
        code: 3,
        subcode: 6,
        hex: "002c02",
        detail: `${TOR}: ORIGIN 9 is none of 0, 1 and 2 (3/6, treat-as-withdraw): 002c02`,
      },
    ],
    diary,
    brokerConnected: true,
    mayDelete: true,
    identity: { version: "0.1.0", startedAtMs: NOW_MS - 86_400_000, kernel: "6.18" },
    nowMs: NOW_MS,
    ...extra,
  };
}
