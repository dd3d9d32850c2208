// One change of guards as the commands of one nft transaction, in the order that the kernel wants: what rules name comes
// before them, and what nothing names any more goes last. Pure.

import type { Mac } from "../../shared/address/mac.ts";
import type { PortGuard } from "../dataplane/guard-state.ts";
import type { GuardChange, GuardReason, MacListKey, Mirror } from "../dataplane/guards.ts";
import * as nft from "./expression.ts";
import { type ChainKind, chainName, counterName, portRules, STRANGERS } from "./rules.ts";

export const TABLE = "overspan";
/** By port: the chain that looks at its frames' sources, and the chain that limits them. */
export const DISPATCH = { guard: "guards", storm: "storms" } as const;
const CHAIN_KINDS: readonly ChainKind[] = ["guard", "nd", "na", "storm"];
/** Before everybody else's: -300 is that of Debian's own filters. */
const PRIORITY = -310;
const SIGHTING_SEC = 60;
/** The most entries of all ports together: a machine that makes up MACs fills no more memory than that. */
const MOST_SIGHTINGS = 4096;

type Command = Readonly<Record<string, unknown>>;
export type Transaction = readonly Command[];

/** The chains that every frame of every bridge passes; for ports that are not ours they cost one look-up. */
export const BASE_CHAINS: ReadonlyMap<string, { readonly hook: object; readonly rules: readonly nft.Rule[] }> = new Map(
  [
    [
      "prerouting",
      {
        hook: { type: "filter", hook: "prerouting", prio: PRIORITY, policy: "accept" },
        rules: [[nft.byPort(DISPATCH.guard)], [nft.byPort(DISPATCH.storm)]],
      },
    ],
    // The bridge takes frames to 01:80:c2:00:00:0x (LLDP, LACP) out before prerouting, but learns from them after this hook.
    [
      "input",
      {
        hook: { type: "filter", hook: "input", prio: PRIORITY, policy: "accept" },
        rules: [
          [
            nft.masked(nft.payload("ether", "daddr"), "ff:ff:ff:ff:ff:f0", "01:80:c2:00:00:00"),
            nft.byPort(DISPATCH.guard),
          ],
        ],
      },
    ],
  ],
);

/** What is in the kernel that a change has to know of. */
export type Existing = {
  /** Ports in each dispatch map. */
  readonly dispatched: Readonly<Record<keyof typeof DISPATCH, ReadonlySet<string>>>;
  readonly chains: ReadonlySet<string>;
  readonly sets: ReadonlySet<string>;
  /** Devices. */
  readonly mirrors: ReadonlySet<string>;
};

export function transactionOf(change: GuardChange, existing: Existing): Transaction {
  const set = change.set.flatMap((guard) => setPort(guard, existing));
  const remove = change.remove.flatMap((port) => removePort(port, existing));
  const lists = [...change.macLists];
  return [
    { add: { table: { family: "bridge", name: TABLE } } },
    ...(change.frame ? frameObjects(existing) : []),
    ...lists.flatMap(([key, edit]) => (edit.kind === "edit" ? editList(key, edit) : [])),
    ...set,
    ...(change.frame ? frameRules(existing) : []),
    ...remove,
    ...lists.flatMap(([key, edit]) => (edit.kind === "drop" && existing.sets.has(key) ? [dropList(key)] : [])),
    ...[...change.mirrors].flatMap(([from, mirror]) => mirrorCommands(from, mirror, existing)),
  ];
}

/** One of each thing that guards are made of, to ask the kernel whether it would take it. */
export function probeTransaction(guard: PortGuard): Transaction {
  const nothing: Existing = {
    dispatched: { guard: new Set(), storm: new Set() },
    chains: new Set(),
    sets: new Set(),
    mirrors: new Set(),
  };
  const change = { frame: true, set: [guard], remove: [], macLists: new Map(), mirrors: new Map() };
  return transactionOf(change, nothing);
}

/** Both tables go, whether they are there or not. */
export function removal(): Transaction {
  return ["bridge", "netdev"].flatMap((family) => {
    const table = { family, name: TABLE };
    return [{ add: { table } }, { delete: { table } }];
  });
}

const MIRROR = "mirror-";

/** One chain a device: nft 1.0 takes no more in JSON, and shows none. */
function mirrorName(from: string): string {
  return `${MIRROR}${from}`;
}

/** The device of a mirror's chain. */
export function mirrorOf(chain: string): string | undefined {
  return chain.startsWith(MIRROR) ? chain.slice(MIRROR.length) : undefined;
}

const MIRROR_HOOK = { type: "filter", hook: "ingress", prio: PRIORITY, policy: "accept" };

/** How the chain of a mirror is shown. */
export function mirrorChain({ to }: Mirror): { readonly hook: object; readonly rules: readonly nft.Rule[] } {
  const rules = to.map(({ port, macs }): nft.Rule => {
    const others = macs.length === 0 ? [] : [nft.isNot(nft.payload("ether", "daddr"), ...macs)];
    return [...others, { dup: { addr: port } }];
  });
  return { hook: MIRROR_HOOK, rules };
}

