// The digests of a channel's forwarding forms (shared/message/forwarding.ts), kept up by what a step takes and brings. Pure.
// A network has two: what its members hold, and what a host holds that only routes to it. And for each site one over the
// lines of the endpoints there alone: what the speakers on that site's fabric prove (edge-agent/report/confirmation.ts).

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
import { type Head, type SiteSums, type StoredRecord, vtepRecordKey } from "./channel-items.ts";
import type { NetworkFacts } from "./step.ts";
import type { VtepOutcome } from "./vtep.ts";

export type Forwarding = Pick<Head, "forwarding" | "routed" | "sites">;

/** Lines that go and come. */
class Lines {
  readonly gone: string[] = [];
  readonly come: string[] = [];

  after(sum: Digest): Digest {
    return digestSubtract(digestAdd(sum, forwardingDigest(this.come)), forwardingDigest(this.gone));
  }
}

/** The lines of endpoints by site. */
class SiteLines {
  readonly #sites = new Map<string, Lines>();

  at(site: string): Lines {
    const lines = this.#sites.get(site) ?? new Lines();
    this.#sites.set(site, lines);
    return lines;
  }

  /** A site without an endpoint is left out. */
  after(sums: SiteSums): SiteSums {
    const now = new Map(Object.entries(sums));
    for (const [site, lines] of this.#sites) {
      const sum = lines.after(now.get(site) ?? EMPTY_DIGEST);
      if (sum === EMPTY_DIGEST) now.delete(site);
      else now.set(site, sum);
    }
    return Object.fromEntries(now);
  }
}

/** The sums over a network's forwarding lines after the step: minus the lines of what was, plus those of what is. */
export function forwardingAfter(
  facts: NetworkFacts,
  resources: readonly StoredRecord[],
  vteps: readonly VtepOutcome[],
): Forwarding {
  const outcomes = new Map(vteps.map((vtep) => [vtep.host, vtep]));
  const vtepBefore = (host: string) => vtepOf(outcomes.get(host)?.before ?? facts.records.get(vtepRecordKey(host)));
  const vtepAfter = (host: string) => {
    const outcome = outcomes.get(host);
    return vtepOf(outcome ? outcome.after : facts.records.get(vtepRecordKey(host)));
  };
  const members = new Lines();
  const routed = new Lines();
  const sites = new SiteLines();
  for (const { before, after, host } of vteps) {
    const [left, come] = [vtepOf(before), vtepOf(after)];
    const [was, is] = [left?.address, come?.address];
    if (was === is && left?.site === come?.site) continue;
    if (was !== undefined) members.gone.push(floodLine(was));
    if (is !== undefined) members.come.push(floodLine(is));
    if (!left || !come || was === undefined || is === undefined) continue;
    const changed = new Set(resources.map((record) => record.key));
    for (const resident of facts.residents.get(host) ?? []) {
      if (changed.has(resident.key)) continue;
      const endpoint = resident.body as EndpointRecord;
      const { mac, ips } = endpoint;
      sites.at(left.site).gone.push(...endpointLines(endpoint, was));
      sites.at(come.site).come.push(...endpointLines(endpoint, is));
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
    const [was, is] = [placeOf(before, vtepBefore), placeOf(record.body, vtepAfter)];
    if (was) {
      const lines = endpointLines(was.endpoint, was.vtep);
      members.gone.push(...lines);
      sites.at(was.site).gone.push(...lines);
      routed.gone.push(...was.endpoint.ips.map((ip) => hostRouteLine(ip, was.vtep)));
    }
    if (is) {
      const lines = endpointLines(is.endpoint, is.vtep);
      members.come.push(...lines);
      sites.at(is.site).come.push(...lines);
      routed.come.push(...is.endpoint.ips.map((ip) => hostRouteLine(ip, is.vtep)));
    }
  }
  const { head } = facts;
  // A log that began before there were these sums never has them: what they prove is never said to be so.
  const sum = head.seq === 0 ? EMPTY_DIGEST : head.routed;
  const sums = head.seq === 0 ? {} : head.sites;
  return {
    forwarding: members.after(head.forwarding),
    ...(sum === undefined ? {} : { routed: routed.after(sum) }),
    ...(sums === undefined ? {} : { sites: sites.after(sums) }),
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

function vtepOf(record: StoredRecord | undefined): VtepRecord | undefined {
  return (record?.body as VtepRecord | null | undefined) ?? undefined;
}

function placeOf(body: RecordBody | null | undefined, vtepOn: (host: string) => VtepRecord | undefined) {
  if (!body) return undefined;
  const endpoint = body as EndpointRecord;
  const vtep = vtepOn(endpoint.host);
  if (vtep === undefined) throw new Error(`no VTEP of host ${endpoint.host}, although it has an endpoint here`);
  return { endpoint, vtep: vtep.address, site: vtep.site };
}
