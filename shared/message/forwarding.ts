// The forwarding form: what a kernel must hold for a network, as lines that can be made from intent and from a kernel's
// dump alike. Equal digests of the two are the proof behind "live".
//
//   flood <vtep>          a member VTEP, the host's own included
//   mac <mac> <vtep>      a MAC and the VTEP it is behind, the host's own for local ones
//   ip <ip> <mac>         an entry that answers ARP or ND
//   gateway <ip>          the anycast gateway's address on the network's bridge
//
// A host that carries a network for its router only holds routes in its place, and proves those:
//   host <ip> <vtep>      a host route to an endpoint, by way of its VTEP
// And of a router's own channel, on every host that carries it:
//   prefix <prefix> <ip>  a static route and its next hop

import type { Brand } from "../address/brand.ts";
import type { IpAddress } from "../address/ip.ts";
import type { Mac } from "../address/mac.ts";
import type { Prefix } from "../address/prefix.ts";
import { type Digest, digestSum, hashText } from "./digest.ts";

export function floodLine(vtep: IpAddress): string {
  return `flood ${vtep}`;
}

export function macLine(mac: Mac, vtep: IpAddress): string {
  return `mac ${mac} ${vtep}`;
}

export function ipLine(ip: IpAddress, mac: Mac): string {
  return `ip ${ip} ${mac}`;
}

export function gatewayLine(ip: IpAddress): string {
  return `gateway ${ip}`;
}

export function hostRouteLine(ip: IpAddress, vtep: IpAddress): string {
  return `host ${ip} ${vtep}`;
}

/** Names a static route in its router: "10.9.0.0/16 10.1.0.11", its prefix and its next hop. */
export type StaticName = Brand<string, "StaticName">;

export function staticName(prefix: Prefix, nextHop: IpAddress): StaticName {
  return `${prefix} ${nextHop}` as StaticName;
}

export function prefixLine(prefix: Prefix, nextHop: IpAddress): string {
  return `prefix ${staticName(prefix, nextHop)}`;
}

/** The lines of one endpoint behind `vtep`. */
export function endpointLines(endpoint: { mac: Mac; ips: readonly IpAddress[] }, vtep: IpAddress): string[] {
  return [macLine(endpoint.mac, vtep), ...endpoint.ips.map((ip) => ipLine(ip, endpoint.mac))];
}

/** The digest of a set of lines; the caller sees to it that none is there twice. */
export function forwardingDigest(lines: Iterable<string>): Digest {
  const hashes: Digest[] = [];
  for (const line of lines) hashes.push(hashText(line));
  return digestSum(hashes);
}
