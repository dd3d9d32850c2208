// The Guards port on nftables: a table `overspan` of ours in the bridge family, another in netdev for mirrors, and nothing
// else is touched.
//
// Why the bridge family: its hook comes before the bridge learns from a frame or answers ARP for it, it sees frames by the
// port's name, so a guard is there before its port is and stays when the port goes and comes back; a netdev hook belongs to
// a device and goes with it. Frames of other bridges pay one look-up.

import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { hostPrefix, type PortGuard, portGuard } from "../dataplane/guard-state.ts";
import type { ActualGuards, DropCount, GuardReason, Guards, MacListKey, Mirror } from "../dataplane/guards.ts";
import { rulesText } from "./expression.ts";
import { type Listing, macsOf, objectOf, parseListing, sightingsOf, verdictsOf } from "./listing.ts";
import { watchTransactions } from "./monitor.ts";
import { findNft, type Nft } from "./nft.ts";
import { chainName, portRules, STRANGERS } from "./rules.ts";
import {
  BASE_CHAINS,
  DISPATCH,
  type Existing,
  mirrorChain,
  mirrorOf,
  probeTransaction,
  removal,
  TABLE,
  transactionOf,
} from "./transaction.ts";
import * as nft from "./expression.ts";

export type NftGuardsOptions = {
  /** A namespace in /run/netns to work in; default: that of the process. */
  readonly netns?: string;
  readonly log: (text: string) => void;
};

/** Without events from the kernel the table is compared this often instead. */
const POLL_MS = 1000;

/** Looks for nft and asks the kernel what it can do; never rejects. */
export async function createNftGuards({ netns, log }: NftGuardsOptions): Promise<Guards> {
  const found = findNft(netns);
  if (!found) return withoutNft("nft is not installed (Debian: apt-get install nftables)");
  const lacks = await probe(found);
  if (lacks.guards !== undefined) return withoutNft(lacks.guards);
  return nftGuards(found, { netns, lacks, log });
}

