// A DynamoDB stream in memory, as the pump sees it.

import type { Shard, StreamReader, StreamRecord } from "../../local/stream-pump.ts";

export class FakeStream implements StreamReader {
  readonly #records: Map<string, string[]>;
  readonly #parents: Record<string, string>;
  readonly #ended = new Set<string>();
  #failures = 0;

  constructor(records: Record<string, string[]>, parents: Record<string, string> = {}) {
    this.#records = new Map(Object.entries(records).map(([shard, numbers]) => [shard, [...numbers]]));
    this.#parents = parents;
  }

  append(shard: string, number: string): void {
    this.#records.get(shard)?.push(number);
  }

  /** Closes the shard: its last iterator has no next one. */
  end(shard: string): void {
    this.#ended.add(shard);
  }

  failNextReads(count: number): void {
    this.#failures = count;
  }

  shards = async (): Promise<Shard[]> => [...this.#records.keys()].map((id) => ({ id, parent: this.#parents[id] }));

  iterator = async (shard: string, after: string | undefined): Promise<string> => {
    const numbers = this.#records.get(shard) ?? [];
    return `${shard}/${after === undefined ? 0 : numbers.indexOf(after) + 1}`;
  };

  read = async (iterator: string): Promise<{ records: StreamRecord[]; next: string | undefined }> => {
    if (this.#failures > 0) {
      this.#failures -= 1;
      throw new Error("ExpiredIteratorException");
    }
    const [shard, from] = iterator.split("/") as [string, string];
    const numbers = this.#records.get(shard) ?? [];
    const records = numbers
      .slice(Number(from))
      .map((number) => ({ eventID: number, dynamodb: { SequenceNumber: number } }));
    return { records, next: this.#ended.has(shard) ? undefined : `${shard}/${numbers.length}` };
  };
}
