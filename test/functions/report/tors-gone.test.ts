// "Gone from the ToRs", from hosts' reports to the receipt, over a table in memory.

import { beforeEach, describe, expect, test } from "vitest";
import { getItem, keyText, queryAll } from "../../../functions/publish/table.ts";
import { parseMark } from "../../../functions/publish/channel-items.ts";
import {
  type ChannelRow,
  channelRowKey,
  type HostRow,
  parseChannelRow,
} from "../../../functions/report/report-items.ts";
import { readTors } from "../../../functions/report/tor-reads.ts";
import { countTors, type TorState } from "../../../functions/report/tors.ts";
import { endpointItem } from "../publish/fixtures.ts";
import { N1, type Said, session, TOR1, TOR2 } from "./fabric-hosts.ts";
import { endpoint, hostsAtTwoTors, type TwoTors } from "./two-tors.ts";

let hosts: TwoTors["hosts"];
let mac: TwoTors["mac"];
let says: TwoTors["says"];
let tors: TwoTors["tors"];

beforeEach(async () => {
  ({ hosts, mac, says, tors } = await hostsAtTwoTors());
});

describe("tors of a deletion", () => {
  const removed = () =>
    endpointItem("e1", { network: "n1", host: "h1", index: 1, version: 2, change: "c1-2", deleted: true });

  /** h1 has another machine on the network, so that it stays. */
  beforeEach(async () => {
    await hosts.world.publish(endpoint(4, "h1"));
    for (const host of ["h1", "h2", "h3"]) await says(host);
    await hosts.world.publish(removed());
  });

  /** What a host says once the route that the ToR had passed on to it until the deletion is gone. */
  const shows = (tor: string, macs: readonly string[] = [mac]) => ({ deleted: { [tor]: macs } });
  const allShow = async () => {
    await says("h1");
    await says("h2", shows(TOR1));
    await says("h3", shows(TOR2));
  };

  test("gone: another host on each ToR has its route no more -> gone from both, and who shows it", async () => {
    await allShow();
    expect(await hosts.receipt("c1-2")).toMatchObject({
      state: "live",
      summary: "live on 3 of 3 hosts, gone from 2 of 2 ToRs",
      tors: {
        total: 2,
        seen: 2,
        gone: true,
        at: [
          { state: "seen", by: "h2" },
          { state: "seen", by: "h3" },
        ],
      },
    });
  });

  test("gone: a ToR passes it on still -> held there, until it does no more", async () => {
    await allShow();
    await says("h2", { ...shows(TOR1), strays: { [TOR1]: [mac] } });
    const receipt = await hosts.receipt("c1-2");
    expect(receipt.tors).toMatchObject({ seen: 1, at: [{ state: "held", by: "h2" }, { state: "seen" }] });
    expect(receipt.summary).toContain("gone from 1 of 2 ToRs; leaf-1: h2 still has it from there");
    await says("h2", shows(TOR1));
    expect((await tors("c1-2"))?.seen).toBe(2);
  });

  const unnamed = { [TOR1]: undefined as unknown as string[] };
  test.each<[string, TorState, () => Said]>([
    ["never had it from that ToR", "told", () => ({ passed: {}, strays: { [TOR1]: [] } })],
    ["lost it with a session, or began after it", "told", () => ({ strays: { [TOR1]: [] } })],
    ["had another machine's route from there", "told", () => shows(TOR1, ["02:00:00:00:00:77"])],
    ["has not got the ToR's whole table", "told", () => ({ strays: {} })],
    ["had it, and has more than it can name", "pending", () => ({ ...shows(TOR1), strays: unnamed })],
  ])("gone: the only other host %s -> %s once it is taken back", async (_, state, said) => {
    await says("h2", said());
    expect((await tors("c1-2"))?.at[0]).toMatchObject({ state: "pending", reason: "h1 has yet to take it back" });
    await says("h1");
    expect((await tors("c1-2"))?.at[0]).toMatchObject({ state });
  });

  test("gone: the other host lacked it from there at its last report -> nobody to wait for", async () => {
    await hosts.world.publish(endpoint(5, "h1"));
    for (const host of ["h1", "h3"]) await says(host);
    await says("h2", { passed: { [TOR1]: [] } });
    await hosts.world.publish(
      endpointItem("e5", { network: "n1", host: "h1", index: 5, version: 2, change: "c5-2", deleted: true }),
    );
    await says("h1");
    expect((await tors("c5-2", "e5"))?.at[0]).toMatchObject({ state: "told" });
  });

  test("gone: the other host has yet to report the step -> pending; the own one has yet to -> pending", async () => {
    expect((await tors("c1-2"))?.at[0]).toMatchObject({ state: "pending", reason: "h1 has yet to take it back" });
    await says("h1");
    expect((await tors("c1-2"))?.at[0]).toMatchObject({
      state: "pending",
      reason: expect.stringMatching(/h2 has yet to show/),
    });
  });

  test("gone: the own session is down, or its host silent -> said so, unless another host shows it", async () => {
    await says("h1", { bgp: [session(TOR1, { state: "Active", told: false }), session(TOR2)] });
    expect((await tors("c1-2"))?.at[0]?.state).toBe("down");
    await says("h2", shows(TOR1));
    expect((await tors("c1-2"))?.at[0]?.state).toBe("seen");
  });

  test("gone: it was the host's last machine there -> told once the host has left, seen where another shows it", async () => {
    await hosts.world.publish(
      endpointItem("e4", { network: "n1", host: "h1", index: 4, version: 2, change: "c4-2", deleted: true }),
    );
    const at = async () => (await tors("c4-2", "e4"))?.at;
    await says("h2", shows(TOR1, [endpoint(4, "h1")["mac"] as string]));
    await says("h3");
    const reason = "h1 has yet to take it back";
    expect(await at()).toMatchObject([
      { state: "seen", by: "h2" },
      { state: "pending", reason },
    ]);
    await says("h1");
    expect(await at()).toMatchObject([{ state: "seen", by: "h2" }, { state: "told" }]);
  });

  test("gone: a later change made the host leave before it reported -> told once it has left, not by a report of before", async () => {
    await says("h2", shows(TOR1));
    await hosts.world.publish(
      endpointItem("e4", { network: "n1", host: "h1", index: 4, version: 2, change: "c4-2", deleted: true }),
    );
    await says("h3", { ...shows(TOR2), strays: {} });
    const second = async () => (await tors("c1-2"))?.at[1];
    expect(await second()).toMatchObject({ state: "pending", reason: "h1 has yet to take it back" });
    await says("h1");
    expect(await second()).toMatchObject({ state: "told" });
  });

  test("gone: the host keeps the network for its router's sake alone -> told, as by one that has left", async () => {
    const { table, nowMs } = hosts.world;
    const [mark] = (await queryAll(table, "CHANGE#c1-2", { prefix: "PUB#" })).map(parseMark);
    await says("h1");
    const item = await getItem(table, channelRowKey(N1, "h1"));
    const { fabric: _, ...row } = parseChannelRow(item) ?? {};
    const rows = new Map([[keyText(channelRowKey(N1, "h1")), row as ChannelRow]]);
    const read = async (site: { site?: string }, has = true) =>
      (await readTors(table, nowMs, { mark, readers: new Map([["h1", { since: 1, ...site }]]), rows, has: () => has }))
        ?.at[0];
    expect(await read({ site: "site-1" })).toMatchObject({ state: "pending" });
    expect(await read({})).toMatchObject({ state: "told" });
    // It has all of its own channel, which says to carry the network, but not this step of it.
    expect(await read({}, false)).toMatchObject({ state: "pending" });
  });

  test("gone: sessions as of before the host was known to have left -> not told by them", () => {
    const stamp = { startedAtMs: 1, number: 3 };
    const told = (number: number) => {
      const reported = { lastSeenAt: new Date(0).toISOString(), bgp: [session(TOR1)], ...stamp, number } as HostRow;
      const facts = {
        seq: 5,
        name: mac,
        host: "h1",
        what: "network" as const,
        peers: [{ key: TOR1 }],
        own: undefined,
        witnesses: [],
        nowMs: 0,
      };
      return countTors({ ...facts, reported, gone: { left: stamp as ChannelRow } }).at[0]?.state;
    };
    expect([2, 3].map(told)).toEqual(["pending", "told"]);
  });

  test("gone: made again since -> nothing to be seen of the deletion", async () => {
    for (const host of ["h1", "h2", "h3"]) await says(host);
    await hosts.world.publish(endpoint(1, "h1", 3));
    expect(await tors("c1-2")).toBeUndefined();
  });
});
