// Brings routers to the hosts: the router's own channel, which networks it names, and who carries it. Each step looks at
// what is and brings what is missing, so that it can die anywhere and be done again; a step is one transaction, on
// condition that neither the channel nor what was read for it has moved.
//
// Order: the network's log (drive.ts), then the router's, then the hosts', then the mark of the network's change. What
// is not marked yet is no further than "accepted" for its receipt.

import type { LogEntry } from "../../shared/message/inbox.ts";
import { type Channel, channelNetwork, hostChannel, networkChannel, routerChannel } from "../../shared/model/record.ts";
import { advanceRouter, appendEntry, isMarked, type LogFacts, marksOf, routerOf } from "./advance.ts";
import { mapBounded } from "./bounded.ts";
import { carryRecords } from "./carry.ts";
import {
  channelPk,
  FOLLOW_PREFIX,
  type Head,
  headKey,
  markItem,
  parseHead,
  parseRecord,
  readerItem,
  readerKey,
  recordKey,
  type StoredRecord,
  vtepRecordKey,
} from "./channel-items.ts";
import { type DriveDeps, ensureMarks, MAX_CONFLICTS, readEntries } from "./drive.ts";
import { readReaders } from "./facts.ts";
import { changedKey, type NetworkChange, type Origin, type RouterChange } from "./resource-change.ts";
import type { Step } from "./step.ts";
import { channelStepWrites, headIs } from "./step-items.ts";
import { batchGet, getItem, keyText, putItem, queryAll, transact, type Write } from "./table.ts";

/** Records of a step: each may have an item beside it. */
const MAX_RECORDS = 45;
const HOSTS_AT_ONCE = 8;

/** Brings `changes` (collapsed) into a router's log, and marks them; the entries that have them, in order. */
export async function driveRouter(
  deps: DriveDeps,
  channel: Channel,
  changes: readonly RouterChange[],
): Promise<LogEntry[]> {
  const entries = new Map<number, LogEntry>();
  for (let at = 0; at < changes.length; at += MAX_RECORDS) {
    const window = changes.slice(at, at + MAX_RECORDS);
    await retried(deps, channel, async () => {
      const facts = await readFacts(deps, channel, window.map(changedKey));
      const fresh = window.filter((change) => !isMarked(facts.records.get(changedKey(change)), change));
      const step = fresh.length > 0 ? advanceRouter(facts, fresh) : undefined;
      if (step && (await transact(deps.table, channelStepWrites(step, deps.now()))) === "conflict") return false;
      const records = new Map([...facts.records, ...(step?.kept ?? []).map((record) => [record.key, record] as const)]);
      for (const change of window) {
        const record = records.get(changedKey(change));
        if (!record) continue;
        const place = { channel, seq: record.seq, key: record.key, deleted: record.body === null };
        await ensureMarks(deps, marksOf(change.origins, place));
      }
      const seqs = new Set([...records.values()].map(({ seq }) => seq));
      for (const entry of await readEntries(
        deps.table,
        [...seqs].map((seq) => ({ channel, seq })),
      ))
        entries.set(entry.seq, entry);
      return true;
    });
  }
  return [...entries.values()].sort((a, b) => a.seq - b.seq);
}

/** What is to be told of a network's routers. */
export type Followed = {
  /** Of the routers' channels, for those who carry them. */
  readonly entries: readonly LogEntry[];
  readonly hosts: readonly HostCarried[];
};

export type HostCarried = {
  readonly host: string;
  /** Of its own channel, in order. */
  readonly entries: readonly LogEntry[];
  /** Channels that it holds now and did not. */
  readonly joined: readonly Channel[];
};

/**
 * Brings a network's present and former routers to what the network's log says, as far as there is something to follow;
 * `again`: some of the changes came before, so all hosts are looked at. Ends with the marks of changes of the network itself.
 */
