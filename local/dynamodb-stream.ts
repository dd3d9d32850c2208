// Adapter: the DynamoDB Streams API as the pump's port, and its records in the form in which Lambda gets them
// (times in seconds, binary values in base64).

import {
  type AttributeValue,
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record as SdkRecord,
} from "@aws-sdk/client-dynamodb-streams";
import type { Shard, StreamReader, StreamRecord } from "./stream-pump.ts";

/** The errors after which the record that was asked for is no longer in the stream (AWS keeps them 24 hours). */
const TRIMMED = "TrimmedDataAccessException";

/** Reads the stream `streamArn`. */
export function dynamodbStream(client: DynamoDBStreamsClient, streamArn: string): StreamReader {
  const iterator = async (shard: string, after: string | undefined): Promise<string> => {
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({
        StreamArn: streamArn,
        ShardId: shard,
        ...(after === undefined
          ? { ShardIteratorType: "TRIM_HORIZON" }
          : { ShardIteratorType: "AFTER_SEQUENCE_NUMBER", SequenceNumber: after }),
      }),
    );
    if (!ShardIterator) throw new Error(`no iterator for shard ${shard}`);
    return ShardIterator;
  };

  return {
    async shards() {
      const shards: Shard[] = [];
      let start: string | undefined;
      do {
        const { StreamDescription } = await client.send(
          new DescribeStreamCommand({ StreamArn: streamArn, ...(start ? { ExclusiveStartShardId: start } : {}) }),
        );
        for (const { ShardId, ParentShardId } of StreamDescription?.Shards ?? [])
          if (ShardId) shards.push({ id: ShardId, parent: ParentShardId });
        start = StreamDescription?.LastEvaluatedShardId;
      } while (start);
      return shards;
    },

    async iterator(shard, after) {
      try {
        return await iterator(shard, after);
      } catch (error) {
        if ((error as Error).name !== TRIMMED) throw error;
        return await iterator(shard, undefined);
      }
    },

    async read(shardIterator) {
      const { Records, NextShardIterator } = await client.send(new GetRecordsCommand({ ShardIterator: shardIterator }));
      return { records: (Records ?? []).map((record) => toLambda(record, streamArn)), next: NextShardIterator };
    },
  };
}

function toLambda(record: SdkRecord, streamArn: string): StreamRecord {
  const { dynamodb } = record;
  return {
    ...record,
    eventID: record.eventID ?? "",
    eventSourceARN: streamArn,
    dynamodb: {
      ...dynamodb,
      SequenceNumber: dynamodb?.SequenceNumber ?? "",
      ApproximateCreationDateTime: Math.floor((dynamodb?.ApproximateCreationDateTime?.getTime() ?? 0) / 1000),
      Keys: imageToJson(dynamodb?.Keys),
      NewImage: imageToJson(dynamodb?.NewImage),
      OldImage: imageToJson(dynamodb?.OldImage),
    },
  } as StreamRecord;
}

function imageToJson(image: Record<string, AttributeValue> | undefined): Record<string, unknown> | undefined {
  if (!image) return undefined;
  return Object.fromEntries(Object.entries(image).map(([name, value]) => [name, valueToJson(value)]));
}

function valueToJson(value: AttributeValue): unknown {
  if (value.M) return { M: imageToJson(value.M) };
  if (value.L) return { L: value.L.map(valueToJson) };
  if (value.B) return { B: Buffer.from(value.B).toString("base64") };
  if (value.BS) return { BS: value.BS.map((octets) => Buffer.from(octets).toString("base64")) };
  // The local engine's stream says `{}` of an empty map, where AWS says `{"M": {}}`.
  if (Object.keys(value).length === 0) return { M: {} };
  return value;
}
