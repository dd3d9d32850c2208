// Many endpoints of one network in one request. Items are decided in their order and written in transactions of bounded
// size, each whole or not at all: an item that is refused stops only itself. What items of a transaction share (the
// network's condition, the quota) is written once. Under an idempotency key each item is remembered by itself, so that
// a request that broke off is taken up where it was.

import type { Endpoint } from "../../shared/model/resource.ts";
import type { CreateEndpoint } from "../domain/command.ts";
import { createEndpoint, deleteEndpoint, type EndpointFacts, endpointRef, portName } from "../domain/endpoint.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { Held } from "../domain/resource.ts";
import { asTold, foreign } from "../domain/tenant-view.ts";
import {
  type Context,
  type Decision,
  type Plan,
  type Refused,
  refuse,
  type RoomOf,
  type Write,
} from "../domain/write.ts";
import { writeKey } from "../store/key.ts";
import type { Failed } from "../store/store.ts";
import { concernedPlaces, putEndpoint } from "./commands-endpoint.ts";
import {
  ATTEMPTS,
  contextOf,
  memoWrites,
  type Outcome,
  pauseMs,
  recall,
  refusalOf,
  type Request,
  type Runtime,
  whose,
} from "./execute.ts";
import { freeIn, together, wantedSubnets } from "./facts.ts";

export type EndpointItem =
  | { op: "create" | "put"; command: CreateEndpoint }
  | { op: "delete"; command: { network: string; id: string } };

/** As many as fit: an item of two addresses is some ten writes. */
const MAX_WRITES = 90;
const WINDOW = 16;

type Numbered = { item: EndpointItem; index: number };
type Result = Outcome<Endpoint>;

/** The outcome of each item, in their order; or the refusal of them all: the key was used for something else. */
export async function executeKeyedBatch(
  runtime: Runtime,
  request: Request,
  items: readonly EndpointItem[],
): Promise<Result[] | Refused> {
  const memory = await recall<Endpoint>(runtime, request);
  if (memory.outcome?.kind === "refused") return memory.outcome;
  if (!memory.outcome) {
    // The key is taken before the first item; a twin that takes it at the same time is seen by its items.
    const at = { nowMs: runtime.clock.now(), replaces: memory.replaces };
    const memo = memoWrites(request, { effect: "none", resource: {} }, at);
    if (memo.length > 0) await runtime.store.commit(memo);
  }
  return executeBatch(runtime, request, items);
}

/** The outcome of each item, in their order. */
export async function executeBatch(
  runtime: Runtime,
  request: Request,
  items: readonly EndpointItem[],
): Promise<Result[]> {
  const outcomes = await untilDone(runtime, request, items);
  return outcomes.map((outcome) => (outcome.kind === "refused" ? asTold(request.tenant, outcome) : outcome));
}

async function untilDone(runtime: Runtime, request: Request, items: readonly EndpointItem[]): Promise<Result[]> {
  const results: Result[] = [];
  let pending: Numbered[] = items.map((item, index) => ({ item, index }));
  let stale = 0;
  let width = WINDOW;
  while (pending.length > 0) {
    const window = pending.slice(0, width);
    const step = await advance(runtime, request, { window, tried: stale + 1 });
    for (const [index, result] of step.results) results[index] = result;
    pending = pending.filter(({ index }) => results[index] === undefined);
    if (step.results.size > 0) {
      stale = 0;
      width = WINDOW;
      continue;
    }
    // Nothing came of it: what failed was shared, or somebody was faster. One by one shows whose it is.
    width = 1;
    const [first] = pending;
    if (++stale < ATTEMPTS) await runtime.clock.sleep(pauseMs(stale, runtime.random));
    else if (first) {
      results[first.index] = refuse({ kind: "contended", ref: endpointRef(first.item.command) });
      pending = pending.slice(1);
      stale = 0;
    }
  }
  return results;
}

type Planned = { index: number; plan: Plan<Endpoint> };