export async function followRouters(
  deps: DriveDeps,
  channel: Channel,
  cause: { again: boolean; changes: readonly NetworkChange[] },
): Promise<Followed> {
  const network = channelNetwork(channel);
  if (network === undefined) throw new Error(`${channel} is no network's`);
  const own = cause.changes.filter(({ kind }) => kind === "network");
  const origins = own.flatMap((change) => change.origins);
  const { table } = deps;
  const due = await queryAll(table, channelPk(channel), { prefix: FOLLOW_PREFIX });
  const text = (name: string) => due.flatMap((item) => (typeof item[name] === "string" ? [item[name]] : []));
  const whole = cause.again || due.some((item) => item["host"] === undefined);
  const record = parseRecord(await getItem(table, recordKey(channel, "network")), nowSec(deps));
  const now = routerOf(record?.body);
  const routers = new Set([...(now === undefined ? [] : [now]), ...text("former")]);
  const entries: LogEntry[] = [];
  const hosts: HostCarried[] = [];
  for (const router of routers) {
    let concerned = text("host");
    if (whole) {
      entries.push(...(await nameNetwork(deps, { router, network, origins })));
      const carriers = await readReaders(table, routerChannel(router));
      const readers = await readReaders(table, channel);
      concerned = [...new Set([...concerned, ...carriers.keys(), ...readers.keys()])];
    }
    const carried = await mapBounded(concerned, HOSTS_AT_ONCE, (host) =>
      carryRouter(deps, { router, network, host, origins, again: whole }),
    );
    hosts.push(...carried);
  }
  for (const change of record ? own : []) {
    const { seq = 0, body = null } = record ?? {};
    await ensureMarks(deps, marksOf(change.origins, { channel, seq, key: "network", deleted: body === null }));
  }
  for (const { pk, sk } of due) await transact(table, [{ delete: { pk, sk } }]);
  return { entries, hosts };
}

type Naming = { readonly router: string; readonly network: string; readonly origins: readonly Origin[] };

/** The router's channel names the network exactly if the network's record names the router. */
async function nameNetwork(deps: DriveDeps, { router, network, origins }: Naming): Promise<LogEntry[]> {
  const channel = routerChannel(router);
  const key = `network/${network}`;
  const said = recordKey(networkChannel(network), "network");
  let entries: LogEntry[] = [];
  await retried(deps, channel, async () => {
    const facts = await readFacts(deps, channel, [key]);
    const record = parseRecord(await getItem(deps.table, said), nowSec(deps));
    const wanted = routerOf(record?.body) === router;
    const held = facts.records.get(key);
    const seq = facts.head.seq + 1;
    const isNew = wanted === (held === undefined);
    await putMarks(deps, origins, { channel, seq: isNew ? seq : facts.head.seq, key, deleted: !wanted });
    if (!isNew) {
      entries = held ? await readEntries(deps.table, [{ channel, seq: held.seq }]) : [];
      return true;
    }
    // As with members: the log's own number is the version, so that a removal needs no tombstone.
    const step = split(appendEntry(facts, [{ key, version: seq, body: wanted ? {} : null, seq }], facts.head));
    const unmoved: Write = {
      check: said,
      condition: record
        ? {
            expression: "#version = :version",
            names: { "#version": "version" },
            values: { ":version": record.version },
          }
        : { expression: "attribute_not_exists(pk)" },
    };
    entries = [step.entry];
    return (await transact(deps.table, [...channelStepWrites(step, deps.now()), unmoved])) === "committed";
  });
  return entries;
}

type Carrying = Naming & { readonly host: string; readonly again: boolean };

/** The host's channel says of the router what its endpoints ask for. */
async function carryRouter(deps: DriveDeps, carrying: Carrying): Promise<HostCarried> {
  const { router, network, host, origins, again } = carrying;
  const channel = hostChannel(host);
  const entries: LogEntry[] = [];
  const joined = new Set<Channel>();
  const state = { done: false };
  while (!state.done) {
    await retried(deps, channel, async () => {
      const facts = await readCarryFacts(deps, router, host);
      const records = carryRecords({ ...facts, seq: facts.head.seq + 1 }).slice(0, MAX_RECORDS);
      if (records.length === 0) {
        state.done = true;
        if (!again) return true;
        // An earlier try may have died before it told the host.
        const told = [`router/${router}`, `network/${network}`].flatMap((key) => facts.records.get(key) ?? []);
        const seqs = new Set(told.map(({ seq }) => seq));
        const places = [...seqs].map((seq) => ({ channel, seq }));
        entries.push(...(await readEntries(deps.table, places)));
        for (const each of told) if (each.router !== undefined) joined.add(carriedChannel(each.key));
        if (facts.records.has(`router/${router}`)) joined.add(routerChannel(router));
        return true;
      }
      const step = split(appendEntry({ ...facts, channel }, records, facts.head));
      await putMarks(deps, origins, { channel, seq: step.after.seq, key: `network/${network}`, deleted: false });
      const writes = [
        ...channelStepWrites(step, deps.now()),
        ...(await readerWrites(deps, host, records)),
        { check: headKey(routerChannel(router)), condition: headIs(facts.routerHead.seq) },
      ];
      if ((await transact(deps.table, writes)) === "conflict") return false;
      entries.push(step.entry);
      for (const { key } of step.kept) joined.add(carriedChannel(key));
      for (const key of step.removed) joined.delete(carriedChannel(key));
      return true;
    });
  }
  return { host, entries: entries.sort((a, b) => a.seq - b.seq), joined: [...joined] };
}

