// What hosts ask of the sync function and get, and what that costs the table. Not a test by itself.

import { expect } from "vitest";
import { syncRequests } from "../../../edge-agent/intent/answer.ts";
import { createIntent, type IntentState, receive } from "../../../edge-agent/intent/intent.ts";
import type { Table } from "../../../functions/publish/table.ts";
import { decodeInbox, MAX_PAYLOAD_BYTES, type OfferMessage } from "../../../shared/message/inbox.ts";
import type { EngineWorld } from "../publish/engine-world.ts";

/** The event of a host that holds nothing. */
export function requestOf(host: string): { host: string; payload: string } {
  const [part] = syncRequests(createIntent(host, []), 1);
  return { host, payload: Buffer.from(JSON.stringify(part)).toString("base64") };
}

/** A real agent's intent that asks with what it holds, and gets the answer's messages; what is on offer is not fetched. */
export async function askAll(world: EngineWorld, state: IntentState, request: number): Promise<OfferMessage[]> {
  world.messages.length = 0;
  for (const part of syncRequests(state, request)) await world.sync(state.host, part);
  for (const { payload } of world.messages) {
    expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    const message = decodeInbox(Buffer.from(payload));
    if (message.kind === "malformed") throw new Error(message.reason);
    receive(state, message);
  }
  return [...state.offers.values()];
}

/** The table, how often it was asked, how often a partition was queried, and how many items that brought. */
export function countQueries(table: Table, pk: string) {
  let requests = 0;
  let queries = 0;
  let records = 0;
  const client = Object.create(table.client) as Table["client"];
  client.send = (async (command: { input: object; constructor: { name: string } }) => {
    requests++;
    const answer: object = await table.client.send(command as Parameters<Table["client"]["send"]>[0]);
    if (command.constructor.name === "QueryCommand" && JSON.stringify(command.input).includes(`"${pk}"`)) {
      queries++;
      records += (answer as { Items?: readonly unknown[] }).Items?.length ?? 0;
    }
    return answer;
  }) as Table["client"]["send"];
  return {
    table: { ...table, client },
    requests: () => requests,
    queries: () => queries,
    get records() {
      return records;
    },
  };
}