/** Decides the items of a window and commits as many of them as go together. */
async function advance(
  runtime: Runtime,
  request: Request,
  given: { window: readonly Numbered[]; tried: number },
): Promise<{ results: Map<number, Result> }> {
  const { window, tried } = given;
  const results = new Map<number, Result>();
  const facts = await readFacts(runtime, window, tried);
  const group = new Group();
  const planned: Planned[] = [];
  for (const [at, { item, index }] of window.entries()) {
    const asked = partOf(request, index);
    const memory = await recall<Endpoint>(runtime, asked);
    if (memory.outcome) {
      results.set(index, memory.outcome);
      continue;
    }
    const known = facts[at];
    if (!known) throw new Error("an item without facts");
    const context = { ...contextOf(runtime, request), ...whose(known.network) };
    const decision =
      foreign(request.tenant, known.network, { ref: endpointRef(item.command), makes: false }) ??
      decide(known, item, context);
    if (decision.kind === "refused") {
      // What is in the group may be why: it is decided on what is there before.
      if (planned.length > 0) break;
      results.set(index, decision);
      continue;
    }
    const { effect, resource } = decision;
    const memo = memoWrites(asked, { effect, resource }, { nowMs: runtime.clock.now(), replaces: memory.replaces });
    if (decision.writes.length + memo.length === 0) {
      results.set(index, { kind: "done", resource, effect });
      continue;
    }
    if (!group.add(index, [...decision.writes, ...memo])) break;
    planned.push({ index, plan: decision });
  }
  if (planned.length === 0) return { results };
  const committed = await runtime.store.commit(group.writes());
  if (committed.kind === "committed") {
    for (const { index, plan } of planned) {
      results.set(index, { kind: "done", resource: plan.resource, effect: plan.effect });
    }
    return { results };
  }
  for (const [index, refusals] of refusedItems(group, committed.failed, planned.length)) {
    const [first, ...more] = refusals;
    if (first) results.set(index, refuse(first, ...more));
  }
  return { results };
}

/** The items whose writes were refused for good. What is shared is of somebody only if there is one item. */
function refusedItems(group: Group, failed: readonly Failed[], size: number): Map<number, Refusal[]> {
  const byItem = new Map<number, { refusals: Refusal[]; stale: boolean }>();
  for (const each of failed) {
    const index = size === 1 && isShared(each.write) ? group.onlyItem() : group.itemOf(each.write);
    if (index === undefined) continue;
    const refusal = refusalOf(each);
    const entry = byItem.get(index) ?? { refusals: [], stale: false };
    if (refusal) entry.refusals.push(refusal);
    else entry.stale = true;
    byItem.set(index, entry);
  }
  return new Map([...byItem].filter(([, { stale }]) => !stale).map(([index, { refusals }]) => [index, refusals]));
}

function partOf(request: Request, index: number): Request {
  const { idempotency, condition: _, ...rest } = request;
  return idempotency ? { ...rest, idempotency: { ...idempotency, part: String(index).padStart(4, "0") } } : rest;
}

function decide(facts: EndpointFacts, item: EndpointItem, context: Context): Decision<Endpoint> {
  switch (item.op) {
    case "create":
      return createEndpoint(facts, item.command, context);
    case "put":
      return putEndpoint(facts, item.command, context);
    case "delete":
      return deleteEndpoint(facts, item.command, context);
  }
}

/** The facts of each item of a window, read at once. Free addresses are dealt out, a different one to each. */
async function readFacts(runtime: Runtime, window: readonly Numbered[], tried: number): Promise<EndpointFacts[]> {
  const { store } = runtime;
  const networkIds = [...new Set(window.map(({ item }) => item.command.network))];
  const { networks, endpoints } = await together({
    networks: store.many(networkIds.map((id) => ({ kind: "network", id }) as const)),
    endpoints: store.many(window.map(({ item }) => endpointRef(item.command))),
  });
  const networkOf = (id: string) => networks[networkIds.indexOf(id)] ?? ({ state: "absent" } as const);
  const concerned = window.map(({ item }, at) =>
    concernedPlaces(endpoints[at] ?? { state: "absent" }, item.op === "delete" ? {} : { host: item.command.host }),
  );
  const allPlaces = concerned.flatMap(({ places }) => places);
  const hostIds = [...new Set(concerned.flatMap(({ hosts }) => hosts))];
  const routed = networks.some((network) => network.state === "live" && network.resource.router !== undefined);
  const { hosts, uses, withoutVrf } = await together({
    hosts: store.many(hostIds.map((id) => ({ kind: "host", id }) as const)),
    uses: store.ports(allPlaces),
    withoutVrf: routed ? runtime.hosts.withoutVrf(hostIds) : Promise.resolve([]),
  });
  const ports = Object.fromEntries(allPlaces.map((place, at) => [portName(place), uses[at]]));
  const hostsById = Object.fromEntries(hostIds.map((id, at) => [id, hosts[at] ?? ({ state: "absent" } as const)]));
  const dealer = createDealer(runtime, window.length * tried);
  const facts: EndpointFacts[] = [];
  for (const [at, { item }] of window.entries()) {
    const network = networkOf(item.command.network);
    const endpoint: Held<Endpoint> = endpoints[at] ?? { state: "absent" };
    const free: EndpointFacts["free"] = {};
    if (item.op !== "delete" && network.state === "live" && item.command.allocate) {
      for (const family of ["ipv4", "ipv6"] as const) {
        const ip = await dealer(network.resource.id, wantedSubnets(network.resource, item.command, family));
        if (ip !== undefined) free[family] = ip;
      }
    }
    facts.push({ network, endpoint, hosts: hostsById, ports, free, withoutVrf });
  }
  return facts;
}

