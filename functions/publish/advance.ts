// One step of a channel: (facts, changes) -> the log entry, the records after it, and what it means for host channels.
// Pure. The facts hold every record that the changes touch; a change that is not newer than its record is the caller's
// to leave out (`isMarked`), so that a step always moves the log.
//
//   net:<n>    endpoint changes -> endpoints counted per host -> a host with the first one joins, with none leaves
//   host:<h>   the host's own record, and one `network/<n>` for each network it joined

import { type Digest, digestAdd, digestSubtract, digestSum, hashRecord } from "../../shared/message/digest.ts";
import { type Channel, channelNetwork, hostChannel } from "../../shared/model/record.ts";
import type { Head, Mark, Membership, StoredRecord } from "./channel-items.ts";
import { forwardingAfter } from "./forwarding-sum.ts";
import { changedKey, type HostChange, type NetworkChange, type Origin } from "./resource-change.ts";
import type { NetworkFacts, NetworkStep, Step } from "./step.ts";
import { placedHosts, type VtepOutcome, vtepOutcomes } from "./vtep.ts";

/** True if the log has the change already: the stream delivered it twice, or late. */
export function isMarked(record: StoredRecord | undefined, change: HostChange | NetworkChange): boolean {
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
  const memberships = vteps.flatMap((vtep) => membership(facts, vtep));
  const counted = vteps.flatMap(({ before, after, logged }) =>
    after && !logged && after.vtep?.endpoints !== before?.vtep?.endpoints ? [after] : [],
  );
  const step = appendEntry(facts, logged, forwardingAfter(facts, resources, vteps));
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
  return appendEntry({ channel, head: lane.head, records }, [record], lane.head.forwarding);
}

type LogFacts = Pick<NetworkFacts, "channel" | "head" | "records">;

/** Appends one entry that brings `records` in place of those in the facts. */
function appendEntry(facts: LogFacts, records: readonly StoredRecord[], forwarding: Digest): Step {
  const { channel, head } = facts;
  const gone = digestSum(records.flatMap((record) => liveHash(facts.records.get(record.key))));
  const come = digestSum(records.flatMap(liveHash));
  const digest = digestSubtract(digestAdd(head.digest, come), gone);
  const seq = head.seq + 1;
  const changes = records.map(({ key, version, body }) => ({ key, version, body }));
  return {
    channel,
    before: head,
    after: { seq, digest, forwarding },
    entry: { channel, seq, prev: head.seq, digest, forwarding, changes },
    kept: records,
    removed: [],
  };
}

function liveHash(record: StoredRecord | undefined): Digest[] {
  return record && record.body !== null ? [hashRecord({ ...record, body: record.body })] : [];
}

function resourceRecord(change: HostChange | Exclude<NetworkChange, { kind: "vtep" }>, seq: number): StoredRecord {
  const { version, body } = change;
  const ttl = body === null && change.ttl !== undefined ? { ttl: change.ttl } : {};
  return { key: changedKey(change), version, body, seq, ...ttl };
}

function isVtepKey(key: string): boolean {
  return key.startsWith("vtep/");
}

function membership(facts: NetworkFacts, vtep: VtepOutcome): (Membership & { step: Step })[] {
  const joined = vtep.before === undefined;
  if (joined === (vtep.after === undefined)) return [];
  const lane = facts.lanes.get(vtep.host);
  if (!lane) throw new Error(`${facts.channel} has no facts of the channel of host ${vtep.host}`);
  const key = `network/${channelNetwork(facts.channel)}`;
  const seq = lane.head.seq + 1;
  const records = new Map(lane.carried ? [[key, lane.carried]] : []);
  const record = { key, version: seq, body: joined ? {} : null, seq };
  const step = appendEntry(
    { channel: hostChannel(vtep.host), head: lane.head, records },
    [record],
    lane.head.forwarding,
  );
  const items = joined ? { kept: step.kept, removed: [] } : { kept: [], removed: [key] };
  return [{ host: vtep.host, joined, seq, step: { ...step, ...items } }];
}

/**
 * Each API change is marked on the network's channel, and on that of a host which it made leave: such a host reports on
 * the network no more. (One that joined is a member, and waited for as such.)
 */
function networkMarks(
  facts: NetworkFacts,
  changes: readonly NetworkChange[],
  memberships: readonly (Membership & { step: Step })[],
): Mark[] {
  const network = changes.flatMap((change) => {
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
