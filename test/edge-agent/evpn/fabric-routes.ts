// Routes of a fabric, as the tests of the EVPN policy need them: short to write, whole in what they say.

import { type Esi, type ReceivedRoute, ZERO_ESI } from "../../../edge-agent/bgp/route.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";

export const OWN = "192.0.2.5" as IpAddress;
/** Below and above `OWN`, for ties. */
export const LOW = "192.0.2.2" as IpAddress;
export const HIGH = "192.0.2.8" as IpAddress;
export const ESI_A = "03443839ffff01000001" as Esi;
export const PER_SEGMENT = 0xffffffff;

export const macOf = (n: number): Mac => `02:00:00:00:00:${n.toString(16).padStart(2, "0")}` as Mac;

const path = (vtep: IpAddress): Omit<ReceivedRoute, "nlri"> => ({
  peer: "192.0.2.254" as IpAddress,
  peerAsn: 65001 as Asn,
  nextHop: vtep,
  routeTargets: ["65001:100" as RouteTarget],
  encapsulations: [8],
  defaultGateway: false,
  asPath: [],
  origin: "igp",
});

type Extra = Partial<ReceivedRoute> & { ip?: string; esi?: Esi; sequence?: number; sticky?: boolean };

/** A MAC/IP route (RT-2). */
export function macRoute(n: number, vtep: IpAddress, extra: Extra = {}): ReceivedRoute {
  const { ip, esi = ZERO_ESI, sequence = 0, sticky = false, ...rest } = extra;
  const mobility = sequence > 0 || sticky ? { mobility: { sequence, sticky } } : {};
  const rd = `${vtep}:2` as RouteDistinguisher;
  const nlri = { type: "mac-ip", rd, esi, ethernetTag: 0, mac: macOf(n), vni: 100 as Vni } as const;
  return { ...path(vtep), ...mobility, ...rest, nlri: ip === undefined ? nlri : { ...nlri, ip: ip as IpAddress } };
}

/** An Ethernet auto-discovery route (RT-1), per segment or per EVI. */
export function adRoute(vtep: IpAddress, scope: "per-segment" | "per-evi", singleActive = false): ReceivedRoute {
  const perSegment = scope === "per-segment";
  return {
    ...path(vtep),
    ...(perSegment && { esiLabel: { singleActive, label: 0 } }),
    nlri: {
      type: "ethernet-ad",
      rd: `${vtep}:${perSegment ? 1 : 2}` as RouteDistinguisher,
      esi: ESI_A,
      ethernetTag: perSegment ? PER_SEGMENT : 0,
      vni: perSegment ? 0 : (100 as Vni),
    },
  };
}
