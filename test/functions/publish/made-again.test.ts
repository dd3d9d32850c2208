// A network that is deleted and made again while its partition of the stream is late.

import { describe, expect, test } from "vitest";
import { parseRecord, recordKey } from "../../../functions/publish/channel-items.ts";
import { getItem } from "../../../functions/publish/table.ts";
import { EngineWorld } from "./engine-world.ts";
import { endpointItem, hostItem, networkItem } from "./fixtures.ts";

const e1 = { network: "n1", host: "h1", index: 1 };
const e2 = { network: "n1", host: "h1", index: 2 };

/** The network's deletion and its second making are in the table, and not published; an endpoint of the new one is. */
async function worldOfLateDeletion() {
  const world = EngineWorld.inMemory();
  const agent = world.agent("h1");
  await world.publish(hostItem("h1", 1), networkItem("n1", 100, { change: "c-1" }));
  await world.publish(endpointItem("e1", { ...e1, change: "c-2" }));
  await world.publish(endpointItem("e1", { ...e1, change: "c-3", version: 2, deleted: true }));
  const deletion = await world.write(networkItem("n1", 100, { change: "c-4", version: 2, deleted: true }));
  const made = await world.write(networkItem("n1", 100, { change: "c-5", version: 3 }));
  await world.publish(endpointItem("e2", { ...e2, change: "c-6" }));
  const held = () => agent.have().find(({ channel }) => channel === "net:n1")?.seq;
  return { world, deletion, made, held };
}

describe("network made again", () => {
  test("its deletion published late -> the log goes to the new one at once, and both changes are marked there", async () => {
    const { world, deletion, held } = await worldOfLateDeletion();
    const before = held();
    const from = world.messages.length;
    expect(await world.consume(deletion)).toEqual([]);
    expect(held()).toBe((before ?? 0) + 1);
    expect(
      world.messages
        .slice(from)
        .map(({ payload }) => payload)
        .join(),
    ).not.toContain('"body":null');
    const marks = [await world.marks("c-4"), await world.marks("c-5")].flat();
    expect(marks.filter(({ channel }) => channel === "net:n1").map(({ seq }) => seq)).toEqual([held(), held()]);
  });

  test("the record of its making after that, or both again -> nothing new in the log", async () => {
    const { world, deletion, made, held } = await worldOfLateDeletion();
    await world.consume(deletion);
    const after = held();
    expect(await world.consume([...made, ...deletion, ...made])).toEqual([]);
    expect(held()).toBe(after);
  });

  test("deleted, and not made again -> deleted in the log", async () => {
    const { world, made } = await worldOfLateDeletion();
    const network = async () => parseRecord(await getItem(world.table, recordKey("net:n1", "network")), 0);
    await world.publish(endpointItem("e2", { ...e2, change: "c-7", version: 2, deleted: true }));
    await world.consume(made);
    expect(await network()).toMatchObject({ version: 3, body: { vni: 100 } });
    await world.publish(networkItem("n1", 100, { change: "c-8", version: 4, deleted: true }));
    expect(await network()).toMatchObject({ version: 4, body: null });
  });
});
