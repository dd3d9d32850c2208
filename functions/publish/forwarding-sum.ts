// The digest of a network's forwarding form (shared/message/forwarding.ts), kept up by what a step takes and brings. Pure.

import type { IpAddress } from "../../shared/address/ip.ts";
import { type Digest, digestAdd, digestSubtract } from "../../shared/message/digest.ts";
import { endpointLines, floodLine, forwardingDigest, macLine } from "../../shared/message/forwarding.ts";
import type { EndpointRecord, RecordBody, VtepRecord } from "../../shared/model/record.ts";
import { type StoredRecord, vtepRecordKey } from "./channel-items.ts";
import type { NetworkFacts } from "./step.ts";
import type { VtepOutcome } from "./vtep.ts";

/** The sum over the forwarding lines after the step: minus the lines of what was, plus those of what is. */
export function forwardingAfter(
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
