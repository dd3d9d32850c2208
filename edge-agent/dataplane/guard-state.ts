// What the guards of one host's ports should do, as data: who may send from a port, which ports are limited, and which
// MACs a network knows. How the kernel is told is the `Guards` port (guards.ts); nftables/ implements it. Pure.

import { type IpAddress, ipFromOctets, isIpv4 } from "../../shared/address/ip.ts";
import { type Mac, macToOctets } from "../../shared/address/mac.ts";
import { type Prefix, prefixAddress, prefixContains, prefixLength } from "../../shared/address/prefix.ts";
import type { Vni } from "../../shared/address/vni.ts";

/** A MAC and the addresses that may be sent from with it; undefined: any, only the MAC is checked. */
export type AllowedSource = { readonly mac: Mac; readonly prefixes: readonly Prefix[] | undefined };

/**
 * What happens to frames from other MACs than the allowed ones.
 *
 * - `enforce`: dropped, and so is what lies about addresses. The default.
 * - `observe`: let through, but noted (port security off).
 * - `learn`: let through for the bridge to learn, unless the MAC is declared elsewhere (port security off, network learns).
 */
export type GuardMode = "enforce" | "observe" | "learn";

/** One port's guard. Made by `portGuard`, so that equal guards are equal as JSON. */
export type PortGuard = {
  readonly port: string;
  readonly vni: Vni;
  readonly mode: GuardMode;
  readonly sources: readonly AllowedSource[];
  /** Broadcast, multicast and unknown-unicast frames a second; undefined: no limit. */
  readonly stormPacketsPerSec: number | undefined;
};

/** Which MACs a network's guards need to know: where frames can go, or who is declared. */
export type MacListKind = "known" | "declared";

/** Makes a guard in its one form: sorted, each MAC once, no prefix inside another. */
export function portGuard(guard: PortGuard): PortGuard {
  const byMac = new Map<Mac, Set<Prefix> | undefined>();
  for (const { mac, prefixes } of guard.sources) {
    const before = byMac.get(mac);
    if (prefixes === undefined || (byMac.has(mac) && before === undefined)) byMac.set(mac, undefined);
    else byMac.set(mac, new Set([...(before ?? []), ...prefixes]));
  }
  const sources = Array.from(byMac, ([mac, prefixes]) => ({ mac, prefixes: prefixes && widest([...prefixes]) }));
  const { port, vni, mode, stormPacketsPerSec } = guard;
  return { port, vni, mode, sources: sources.toSorted((a, b) => (a.mac < b.mac ? -1 : 1)), stormPacketsPerSec };
}

/** A single address as a prefix. */
export function hostPrefix(ip: IpAddress): Prefix {
  return `${ip}/${isIpv4(ip) ? 32 : 128}` as Prefix;
}

/** The link-local address that a machine makes of its MAC (RFC 4291 appendix A, modified EUI-64). */
export function linkLocalOf(mac: Mac): IpAddress {
  const [a, b, c, d, e, f] = macToOctets(mac) as unknown as [number, number, number, number, number, number];
  return ipFromOctets(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f));
}

/** True if the guard lets some machine of the port send from every address of the family: a router. */
export function mayRoute(guard: PortGuard, family: "ipv4" | "ipv6"): boolean {
  const all = family === "ipv4" ? "0.0.0.0/0" : "::/0";
  return guard.sources.some(({ prefixes }) => prefixes?.includes(all as Prefix));
}

/** Without those that lie inside another: nftables refuses sets of intervals that overlap. */
function widest(prefixes: readonly Prefix[]): Prefix[] {
  const covered = (inner: Prefix): boolean =>
    prefixes.some(
      (outer) =>
        outer !== inner && prefixLength(outer) < prefixLength(inner) && prefixContains(outer, prefixAddress(inner)),
    );
  return prefixes.filter((prefix) => !covered(prefix)).toSorted();
}
