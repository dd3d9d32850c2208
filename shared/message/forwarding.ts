// The forwarding form: what a kernel must hold for a network, as lines that can be made from intent and from a kernel's
// dump alike. Equal digests of the two are the proof behind "live".
//
//   flood <vtep>          a member VTEP, the host's own included
//   mac <mac> <vtep>      a MAC and the VTEP it is behind, the host's own for local ones
//   ip <ip> <mac>         an entry that answers ARP or ND

import type { IpAddress } from "../address/ip.ts";
import type { Mac } from "../address/mac.ts";
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
