// The digests of a channel's forwarding forms (shared/message/forwarding.ts), kept up by what a step takes and brings. Pure.
// A network has two: what its members hold, and what a host holds that only routes to it.

import type { IpAddress } from "../../shared/address/ip.ts";
import { type Digest, digestAdd, digestSubtract, EMPTY_DIGEST } from "../../shared/message/digest.ts";
import {
  endpointLines,
  floodLine,
  forwardingDigest,
  gatewayLine,
  hostRouteLine,
  macLine,
  prefixLine,
} from "../../shared/message/forwarding.ts";
import type { EndpointRecord, NetworkRecord, PrefixRecord, RecordBody, VtepRecord } from "../../shared/model/record.ts";
import { type Head, type StoredRecord, vtepRecordKey } from "./channel-items.ts";
import type { NetworkFacts } from "./step.ts";
import type { VtepOutcome } from "./vtep.ts";

export type Forwarding = Pick<Head, "forwarding" | "routed">;

/** Lines that go and come. */
class Lines {
  readonly gone: string[] = [];
  readonly come: string[] = [];

  after(sum: Digest): Digest {
    return digestSubtract(digestAdd(sum, forwardingDigest(this.come)), forwardingDigest(this.gone));
  }
}

/** The sums over a network's forwarding lines after the step: minus the lines of what was, plus those of what is. */
export function forwardingAfter(
  facts: NetworkFacts,
  resources: readonly StoredRecord[],
  vteps: readonly VtepOutcome[],
): Forwarding {
  const outcomes = new Map(vteps.map((vtep) => [vtep.host, vtep]));
  const addressBefore = (host: string) =>
    addressOf(outcomes.get(host)?.before ?? facts.records.get(vtepRecordKey(host)));
  const addressAfter = (host: string) => {
    const outcome = outcomes.get(host);
    return addressOf(outcome ? outcome.after : facts.records.get(vtepRecordKey(host)));
  };
  const members = new Lines();
  const routed = new Lines();
  for (const { before, after, host } of vteps) {
    const [was, is] = [addressOf(before), addressOf(after)];
    if (was === is) continue;
    if (was !== undefined) members.gone.push(floodLine(was));
    if (is !== undefined) members.come.push(floodLine(is));
    if (was === undefined || is === undefined) continue;
    const changed = new Set(resources.map((record) => record.key));
    for (const resident of facts.residents.get(host) ?? []) {
      if (changed.has(resident.key)) continue;
      const { mac, ips } = resident.body as EndpointRecord;
      members.gone.push(macLine(mac, was));
      members.come.push(macLine(mac, is));
      routed.gone.push(...ips.map((ip) => hostRouteLine(ip, was)));
      routed.come.push(...ips.map((ip) => hostRouteLine(ip, is)));
    }
  }
  for (const record of resources) {
    const before = facts.records.get(record.key)?.body;
    if (record.key === "network") {
      members.gone.push(...gatewayLines(before));
      members.come.push(...gatewayLines(record.body));
    }
    if (!record.key.startsWith("endpoint/")) continue;
    const [was, is] = [placeOf(before, addressBefore), placeOf(record.body, addressAfter)];
    if (was) {
      members.gone.push(...endpointLines(was.endpoint, was.vtep));
      routed.gone.push(...was.endpoint.ips.map((ip) => hostRouteLine(ip, was.vtep)));
    }
    if (is) {
      members.come.push(...endpointLines(is.endpoint, is.vtep));
      routed.come.push(...is.endpoint.ips.map((ip) => hostRouteLine(ip, is.vtep)));
    }
  }
  const { head } = facts;
  // A log that began before there was this sum never has it: hosts that route there are never said to be live.
  const sum = head.seq === 0 ? EMPTY_DIGEST : head.routed;
  return {
    forwarding: members.after(head.forwarding),
    ...(sum === undefined ? {} : { routed: routed.after(sum) }),
  };
}

/** The sum over a router's static routes after `records` came in place of those `before`. */
export function prefixesAfter(
  sum: Digest,
  before: ReadonlyMap<string, StoredRecord>,
  records: readonly StoredRecord[],
): Digest {
  const lines = new Lines();
  for (const { key, body } of records) {
    if (!key.startsWith("prefix/")) continue;
    lines.gone.push(...prefixLines(before.get(key)?.body));
    lines.come.push(...prefixLines(body));
  }
  return lines.after(sum);
}

function prefixLines(body: RecordBody | null | undefined): string[] {
  if (!body) return [];
  const { prefix, nextHop } = body as PrefixRecord;
  return [prefixLine(prefix, nextHop)];
}

function gatewayLines(body: RecordBody | null | undefined): string[] {
  const network = body as NetworkRecord | null | undefined;
  return network?.router === undefined ? [] : (network.gateways ?? []).map(gatewayLine);
}

function addressOf(record: StoredRecord | undefined): IpAddress | undefined {
  return (record?.body as VtepRecord | null | undefined)?.address;
}

function placeOf(body: RecordBody | null | undefined, address: (host: string) => IpAddress | undefined) {
  if (!body) return undefined;
  const endpoint = body as EndpointRecord;
  const vtep = address(endpoint.host);
  if (vtep === undefined) throw new Error(`no VTEP of host ${endpoint.host}, although it has an endpoint here`);
  return { endpoint, vtep };
}
