// The Adj-RIB-Out of one session and family (RFC 4271 3.2): what was sent, and what is still to be sent. The next UPDATE is built only
// when the connection can take it, so a slow peer costs a map entry per route and no messages; a route that changes
// twice meanwhile is sent once. Withdrawals go first. No MinRouteAdvertisementInterval: EVPN moves should be seen at once.

import type { ExportForm, Prepared } from "./export-form.ts";
import { FAMILIES, type FamilyName } from "./family.ts";
import { AttributeCode, AttributeFlag } from "./wire/iana.ts";
import { encodeMessage, HEADER_OCTETS } from "./wire/message.ts";
import { encodeEndOfRib } from "./wire/update.ts";
import { Writer } from "./wire/writer.ts";

/** Flags, code and a two-octet length. */
const ATTRIBUTE_HEADER_OCTETS = 4;
/** The two length fields of an UPDATE. */
const UPDATE_LENGTHS_OCTETS = 4;
/** More than twice the routes of the longest message. */
const QUEUED_AHEAD = 4096;
const NO_OCTETS = new Uint8Array(0);
const EXTENDED_OPTIONAL = AttributeFlag.OPTIONAL | AttributeFlag.EXTENDED_LENGTH;

export class AdjRibOut<E extends Prepared> {
  readonly #form: ExportForm<E>;
  readonly #maxMessageOctets: number;
  readonly #sent = new Map<string, E>();
  readonly #withdrawals = new Map<string, E>();
  readonly #pending = new Map<string, E>();
  /** `#pending` by attributes: each group is packed together. */
  readonly #groups = new Map<string, Set<E>>();
  /** What is left of the first table. */
  #first: Iterator<E> | undefined;
  #endOfRibDue = true;

  /** `first` is read as the peer takes it, and must show what changes meanwhile, as iterators of a Map do. */
  constructor(form: ExportForm<E>, maxMessageOctets: number, first: Iterable<E> = []) {
    this.#form = form;
    this.#maxMessageOctets = maxMessageOctets;
    this.#first = first[Symbol.iterator]();
  }

  /** Routes that the peer was told. */
  get size(): number {
    return this.#sent.size;
  }

  /** The peer was sent everything, End-of-RIB included. */
  get told(): boolean {
    return !this.#first && !this.#endOfRibDue && this.#pending.size + this.#withdrawals.size === 0;
  }

  routes(): IterableIterator<E> {
    return this.#sent.values();
  }

