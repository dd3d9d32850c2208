// Routers on the real engine: who carries what, what it is proven by, and that a consumer may die anywhere.

import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FOLLOW_PREFIX, channelPk, headKey, parseHead } from "../../functions/publish/channel-items.ts";
import { readReaders } from "../../functions/publish/facts.ts";
import { getItem, queryAll } from "../../functions/publish/table.ts";
import { tableReceipts } from "../../functions/report/receipts.ts";
import { FIRST_VERSION } from "../../shared/message/version.ts";
import type { Channel } from "../../shared/model/record.ts";
import { EngineWorld } from "../functions/publish/engine-world.ts";
import { endpointItem, hostItem, networkItem, prefixItem, routerItem } from "../functions/publish/fixtures.ts";
import { forwardingOf, routedOf } from "../functions/publish/replica.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

let engine: Engine;
let world: EngineWorld;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine?.close();
});

const HOSTS = ["h1", "h2", "h3"] as const;
const net = (id: "n1" | "n2", version: number, router?: string) =>
  networkItem(id, id === "n1" ? 101 : 102, {
    version,
    change: `c-${id}-${version}`,
    router,
    gateways: [id === "n1" ? "10.1.0.1" : "10.2.0.1"],
  });
const endpoint = (id: string, network: string, host: string, version = 1, deleted = false) => {
  const index = Number(id.slice(1));
  return endpointItem(id, { network, host, index, version, deleted, change: `c-${id}-${version}` });
};

async function setUp(on: EngineWorld): Promise<void> {
  for (const host of HOSTS) on.agent(host);
  await on.publish(...HOSTS.map((id, at) => hostItem(id, at + 1)), net("n1", 1), net("n2", 1));
  await on.publish(endpoint("e1", "n1", "h1"), endpoint("e2", "n2", "h2"), endpoint("e3", "n1", "h2"));
}

/** Every log replays without gaps to digests from scratch, which are the HEADs' too; agents hold exactly that. */
async function expectWhole(on: EngineWorld): Promise<void> {
  for (const channel of ["net:n1", "net:n2", "rtr:r1", "rtr:r2"] as const) {
    const replica = await on.replay(channel);
    const records = replica.channels.get(channel)?.records ?? new Map();
    const head = parseHead(await getItem(on.table, headKey(channel)));
    expect(replica.at(channel)).toEqual({ seq: head.seq, digest: head.digest });
    expect(forwardingOf(records)).toBe(head.forwarding);
    if (channel.startsWith("net:")) expect(routedOf(records)).toBe(head.routed);
    const readers = await readReaders(on.table, channel);
    const holders = HOSTS.filter((host) => (carriedBy(on, host) as string[]).includes(channel));
    expect([...readers.keys()].sort()).toEqual(holders);
    for (const host of holders) expect(on.agent(host).at(channel)).toEqual(replica.at(channel));
    expect(await queryAll(on.table, channelPk(channel), { prefix: FOLLOW_PREFIX })).toEqual([]);
  }
}

function carriedBy(on: EngineWorld, host: string): Channel[] {
  return on
    .agent(host)
    .keys(`host:${host}`)
    .flatMap((key): Channel[] => {
      const [kind, id] = key.split("/");
      return kind === "network" ? [`net:${id}`] : kind === "router" ? [`rtr:${id}`] : [];
    });
}

function carried(host: string): Record<string, unknown> {
  const records = world.agent(host).channels.get(`host:${host}`)?.records ?? new Map();
  return Object.fromEntries([...records.values()].filter(({ key }) => key !== "host").map((r) => [r.key, r.body]));
}

let reports = 0;

async function report(proof: (host: string, channel: Channel) => string | undefined = proofOf): Promise<void> {
  reports += 1;
  for (const [host, agent] of world.agents) {
    const channels = agent.have().map((held) => ({ ...held, kernel: proof(host, held.channel) }));
    const who = { version: "0.1.0", startedAtMs: 1, kernel: "6.1.0" };
    const rest = { atMs: 1, number: reports, agent: who, inSync: true, bgp: [], counters: {}, events: [] };
    await world.report(host, { v: FIRST_VERSION, channels, ...rest });
  }
}

/** What a host holds that does all it should. */
function proofOf(host: string, channel: Channel): string | undefined {
  if (channel.startsWith("host:")) return undefined;
  const agent = world.agent(host);
  const isRouted = (carried(host)[`network/${channel.slice(4)}`] as { routed?: boolean } | undefined)?.routed === true;
  return isRouted ? routedOf(agent.channels.get(channel)?.records ?? new Map()) : agent.forwarding(channel);
}

