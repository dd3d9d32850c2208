// What a change costs: items read and written and messages sent, counted at the SDK. It may grow with the hosts that carry
// the network, and with nothing else: not with the fleet, the networks, or the endpoints.

import type { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { describe, expect, test } from "vitest";
import type { Table } from "../../../functions/publish/table.ts";
import { EngineWorld } from "./engine-world.ts";
import { endpointItem, hostItem, networkItem } from "./fixtures.ts";

type Answer = { Item?: unknown; Items?: unknown[]; Responses?: Record<string, unknown[]> };
type Cost = { read: number; written: number; calls: number; messages: number };

/** A table that counts the items that go through it. */
function counted(table: Table) {
  const cost = { read: 0, written: 0, calls: 0 };
  const client = Object.create(table.client) as Table["client"];
  client.send = (async (command: GetItemCommand) => {
    cost.calls++;
    const answer = (await table.client.send(command)) as Answer;
    if (command.constructor.name === "PutItemCommand") cost.written++;
    cost.written += (command.input as { TransactItems?: unknown[] }).TransactItems?.length ?? 0;
    cost.read += (answer.Item ? 1 : 0) + (answer.Items?.length ?? 0);
    cost.read += Object.values(answer.Responses ?? {}).flat().length;
    return answer;
  }) as Table["client"]["send"];
  return { table: { ...table, client }, cost };
}

/** The cost of one change of an endpoint in a world of that size. */
async function costOfChange(size: {
  members: number;
  otherHosts: number;
  otherNetworks: number;
  endpoints: number;
}): Promise<Cost> {
  const world = EngineWorld.inMemory();
  const hosts = Array.from({ length: size.members + size.otherHosts }, (_, at) => `h${at}`);
  const networks = ["n0", ...Array.from({ length: size.otherNetworks }, (_, at) => `n${at + 1}`)];
  await world.publish(...hosts.map((id, at) => hostItem(id, at + 1)));
  await world.publish(...networks.map((id, at) => networkItem(id, at + 1)));
  const here = Array.from({ length: size.endpoints }, (_, at) =>
    endpointItem(`e${at}`, { network: "n0", host: `h${at % size.members}`, index: at, change: `c-${at}` }),
  );
  const elsewhere = networks
    .slice(1)
    .flatMap((network) =>
      hosts
        .slice(size.members)
        .map((host, at) => endpointItem(`o${at}`, { network, host, index: at, change: `o-${at}` })),
    );
  await world.publish(...here);
  await world.publish(...elsewhere);
  const [record] = await world.write(
    endpointItem("e0", { network: "n0", host: "h0", index: 0, version: 2, ip: 9, change: "c-new" }),
  );
  if (!record) throw new Error("nothing was written");
  const { table, cost } = counted(world.table);
  world.messages.length = 0;
  expect(await world.consume([record], { table })).toEqual([]);
  return { ...cost, messages: world.messages.length };
}

const SMALL = { members: 4, otherHosts: 2, otherNetworks: 1, endpoints: 20 };

describe("cost of a change", () => {
  test("cost: one change of an endpoint -> four items written, one message for each host that carries the network", async () => {
    const cost = await costOfChange(SMALL);
    // HEAD, LOG, the record and the change's mark; the count of its host did not change.
    expect(cost).toMatchObject({ written: 4, messages: 4 });
    expect(cost.calls).toBeLessThanOrEqual(7);
  });

  test("cost: ten times the fleet, the networks and the endpoints -> the same", async () => {
    const small = await costOfChange(SMALL);
    expect(await costOfChange({ ...SMALL, otherHosts: 60 })).toEqual(small);
    expect(await costOfChange({ ...SMALL, otherNetworks: 10 })).toEqual(small);
    expect(await costOfChange({ ...SMALL, endpoints: 200 })).toEqual(small);
  });

  test("cost: more hosts carry the network -> one item read and one message more for each, nothing else", async () => {
    const small = await costOfChange(SMALL);
    const large = await costOfChange({ ...SMALL, members: 40, endpoints: 40 });
    expect(large).toEqual({ ...small, read: small.read + 36, messages: 40 });
  });
});