  announce(route: E): void {
    this.#unqueue(route.key);
    this.#withdrawals.delete(route.key);
    if (this.#sent.get(route.key) !== route) this.#queue(route);
  }

  withdraw(key: string): void {
    this.#unqueue(key);
    const sent = this.#sent.get(key);
    if (sent) this.#withdrawals.set(key, sent);
  }

  /** The peer asked for everything again (RFC 2918 section 4). */
  resendAll(): void {
    for (const [key, route] of this.#sent)
      if (!this.#withdrawals.has(key) && !this.#pending.has(key)) this.#queue(route);
  }

  /** The next UPDATE, which counts as sent; undefined when the peer knows everything. */
  nextMessage(): Uint8Array | undefined {
    if (this.#withdrawals.size > 0) return this.#nextWithdrawal();
    this.#readOn();
    for (const [key, group] of this.#groups) return this.#nextAnnouncement(key, group);
    if (!this.#endOfRibDue) return undefined;
    this.#endOfRibDue = false;
    return encodeMessage({ type: "UPDATE", body: encodeEndOfRib(this.#form.family) });
  }

  /** Keeps so much of the first table queued that messages are full, and not all of it, so that the first leaves at once. */
  #readOn(): void {
    if (!this.#first || this.#pending.size >= QUEUED_AHEAD) return;
    for (let i = 0; i < QUEUED_AHEAD; i++) {
      const next = this.#first.next();
      if (next.done) {
        this.#first = undefined;
        return;
      }
      this.announce(next.value);
    }
  }

  #nextWithdrawal(): Uint8Array {
    const room = this.#maxMessageOctets - HEADER_OCTETS - UPDATE_LENGTHS_OCTETS - ATTRIBUTE_HEADER_OCTETS - 3;
    const packed = take(this.#withdrawals.values(), room);
    for (const { key } of packed) {
      this.#withdrawals.delete(key);
      this.#sent.delete(key);
    }
    const [first] = packed;
    if (first && !this.#form.nextHop(first)) return classicUpdate(concatenate(packed), NO_OCTETS, NO_OCTETS);
    const value = familyOctets(this.#form.family).octets(concatenate(packed));
    return update(AttributeCode.MP_UNREACH_NLRI, value.finish(), NO_OCTETS);
  }

  #nextAnnouncement(attributesKey: string, group: Set<E>): Uint8Array {
    const [first] = group;
    if (!first) throw new Error("an empty group of routes was left queued");
    const path = this.#form.path(first);
    const nextHop = this.#form.nextHop(first);
    const reach = nextHop ? ATTRIBUTE_HEADER_OCTETS + 5 + nextHop.length : 0;
    const overhead = HEADER_OCTETS + UPDATE_LENGTHS_OCTETS + reach + path.length;
    const packed = take(group.values(), this.#maxMessageOctets - overhead);
    for (const route of packed) {
      group.delete(route);
      this.#pending.delete(route.key);
      this.#sent.set(route.key, route);
    }
    if (group.size === 0) this.#groups.delete(attributesKey);
    if (!nextHop) return classicUpdate(NO_OCTETS, path, concatenate(packed));
    const value = familyOctets(this.#form.family).u8(nextHop.length).octets(nextHop).u8(0);
    return update(AttributeCode.MP_REACH_NLRI, value.octets(concatenate(packed)).finish(), path);
  }

  #queue(route: E): void {
    this.#pending.set(route.key, route);
    const group = this.#groups.get(route.attributesKey);
    if (group) group.add(route);
    else this.#groups.set(route.attributesKey, new Set([route]));
  }

  #unqueue(key: string): void {
    const queued = this.#pending.get(key);
    if (!queued) return;
    this.#pending.delete(key);
    const group = this.#groups.get(queued.attributesKey);
    group?.delete(queued);
    if (group?.size === 0) this.#groups.delete(queued.attributesKey);
  }
}

/** As many routes as fit, at least one: `isSendable` keeps out what would not fit alone. */
function take<E extends Prepared>(routes: Iterable<E>, room: number): E[] {
  const taken: E[] = [];
  let octets = 0;
  for (const route of routes) {
    octets += route.nlri.length;
    if (octets > room && taken.length > 0) break;
    taken.push(route);
  }
  return taken;
}

function concatenate(routes: readonly Prepared[]): Uint8Array {
  const octets = new Writer(4096);
  for (const { nlri } of routes) octets.octets(nlri);
  return octets.finish();
}

function familyOctets(family: FamilyName): Writer {
  const { afi, safi } = FAMILIES[family];
  return new Writer(4096).u16(afi).u8(safi);
}

/** IPv4 unicast as it was before the multiprotocol attributes (RFC 4271 4.3). */
function classicUpdate(withdrawn: Uint8Array, path: Uint8Array, nlri: Uint8Array): Uint8Array {
  const body = new Writer(withdrawn.length + path.length + nlri.length + UPDATE_LENGTHS_OCTETS);
  body.u16(withdrawn.length).octets(withdrawn).u16(path.length).octets(path).octets(nlri);
  return encodeMessage({ type: "UPDATE", body: body.finish() });
}

/** RFC 7606 5.1: the multiprotocol attribute first. */
function update(code: number, value: Uint8Array, path: Uint8Array): Uint8Array {
  const length = ATTRIBUTE_HEADER_OCTETS + value.length + path.length;
  const body = new Writer(length + UPDATE_LENGTHS_OCTETS).u16(0).u16(length);
  body.u8(EXTENDED_OPTIONAL).u8(code).u16(value.length).octets(value).octets(path);
  return encodeMessage({ type: "UPDATE", body: body.finish() });
}