/** What is there stays: once a rule adds to a set the kernel calls it dynamic, and would not know it by its old flags. */
function frameObjects(existing: Existing): Command[] {
  const strangers = {
    name: STRANGERS,
    type: ["ifname", "ether_addr"],
    size: MOST_SIGHTINGS,
    flags: ["timeout"],
    timeout: SIGHTING_SEC,
  };
  const maps = Object.values(DISPATCH).filter((name) => !existing.sets.has(name));
  return [
    ...(existing.sets.has(STRANGERS) ? [] : [{ add: { set: bridge(strangers) } }]),
    ...maps.map((name) => ({ add: { map: bridge({ name, type: "ifname", map: "verdict" }) } })),
  ];
}

/** A base chain is made anew: of one that is there neither hook nor priority can be changed. */
function frameRules(existing: Existing): Command[] {
  return [...BASE_CHAINS].flatMap(([name, { hook, rules }]) => [
    ...(existing.chains.has(name)
      ? [{ flush: { chain: bridge({ name }) } }, { delete: { chain: bridge({ name }) } }]
      : []),
    { add: { chain: bridge({ name, ...hook }) } },
    ...rules.map((expr) => ({ add: { rule: bridge({ chain: name, expr }) } })),
  ]);
}

function setPort(guard: PortGuard, existing: Existing): Command[] {
  const { port } = guard;
  const { chains, reasons, macLists } = portRules(guard);
  const names = CHAIN_KINDS.map((kind) => ({ kind, name: chainName(kind, port), rules: chains[kind] }));
  const wanted = names.filter(({ rules }) => rules.length > 0);
  const unwanted = names.filter(({ name, rules }) => rules.length === 0 && existing.chains.has(name));
  return [
    ...macLists.map((name) => ({ add: { set: bridge({ name, type: "ether_addr" }) } })),
    ...reasons.map((reason) => ({ add: { counter: bridge({ name: counterName(port, reason) }) } })),
    ...wanted.map(({ name }) => ({ add: { chain: bridge({ name }) } })),
    ...wanted.flatMap(({ name, rules }) => [
      { flush: { chain: bridge({ name }) } },
      ...rules.map((expr) => ({ add: { rule: bridge({ chain: name, expr }) } })),
    ]),
    ...dispatch("guard", port, chains.guard.length > 0, existing),
    ...dispatch("storm", port, chains.storm.length > 0, existing),
    ...unwanted.flatMap(({ name }) => [
      { flush: { chain: bridge({ name }) } },
      { delete: { chain: bridge({ name }) } },
    ]),
  ];
}

function removePort(port: string, existing: Existing): Command[] {
  const chains = CHAIN_KINDS.map((kind) => chainName(kind, port)).filter((name) => existing.chains.has(name));
  const reasons: readonly GuardReason[] = [
    "vlan",
    "mac",
    "declared-elsewhere",
    "arp",
    "ipv4",
    "ipv6",
    "nd",
    "dhcp-server",
    "router-advert",
    "storm",
  ];
  return [
    ...dispatch("guard", port, false, existing),
    ...dispatch("storm", port, false, existing),
    ...chains.map((name) => ({ flush: { chain: bridge({ name }) } })),
    ...chains.map((name) => ({ delete: { chain: bridge({ name }) } })),
    // Deleting what is not there would refuse the whole transaction: so it is made first.
    ...reasons.flatMap((reason) => {
      const counter = bridge({ name: counterName(port, reason) });
      return [{ add: { counter } }, { delete: { counter } }];
    }),
  ];
}

/** An element of a map keeps its first verdict, so one that is there goes first. */
function dispatch(kind: keyof typeof DISPATCH, port: string, wanted: boolean, existing: Existing): Command[] {
  const name = DISPATCH[kind];
  const elem = [[port, nft.jumpTo(chainName(kind, port))]];
  return [
    ...(existing.dispatched[kind].has(port) ? [{ delete: { element: bridge({ name, elem: [port] }) } }] : []),
    ...(wanted ? [{ add: { element: bridge({ name, elem }) } }] : []),
  ];
}

function editList(
  name: MacListKey,
  { clear, add, remove }: { readonly clear: boolean; readonly add: readonly Mac[]; readonly remove: readonly Mac[] },
): Command[] {
  return [
    { add: { set: bridge({ name, type: "ether_addr" }) } },
    ...(clear ? [{ flush: { set: bridge({ name }) } }] : []),
    // Made first, as above: one of them may have gone by another hand.
    ...(remove.length > 0
      ? [{ add: { element: bridge({ name, elem: remove }) } }, { delete: { element: bridge({ name, elem: remove }) } }]
      : []),
    ...(add.length > 0 ? [{ add: { element: bridge({ name, elem: add }) } }] : []),
  ];
}

function dropList(name: MacListKey): Command {
  return { delete: { set: bridge({ name }) } };
}

function mirrorCommands(from: string, mirror: Mirror | undefined, existing: Existing): Command[] {
  const name = mirrorName(from);
  const gone = existing.mirrors.has(from)
    ? [{ flush: { chain: netdev({ name }) } }, { delete: { chain: netdev({ name }) } }]
    : [];
  if (!mirror) return gone;
  const { hook, rules } = mirrorChain(mirror);
  return [
    { add: { table: { family: "netdev", name: TABLE } } },
    ...gone,
    { add: { chain: netdev({ name, ...hook, dev: from }) } },
    ...rules.map((expr) => ({ add: { rule: netdev({ chain: name, expr }) } })),
  ];
}

function bridge(what: object): object {
  return { family: "bridge", table: TABLE, ...what };
}

function netdev(what: object): object {
  return { family: "netdev", table: TABLE, ...what };
}