function nftGuards(
  tool: Nft,
  context: {
    readonly netns: string | undefined;
    readonly lacks: Guards["lacks"];
    readonly log: (text: string) => void;
  },
): Guards {
  let existing: Existing = NOTHING;
  /** How this nft prints what we send, where that is not how we write it. */
  const printed = new Map<string, string>();
  const say = (ours: string): string => printed.get(ours) ?? ours;
  /** Of the last change, until it was seen in a listing. */
  let written: { readonly guards: readonly PortGuard[]; readonly mirrors: readonly Mirror[] } = {
    guards: [],
    mirrors: [],
  };
  const closers = new Set<() => void>();

  async function listTables(): Promise<{ readonly bridge: Listing; readonly netdev: Listing }> {
    const [bridge, netdev] = await Promise.all([
      tool.list(["-t", "list", "table", "bridge", TABLE]),
      tool.list(["list", "table", "netdev", TABLE]),
    ]);
    return { bridge: parseListing(bridge), netdev: parseListing(netdev) };
  }

  async function listVerdicts(map: string): Promise<Map<string, string>> {
    return verdictsOf(await listSet("map", map));
  }

  async function listSet(kind: "set" | "map", name: string): Promise<readonly unknown[]> {
    const items = await tool.list(["list", kind, "bridge", TABLE, name]);
    return parseListing(items).sets.get(name) ?? [];
  }

  async function dump(options: { readonly macLists: boolean }): Promise<ActualGuards> {
    const [{ bridge, netdev }, guard, storm] = await Promise.all([
      listTables(),
      listVerdicts(DISPATCH.guard),
      listVerdicts(DISPATCH.storm),
    ]);
    const verdicts = { guard, storm };
    const lists = [...bridge.sets.keys()].filter(isMacList);
    const macLists = new Map<MacListKey, ReadonlySet<Mac> | undefined>();
    for (const name of lists) macLists.set(name, options.macLists ? macsOf(await listSet("set", name)) : undefined);
    const mirrors = [...netdev.chains.keys()].flatMap((name) => mirrorOf(name) ?? []);
    existing = {
      dispatched: { guard: new Set(verdicts.guard.keys()), storm: new Set(verdicts.storm.keys()) },
      chains: new Set(bridge.chains.keys()),
      sets: new Set(bridge.sets.keys()),
      mirrors: new Set(mirrors),
    };
    const actual = {
      ports: new Map(portsOf(bridge, verdicts).map((port) => [port, portText(port, bridge, verdicts)])),
      macLists,
      mirrors: new Map(mirrors.map((from) => [from, chainText(netdev, `mirror-${from}`)])),
      frame: frameIsWhole(bridge),
    };
    for (const guard of written.guards) learn(expectedPort(guard), actual.ports.get(guard.port));
    for (const mirror of written.mirrors) learn(expectedMirror(mirror), actual.mirrors.get(mirror.from));
    written = { guards: [], mirrors: [] };
    return actual;
  }

  /** What was just written and is all there, only in other words: so this nft prints it. */
  function learn(ours: string, actual: string | undefined): void {
    if (actual !== undefined && actual !== say(ours) && shape(actual) === shape(ours)) printed.set(ours, actual);
  }

  return {
    lacks: context.lacks,
    print: (guard) => say(expectedPort(guard)),
    printMirror: (mirror) => say(expectedMirror(mirror)),
    dump,
    apply: async (change) => {
      await tool.run(transactionOf(change, existing));
      written = { guards: change.set, mirrors: [...change.mirrors.values()].flatMap((mirror) => mirror ?? []) };
    },
    removeAll: () => tool.run(removal()),
    read: async () => {
      const counters = await tool.list(["list", "counters", "table", "bridge", TABLE]);
      const strangers = await listSet("set", STRANGERS);
      return { drops: counters.flatMap(dropOf), sightings: sightingsOf(strangers) };
    },
    watch: (listener) => {
      let close: (() => void) | undefined;
      let closed = false;
      const use = (next: () => void): void => {
        if (closed) next();
        else close = next;
      };
      watchTransactions({ netns: context.netns }, TABLE, tool.ownPids, listener).then(
        (watch) => use(() => watch.close()),
        (cause: unknown) => {
          context.log(`no events of nftables, comparing every second: ${(cause as Error).message}`);
          const timer = setInterval(listener, POLL_MS);
          timer.unref();
          use(() => clearInterval(timer));
        },
      );
      const end = (): void => {
        closed = true;
        close?.();
        closers.delete(end);
      };
      closers.add(end);
      return { close: end };
    },
    close: async () => {
      for (const end of closers) end();
    },
  };
}

const NOTHING: Existing = {
  dispatched: { guard: new Set(), storm: new Set() },
  chains: new Set(),
  sets: new Set(),
  mirrors: new Set(),
};

/** Asks the kernel for one of everything, without writing it. */
async function probe(tool: Nft): Promise<Guards["lacks"]> {
  const mac = "02:00:00:00:00:01" as Mac;
  const sample = portGuard({
    port: "lo",
    vni: 1 as Vni,
    mode: "enforce",
    sources: [{ mac, prefixes: [hostPrefix("10.0.0.1" as never), "10.1.0.0/16" as never, "2001:db8::/61" as never] }],
    stormPacketsPerSec: 1,
  });
  // A name that no table of anybody's has, so that what is there does not count.
  const elsewhere = (commands: readonly unknown[]): unknown[] =>
    JSON.parse(JSON.stringify(commands).replaceAll(`"${TABLE}"`, `"${TABLE}-probe"`)) as unknown[];
  const mirrors = new Map([["lo", { from: "lo", to: [{ port: "lo", macs: [mac] }] }]]);
  const mirror = { frame: false, set: [], remove: [], macLists: new Map(), mirrors };
  const why = (what: string) => (cause: unknown) => `${what}: ${(cause as Error).message}`;
  const ask = (commands: readonly unknown[], what: string): Promise<string | undefined> =>
    tool.run(elsewhere(commands), { check: true }).then(() => undefined, why(what));
  return {
    guards: await ask(probeTransaction(sample), "the kernel has not all of nftables that guards need"),
    mirrors: await ask(transactionOf(mirror, NOTHING), "the kernel cannot copy frames with nftables"),
  };
}

