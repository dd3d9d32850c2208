// Which addresses a network's subnets allow its endpoints.

import { type IpAddress, ipFromOctets, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import {
  type Prefix,
  prefixAddress,
  prefixContains,
  prefixesOverlap,
  prefixLength,
} from "../../shared/address/prefix.ts";
import type { Refusal } from "./refusal.ts";

/** What is wrong with an endpoint's addresses among themselves and in `subnets`; no subnets allow any address. */
export function addressRefusals(ips: readonly IpAddress[], subnets: readonly Prefix[]): Refusal[] {
  return ips.flatMap((ip, index) => {
    const field = `ips.${index}`;
    if (ips.indexOf(ip) < index) return [{ kind: "duplicate", field, value: ip }];
    return addressRefusal(field, ip, subnets) ?? [];
  });
}

/** What is wrong with one address in `subnets`; undefined if nothing is. */
export function addressRefusal(field: string, ip: IpAddress, subnets: readonly Prefix[]): Refusal | undefined {
  if (subnets.length === 0) return undefined;
  const subnet = subnets.find((prefix) => prefixContains(prefix, ip));
  if (!subnet) return { kind: "ip-outside-subnets", field, ip, subnets };
  const role = reservedRole(subnet, ip);
  return role && { kind: "ip-reserved", field, ip, subnet, role };
}

/** What is wrong with a network's gateways: each is inside a subnet, and no two are in one. */
export function gatewayRefusals(network: {
  subnets: readonly Prefix[];
  gateways?: readonly IpAddress[] | undefined;
}): Refusal[] {
  const { subnets, gateways = [] } = network;
  const homes = gateways.map((ip) => subnets.find((subnet) => prefixContains(subnet, ip)));
  return gateways.flatMap((ip, index): Refusal[] => {
    const field = `gateways.${index}`;
    const subnet = homes[index];
    if (!subnet) return [{ kind: "gateway-outside-subnets", field, ip }];
    if (homes.indexOf(subnet) < index) return [{ kind: "second-gateway", field, ip, subnet }];
    const reserved = addressRefusal(field, ip, subnets);
    return reserved ? [reserved] : [];
  });
}

/** The first and last address that an endpoint of the subnet may have. */
export function usableRange(subnet: Prefix): { first: IpAddress; last: IpAddress } {
  const base = prefixAddress(subnet);
  const last = lastAddress(base, prefixLength(subnet));
  // The first address of an IPv6 subnet is its routers' anycast address (RFC 4291 2.6.1), not to be given away.
  if (!isIpv4(base)) return { first: prefixLength(subnet) <= 126 ? step(base, 1) : base, last };
  return hasReserved(subnet) ? { first: step(base, 1), last: step(last, -1) } : { first: base, last };
}

function step(ip: IpAddress, by: 1 | -1): IpAddress {
  const octets = ipToOctets(ip);
  for (let i = octets.length - 1; i >= 0; i--) {
    const octet = (octets[i] as number) + by;
    octets[i] = octet & 0xff;
    if (octet >= 0 && octet <= 0xff) break;
  }
  return ipFromOctets(octets);
}

/** What is wrong with a network's subnets among themselves. */
export function subnetRefusals(subnets: readonly Prefix[]): Refusal[] {
  return subnets.flatMap((subnet, index) => {
    const other = subnets.slice(0, index).find((earlier) => prefixesOverlap(earlier, subnet));
    return other ? [{ kind: "subnets-overlap", field: `subnets.${index}`, subnet, other }] : [];
  });
}

/** True if every address that `before` allows is sure to be allowed by `after`; false may be over-cautious. */
export function subnetsOnlyWiden(before: readonly Prefix[], after: readonly Prefix[]): boolean {
  if (after.length === 0) return true;
  if (before.length === 0) return false;
  return before.every((old) => after.some((now) => now === old || (hasReserved(old) && covers(now, old))));
}

/** A wider subnet's own first and last address are then no usable ones of the narrower. */
function covers(wide: Prefix, narrow: Prefix): boolean {
  return prefixLength(wide) <= prefixLength(narrow) && prefixContains(wide, prefixAddress(narrow));
}

function hasReserved(subnet: Prefix): boolean {
  return !isIpv4(prefixAddress(subnet)) || prefixLength(subnet) <= 30;
}

/** A /31 is a point-to-point link and a /32 a single host: they reserve nothing (RFC 3021). */
function reservedRole(subnet: Prefix, ip: IpAddress): "network" | "broadcast" | undefined {
  const base = prefixAddress(subnet);
  if (!isIpv4(base) || !hasReserved(subnet)) return undefined;
  if (ip === base) return "network";
  return ip === lastAddress(base, prefixLength(subnet)) ? "broadcast" : undefined;
}

function lastAddress(base: IpAddress, length: number): IpAddress {
  const octets = ipToOctets(base).map((octet, i) => octet | (0xff >> Math.min(8, Math.max(0, length - i * 8))));
  return ipFromOctets(octets);
}
