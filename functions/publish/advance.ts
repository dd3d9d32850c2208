// One step of a channel: (facts, changes) -> the log entry, the records after it, and what it means for host channels.
// Pure. The facts hold every record that the changes touch; a change that is not newer than its record is the caller's
// to leave out (`isMarked`), so that a step always moves the log.
//
//   net:<n>    endpoint changes -> endpoints counted per host -> a host with the first one joins, with none leaves
//   host:<h>   the host's own record, and one `network/<n>` for each network it joined

import type { IpAddress } from "../../shared/address/ip.ts";
import {
  canonicalJson,
  type Digest,
  digestAdd,
  digestSubtract,
  digestSum,
  hashRecord,
} from "../../shared/message/digest.ts";
import { endpointLines, floodLine, forwardingDigest, macLine } from "../../shared/message/forwarding.ts";
import type { LogEntry } from "../../shared/message/inbox.ts";
import {
  type Channel,
  channelNetwork,
  type EndpointRecord,
  hostChannel,
  type RecordBody,
  type VtepRecord,
} from "../../shared/model/record.ts";
import { type Head, type Mark, type Membership, type StoredRecord, vtepRecordKey } from "./channel-items.ts";
import { changedKey, type HostChange, type NetworkChange, type Origin } from "./resource-change.ts";

/** A host as its networks see it, of its resource item. */
export type HostSource = { readonly version: number; readonly body: VtepRecord };

/** A host's own channel, as far as one network's membership is concerned. */
export type HostLane = { readonly head: Head; readonly carried: StoredRecord | undefined };

export type NetworkFacts = {
  readonly channel: Channel;
  readonly head: Head;
  /** By key: each changed record, and the `vtep` record of each host that one of them is or was on. */
  readonly records: ReadonlyMap<string, StoredRecord>;
  /** The resource of each host whose `vtep` record may have to be made anew. */
  readonly hosts: ReadonlyMap<string, HostSource>;
  /** The channel of each host that may join or leave. */
  readonly lanes: ReadonlyMap<string, HostLane>;
  /** All live endpoints of each host whose VTEP address differs from its record's (a host deleted and made again). */
  readonly residents: ReadonlyMap<string, readonly StoredRecord[]>;
};

/** A step of one channel alone. */
export type Step = {
  readonly channel: Channel;
  readonly before: Head;
  readonly after: Head;
  readonly entry: LogEntry;
  /** Records to keep, tombstones included. */
  readonly kept: readonly StoredRecord[];
  /** Keys of records to remove. */
  readonly removed: readonly string[];
};

/** A step of a network's channel, and with it, all or nothing, those of the hosts that join or leave. */
export type NetworkStep = Step & {
  readonly memberships: readonly (Membership & { readonly step: Step })[];
  readonly marks: readonly Mark[];
};

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

/** A host's `vtep` record before and after; `logged` if hosts have to hear of it. */
type VtepOutcome = {
  readonly host: string;
  readonly before: StoredRecord | undefined;
  readonly after: StoredRecord | undefined;
  readonly logged?: StoredRecord;
};

function vtepOutcomes(facts: NetworkFacts, changes: readonly NetworkChange[], seq: number): VtepOutcome[] {
  const arrivals = new Map<string, number>();
  const refreshed = new Set<string>();
  const count = (body: RecordBody | null | undefined, by: number) => {
    const host = (body as EndpointRecord | null | undefined)?.host;
    if (host !== undefined) arrivals.set(host, (arrivals.get(host) ?? 0) + by);
  };
  for (const change of changes) {
    if (change.kind === "vtep") refreshed.add(change.host);
    if (change.kind !== "endpoint") continue;
    count(facts.records.get(changedKey(change))?.body, -1);
    count(change.body, 1);
  }
  const hosts = [...new Set([...arrivals.keys(), ...refreshed])].sort();
  return hosts.map((host) => {
    const before = facts.records.get(vtepRecordKey(host));
    const endpoints = (before?.vtep?.endpoints ?? 0) + (arrivals.get(host) ?? 0);
    if (endpoints < 0) throw new Error(`${facts.channel} counts ${endpoints} endpoints on ${host}`);
    return { host, before, ...vtepAfter(facts, { host, before, endpoints, refresh: refreshed.has(host), seq }) };
  });
}

