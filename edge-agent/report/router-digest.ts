// The proof behind "live" for what routers add: lines of the forwarding form (shared/message/forwarding.ts) made of what
// the kernel was read back to hold. What only the fabric told is left out, since the cloud does not know of it. Pure.

import { ipFromPrefix, prefixContains } from "../../shared/address/prefix.ts";
import { type Digest, digestSum, hashText } from "../../shared/message/digest.ts";
import { gatewayLine, hostRouteLine, prefixLine } from "../../shared/message/forwarding.ts";
import type { VerifiedRouter } from "../dataplane/router-read-back.ts";
import type { RouterHop } from "../dataplane/router-state.ts";
import type { RoutedNetworkIntent } from "../lane/router-intent.ts";
import type { RouterPicture } from "../lane/router.ts";

/** Lines of a router's own channel: its static prefixes. What is left over of the table makes it another digest. */
export function prefixLines({ intent, state, table }: RouterPicture, verified: VerifiedRouter): string[] {
  const wanted = new Map(state.routes.map(({ prefix, hops }) => [prefix, hops]));
  const statics = new Set(table.routes.flatMap(({ prefix, source }) => (source === "static" ? [prefix] : [])));
  const held = intent.statics.filter(({ prefix }) => {
    const hops = wanted.get(prefix);
    return hops && statics.has(prefix) && sameWays(hops, verified.routes.get(prefix) ?? []);
  });
  const left = [...verified.routes.keys()].filter((prefix) => !wanted.has(prefix));
  return [...held.map(({ prefix, nextHop }) => prefixLine(prefix, nextHop)), ...left.map((prefix) => `left ${prefix}`)];
}

/** Lines of a network's channel: its gateways where machines of it are here, else the host routes to its machines. */
export function routedLines(network: RoutedNetworkIntent, picture: RouterPicture, verified: VerifiedRouter): string[] {
  if (network.here) return (verified.gateways.get(network.vni) ?? []).map(gatewayLine);
  const fabric = new Set(picture.table.routes.flatMap(({ prefix, source }) => (source === "fabric" ? [prefix] : [])));
  const lines: string[] = [];
  for (const [prefix, hops] of verified.routes) {
    const ip = ipFromPrefix(prefix);
    if (ip === undefined || fabric.has(prefix)) continue;
    if (!network.machines.has(ip) && !network.subnets.some((subnet) => prefixContains(subnet, ip))) continue;
    for (const hop of hops) if (hop.kind === "vtep") lines.push(hostRouteLine(ip, hop.vtep));
  }
  return lines;
}

/** The digest of lines, most of which were there the last time: a hash costs more than all the rest. */
export function createLineDigest(): (lines: readonly string[]) => Digest {
  let known = new Map<string, Digest>();
  return (lines) => {
    const next = new Map<string, Digest>();
    for (const line of lines) next.set(line, known.get(line) ?? hashText(line));
    known = next;
    return digestSum(next.values());
  };
}

function sameWays(a: readonly RouterHop[], b: readonly RouterHop[]): boolean {
  const text = (hop: RouterHop): string => (hop.kind === "vtep" ? hop.vtep : `${hop.network} ${hop.ip}`);
  const texts = new Set(a.map(text));
  return a.length === b.length && b.every((hop) => texts.has(text(hop)));
}
