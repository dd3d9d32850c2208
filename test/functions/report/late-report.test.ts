// Which of two reports of an agent process is the later one: by their numbers, and by the host's clock, since one octet
// damaged in a number must not make all that follow late (found by the simulation, seeds 104511 and 110802).

import { describe, expect, test } from "vitest";
import { getItem } from "../../../functions/publish/table.ts";
import { hostRowKey, isLaterThan, parseHostRow } from "../../../functions/report/report-items.ts";
import { EngineWorld } from "../publish/engine-world.ts";
import { endpointItem, hostItem, networkItem } from "../publish/fixtures.ts";

async function worldOfOneHost() {
  const world = EngineWorld.inMemory();
  const agent = world.agent("h1");
  await world.publish(hostItem("h1", 1), networkItem("n1", 100));
  await world.publish(endpointItem("e1", { network: "n1", host: "h1", index: 1, change: "c-1" }));
  const says = async (number: number, atMs: number) => {
    world.nowMs += 1_000;
    const channels = agent.have().map((held) => ({ ...held, kernel: agent.forwarding(held.channel), problems: [] }));
    const about = { version: "1", startedAtMs: 1, kernel: "6" };
    const rest = { v: 2 as const, agent: about, inSync: true, bgp: [], counters: { sent: atMs }, events: [] };
    await world.report("h1", { ...rest, number, atMs, channels });
    const row = parseHostRow(await getItem(world.table, hostRowKey("h1")));
    return {
      number: row?.number,
      sent: row?.counters["sent"],
      seenMs: Date.parse(row?.lastSeenAt ?? "") - world.nowMs,
    };
  };
  return { says };
}

describe("late report", () => {
  test("report: a digit damaged in the number of the one before -> taken, and the host is not silent", async () => {
    const { says } = await worldOfOneHost();
    await says(9, 90);
    expect(await says(30, 100)).toEqual({ number: 30, sent: 100, seenMs: 0 });
    expect(await says(11, 110)).toEqual({ number: 11, sent: 110, seenMs: 0 });
    expect(await says(12, 120)).toEqual({ number: 12, sent: 120, seenMs: 0 });
  });

  test("report: a digit damaged in the time of the one before -> taken by its number", async () => {
    const { says } = await worldOfOneHost();
    await says(9, 9_000);
    expect(await says(10, 100)).toEqual({ number: 10, sent: 100, seenMs: 0 });
  });

  test("report: overtaken by a later one -> not taken", async () => {
    const { says } = await worldOfOneHost();
    await says(10, 100);
    expect(await says(9, 90)).toEqual({ number: 10, sent: 100, seenMs: -1_000 });
  });

  test.each([
    ["of another process", { startedAtMs: 2, number: 9, sentMs: 9 }, false],
    ["with a higher number, sent later", { startedAtMs: 1, number: 9, sentMs: 9 }, true],
    ["with a higher number, of parts of one report", { startedAtMs: 1, number: 9, sentMs: 5 }, true],
    ["with a higher number, sent before", { startedAtMs: 1, number: 9, sentMs: 4 }, false],
    ["with a lower number, sent later by a clock that was set", { startedAtMs: 1, number: 4, sentMs: 9 }, false],
    ["with a higher number, of before times were kept", { startedAtMs: 1, number: 9 }, true],
  ])("row: %s -> later than the report: %o %s", (_, row, isLater) => {
    expect(isLaterThan(row, { startedAtMs: 1, number: 5, sentMs: 5 })).toBe(isLater);
  });
});
