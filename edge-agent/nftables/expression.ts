// The words of nftables' JSON schema (libnftables-json(5)) that our rules are made of, written the way `nft -j list` prints
// them, so that a rule read back is the rule that was sent. Pure.

import type { Mac } from "../../shared/address/mac.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../shared/address/prefix.ts";
import { isIpv4 } from "../../shared/address/ip.ts";

/** One statement or match of a rule. */
export type Expression = Readonly<Record<string, unknown>>;
/** A rule: its expressions in order. */
export type Rule = readonly Expression[];
/** What a field is compared with. */
type Value = string | number | { readonly prefix: { readonly addr: string; readonly len: number } };

export const DROP: Expression = { drop: null };
export const RETURN: Expression = { return: null };

export function payload(protocol: string, field: string): Expression {
  return { payload: { protocol, field } };
}

export function meta(key: string): Expression {
  return { meta: { key } };
}

/** Bits of the transport header, such as the options of an ND message. */
export function transportBits(offset: number, len: number): Expression {
  return { payload: { base: "th", offset, len } };
}

/** `left` is one of `values`; of one value nft prints no set. */
export function is(left: Expression, ...values: readonly Value[]): Expression {
  return { match: { op: "==", left, right: oneOf(values) } };
}

export function isNot(left: Expression, ...values: readonly Value[]): Expression {
  return { match: { op: "!=", left, right: oneOf(values) } };
}

/** `left` is in the named set. */
export function isIn(left: Expression, set: string): Expression {
  return { match: { op: "==", left, right: `@${set}` } };
}

export function masked(left: Expression, mask: string, value: string): Expression {
  return { match: { op: "==", left: { "&": [left, mask] }, right: value } };
}

export function countAs(counter: string): Expression {
  return { counter };
}

/** Notes port and source MAC in the set, whose entries go after their time. */
export function note(set: string): Expression {
  const elem = { concat: [meta("iifname"), payload("ether", "saddr")] };
  return { set: { op: "update", elem, set: `@${set}` } };
}

export function jumpTo(target: string): Expression {
  return { jump: { target } };
}

export function goTo(target: string): Expression {
  return { goto: { target } };
}

/** By the name of the port that the frame came in by: one look-up, however many ports there are. */
export function byPort(map: string): Expression {
  return { vmap: { key: meta("iifname"), data: `@${map}` } };
}

/** True for what is over the rate. */
export function overRate(rate: number, burst: number): Expression {
  return { limit: { rate, burst, per: "second", inv: true } };
}

/** A prefix as nft prints it: one of full length is an address. */
export function prefixValue(prefix: Prefix): Value {
  const addr = prefixAddress(prefix);
  const len = prefixLength(prefix);
  return len === (isIpv4(addr) ? 32 : 128) ? addr : { prefix: { addr, len } };
}

export function macNumber(mac: Mac): number {
  return Number.parseInt(mac.replaceAll(":", ""), 16);
}

/** Rules as text that is the same for the same rules: nft keeps no order in a set. */
export function rulesText(rules: readonly Rule[]): string {
  return JSON.stringify(rules, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || !("set" in value) || !Array.isArray(value.set)) return value;
    return { set: value.set.map((each) => JSON.stringify(each)).toSorted() };
  });
}

function oneOf(values: readonly Value[]): unknown {
  return values.length === 1 ? values[0] : { set: values };
}
