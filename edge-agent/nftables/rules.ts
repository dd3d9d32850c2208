// A port's guard as nftables rules, in three chains of the bridge family. What a machine may send is listed; the end of each
// list is a counted drop. RFC 826 (ARP), RFC 5227 (probes), RFC 4861/4862 (ND, DAD), RFC 6105 (rogue routers), RFC 2131.
//
//   guard-<port>   the source: MAC, ARP sender, IPv4 and IPv6 source, no server of DHCP or RA    -> return: it may pass
//   nd-<port>      of ND messages: with which link-layer address  -> return: look at the source
//   na-<port>      of adverts: whose address they claim           -> return: look at the source
//   storm-<port>   broadcast, multicast and unknown unicast over the limit
//
// Pure. Names a frame's reason to be dropped by the counter `<port>/<reason>`.

import { type IpAddress, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../shared/address/prefix.ts";
import { hostPrefix, linkLocalOf, mayRoute, type PortGuard } from "../dataplane/guard-state.ts";
import type { GuardReason, MacListKey } from "../dataplane/guards.ts";
import * as nft from "./expression.ts";

export type ChainKind = "guard" | "nd" | "na" | "storm";

/** The chains of one port, and what they need. */
export type PortRules = {
  readonly chains: Readonly<Record<ChainKind, readonly nft.Rule[]>>;
  readonly reasons: readonly GuardReason[];
  readonly macLists: readonly MacListKey[];
};

/** MACs seen on ports that do not have them; entries go after their time. */
export const STRANGERS = "strangers";

export function chainName(kind: ChainKind, port: string): string {
  return `${kind}-${port}`;
}

export function counterName(port: string, reason: GuardReason): string {
  return `${port}/${reason}`;
}

const ETHER_SOURCE = nft.payload("ether", "saddr");
const ETHER_TYPE = nft.payload("ether", "type");
const ND_TYPE = nft.payload("icmpv6", "type");
const IP6_LENGTH = nft.payload("ip6", "length");
const IP6_SOURCE = nft.payload("ip6", "saddr");
/** Tags 802.1Q and 802.1ad, and the older numbers of the outer tag. */
const VLAN_TYPES = ["8021q", "8021ad", 0x9100, 0x9200];
const ROUTER_MESSAGES = ["nd-router-advert", "nd-redirect"];
/** What a machine may send before it has an address (RFC 4862 5.4, RFC 3590). */
const FROM_UNSPECIFIED = ["mld-listener-report", "nd-router-solicit", "nd-neighbor-solicit", "mld2-listener-report"];
/** The shortest burst that passes: one machine's start-up. */
const LEAST_BURST = 5;

/** Addresses of one family that a MAC may use. */
type Checked = { readonly mac: Mac; readonly ipv4: readonly Prefix[]; readonly ipv6: readonly Prefix[] };

export function portRules(guard: PortGuard): PortRules {
  const guardChain = guard.mode === "enforce" ? enforced(guard) : watched(guard);
  const storm = guard.stormPacketsPerSec === undefined ? [] : stormRules(guard, guard.stormPacketsPerSec);
  const nd = guard.mode === "enforce" ? { nd: ndRules(guard), na: advertRules(guard) } : { nd: [], na: [] };
  const chains = { guard: guardChain, ...nd, storm };
  return { chains, reasons: reasonsOf(guard, chains), macLists: macListsOf(guard) };
}

function enforced(guard: PortGuard): nft.Rule[] {
  const { port } = guard;
  const macs = guard.sources.map(({ mac }) => mac);
  const free = guard.sources.flatMap(({ mac, prefixes }) => (prefixes ? [] : [mac]));
  const checked = checkedSources(guard);
  const drop = (reason: GuardReason, ...matches: nft.Expression[]): nft.Rule => [
    ...matches,
    nft.countAs(counterName(port, reason)),
    nft.DROP,
  ];
  const clientPorts = [...(mayRoute(guard, "ipv4") ? [] : [68]), ...(mayRoute(guard, "ipv6") ? [] : [546])];
  return [
    drop("vlan", nft.is(ETHER_TYPE, ...VLAN_TYPES)),
    [nft.isNot(ETHER_SOURCE, ...macs), nft.note(STRANGERS), nft.countAs(counterName(port, "mac")), nft.DROP],
    // Only servers send to a client's port, whatever port they send from.
    ...(clientPorts.length === 0 ? [] : [drop("dhcp-server", nft.is(nft.payload("udp", "dport"), ...clientPorts))]),
    ...(mayRoute(guard, "ipv6") ? [] : [drop("router-advert", nft.is(ND_TYPE, ...ROUTER_MESSAGES))]),
    ...checked.filter(({ ipv4 }) => ipv4.length > 0).flatMap(arpRules),
    ...(free.length === 0 ? [] : [[nft.is(nft.payload("arp", "saddr ether"), ...free), nft.RETURN]]),
    drop("arp", nft.is(ETHER_TYPE, "arp")),
    ...(free.length === 0 ? [] : [[nft.is(ETHER_SOURCE, ...free), nft.RETURN]]),
    ...checked.flatMap(({ mac, ipv4 }) => sourceRules(mac, ipv4, "ip")),
    ...(checked.length === 0 ? [] : [DHCP_CLIENT]),
    drop("ipv4", nft.is(ETHER_TYPE, "ip")),
    [
      nft.is(ND_TYPE, "nd-router-solicit", "nd-neighbor-solicit", "nd-neighbor-advert"),
      nft.jumpTo(chainName("nd", port)),
    ],
    ...checked.flatMap(({ mac, ipv6 }) => sourceRules(mac, ipv6, "ip6")),
    [nft.is(IP6_SOURCE, "::"), nft.is(ND_TYPE, ...FROM_UNSPECIFIED), nft.RETURN],
    drop("ipv6", nft.is(ETHER_TYPE, "ip6")),
  ];
}

/** Port security off: nothing is dropped but, while the bridge learns, what would take a declared machine's place. */
function watched(guard: PortGuard): nft.Rule[] {
  const macs = guard.sources.map(({ mac }) => mac);
  const rules: nft.Rule[] = [[nft.is(ETHER_SOURCE, ...macs), nft.RETURN]];
  if (guard.mode === "learn") {
    rules.push([
      nft.isIn(ETHER_SOURCE, `declared-${guard.vni}`),
      nft.note(STRANGERS),
      nft.countAs(counterName(guard.port, "declared-elsewhere")),
      nft.DROP,
    ]);
  } else rules.push([nft.note(STRANGERS)]);
  return rules;
}

/** The sender's pair of addresses (RFC 826), or a probe's (RFC 5227 2.1.1). */
function arpRules({ mac, ipv4 }: Checked): nft.Rule[] {
  const any = ipv4.some((prefix) => prefixLength(prefix) === 0);
  const sender = nft.payload("arp", "saddr ip");
  const senders = any ? [[]] : oneOf(sender, ["0.0.0.0/32" as Prefix, ...ipv4]).map((match) => [match]);
  return senders.map((match) => [
    nft.is(nft.payload("arp", "htype"), 1),
    nft.is(nft.payload("arp", "ptype"), "ip"),
    nft.is(nft.payload("arp", "hlen"), 6),
    nft.is(nft.payload("arp", "plen"), 4),
    nft.is(nft.payload("arp", "saddr ether"), mac),
    ...match,
    nft.RETURN,
  ]);
}

/** nft leaves out a comparison with a prefix of no length, and with it that of the family. */
function sourceRules(mac: Mac, prefixes: readonly Prefix[], family: "ip" | "ip6"): nft.Rule[] {
  if (prefixes.length === 0) return [];
  if (prefixes.some((prefix) => prefixLength(prefix) === 0)) {
    return [[nft.is(ETHER_TYPE, family), nft.is(ETHER_SOURCE, mac), nft.RETURN]];
  }
  return oneOf(nft.payload(family, "saddr"), prefixes).map((from) => [nft.is(ETHER_SOURCE, mac), from, nft.RETURN]);
}

/**
 * Matches of which one holds if the field is in one of the prefixes: whole addresses are one set, and each other prefix is
 * compared by itself. A set with both would be one of intervals, and in those a kernel (seen in 6.18) misses entries while
 * a transaction commits: an honest frame in twenty changes was dropped.
 */
function oneOf(field: nft.Expression, prefixes: readonly Prefix[]): nft.Expression[] {
  const whole = prefixes.filter((prefix) => hostPrefix(prefixAddress(prefix)) === prefix);
  const wider = prefixes.filter((prefix) => !whole.includes(prefix));
  return [...(whole.length > 0 ? [whole] : []), ...wider.map((prefix) => [prefix])].map((values) =>
    nft.is(field, ...values.map(nft.prefixValue)),
  );
}

const DHCP_CLIENT: nft.Rule = [
  nft.is(nft.payload("ip", "saddr"), "0.0.0.0"),
  nft.is(nft.payload("udp", "sport"), 68),
  nft.is(nft.payload("udp", "dport"), 67),
  nft.RETURN,
];

/**
 * The forms of ND messages that pass: without options, or with the one option that says the sender's own MAC. An option
 * behind another could say something else, so the length is fixed; and no extension header, behind which one could hide.
 *
 *   ICMPv6: type code sum:2 | flags:4 | target:16 | option type:1 length:1 MAC:6      bits 64, 192, 208 (RFC 4861 4.3, 4.4)
 *   RS:     type code sum:2 | 0:4     | option                                         bits 64, 80 (RFC 4861 4.1)
 */
function ndRules(guard: PortGuard): nft.Rule[] {
  const counter = nft.countAs(counterName(guard.port, "nd"));
  const solicit = nft.is(ND_TYPE, "nd-neighbor-solicit");
  const advert = nft.is(ND_TYPE, "nd-neighbor-advert");
  const routerSolicit = nft.is(ND_TYPE, "nd-router-solicit");
  const probe = [nft.is(IP6_SOURCE, "::"), solicit];
  // A solicitation asks for another's address; an advert speaks for the sender's own.
  const forms = (length: number, option: readonly nft.Expression[]): nft.Rule[] => [
    [...option.slice(0, 1), nft.is(IP6_LENGTH, length), solicit, ...option.slice(1), nft.RETURN],
    [
      ...option.slice(0, 1),
      nft.is(IP6_LENGTH, length),
      advert,
      ...option.slice(1),
      nft.goTo(chainName("na", guard.port)),
    ],
  ];
  const withMac = checkedSources(guard).flatMap(({ mac }): nft.Rule[] => [
    ...forms(32, [
      nft.is(ETHER_SOURCE, mac),
      nft.is(nft.transportBits(192, 16), 0x0101, 0x0201),
      nft.is(nft.transportBits(208, 48), nft.macNumber(mac)),
    ]),
    [
      nft.is(ETHER_SOURCE, mac),
      nft.is(IP6_LENGTH, 16),
      routerSolicit,
      // Of one value nft would make one comparison with the MAC, by a number that is longer than JSON's are exact.
      nft.is(nft.transportBits(64, 16), 0x0101, 0x0201),
      nft.is(nft.transportBits(80, 48), nft.macNumber(mac)),
      nft.RETURN,
    ],
  ]);
  return [
    [nft.isNot(nft.payload("ip6", "nexthdr"), "ipv6-icmp"), counter, nft.DROP],
    // Duplicate address detection, with whatever options (RFC 7527 adds a nonce): only for addresses of one's own.
    ...ownTargets(guard).map((target): nft.Rule => [...target.slice(0, 1), ...probe, ...target.slice(1), nft.RETURN]),
    [...probe, counter, nft.DROP],
    ...withMac,
    ...forms(24, []),
    [nft.is(IP6_LENGTH, 8), routerSolicit, nft.RETURN],
    [counter, nft.DROP],
  ];
}

/** Adverts of the right form: for the sender's own addresses only. */
function advertRules(guard: PortGuard): nft.Rule[] {
  return [
    ...ownTargets(guard).map((target): nft.Rule => [...target, nft.RETURN]),
    [nft.countAs(counterName(guard.port, "nd")), nft.DROP],
  ];
}

/** The message is about an address of its sender's MAC. */
function ownTargets(guard: PortGuard): nft.Expression[][] {
  return checkedSources(guard).flatMap(({ mac, ipv6 }) =>
    ipv6.map((prefix) => [nft.is(ETHER_SOURCE, mac), ...targetIn(prefix)]),
  );
}

/** The message's target address is in the prefix. */
function targetIn(prefix: Prefix): nft.Expression[] {
  const len = prefixLength(prefix);
  if (len === 0) return [];
  const value = bits(prefixAddress(prefix), len);
  return [nft.is(nft.transportBits(64, len), value)];
}

/** The first bits of an address as nft writes a number that is too long for JSON, and as a number otherwise. */
function bits(ip: IpAddress, len: number): string | number {
  const all = BigInt(`0x${Buffer.from(ipToOctets(ip)).toString("hex")}`) >> BigInt(128 - len);
  return all < 2n ** 53n ? Number(all) : `0x${all.toString(16)}`;
}

function stormRules(guard: PortGuard, perSec: number): nft.Rule[] {
  return [
    [
      nft.is(nft.meta("pkttype"), "host", "other"),
      nft.isIn(nft.payload("ether", "daddr"), `known-${guard.vni}`),
      nft.RETURN,
    ],
    [
      nft.overRate(perSec, Math.max(LEAST_BURST, Math.ceil(perSec / 10))),
      nft.countAs(counterName(guard.port, "storm")),
      nft.DROP,
    ],
  ];
}

/** Every machine may use the link-local address of its MAC. */
function checkedSources(guard: PortGuard): Checked[] {
  return guard.sources.flatMap(({ mac, prefixes }) => {
    if (!prefixes) return [];
    const ipv4 = prefixes.filter((prefix) => isIpv4(prefixAddress(prefix)));
    const ipv6 = prefixes.filter((prefix) => !isIpv4(prefixAddress(prefix)));
    const any = ipv6.some((prefix) => prefixLength(prefix) === 0);
    const own = hostPrefix(linkLocalOf(mac));
    return [{ mac, ipv4, ipv6: any || ipv6.includes(own) ? ipv6 : [...ipv6, own] }];
  });
}

function reasonsOf({ port }: PortGuard, chains: PortRules["chains"]): GuardReason[] {
  const used = new Set<string>();
  for (const rule of Object.values(chains).flat()) {
    for (const { counter } of rule) if (typeof counter === "string") used.add(counter.slice(port.length + 1));
  }
  return [...used] as GuardReason[];
}

function macListsOf({ mode, vni, stormPacketsPerSec }: PortGuard): MacListKey[] {
  return [
    ...(stormPacketsPerSec === undefined ? [] : [`known-${vni}` as const]),
    ...(mode === "learn" ? [`declared-${vni}` as const] : []),
  ];
}
