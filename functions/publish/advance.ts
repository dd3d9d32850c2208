// One step of a channel: (facts, changes) -> the log entry, the records after it, and what it means for host channels.
// Pure. The facts hold every record that the changes touch; a change that is not newer than its record is the caller's
// to leave out (`isMarked`), so that a step always moves the log.
//
//   net:<n>    endpoint changes -> endpoints counted per host -> a host with the first one joins, with none leaves
//   host:<h>   the host's own record, and one `network/<n>` for each network it joined
//   rtr:<r>    the router and its prefixes (who carries it, and its networks: carry.ts)

import { type Digest, digestAdd, digestSubtract, digestSum, hashRecord } from "../../shared/message/digest.ts";
import {
  type Channel,
  channelNetwork,
  hostChannel,
  type NetworkRecord,
  type RecordBody,
} from "../../shared/model/record.ts";
import type { Head, Mark, StoredRecord } from "./channel-items.ts";
import { type Forwarding, forwardingAfter, prefixesAfter } from "./forwarding-sum.ts";
import { changedKey, type HostChange, type NetworkChange, type Origin, type RouterChange } from "./resource-change.ts";
import type { NetworkFacts, NetworkStep, Step } from "./step.ts";
import { placedHosts, type VtepOutcome, vtepOutcomes } from "./vtep.ts";

/** True if the log has the change already: the stream delivered it twice, or late. */
export function isMarked(record: StoredRecord | undefined, change: HostChange | NetworkChange | RouterChange): boolean {
  if (!record) return false;
  return change.version <= (change.kind === "vtep" ? (record.vtep?.hostVersion ?? 0) : record.version);
}

/** The step of a network's channel; undefined if nothing of its records changes (a host's name, say). */
export function advanceNetwork(facts: NetworkFacts, changes: readonly NetworkChange[]): NetworkStep | undefined {
  const seq = facts.head.seq + 1;
  const resources = changes.filter((change) => change.kind !== "vtep").map((change) => resourceRecord(change, seq));
  const vteps = vtepOutcomes(facts, changes, seq);
  const logged = [...resources, ...vteps.flatMap((vtep) => vtep.logged ?? [])];
  if (logged.length === 0) return undefined;
  const network = resources.find(({ key }) => key === "network") ?? facts.records.get("network");
  const router = routerOf(network?.body);
  const memberships = vteps.flatMap((vtep) => membership(facts, vtep, router));
  const counted = vteps.flatMap(({ before, after, logged }) =>
    after && !logged && after.vtep?.endpoints !== before?.vtep?.endpoints ? [after] : [],
  );
  const step = appendEntry(facts, logged, forwardingAfter(facts, resources, vteps), router !== undefined);
  return {
    ...step,
    kept: [...step.kept.filter((record) => record.body !== null || !isVtepKey(record.key)), ...counted],
    removed: step.kept.filter((record) => record.body === null && isVtepKey(record.key)).map((record) => record.key),
    memberships,
    marks: networkMarks(facts, effective(changes, logged), memberships),
  };
}

/** The step of a host's own channel by its resource. Its mark is the caller's: networks have to follow first. */
export function advanceHost(
  channel: Channel,
  lane: { head: Head; host: StoredRecord | undefined },
  change: HostChange,
): Step {
  const records = new Map(lane.host ? [[lane.host.key, lane.host]] : []);
  const record = resourceRecord(change, lane.head.seq + 1);
  return appendEntry({ channel, head: lane.head, records }, [record], lane.head);
}

/** The step of a router's channel by its resource and its prefixes. Marks are the caller's. */
export function advanceRouter(facts: LogFacts, changes: readonly RouterChange[]): Step {
  const records = changes.map((change) => resourceRecord(change, facts.head.seq + 1));
  const forwarding = prefixesAfter(facts.head.forwarding, facts.records, records);
  return appendEntry(facts, records, { forwarding });
}

/** The router that a network's record names. */
export function routerOf(body: RecordBody | null | undefined): string | undefined {
  return (body as NetworkRecord | null | undefined)?.router;
}

/** True for a change by which a network joins or leaves a router. */
export function reroutes(before: StoredRecord | undefined, change: NetworkChange): boolean {
  return change.kind === "network" && routerOf(before?.body) !== routerOf(change.body);
}

export type LogFacts = Pick<NetworkFacts, "channel" | "head" | "records">;