/** Deals free addresses of subnets, none twice. */
function createDealer({ store }: Runtime, want: number) {
  const hands = new Map<string, Awaited<ReturnType<typeof freeIn>>>();
  return async (network: string, subnets: readonly Parameters<typeof freeIn>[1]["subnet"][]) => {
    for (const subnet of subnets) {
      const name = `${network} ${subnet}`;
      const hand = hands.get(name) ?? (await freeIn(store, { network, subnet }, want));
      hands.set(name, hand);
      const dealt = hand.shift();
      if (dealt !== undefined) return dealt;
    }
    return undefined;
  };
}

/** Writes of several items as one transaction. */
class Group {
  readonly #own = new Map<string, { write: Write; index: number }>();
  readonly #shared = new Map<string, Write>();
  readonly #indexes: number[] = [];

  /** False if they do not go with those that are there: no room, or an item of the table that is written twice. */
  add(index: number, writes: readonly Write[]): boolean {
    const own = writes.filter((write) => !isShared(write));
    const keys = own.map(keyOf);
    if (keys.some((key) => this.#own.has(key) || this.#shared.has(key))) return false;
    // A port of two networks: the second one's refusal is its own.
    if (writes.some((write) => write.write === "take-port" && this.#isOfAnother(write))) return false;
    const shared = writes.filter(isShared).filter((write) => !this.#shared.has(keyOf(write)));
    if (shared.some((write) => this.#own.has(keyOf(write)))) return false;
    if (this.#own.size + this.#shared.size + own.length + shared.length > MAX_WRITES && this.#indexes.length > 0) {
      return false;
    }
    own.forEach((write, at) => this.#own.set(keys[at] ?? "", { write, index }));
    for (const write of writes.filter(isShared)) {
      this.#shared.set(keyOf(write), joined(this.#shared.get(keyOf(write)), write));
    }
    this.#indexes.push(index);
    return true;
  }

  #isOfAnother(write: Write & { write: "take-port" }): boolean {
    const taken = this.#shared.get(keyOf(write));
    return taken?.write === "take-port" && taken.network !== write.network;
  }

  writes(): Write[] {
    return [...Array.from(this.#own.values(), ({ write }) => write), ...this.#shared.values()];
  }

  itemOf(write: Write): number | undefined {
    return this.#own.get(keyOf(write))?.index;
  }

  onlyItem(): number | undefined {
    return this.#indexes[0];
  }
}

function isShared(write: Write): boolean {
  return write.write === "require" || write.write === "room" || write.write === "take-port";
}

function keyOf(write: Write): string {
  const { pk, sk } = writeKey(write);
  return `${pk} ${sk}`;
}

/** The stricter of two conditions on a network; the sum of what is taken of a quota. */
function joined(one: Write | undefined, other: Write): Write {
  if (one?.write === "require" && other.write === "require") return one.subnets ? one : other;
  if (one?.write === "take-port" && other.write === "take-port") {
    return { ...one, endpoints: one.endpoints + other.endpoints };
  }
  if (one?.write !== "room" || other.write !== "room") return other;
  const rooms: Partial<Record<RoomOf, number>> = { ...one.rooms };
  for (const [of, taken] of Object.entries(other.rooms) as [RoomOf, number][]) rooms[of] = (rooms[of] ?? 0) + taken;
  return { ...one, mode: one.mode === "take" || other.mode === "take" ? "take" : "shift", rooms };
}