/** HEADs before all else, so that whatever moves in between fails the step. */
async function readCarryFacts(deps: DriveDeps, router: string, host: string) {
  const { table } = deps;
  const [own, routed] = [hostChannel(host), routerChannel(router)];
  const head = parseHead(await getItem(table, headKey(own)));
  const routerHead = parseHead(await getItem(table, headKey(routed)));
  const [carried, named] = await Promise.all([
    queryAll(table, channelPk(own), { prefix: "REC#" }),
    queryAll(table, channelPk(routed), { prefix: "REC#network/" }),
  ]);
  const live = carried.flatMap((item) => parseRecord(item, nowSec(deps)) ?? []).filter(({ body }) => body !== null);
  const networks = named.map((item) => (item["key"] as string).slice("network/".length));
  const vtepKey = (id: string) => recordKey(networkChannel(id), vtepRecordKey(host));
  const vteps = await batchGet(table, networks.map(vtepKey));
  const member = new Set(networks.filter((id) => vteps.has(keyText(vtepKey(id)))));
  const records = new Map(live.map((record) => [record.key, record]));
  return { router, head, routerHead, records, networks, member };
}

/** Who comes to hold a channel without being a member reads it from the entry at which it is now. */
async function readerWrites(deps: DriveDeps, host: string, records: readonly StoredRecord[]): Promise<Write[]> {
  const channels = records.map((record) => ({ channel: carriedChannel(record.key), isLive: record.body !== null }));
  const keys = channels.filter(({ isLive }) => isLive).map(({ channel }) => headKey(channel));
  const heads = await batchGet(deps.table, keys);
  return channels.map(({ channel, isLive }): Write => {
    if (!isLive) return { delete: readerKey(channel, host) };
    const since = parseHead(heads.get(keyText(headKey(channel)))).seq;
    return { put: readerItem(channel, { host, since }) };
  });
}

/** The channel that a record of a host's channel says to hold. */
function carriedChannel(key: string): Channel {
  const [kind, id = ""] = key.split("/");
  return kind === "router" ? routerChannel(id) : networkChannel(id);
}

/** Of such records a removal needs no tombstone. */
function split(step: Step): Step {
  return {
    ...step,
    kept: step.kept.filter(({ body }) => body !== null),
    removed: step.kept.filter(({ body }) => body === null).map(({ key }) => key),
  };
}

async function readFacts(
  deps: DriveDeps,
  channel: Channel,
  keys: readonly string[],
): Promise<LogFacts & { readonly head: Head }> {
  const head = parseHead(await getItem(deps.table, headKey(channel)));
  const items = await batchGet(
    deps.table,
    keys.map((key) => recordKey(channel, key)),
  );
  const found = [...items.values()].flatMap((item) => parseRecord(item, nowSec(deps)) ?? []);
  return { channel, head, records: new Map(found.map((record) => [record.key, record])) };
}

/** Before the step that they are of: a receipt that waits for a step which came to nothing waits for one more. */
async function putMarks(
  deps: DriveDeps,
  origins: readonly Origin[],
  place: Parameters<typeof marksOf>[1],
): Promise<void> {
  for (const mark of marksOf(origins, place)) await putItem(deps.table, markItem(mark, deps.now()));
}

/** Tries until `attempt` did not meet another writer. */
async function retried(deps: DriveDeps, channel: Channel, attempt: () => Promise<boolean>): Promise<void> {
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
    if (conflicts > 0) await deps.pause(conflicts);
    if (await attempt()) return;
  }
  throw new Error(`${channel} was moved by others more than ${MAX_CONFLICTS} times in a row`);
}

function nowSec(deps: DriveDeps): number {
  return Math.floor(deps.now() / 1000);
}
