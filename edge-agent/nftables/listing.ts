// What `nft -j list table` prints, taken apart: rules by chain, maps and sets by name. Pure; knows the schema of
// libnftables-json(5) and nothing of guards.

import { type Mac, parseMac } from "../../shared/address/mac.ts";
import { type Rule, rulesText } from "./expression.ts";

export type Listing = {
  readonly exists: boolean;
  /** Each chain with its hook, if it has one, and its rules as text. */
  readonly chains: ReadonlyMap<string, { readonly hook: string; readonly rules: string; readonly count: number }>;
  /** Names of sets and maps; elements if they were listed. */
  readonly sets: ReadonlyMap<string, readonly unknown[]>;
};

type Item = Readonly<Record<string, unknown>>;

export function parseListing(items: readonly Item[]): Listing {
  const rules = new Map<string, Rule[]>();
  const hooks = new Map<string, string>();
  const sets = new Map<string, readonly unknown[]>();
  let exists = false;
  for (const item of items) {
    if ("table" in item) exists = true;
    const chain = objectOf(item["chain"]);
    if (chain) {
      // Without the device of a netdev chain, which not every nft prints.
      const { name, type, hook, prio, policy } = chain;
      hooks.set(String(name), type === undefined ? "" : JSON.stringify({ type, hook, prio, policy }));
      if (!rules.has(String(name))) rules.set(String(name), []);
    }
    const rule = objectOf(item["rule"]);
    if (rule) {
      const list = rules.get(String(rule["chain"]));
      const expr = rule["expr"] as Rule;
      if (list) list.push(expr);
      else rules.set(String(rule["chain"]), [expr]);
    }
    const set = objectOf(item["set"]) ?? objectOf(item["map"]);
    if (set) sets.set(String(set["name"]), (set["elem"] as readonly unknown[] | undefined) ?? []);
  }
  const chains = new Map(
    Array.from(rules, ([name, list]) => [
      name,
      { hook: hooks.get(name) ?? "", rules: rulesText(list), count: list.length },
    ]),
  );
  return { exists, chains, sets };
}

/** The target of each key of a verdict map, as text. */
export function verdictsOf(elements: readonly unknown[]): Map<string, string> {
  return new Map(
    elements.flatMap((element) =>
      Array.isArray(element) && typeof element[0] === "string" ? [[element[0], JSON.stringify(element[1])]] : [],
    ),
  );
}

export function macsOf(elements: readonly unknown[]): Set<Mac> {
  return new Set(elements.flatMap((element) => (typeof element === "string" ? (parseMac(element) ?? []) : [])));
}

/** Elements of port and MAC, with or without the time that they have left. */
export function sightingsOf(elements: readonly unknown[]): { readonly port: string; readonly mac: Mac }[] {
  return elements.flatMap((element) => {
    const timed = objectOf(objectOf(element)?.["elem"])?.["val"] ?? element;
    const pair = objectOf(timed)?.["concat"];
    if (!Array.isArray(pair) || typeof pair[0] !== "string" || typeof pair[1] !== "string") return [];
    const mac = parseMac(pair[1]);
    return mac ? [{ port: pair[0], mac }] : [];
  });
}

export function objectOf(value: unknown): Item | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Item) : undefined;
}