function vtepAfter(
  facts: NetworkFacts,
  vtep: { host: string; before: StoredRecord | undefined; endpoints: number; refresh: boolean; seq: number },
): Pick<VtepOutcome, "after" | "logged"> {
  const { host, before, endpoints, refresh, seq } = vtep;
  const key = vtepRecordKey(host);
  if (endpoints === 0)
    return before ? { after: undefined, logged: { key, version: seq, body: null, seq } } : { after: undefined };
  const source = facts.hosts.get(host);
  const since = before?.vtep?.since ?? seq;
  if (!before || (refresh && source && source.version > (before.vtep?.hostVersion ?? 0))) {
    if (!source) throw new Error(`${facts.channel} has no facts of host ${host}`);
    // The log's own number is the version: it only grows, also over a removal, so that no tombstone is needed.
    const bookkeeping = { endpoints, hostVersion: source.version, since };
    if (!before || canonicalJson(before.body) !== canonicalJson(source.body)) {
      const after = { key, version: seq, body: source.body, seq, vtep: bookkeeping };
      return { after, logged: after };
    }
  }
  return { after: { ...before, vtep: { endpoints, hostVersion: before.vtep?.hostVersion ?? 0, since } } };
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

/** The sum over the forwarding lines after the step: minus the lines of what was, plus those of what is. */
function forwardingAfter(
  facts: NetworkFacts,
  resources: readonly StoredRecord[],
  vteps: readonly VtepOutcome[],
): Digest {
  const outcomes = new Map(vteps.map((vtep) => [vtep.host, vtep]));
  const addressBefore = (host: string) =>
    addressOf(outcomes.get(host)?.before ?? facts.records.get(vtepRecordKey(host)));
  const addressAfter = (host: string) => {
    const outcome = outcomes.get(host);
    return addressOf(outcome ? outcome.after : facts.records.get(vtepRecordKey(host)));
  };
  const gone: string[] = [];
  const come: string[] = [];
  for (const { before, after, host } of vteps) {
    const [was, is] = [addressOf(before), addressOf(after)];
    if (was === is) continue;
    if (was !== undefined) gone.push(floodLine(was));
    if (is !== undefined) come.push(floodLine(is));
    if (was === undefined || is === undefined) continue;
    const changed = new Set(resources.map((record) => record.key));
    for (const resident of facts.residents.get(host) ?? []) {
      if (changed.has(resident.key)) continue;
      const { mac } = resident.body as EndpointRecord;
      gone.push(macLine(mac, was));
      come.push(macLine(mac, is));
    }
  }
  for (const record of resources) {
    if (!record.key.startsWith("endpoint/")) continue;
    gone.push(...linesOf(facts.records.get(record.key)?.body, addressBefore));
    come.push(...linesOf(record.body, addressAfter));
  }
  return digestSubtract(digestAdd(facts.head.forwarding, forwardingDigest(come)), forwardingDigest(gone));
}

function addressOf(record: StoredRecord | undefined): IpAddress | undefined {
  return (record?.body as VtepRecord | null | undefined)?.address;
}

function linesOf(body: RecordBody | null | undefined, address: (host: string) => IpAddress | undefined): string[] {
  if (!body) return [];
  const endpoint = body as EndpointRecord;
  const vtep = address(endpoint.host);
  if (vtep === undefined) throw new Error(`no VTEP of host ${endpoint.host}, although it has an endpoint here`);
  return endpointLines(endpoint, vtep);
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
  const before = facts.records.get(changedKey(change))?.body as EndpointRecord | null | undefined;
  return before?.host === host;
}
