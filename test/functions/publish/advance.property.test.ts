// Random histories of resources, delivered late, twice, and in any order across items, against an oracle: the logs must
// replay to the records, every digest must be the one computed from scratch, and membership must follow the endpoints.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Channel, hostChannel, networkChannel } from "../../../shared/model/record.ts";
import { endpointItem, hostItem, networkItem, type StoredItem } from "./fixtures.ts";
import { MemoryChannels } from "./memory-channels.ts";
import { Replica } from "./replica.ts";

const HOSTS = ["h1", "h2", "h3"] as const;
const NETWORKS = ["n1", "n2"] as const;
const ENDPOINTS = 5;

type Command =
  | { op: "attach" | "move"; network: number; endpoint: number; host: number }
  | { op: "readdress" | "detach"; network: number; endpoint: number }
  | { op: "rename"; network: number }
  | { op: "peers"; host: number; asn: number }
  | { op: "replace-host"; host: number; address: number }
  | { op: "deliver"; items: number[]; again: boolean };

const network = fc.nat(NETWORKS.length - 1);
const endpoint = fc.nat(ENDPOINTS - 1);
const host = fc.nat(HOSTS.length - 1);
const attach = fc.record({ op: fc.constantFrom("attach" as const, "move" as const), network, endpoint, host });
const change = fc.record({ op: fc.constantFrom("readdress" as const, "detach" as const), network, endpoint });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: attach },
  { weight: 4, arbitrary: change },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("rename" as const), network }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("peers" as const), host, asn: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("replace-host" as const),
      host,
      address: fc.integer({ min: 10, max: 200 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant("deliver" as const),
      items: fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }),
      again: fc.boolean(),
    }),
  },
);

/** The table's resource items, their stream, and the channels behind it. */
class World {
  readonly channels = new MemoryChannels();
  readonly items = new Map<string, StoredItem>();
  readonly #pending: StoredItem[] = [];
  readonly #delivered: StoredItem[] = [];
  #writes = 0;

  constructor() {
    HOSTS.forEach((id, index) => this.#write(hostItem(id, index + 1)));
    NETWORKS.forEach((id, index) => this.#write(networkItem(id, 100 + index)));
  }

  run(command: Command): void {
    switch (command.op) {
      case "attach":
      case "move":
      case "readdress":
      case "detach":
        return this.#runEndpoint(command);
      case "rename": {
        const id = NETWORKS[command.network] as string;
        return this.#write(
          networkItem(id, 100 + command.network, { ...this.#next(`NETWORKS/${id}`), name: `n ${this.#writes}` }),
        );
      }
      case "peers": {
        const id = HOSTS[command.host] as string;
        const held = this.items.get(`HOSTS/${id}`) as StoredItem;
        const bgp = { asn: 65000, peers: [{ address: "192.0.2.1", asn: 64512 + command.asn }] };
        return this.#write({ ...held, ...this.#next(`HOSTS/${id}`), bgp });
      }
      case "replace-host": {
        // Only a host without endpoints can be deleted; its successor may have another address.
        const id = HOSTS[command.host] as string;
        if (this.live().some((item) => item["host"] === id)) return;
        const held = this.items.get(`HOSTS/${id}`) as StoredItem;
        this.#write({ ...held, ...this.#next(`HOSTS/${id}`), deleted: true });
        const index = command.address + 50 * (command.host === 0 ? 0 : 1) + (command.host === 2 ? 1 : 0);
        const taken = [...this.items.values()].some((item) => item["vtep"] === `198.51.100.${index}`);
        return this.#write(hostItem(id, taken ? command.host + 1 : index, this.#next(`HOSTS/${id}`)));
      }
      case "deliver": {
        const batch = command.items.flatMap((at) => this.#pending.splice(at % Math.max(1, this.#pending.length), 1));
        this.#deliver(command.again ? [...batch, ...this.#delivered.slice(-3)] : batch);
      }
    }
  }

  drain(): void {
    this.#deliver(this.#pending.splice(0));
    this.#deliver(this.#delivered.slice());
  }

  /** Live endpoints. */
  live(): StoredItem[] {
    return [...this.items.values()].filter((item) => item.type === "endpoint" && item["deleted"] !== true);
  }

  #runEndpoint(command: Extract<Command, { endpoint: number }>): void {
    const network = NETWORKS[command.network] as string;
    const id = `e${command.endpoint}`;
    const held = this.items.get(`NET#${network}/EP#${id}`);
    const live = held !== undefined && held["deleted"] !== true;
    if ((command.op === "attach") === live) return;
    const next = this.#next(`NET#${network}/EP#${id}`);
    const index = command.endpoint + 1;
    if (command.op === "attach") {
      return this.#write(endpointItem(id, { network, host: HOSTS[command.host] as string, index, ...next }));
    }
    if (!live) return;
    const base = { ...held, ...next };
    if (command.op === "move") return this.#write({ ...base, host: HOSTS[command.host], mobility: next.version });
    if (command.op === "detach") return this.#write({ ...base, deleted: true });
    this.#write({ ...base, ips: [`10.${next.version % 250}.0.${index}`] });
  }

  #next(key: string): { version: number; change: string } {
    return { version: (this.items.get(key)?.version ?? 0) + 1, change: `c-${++this.#writes}` };
  }

  #write(item: StoredItem): void {
    this.items.set(`${item.pk}/${item.sk}`, item);
    if (item.type === "host") this.channels.hosts.set(item.sk, item);
    this.#pending.push(item);
  }

  #deliver(batch: StoredItem[]): void {
    this.channels.deliver(batch);
    this.#delivered.push(...batch);
  }
}