async function receiptState(change: string, channel: Channel): Promise<string> {
  const record = { id: change, resource: { kind: "network", id: "n1" }, action: "change", version: 1, at: "" } as const;
  return (await tableReceipts(world.table, () => world.nowMs).receipt({ ...record, channels: [channel] })).state;
}

describe("publish: routers", () => {
  beforeEach(async () => {
    world = await EngineWorld.on(engine);
    await setUp(world);
  });

  test("attach, prefix, detach, delete -> hosts carry exactly the router's networks, and receipts tell", async () => {
    await world.publish(routerItem("r1", 5000, { change: "c-r1" }));
    expect(carried("h1")).toEqual({ "network/n1": {} });
    await world.publish(net("n1", 2, "r1"));
    await world.publish(net("n2", 2, "r1"));
    expect(carried("h1")).toEqual({ "network/n1": {}, "network/n2": { routed: true }, "router/r1": {} });
    expect(carried("h2")).toEqual({ "network/n1": {}, "network/n2": {}, "router/r1": {} });
    expect(carried("h3")).toEqual({});
    expect(world.agent("h1").keys("rtr:r1")).toEqual(["network/n1", "network/n2", "router"]);
    expect(world.agent("h1").keys("net:n2")).toEqual(["endpoint/e2", "network", "vtep/h2"]);
    await expectWhole(world);

    await world.publish(
      prefixItem("p1", { router: "r1", prefix: "172.16.0.0/12", nextHop: "10.0.0.1", change: "c-p1" }),
    );
    await expectWhole(world);
    const receipts = async () => [await receiptState("c-p1", "rtr:r1"), await receiptState("c-n2-2", "net:n2")];
    expect(await receipts()).toEqual(["published", "published"]);
    await report((host, of) => (host === "h1" && !of.startsWith("host:") ? "0000000000000001" : proofOf(host, of)));
    expect(await receipts()).toEqual(["published", "published"]);
    await report();
    expect(await receipts()).toEqual(["live", "live"]);
    await world.publish(endpoint("e4", "n2", "h2"));
    expect(world.agent("h1").keys("net:n2")).toContain("endpoint/e4");
    expect(await receiptState("c-e4-1", "net:n2")).toBe("published");
    await report((host, of) =>
      host === "h1" && of === "net:n2" ? world.agent("h1").forwarding(of) : proofOf(host, of),
    );
    // The members' digest is no proof of a host that only routes there.
    expect(await receiptState("c-e4-1", "net:n2")).toBe("published");
    await report();
    expect(await receiptState("c-e4-1", "net:n2")).toBe("live");

    await world.publish(
      prefixItem("p1", { router: "r1", prefix: "172.16.0.0/12", nextHop: "10.0.0.1", version: 2, deleted: true }),
    );
    await world.publish(net("n2", 3));
    expect(carried("h1")).toEqual({ "network/n1": {}, "router/r1": {} });
    expect(carried("h2")).toEqual({ "network/n1": {}, "network/n2": {}, "router/r1": {} });
    await world.publish(net("n1", 3), routerItem("r1", 5000, { version: 2, deleted: true }));
    expect(carried("h2")).toEqual({ "network/n1": {}, "network/n2": {} });
    expect((await world.replay("rtr:r1")).keys("rtr:r1")).toEqual([]);
    await expectWhole(world);
  });

  test("first and last endpoint -> a host comes to route, becomes a member, and routes again", async () => {
    await world.publish(routerItem("r1", 5000), net("n1", 2, "r1"), net("n2", 2, "r1"));
    await world.publish(endpoint("e5", "n2", "h3"));
    expect(carried("h3")).toEqual({ "network/n1": { routed: true }, "network/n2": {}, "router/r1": {} });
    await world.publish(endpoint("e6", "n1", "h3"));
    expect(carried("h3")).toEqual({ "network/n1": {}, "network/n2": {}, "router/r1": {} });
    await world.publish(endpoint("e5", "n2", "h3", 2, true));
    expect(carried("h3")).toEqual({ "network/n1": {}, "network/n2": { routed: true }, "router/r1": {} });
    await expectWhole(world);
    await world.publish(endpoint("e6", "n1", "h3", 2, true));
    expect(carried("h3")).toEqual({});
    await world.sync("h3");
    expect([...world.agent("h3").channels.keys()]).toEqual(["host:h3"]);
    await expectWhole(world);
  });

  test("another router at once -> the hosts change over", async () => {
    await world.publish(routerItem("r1", 5000), routerItem("r2", 5001), net("n1", 2, "r1"), net("n2", 2, "r1"));
    await world.publish(net("n2", 3, "r2"));
    expect(carried("h1")).toEqual({ "network/n1": {}, "router/r1": {} });
    expect(carried("h2")).toEqual({ "network/n1": {}, "network/n2": {}, "router/r1": {}, "router/r2": {} });
    await expectWhole(world);
  });

  test("any batch again -> no log moves", async () => {
    const records = await world.write(routerItem("r1", 5000), net("n1", 2, "r1"), net("n2", 2, "r1"));
    expect(await world.consume(records)).toEqual([]);
    const heads = async () => Promise.all(["net:n1", "net:n2", "rtr:r1", "host:h1", "host:h2"].map(headOf));
    const before = await heads();
    expect(await world.consume(records)).toEqual([]);
    expect(await heads()).toEqual(before);
    await expectWhole(world);
  });
});

