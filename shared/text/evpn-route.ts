// EVPN routes and their communities as text, in the words of FRR, which network engineers read every day. Pure.

import type { IpAddress } from "../address/ip.ts";
import type { Mac } from "../address/mac.ts";
import type { Prefix } from "../address/prefix.ts";
import type { RouteTarget } from "../address/rt.ts";

/** Of each route type, what its text shows. */
export type RouteInText =
  | { readonly type: "mac-ip"; readonly ethernetTag: number; readonly mac: Mac; readonly ip?: IpAddress }
  | { readonly type: "imet"; readonly ethernetTag: number; readonly originator: IpAddress }
  | { readonly type: "ethernet-ad"; readonly ethernetTag: number; readonly esi: string }
  | { readonly type: "ethernet-segment"; readonly esi: string; readonly originator: IpAddress }
  | { readonly type: "ip-prefix"; readonly ethernetTag: number; readonly prefix: Prefix }
  | { readonly type: "per-region-i-pmsi"; readonly ethernetTag: number; readonly region: string }
  | {
      readonly type: "s-pmsi";
      readonly ethernetTag: number;
      readonly source?: IpAddress | undefined;
      readonly group?: IpAddress | undefined;
      readonly originator: IpAddress;
    }
  | { readonly type: "leaf"; readonly route: string; readonly originator: IpAddress };

/** The bracketed form that FRR prints: `[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[10.0.0.11]`. */
export function describePrefix(nlri: RouteInText): string {
  switch (nlri.type) {
    case "mac-ip":
      return `[2]:[${nlri.ethernetTag}]:[48]:[${nlri.mac}]${nlri.ip ? `:${describeIp(nlri.ip)}` : ""}`;
    case "imet":
      return `[3]:[${nlri.ethernetTag}]:${describeIp(nlri.originator)}`;
    case "ethernet-ad":
      return `[1]:[${nlri.ethernetTag}]:[${colons(nlri.esi)}]`;
    case "ethernet-segment":
      return `[4]:[${colons(nlri.esi)}]:${describeIp(nlri.originator)}`;
    case "ip-prefix": {
      const [address, length] = nlri.prefix.split("/");
      return `[5]:[${nlri.ethernetTag}]:[${length}]:[${address}]`;
    }
    case "per-region-i-pmsi":
      return `[9]:[${nlri.ethernetTag}]:[${nlri.region}]`;
    case "s-pmsi":
      return `[10]:[${nlri.ethernetTag}]:[${nlri.source ?? "*"}]:[${nlri.group ?? "*"}]:${describeIp(nlri.originator)}`;
    case "leaf":
      return `[11]:[${nlri.route}]:${describeIp(nlri.originator)}`;
  }
}

/** An ESI as it is written: `03:44:38:39:ff:ff:01:00:00:01`. */
export function colons(esi: string): string {
  return (esi.match(/../g) ?? []).join(":");
}

/** In FRR's words: `RT:65000:100 ET:8 MM:7, sticky MAC Rmac:…`. */
export function describeAttributes(route: {
  readonly routeTargets: readonly RouteTarget[];
  readonly encapsulations: readonly number[];
  readonly mobility?: { readonly sequence: number; readonly sticky: boolean } | undefined;
  readonly routerMac?: Mac | undefined;
}): string {
  const { routeTargets, encapsulations, mobility, routerMac } = route;
  return [
    ...routeTargets.map((target) => `RT:${target}`),
    ...encapsulations.map((type) => `ET:${type}`),
    ...(mobility ? [`MM:${mobility.sequence}${mobility.sticky ? ", sticky MAC" : ""}`] : []),
    ...(routerMac ? [`Rmac:${routerMac}`] : []),
  ].join(" ");
}

function describeIp(ip: string): string {
  return `[${ip.includes(":") ? 128 : 32}]:[${ip}]`;
}