/** Appends one entry that brings `records` in place of those in the facts. `isRouted`: some hosts only route there. */
export function appendEntry(
  facts: LogFacts,
  records: readonly StoredRecord[],
  { forwarding, routed, sites }: Forwarding,
  isRouted = false,
): Step {
  const { channel, head } = facts;
  const gone = digestSum(records.flatMap((record) => liveHash(facts.records.get(record.key))));
  const come = digestSum(records.flatMap(liveHash));
  const digest = digestSubtract(digestAdd(head.digest, come), gone);
  const seq = head.seq + 1;
  const sums = { forwarding, ...(routed === undefined ? {} : { routed }) };
  const changes = records.map(({ key, version, body }) => ({ key, version, body }));
  return {
    channel,
    before: head,
    after: { seq, digest, ...sums, ...(sites ? { sites } : {}) },
    entry: { channel, seq, prev: head.seq, digest, ...(isRouted ? sums : { forwarding }), changes },
    kept: records,
    removed: [],
  };
}

function liveHash(record: StoredRecord | undefined): Digest[] {
  return record && record.body !== null ? [hashRecord({ ...record, body: record.body })] : [];
}

function resourceRecord(
  change: HostChange | RouterChange | Exclude<NetworkChange, { kind: "vtep" }>,
  seq: number,
): StoredRecord {
  const { version, body } = change;
  const ttl = body === null && change.ttl !== undefined ? { ttl: change.ttl } : {};
  return { key: changedKey(change), version, body, seq, ...ttl };
}

function isVtepKey(key: string): boolean {
  return key.startsWith("vtep/");
}

/** A host that leaves a routed network still routes to it, until its router says otherwise. */
function membership(facts: NetworkFacts, vtep: VtepOutcome, router: string | undefined): NetworkStep["memberships"] {
  const joined = vtep.before === undefined;
  if (joined === (vtep.after === undefined)) return [];
  const lane = facts.lanes.get(vtep.host);
  if (!lane) throw new Error(`${facts.channel} has no facts of the channel of host ${vtep.host}`);
  const key = `network/${channelNetwork(facts.channel)}`;
  const seq = lane.head.seq + 1;
  const records = new Map(lane.carried ? [[key, lane.carried]] : []);
  const stays = !joined && router !== undefined;
  const body = joined ? {} : stays ? { routed: true } : null;
  const record = { key, version: seq, body, seq, ...(stays ? { router } : {}) };
  const step = appendEntry({ channel: hostChannel(vtep.host), head: lane.head, records }, [record], lane.head);
  const items = body ? { kept: step.kept, removed: [] } : { kept: [], removed: [key] };
  const wasRouted = lane.carried?.router !== undefined;
  const reader = stays ? "kept" : wasRouted ? "gone" : undefined;
  return [
    {
      host: vtep.host,
      joined,
      seq,
      step: { ...step, ...items },
      followed: router !== undefined,
      ...(reader ? { reader } : {}),
    },
  ];
}

/**
 * Each API change is marked on the network's channel, and on that of a host which it made leave: such a host reports on
 * the network no more. (One that joined is a member, and waited for as such.) The network's own changes are marked by the
 * caller, after its routers (routers.ts).
 */
function networkMarks(
  facts: NetworkFacts,
  changes: readonly NetworkChange[],
  memberships: NetworkStep["memberships"],
): Mark[] {
  const network = changes.flatMap((change) => {
    if (change.kind === "network") return [];
    const deleted = change.kind !== "vtep" && change.body === null;
    const place = { channel: facts.channel, seq: facts.head.seq + 1, key: changedKey(change), deleted };
    return marksOf(change.origins, place);
  });
  const left = memberships.flatMap(({ host, joined, step }) => {
    if (joined) return [];
    const key = `network/${channelNetwork(facts.channel)}`;
    const place = { channel: step.channel, seq: step.after.seq, key, deleted: true };
    return changes.filter((change) => wasOn(facts, change, host)).flatMap((change) => marksOf(change.origins, place));
  });
  return [...network, ...left];
}

/** The marks of `origins` at one place. */
export function marksOf(origins: readonly Origin[], place: Omit<Mark, "change" | "version">): Mark[] {
  return origins.map((origin) => ({ ...place, ...origin }));
}

/** Without refreshes that changed nothing here: no host waits for them. */
function effective(changes: readonly NetworkChange[], logged: readonly StoredRecord[]): NetworkChange[] {
  const keys = new Set(logged.map((record) => record.key));
  return changes.filter((change) => keys.has(changedKey(change)));
}

function wasOn(facts: NetworkFacts, change: NetworkChange, host: string): boolean {
  if (change.kind !== "endpoint") return false;
  return placedHosts(facts.records.get(changedKey(change))?.body).includes(host);
}