/** A port that refuses everything with the reason, and has nothing in the kernel. */
function withoutNft(reason: string): Guards {
  return {
    lacks: { guards: reason, mirrors: reason },
    print: expectedPort,
    printMirror: expectedMirror,
    dump: async () => ({ ports: new Map(), macLists: new Map(), mirrors: new Map(), frame: false }),
    removeAll: async () => undefined,
    apply: async () => Promise.reject(new Error(reason)),
    read: async () => ({ drops: [], sightings: [] }),
    watch: () => ({ close: () => undefined }),
    close: async () => undefined,
  };
}

const KINDS = ["guard", "nd", "na", "storm"] as const;

function expectedPort(guard: PortGuard): string {
  const { chains } = portRules(guard);
  const dispatched = (["guard", "storm"] as const).map((kind) =>
    chains[kind].length > 0 ? JSON.stringify(nft.jumpTo(chainName(kind, guard.port))) : "",
  );
  return [...dispatched, ...KINDS.map((kind) => (chains[kind].length > 0 ? rulesText(chains[kind]) : ""))].join("\n");
}

function portText(
  port: string,
  listing: Listing,
  verdicts: Readonly<Record<"guard" | "storm", ReadonlyMap<string, string>>>,
): string {
  return [
    verdicts.guard.get(port) ?? "",
    verdicts.storm.get(port) ?? "",
    ...KINDS.map((kind) => listing.chains.get(chainName(kind, port))?.rules ?? ""),
  ].join("\n");
}

/** Ports that have a chain of ours, or an entry that leads to one. */
function portsOf(
  listing: Listing,
  verdicts: Readonly<Record<"guard" | "storm", ReadonlyMap<string, string>>>,
): string[] {
  const chains = [...listing.chains.keys()].flatMap((name) => /^(?:guard|nd|na|storm)-(.+)$/.exec(name)?.[1] ?? []);
  return [...new Set([...chains, ...verdicts.guard.keys(), ...verdicts.storm.keys()])];
}

function expectedMirror(mirror: Mirror): string {
  const { hook, rules } = mirrorChain(mirror);
  return `${JSON.stringify(hook)}\n${rulesText(rules)}`;
}

function chainText(listing: Listing, name: string): string {
  const chain = listing.chains.get(name);
  return chain ? `${chain.hook}\n${chain.rules}` : "";
}

function frameIsWhole(listing: Listing): boolean {
  const base = [...BASE_CHAINS].every(([name, { hook, rules }]) => {
    return chainText(listing, name) === `${JSON.stringify(hook)}\n${rulesText(rules)}`;
  });
  return base && [STRANGERS, ...Object.values(DISPATCH)].every((name) => listing.sets.has(name));
}

/** How many rules each chain has: what another hand changed hardly ever keeps that and is never what we just wrote. */
function shape(text: string): string {
  return text
    .split("\n")
    .map((line) => {
      const parsed: unknown = line === "" ? undefined : JSON.parse(line);
      return Array.isArray(parsed) ? parsed.length : typeof parsed;
    })
    .join(" ");
}

function isMacList(name: string): name is MacListKey {
  return /^(?:known|declared)-\d+$/.test(name);
}

function dropOf(item: Readonly<Record<string, unknown>>): DropCount[] {
  const counter = objectOf(item["counter"]);
  const name = counter?.["name"];
  if (!counter || typeof name !== "string") return [];
  const slash = name.lastIndexOf("/");
  if (slash < 0) return [];
  const reason = name.slice(slash + 1) as GuardReason;
  return [{ port: name.slice(0, slash), reason, packets: Number(counter["packets"]) }];
}
