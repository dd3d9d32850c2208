// The proof behind "live": the forwarding form of what the kernel was read back to hold, without what only the fabric
// told (the cloud does not know of that). Equal to the cloud's digest of intent only if nothing is missing or left over.

import type { Digest } from "../../shared/message/digest.ts";
import { floodLine, forwardingDigest, ipLine, macLine } from "../../shared/message/forwarding.ts";
import type { NetworkState } from "../dataplane/state.ts";
import type { MacTable } from "../evpn/mac-table.ts";

/** The digest of one network; undefined while its devices are not there. */
export function kernelDigest(actual: NetworkState | undefined, table: MacTable): Digest | undefined {
  if (!actual) return undefined;
  const fabric = fabricOnly(table);
  const lines = new Set<string>([floodLine(actual.vtep)]);
  for (const vtep of actual.flood) lines.add(floodLine(vtep));
  for (const { mac } of actual.local) lines.add(macLine(mac, actual.vtep));
  for (const { mac, vtep } of actual.remote) lines.add(macLine(mac, vtep));
  for (const { ip, mac } of actual.neighbours) lines.add(ipLine(ip, mac));
  for (const line of fabric) lines.delete(line);
  return forwardingDigest(lines);
}

function fabricOnly(table: MacTable): Set<string> {
  const lines = new Set<string>();
  for (const { vtep, source } of table.flood) if (source === "fabric") lines.add(floodLine(vtep));
  for (const entry of table.entries) {
    if (entry.source !== "fabric") continue;
    lines.add(macLine(entry.mac, entry.vtep));
    for (const ip of entry.ips) lines.add(ipLine(ip, entry.mac));
  }
  return lines;
}
