// The event-driven functions over a table of the real engine: resource items are written as the store writes them, their
// stream records are handed to the consumer by the test, and agents are replicas behind a publisher that can fail.

import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import type { SyncRequest } from "../../../shared/message/sync.ts";
import { PROTOCOL_VERSION } from "../../../shared/message/version.ts";
import type { Channel } from "../../../shared/model/record.ts";
import { type ConsumerDeps, consume } from "../../../functions/publish/consumer.ts";
import { channelPk, parseLog, parseMark, type Mark } from "../../../functions/publish/channel-items.ts";
import { getItem, queryAll, type Table } from "../../../functions/publish/table.ts";
import { handleReport } from "../../../functions/report/handler.ts";
import type { AnswerDeps, SnapshotFiles } from "../../../functions/sync/answer.ts";
import { handleSync } from "../../../functions/sync/handler.ts";
import type { Engine } from "../../engine/dynamodb-engine.ts";
import { createMemoryDynamo } from "../../sim/dynamodb/engine.ts";
import { NOW_MS, type StoredItem, streamRecord } from "./fixtures.ts";
import { Replica } from "./replica.ts";

export class EngineWorld {
  readonly table: Table;
  /** The agents that are connected; a message to any other host is lost, as the broker loses it. */
  readonly agents = new Map<string, Replica>();
  readonly counters = new Map<string, number>();
  readonly messages: { host: string; payload: string }[] = [];
  /** Hosts whose inbox the broker does not take. */
  readonly refused = new Set<string>();
  nowMs = NOW_MS;
  /** Makes large channels files; absent: everything goes in messages. */
  files: SnapshotFiles | undefined;

  static async on(engine: Engine): Promise<EngineWorld> {
    return new EngineWorld({ client: engine.client, name: await engine.createTable({ prefix: "publish" }) });
  }

  /** The same on a table in memory, which passes the contract of the engine. */
  static inMemory(onChange?: Parameters<typeof createMemoryDynamo>[0]): EngineWorld {
    return new EngineWorld({ client: createMemoryDynamo(onChange).client as Table["client"], name: "memory" });
  }

  private constructor(table: Table) {
    this.table = table;
  }

  get deps(): ConsumerDeps & AnswerDeps {
    return {
      ...(this.files ? { files: this.files } : {}),
      table: this.table,
      now: () => this.nowMs,
      pause: () => Promise.resolve(),
      telemetry: {
        count: (name, by = 1) => void this.counters.set(name, (this.counters.get(name) ?? 0) + by),
        warn: () => undefined,
        error: () => undefined,
      },
      publisher: {
        publish: (host, payload) => {
          if (this.refused.has(host)) return Promise.reject(new Error("the broker is away"));
          this.messages.push({ host, payload });
          this.agents.get(host)?.receive(payload);
          return Promise.resolve();
        },
      },
    };
  }

  agent(host: string): Replica {
    const agent = this.agents.get(host) ?? new Replica(host);
    this.agents.set(host, agent);
    return agent;
  }

  /** Writes items; the answer is the stream records of it. */
  async write(...items: StoredItem[]): Promise<DynamoDBRecord[]> {
    const records: DynamoDBRecord[] = [];
    for (const item of items) {
      const old = await getItem(this.table, item);
      const Item = marshall(item, { removeUndefinedValues: true });
      await this.table.client.send(new PutItemCommand({ TableName: this.table.name, Item }));
      records.push(streamRecord(item, old as StoredItem | undefined));
    }
    return records;
  }

  consume(records: readonly DynamoDBRecord[], deps: Partial<ConsumerDeps> = {}): Promise<string[]> {
    return consume({ ...this.deps, ...deps }, records);
  }

  /** Writes and consumes; fails if a record failed. */
  async publish(...items: StoredItem[]): Promise<void> {
    const failed = await this.consume(await this.write(...items));
    if (failed.length > 0) throw new Error(`${failed.length} records failed: ${[...this.counters.keys()].join(", ")}`);
  }

  /** The host asks with what its agent holds, or with a request of its own. */
  async sync(host: string, asked: SyncRequest | SyncRequest["have"] = this.agent(host).have()): Promise<void> {
    const request = Array.isArray(asked) ? { v: PROTOCOL_VERSION, have: asked } : asked;
    await handleSync(this.deps, ruleEvent(host, request));
  }

  async report(host: string, report: unknown, table = this.table): Promise<void> {
    await handleReport({ ...this.deps, table }, ruleEvent(host, report));
  }

  /** A replica of the whole log of a channel, as an agent that missed nothing has it. */
  async replay(channel: Channel): Promise<Replica> {
    const replica = new Replica("oracle");
    for (const item of await queryAll(this.table, channelPk(channel), { prefix: "LOG#" })) {
      replica.apply(parseLog(item).entry);
    }
    if (replica.gaps > 0) throw new Error(`${channel} has gaps`);
    return replica;
  }

  async marks(change: string): Promise<Mark[]> {
    return (await queryAll(this.table, `CHANGE#${change}`, { prefix: "PUB#" })).map(parseMark);
  }
}

export function ruleEvent(host: string, message: unknown): { payload: string; host: string } {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  return { payload: Buffer.from(text).toString("base64"), host };
}
