import { describe, expect, test } from "vitest";
import { channelRowKey } from "../../../functions/report/report-items.ts";
import { getItem } from "../../../functions/publish/table.ts";
import { decodeInbox } from "../../../shared/message/inbox.ts";
import type { ChannelReport, Report } from "../../../shared/message/report.ts";
import { EngineWorld } from "../publish/engine-world.ts";
import { endpointItem, hostItem, networkItem } from "../publish/fixtures.ts";

async function worldOfTwoNetworks() {
  const world = EngineWorld.inMemory();
  const agent = world.agent("h1");
  await world.publish(hostItem("h1", 1), networkItem("n1", 100), networkItem("n2", 200));
  const at = { host: "h1", index: 1 };
  await world.publish(
    endpointItem("e1", { network: "n1", change: "c-1", ...at }),
    endpointItem("e1", { network: "n2", change: "c-2", ...at }),
  );
  world.messages.length = 0;
  const rest = {
    atMs: 1,
    agent: { version: "1", startedAtMs: 1, kernel: "6" },
    inSync: true,
    bgp: [],
    counters: {},
    events: [],
  };
  const part = (number: number, names: readonly string[], seqOff = 0): Report => ({
    v: 2,
    number,
    partial: true,
    ...rest,
    channels: agent
      .have()
      .filter(({ channel }) => names.includes(channel))
      .map(
        (held): ChannelReport => ({
          ...held,
          seq: held.seq + seqOff,
          kernel: agent.forwarding(held.channel),
          problems: [],
        }),
      ),
  });
  const live = async (network: "n1" | "n2") =>
    (await getItem(world.table, channelRowKey(`net:${network}`, "h1")))?.["live"];
  return { world, part, live };
}

describe("partial report", () => {
  test("report in parts: out of order -> a row for each channel, and the host is not sent what other parts name", async () => {
    const { world, part, live } = await worldOfTwoNetworks();
    world.nowMs += 60_000;
    await world.report("h1", part(8, ["host:h1", "net:n2"]));
    await world.report("h1", part(7, ["host:h1", "net:n1"]));
    expect([await live("n1"), await live("n2")]).toEqual([true, true]);
    expect(world.messages).toEqual([]);
  });

  test("report in parts: without the host's own channel -> live only once that process has told how far it is", async () => {
    const { world, part, live } = await worldOfTwoNetworks();
    await world.report("h1", part(7, ["net:n2"]));
    expect(await live("n2")).toBe(false);
    await world.report("h1", part(8, ["host:h1"]));
    await world.report("h1", part(9, ["net:n2"]));
    expect(await live("n2")).toBe(true);
  });

  test("report: of a network from before the host left and joined it again -> not live until it has heard of that", async () => {
    const { world, part, live } = await worldOfTwoNetworks();
    const stale = part(7, ["host:h1"]).channels;
    const { partial: _, ...report } = part(7, ["host:h1", "net:n1"]);
    const at = { network: "n1", host: "h1", index: 1 };
    await world.publish(endpointItem("e1", { ...at, change: "c-3", version: 2, deleted: true }));
    await world.publish(endpointItem("e2", { ...at, index: 2, change: "c-4" }));
    const now = part(8, ["host:h1", "net:n1"]).channels;
    const net = now.filter(({ channel }) => channel === "net:n1");
    await world.report("h1", { ...report, number: 8, channels: [...stale, ...net] });
    expect(await live("n1")).toBe(false);
    await world.report("h1", { ...report, number: 9, channels: now });
    expect(await live("n1")).toBe(true);
  });

  test("report in parts: one shows that the host is behind -> it is told to ask, for its parts say nothing of the rest", async () => {
    const { world, part } = await worldOfTwoNetworks();
    world.nowMs += 60_000;
    await world.report("h1", part(7, ["net:n1"], -1));
    expect(world.messages.map(({ payload }) => decodeInbox(Buffer.from(payload)).kind)).toEqual(["retry"]);
  });

  test("report: of steps that no log has -> the host is told to ask, since only its own request says what it held then", async () => {
    const { world, part } = await worldOfTwoNetworks();
    world.nowMs += 60_000;
    const { partial: _, ...report } = part(7, ["host:h1", "net:n1"], 3);
    const { channels } = part(7, ["net:n2"]);
    await world.report("h1", { ...report, channels: [...report.channels, ...channels] });
    expect(world.messages.map(({ payload }) => decodeInbox(new TextEncoder().encode(payload)))).toMatchObject([
      { kind: "retry", reason: "a report shows steps that no log has" },
    ]);
  });
});