async function headOf(channel: string): Promise<number> {
  return parseHead(await getItem(world.table, headKey(channel as Channel))).seq;
}

type Op =
  | { op: "network"; id: "n1" | "n2"; router: "r1" | "r2" | "" }
  | { op: "endpoint"; at: number; network: "n1" | "n2"; host: number };

describe("publish: routers, in memory", () => {
  test("any history with deaths after any write -> what the resources say, once delivered again", async () => {
    const op: fc.Arbitrary<Op> = fc.oneof(
      fc.record({
        op: fc.constant("network" as const),
        id: fc.constantFrom("n1" as const, "n2" as const),
        router: fc.constantFrom("r1" as const, "r2" as const, "" as const),
      }),
      fc.record({
        op: fc.constant("endpoint" as const),
        at: fc.integer({ min: 1, max: 4 }),
        network: fc.constantFrom("n1" as const, "n2" as const),
        host: fc.nat(2),
      }),
    );
    const step = fc.record({ ops: fc.array(op, { minLength: 1, maxLength: 3 }), diesAfter: fc.nat(40) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const on = EngineWorld.inMemory();
        for (const host of HOSTS) on.agent(host);
        await on.publish(...HOSTS.map((id, at) => hostItem(id, at + 1)), net("n1", 1), net("n2", 1));
        await on.publish(routerItem("r1", 5000), routerItem("r2", 5001));
        const versions = new Map<string, number>();
        const next = (key: string, first: number) => {
          versions.set(key, (versions.get(key) ?? first) + 1);
          return versions.get(key) as number;
        };
        const routerOf = new Map<string, string>();
        const placed = new Map<string, string>();
        for (const { ops, diesAfter } of steps) {
          const items = ops.map((each) => {
            if (each.op === "network") {
              routerOf.set(each.id, each.router);
              return net(each.id, next(each.id, 1), each.router || undefined);
            }
            const name = `${each.network}/e${each.at}`;
            const host = HOSTS[each.host] as string;
            const gone = placed.get(name) === host;
            if (gone) placed.delete(name);
            else placed.set(name, host);
            return endpoint(`e${each.at}`, each.network, host, next(name, 0), gone);
          });
          const records = await on.write(...items);
          await on.consume(records, { table: dying(on, diesAfter) });
          expect(await on.consume(records)).toEqual([]);
        }
        for (const host of HOSTS) {
          await on.sync(host);
          const member = (id: string) => [...placed].some(([name, at]) => at === host && name.startsWith(id));
          const routers = new Set(["n1", "n2"].filter(member).flatMap((id) => routerOf.get(id) || []));
          const wanted = new Map<string, unknown>([...routers].map((id) => [`router/${id}`, {}]));
          for (const id of ["n1", "n2"]) {
            if (member(id)) wanted.set(`network/${id}`, {});
            else if (routers.has(routerOf.get(id) ?? "")) wanted.set(`network/${id}`, { routed: true });
          }
          const held = on.agent(host).channels.get(`host:${host}`)?.records ?? new Map();
          const said = [...held.values()].filter(({ key }) => key !== "host").map((r) => [r.key, r.body]);
          expect(Object.fromEntries(said)).toEqual(Object.fromEntries(wanted));
        }
        await expectWhole(on);
      }),
      { numRuns: 60 },
    );
  });
});

/** The table of a process that dies after so many writes. */
function dying(on: EngineWorld, writes: number): EngineWorld["table"] {
  let left = writes;
  const client = {
    send(command: { constructor: { name: string } }) {
      const isWrite = /Put|Transact|Delete|Update/.test(command.constructor.name);
      if (isWrite && left-- <= 0) return Promise.reject(new Error("killed"));
      return on.table.client.send(command as never);
    },
  };
  return { client: client as unknown as EngineWorld["table"]["client"], name: on.table.name };
}
