// Reads the stream of a table of the engine, as far as it has come, each record once.

import { DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from "@aws-sdk/client-dynamodb-streams";
import type { DynamoDBRecord } from "aws-lambda";
import type { Table } from "../../../functions/publish/table.ts";
import type { Engine } from "../../engine/dynamodb-engine.ts";

export class StreamReader {
  readonly #client: DynamoDBStreamsClient;
  readonly #table: Table;
  /** By shard. */
  readonly #positions = new Map<string, string>();

  constructor(engine: Engine, table: Table) {
    const credentials = { accessKeyId: "local", secretAccessKey: "local" };
    this.#client = new DynamoDBStreamsClient({ endpoint: engine.endpoint, region: "eu-central-1", credentials });
    this.#table = table;
  }

  /** All records since the last call. The engine's records are the Lambda event's, under the names of another package. */
  async next(): Promise<DynamoDBRecord[]> {
    const described = await this.#table.client.send(new DescribeTableCommand({ TableName: this.#table.name }));
    const StreamArn = described.Table?.LatestStreamArn;
    const stream = await this.#client.send(new DescribeStreamCommand({ StreamArn }));
    const records: DynamoDBRecord[] = [];
    for (const { ShardId } of stream.StreamDescription?.Shards ?? []) {
      if (ShardId !== undefined) records.push(...(await this.#nextOf(StreamArn, ShardId)));
    }
    return records;
  }

  close(): void {
    this.#client.destroy();
  }

  async #nextOf(StreamArn: string | undefined, ShardId: string): Promise<DynamoDBRecord[]> {
    const after = this.#positions.get(ShardId);
    const from =
      after === undefined
        ? { ShardIteratorType: "TRIM_HORIZON" as const }
        : { ShardIteratorType: "AFTER_SEQUENCE_NUMBER" as const, SequenceNumber: after };
    const start = await this.#client.send(new GetShardIteratorCommand({ StreamArn, ShardId, ...from }));
    const records: DynamoDBRecord[] = [];
    for (let ShardIterator = start.ShardIterator; ShardIterator; ) {
      const answer = await this.#client.send(new GetRecordsCommand({ ShardIterator }));
      if (!answer.Records?.length) break;
      records.push(...(answer.Records as unknown as DynamoDBRecord[]));
      ShardIterator = answer.NextShardIterator;
    }
    const last = records.at(-1)?.dynamodb?.SequenceNumber;
    if (last !== undefined) this.#positions.set(ShardId, last);
    return records;
  }
}