function replay(world: World, channel: Channel): Replica {
  const replica = new Replica("h1");
  for (const entry of world.channels.logs.get(channel) ?? []) replica.apply(entry);
  expect(replica.gaps).toBe(0);
  expect(replica.at(channel).seq).toBe(world.channels.head(channel).seq);
  return replica;
}

describe("publish core", () => {
  test("advance: any history delivered in any order, also twice -> logs replay to what the resources say", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const world = new World();
        for (const each of commands) world.run(each);
        world.drain();
        for (const id of NETWORKS) {
          const channel = networkChannel(id);
          const replica = replay(world, channel);
          const live = world.live().filter((item) => item["network"] === id);
          const members = [...new Set(live.map((item) => item["host"] as string))];
          const keys = [
            ...live.map((item) => `endpoint/${item["id"]}`),
            ...members.map((host) => `vtep/${host}`),
            "network",
          ];
          expect(replica.keys(channel)).toEqual(keys.sort());
          expect(replica.forwarding(channel)).toBe(world.channels.forwarding(channel));
          for (const item of live) {
            const record = replica.channels.get(channel)?.records.get(`endpoint/${item["id"]}`);
            expect(record).toMatchObject({ version: item.version, body: { host: item["host"], ips: item["ips"] } });
          }
          for (const host of members) {
            const counted = world.channels.records.get(channel)?.get(`vtep/${host}`);
            expect(counted?.vtep?.endpoints).toBe(live.filter((item) => item["host"] === host).length);
            const bgp = world.items.get(`HOSTS/${host}`)?.["bgp"] as { asn: number; peers: { asn: number }[] };
            const asns = [bgp.asn, ...bgp.peers.map((peer) => peer.asn)];
            const address = world.items.get(`HOSTS/${host}`)?.["vtep"];
            expect(counted?.body).toEqual({ site: "site-1", address, asns });
          }
        }
        for (const host of HOSTS) {
          const replica = replay(world, hostChannel(host));
          const carried = NETWORKS.filter((id) =>
            world.live().some((item) => item["network"] === id && item["host"] === host),
          );
          expect(replica.keys(hostChannel(host))).toEqual(["host", ...carried.map((id) => `network/${id}`)]);
          expect(world.channels.carried(host)).toEqual(carried);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("advance: the same history delivered once more -> no log moves", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const world = new World();
        for (const each of commands) world.run(each);
        world.drain();
        const heads = new Map(world.channels.heads);
        world.drain();
        expect(world.channels.heads).toEqual(heads);
      }),
      { numRuns: 50 },
    );
  });
});
