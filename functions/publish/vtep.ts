// The `vtep/<host>` records of a network: one for each host with a live endpoint there or on its way, counted, made of the host. Pure.

import { canonicalJson } from "../../shared/message/digest.ts";
import type { EndpointRecord, RecordBody } from "../../shared/model/record.ts";
import { type StoredRecord, vtepRecordKey } from "./channel-items.ts";
import { changedKey, type NetworkChange } from "./resource-change.ts";
import type { NetworkFacts } from "./step.ts";

/** A host's `vtep` record before and after; `logged` if hosts have to hear of it. */
export type VtepOutcome = {
  readonly host: string;
  readonly before: StoredRecord | undefined;
  readonly after: StoredRecord | undefined;
  readonly logged?: StoredRecord;
};

/** The `vtep` records of all hosts whose endpoints are counted anew, or whose own data changed. */
export function vtepOutcomes(facts: NetworkFacts, changes: readonly NetworkChange[], seq: number): VtepOutcome[] {
  const arrivals = new Map<string, number>();
  const refreshed = new Set<string>();
  const count = (body: RecordBody | null | undefined, by: number) => {
    for (const host of placedHosts(body)) arrivals.set(host, (arrivals.get(host) ?? 0) + by);
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

/** The hosts that carry the network for an endpoint: where it is, and where it is prepared to move. */
export function placedHosts(body: RecordBody | null | undefined): string[] {
  const endpoint = body as EndpointRecord | null | undefined;
  if (!endpoint) return [];
  return endpoint.next ? [endpoint.host, endpoint.next.host] : [endpoint.host];
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
