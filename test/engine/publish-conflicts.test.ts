// Many consumers at one channel, with the conflicts that DynamoDB raises (conflict-proxy.ts).

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { channelPk, headKey, parseHead } from "../../functions/publish/channel-items.ts";
import { consume, type ConsumerDeps } from "../../functions/publish/consumer.ts";
import { getItem, queryAll, type Table } from "../../functions/publish/table.ts";
import { endpointItem, hostItem, networkItem } from "../functions/publish/fixtures.ts";
import { EngineWorld } from "../functions/publish/engine-world.ts";
import { type ConflictProxy, startConflictProxy } from "./conflict-proxy.ts";
import { type Engine, engineClient, startEngine } from "./dynamodb-engine.ts";

const CHANGES = 64;
const CONSUMERS = 16;

let engine: Engine;
let proxy: ConflictProxy;

beforeAll(async () => {
  engine = await startEngine();
  proxy = await startConflictProxy(engine.endpoint);
});
afterAll(async () => {
  await proxy?.close();
  await engine?.close();
});

function behindProxy(table: Table): Table {
  return { ...table, client: engineClient(proxy.endpoint) };
}

describe("conflicts", () => {
  test("conflict: 16 consumers at one network, with 64 changes -> every change in the log once, in one order", async () => {
    const world = await EngineWorld.on(engine);
    await world.publish(...[1, 2, 3, 4].map((n) => hostItem(`h${n}`, n)), networkItem("n1", 100));
    for (let n = 1; n <= 4; n++) world.agent(`h${n}`);
    const items = Array.from({ length: CHANGES }, (_, at) =>
      endpointItem(`e${at + 1}`, { network: "n1", host: `h${(at % 4) + 1}`, index: at + 1, change: `own-${at + 1}` }),
    );
    let waiting = await world.write(...items);
    const table = behindProxy(world.table);
    const pause: ConsumerDeps["pause"] = (attempt) =>
      new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(1000, 10 * 2 ** attempt)));
    // What fails comes again, as from a stream.
    for (let delivery = 0; waiting.length > 0; delivery++) {
      expect(delivery, "deliveries").toBeLessThan(20);
      const shares = Array.from({ length: CONSUMERS }, (_, at) =>
        waiting.filter((__, index) => index % CONSUMERS === at),
      );
      const failed = (await Promise.all(shares.map((share) => consume({ ...world.deps, table, pause }, share)))).flat();
      waiting = waiting.filter(({ dynamodb }) => failed.includes(dynamodb?.SequenceNumber ?? ""));
    }
    expect(proxy.conflicts()).toBeGreaterThan(0);
    const replica = await world.replay("net:n1");
    expect(replica.keys("net:n1").filter((key) => key.startsWith("endpoint/"))).toHaveLength(CHANGES);
    const vteps = await queryAll(world.table, channelPk("net:n1"), { prefix: "REC#vtep/" });
    expect(vteps.map((item) => (item["vtep"] as { endpoints: number }).endpoints)).toEqual([16, 16, 16, 16]);
    const head = parseHead(await getItem(world.table, headKey("net:n1")));
    expect(replica.at("net:n1")).toEqual({ seq: head.seq, digest: head.digest });
    expect(replica.forwarding("net:n1")).toBe(head.forwarding);
    for (const { sk } of items) expect(await world.marks(`own-${sk.slice("EP#e".length)}`)).toHaveLength(1);
    for (let n = 1; n <= 4; n++) {
      await world.sync(`h${n}`);
      expect(world.agent(`h${n}`).at("net:n1")).toEqual({ seq: head.seq, digest: head.digest });
    }
  });
});
