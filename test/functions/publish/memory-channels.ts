// The channels in memory, advanced by the pure core alone: facts from maps, steps applied to maps. What the drive does
// with DynamoDB, without it, so that properties can run thousands of steps.

import type { Digest } from "../../../shared/message/digest.ts";
import type { LogEntry } from "../../../shared/message/inbox.ts";
import { type Channel, hostChannel, type VtepRecord } from "../../../shared/model/record.ts";
import { Host } from "../../../shared/model/resource.ts";
import { advanceHost, isMarked } from "../../../functions/publish/advance.ts";
import type { HostLane, HostSource, NetworkFacts, Step } from "../../../functions/publish/step.ts";
import { EMPTY_HEAD, type Head, type Mark, type StoredRecord } from "../../../functions/publish/channel-items.ts";
import {
  changedKey,
  changeOf,
  collapse,
  type HostChange,
  type NetworkChange,
  vtepBody,
} from "../../../functions/publish/resource-change.ts";
import { parseResource } from "../../../functions/publish/resource-image.ts";
import { largestStep } from "../../../functions/publish/step-items.ts";
import { placedHosts } from "../../../functions/publish/vtep.ts";
import type { StoredItem } from "./fixtures.ts";

export class MemoryChannels {
  readonly heads = new Map<Channel, Head>();
  readonly records = new Map<Channel, Map<string, StoredRecord>>();
  readonly logs = new Map<Channel, LogEntry[]>();
  readonly marks: Mark[] = [];
  /** The HOSTS items as a consistent read sees them now. */
  readonly hosts = new Map<string, StoredItem>();

  /** Consumes images of one batch, as the consumer would. */
  deliver(items: readonly StoredItem[]): void {
    const hosts = new Map<string, HostChange[]>();
    const networks = new Map<Channel, NetworkChange[]>();
    for (const item of items) {
      const image = parseResource(item.type as "host" | "network" | "endpoint", item);
      if (typeof image === "string") throw new Error(image);
      const { channel, change } = changeOf(image);
      if (change.kind === "router" || change.kind === "prefix") throw new Error("no router here");
      if (change.kind === "host") hosts.set(change.id, [...(hosts.get(change.id) ?? []), change]);
      else networks.set(channel, [...(networks.get(channel) ?? []), change]);
    }
    for (const changes of hosts.values()) this.#deliverHost(collapse(changes)[0] as HostChange, networks);
    for (const [channel, changes] of networks) this.advance(channel, collapse(changes));
  }

  advance(channel: Channel, changes: readonly NetworkChange[]): void {
    let remaining = changes;
    while (remaining.length > 0) {
      const facts = this.facts(channel, remaining);
      const fresh = remaining.filter((change) => !isMarked(facts.records.get(changedKey(change)), change));
      if (fresh.length === 0) return;
      const { taken, step } = largestStep(facts, fresh);
      if (step) {
        this.#apply(step);
        for (const member of step.memberships) this.#apply(member.step);
        this.marks.push(...step.marks);
      }
      remaining = fresh.filter((change) => !taken.includes(change));
    }
  }

  facts(channel: Channel, changes: readonly NetworkChange[]): NetworkFacts {
    const all = this.records.get(channel) ?? new Map<string, StoredRecord>();
    const hosts = new Set<string>();
    for (const change of changes) {
      if (change.kind === "vtep") hosts.add(change.host);
      if (change.kind !== "endpoint") continue;
      const before = all.get(changedKey(change))?.body;
      for (const host of [...placedHosts(before), ...placedHosts(change.body)]) hosts.add(host);
    }
    const keys = ["network", ...changes.map(changedKey), ...[...hosts].map((host) => `vtep/${host}`)];
    const sources = new Map<string, HostSource>();
    const lanes = new Map<string, HostLane>();
    const residents = new Map<string, StoredRecord[]>();
    for (const host of hosts) {
      const source = Host.parse(this.hosts.get(host));
      sources.set(host, { version: source.version, body: vtepBody(source) });
      const carried = this.records.get(hostChannel(host))?.get(`network/${channel.slice(4)}`);
      lanes.set(host, { head: this.head(hostChannel(host)), carried });
      const address = (all.get(`vtep/${host}`)?.body as VtepRecord | undefined)?.address;
      if (address === undefined || address === source.vtep) continue;
      const here = [...all.values()].filter((record) => (record.body as { host?: string } | null)?.host === host);
      residents.set(host, here);
    }
    const records = new Map<string, StoredRecord>();
    for (const key of keys) {
      const record = all.get(key);
      if (record) records.set(key, record);
    }
    return { channel, head: this.head(channel), records, hosts: sources, lanes, residents };
  }

  head(channel: Channel): Head {
    return this.heads.get(channel) ?? EMPTY_HEAD;
  }

  forwarding(channel: Channel): Digest {
    return this.head(channel).forwarding;
  }

  carried(host: string): string[] {
    const keys = [...(this.records.get(hostChannel(host))?.keys() ?? [])];
    return keys
      .filter((key) => key.startsWith("network/"))
      .map((key) => key.slice("network/".length))
      .sort();
  }

  #deliverHost(change: HostChange, networks: Map<Channel, NetworkChange[]>): void {
    const channel = hostChannel(change.id);
    const host = this.records.get(channel)?.get("host");
    if (!isMarked(host, change)) this.#apply(advanceHost(channel, { head: this.head(channel), host }, change));
    if (change.body === null) return;
    for (const network of this.carried(change.id)) {
      const { id, version, origins } = change;
      const refresh: NetworkChange = { kind: "vtep", host: id, version, origins };
      networks.set(`net:${network}`, [...(networks.get(`net:${network}`) ?? []), refresh]);
    }
  }

  #apply(step: Step): void {
    if (step.before.seq !== this.head(step.channel).seq) throw new Error(`${step.channel}: a step on an old head`);
    this.heads.set(step.channel, step.after);
    const records = this.records.get(step.channel) ?? new Map<string, StoredRecord>();
    for (const record of step.kept) records.set(record.key, record);
    for (const key of step.removed) records.delete(key);
    this.records.set(step.channel, records);
    this.logs.set(step.channel, [...(this.logs.get(step.channel) ?? []), step.entry]);
  }
}
