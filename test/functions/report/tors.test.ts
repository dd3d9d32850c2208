// "Seen at the ToRs", from hosts' reports to the receipt, over a table in memory.

import { beforeEach, describe, expect, test } from "vitest";
import { hashText } from "../../../shared/message/digest.ts";
import { getItem, keyText, queryAll } from "../../../functions/publish/table.ts";
import { parseHead, parseMark } from "../../../functions/publish/channel-items.ts";
import {
  type ChannelRow,
  channelRowKey,
  type HostRow,
  parseChannelRow,
} from "../../../functions/report/report-items.ts";
import { readTors } from "../../../functions/report/tor-reads.ts";
import { countTors, type TorState } from "../../../functions/report/tors.ts";
import { endpointItem, hostItem, networkItem, type StoredItem } from "../publish/fixtures.ts";
import { fabricHosts, N1, type Said, session, TOR1, TOR2 } from "./fabric-hosts.ts";

let hosts: ReturnType<typeof fabricHosts>;
let mac: string;

/** h1 has sessions with both ToRs, h2 with the first, h3 with the second; each has one endpoint. */
beforeEach(async () => {
  hosts = fabricHosts();
  const { world } = hosts;
  for (const host of ["h1", "h2", "h3"]) world.agent(host);
  const guard = { pk: `PEER#site-1#${TOR1}`, sk: "GUARD", type: "guard", owner: "leaf-1", version: 1 };
  await world.write(guard);
  await world.publish(
    hostItem("h1", 1, { asns: [65001, 64512, 64512] }),
    hostItem("h2", 2, { asns: [65002, 64512] }),
    { ...hostItem("h3", 3), bgp: { asn: 65003, peers: [{ address: TOR2, asn: 64512 }] } },
    networkItem("n1", 100),
  );
  const first = endpoint(1, "h1");
  mac = first["mac"] as string;
  await world.publish(first, endpoint(2, "h2"), endpoint(3, "h3"));
});

function endpoint(index: number, host: string, version = 1): StoredItem {
  return endpointItem(`e${index}`, { network: "n1", host, index, version, change: `c${index}-${version}` });
}

const usual: Record<string, Said> = {
  h1: { bgp: [session(TOR1), session(TOR2)], passed: { [TOR1]: "all", [TOR2]: "all" } },
  h3: { bgp: [session(TOR2)], passed: { [TOR2]: "all" } },
};
const says = (host: string, more: Said = {}) => hosts.report(host, { ...usual[host], ...more });
/** A network's part of a report, with the host's own channel: without it the host is not known to carry the network. */
const withOwn = (host: string, part: object) => {
  const own = hosts.world
    .agent(host)
    .have()
    .find(({ channel }) => channel === `host:${host}`);
  return [{ ...own, problems: [] }, part];
};
const tors = async (change = "c1-1", id = "e1") => (await hosts.receipt(change, id)).tors;

describe("tors", () => {
  test("tors: another host on each ToR has the route from there -> seen at both, and by whom", async () => {
    for (const host of ["h1", "h2", "h3"]) await says(host);
    expect(await hosts.receipt("c1-1")).toMatchObject({
      state: "live",
      summary: "live on 3 of 3 hosts, seen at 2 of 2 ToRs",
      tors: {
        total: 2,
        seen: 2,
        at: [
          { tor: "leaf-1", state: "seen", by: "h2" },
          { tor: TOR2, state: "seen", by: "h3" },
        ],
      },
    });
  });

  test("tors: nobody else is on the second ToR -> told there, and it stays so", async () => {
    for (const host of ["h1", "h2"]) await says(host);
    const receipt = await hosts.receipt("c1-1");
    expect(receipt.tors).toMatchObject({ seen: 1, at: [{ state: "seen" }, { state: "told" }] });
    expect(receipt.summary).toContain("seen at 1 of 2 ToRs; 192.0.2.2: told by h1; no other host of the network");
  });

  test("tors: a ToR that does not pass on the one route -> missing there, while the others of that host are seen", async () => {
    await hosts.world.publish(endpoint(4, "h1"));
    for (const host of ["h1", "h2", "h3"]) await says(host, host === "h2" ? { withheld: [mac] } : {});
    expect((await tors())?.at).toMatchObject([
      { state: "missing", reason: expect.stringMatching(/h2 does not have it/) },
      { state: "seen" },
    ]);
    expect((await tors("c4-1", "e4"))?.seen).toBe(2);
  });

  test("tors: a host of the site is away, and its routes with it -> those of the others are seen all the same", async () => {
    await says("h1");
    await says("h2", { passed: { [TOR1]: ["h1"] } });
    expect((await tors())?.at[0]).toMatchObject({ state: "seen", by: "h2" });
  });

  test.each([
    ["does not announce it", { announces: false }, "pending"],
    ["has not told all", { bgp: [session(TOR1, { told: false }), session(TOR2)] }, "pending"],
    ["has no session", { bgp: [session(TOR1, { state: "Active", told: false }), session(TOR2)] }, "down"],
    [
      "agreed on no EVPN",
      { bgp: [session(TOR1, { families: [{ family: "evpn", agreed: false, routesIn: 0, routesOut: 0 }] })] },
      "down",
    ],
  ])("tors: nobody shows the route, and its host %s -> %s", async (_, said, state) => {
    await says("h1", said);
    expect((await tors())?.at[0]?.state).toBe(state);
  });

  test("tors: the host never reported, or no more -> unknown, unless another host shows the route", async () => {
    expect((await tors())?.at).toMatchObject([{ state: "unknown" }, { state: "unknown" }]);
    for (const host of ["h1", "h2"]) await says(host);
    hosts.world.nowMs += 600_000;
    expect((await tors())?.at).toMatchObject([{ state: "seen" }, { state: "unknown", reason: "h1 is offline 10 min" }]);
  });

  test("tors: a report of an earlier step, or of other endpoints than intent has -> shows nothing", async () => {
    for (const host of ["h1", "h2", "h3"]) await says(host);
    hosts.world.agents.delete("h2");
    await hosts.world.publish(endpoint(4, "h1"));
    expect((await tors("c4-1", "e4"))?.at[0]).toMatchObject({ state: "pending" });
    expect((await tors())?.seen).toBe(2);
  });

  test("tors: the sum over the site is not the log's -> nothing is proven by it", async () => {
    const row = async () => parseChannelRow(await getItem(hosts.world.table, channelRowKey(N1, "h2")))?.fabric;
    const { world } = hosts;
    const [held] = world
      .agent("h2")
      .have()
      .filter(({ channel }) => channel === N1);
    const site = { digest: hashText("an older step"), count: 3 };
    const agent = { version: "1", startedAtMs: 1, kernel: "6" };
    const rest = { v: 2, atMs: 1, inSync: true, agent, counters: {}, events: [], bgp: [session(TOR1)] };
    const seen = [{ peer: TOR1, digest: hashText("all"), count: 2, lacking: [] }];
    await world.report("h2", { ...rest, number: 1, channels: withOwn("h2", { ...held, seen, site }) });
    expect(await row()).toBeUndefined();
    await says("h2");
    expect(await row()).toMatchObject({ seen: [{ peer: TOR1, tor: "AS64512 203.0.113.1", lacking: [] }] });
  });

  test("tors: claims that do not add up to the site's sum -> no proof of that peer", async () => {
    const { world } = hosts;
    const [held] = world
      .agent("h2")
      .have()
      .filter(({ channel }) => channel === N1);
    await says("h2");
    const row = async () => parseChannelRow(await getItem(world.table, channelRowKey(N1, "h2")))?.fabric?.seen;
    const head = await getItem(world.table, { pk: "CH#net:n1", sk: "HEAD" });
    const digest = parseHead(head).sites?.["site-1"];
    const agent = { version: "1", startedAtMs: 2, kernel: "6" };
    const rest = { v: 2, atMs: 1, inSync: true, agent, counters: {}, events: [], bgp: [session(TOR1)] };
    const seen = [{ peer: TOR1, digest: hashText("other routes"), count: 2, lacking: [] }];
    await world.report("h2", {
      ...rest,
      number: 1,
      channels: withOwn("h2", { ...held, seen, site: { digest, count: 3 } }),
    });
    expect(await row()).toEqual([{ peer: TOR1, tor: "AS64512 203.0.113.1" }]);
  });

  test("tors: an endpoint that moved on -> looked for at the ToRs of its host now, by reports since", async () => {
    for (const host of ["h1", "h2", "h3"]) await says(host);
    await hosts.world.publish(endpoint(1, "h3", 2));
    expect(await tors()).toMatchObject({ total: 1, seen: 0, at: [{ tor: TOR2, state: "pending" }] });
    hosts.world.agent("h1").channels.delete(N1);
    await says("h3");
    expect((await tors())?.at).toMatchObject([{ state: "told" }]);
  });

  test("tors: a host without EVPN peers -> nothing to be seen", async () => {
    for (const host of ["h1", "h2", "h3"]) await says(host);
    await hosts.world.publish(hostItem("h4", 4), endpoint(5, "h4"));
    expect(await tors("c5-1", "e5")).toBeUndefined();
  });
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
    const read = async (site: { site?: string }) =>
      (await readTors(table, nowMs, { mark, readers: new Map([["h1", { since: 1, ...site }]]), rows, has: () => true }))
        ?.at[0];
    expect(await read({ site: "site-1" })).toMatchObject({ state: "pending" });
    expect(await read({})).toMatchObject({ state: "told" });
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

describe("live times", () => {
  test("times: hosts became live one after the other -> p50, p99 and the most, over those that are", async () => {
    const { world } = hosts;
    const from = world.nowMs;
    for (const host of ["h1", "h2", "h3"]) await says(host);
    await world.publish(endpoint(4, "h1"));
    for (const [host, ms] of [
      ["h1", 40],
      ["h2", 25],
    ] as const) {
      world.nowMs = from + ms;
      await says(host);
    }
    const receipt = await hosts.receipt("c4-1", "e4", from);
    expect(receipt.times).toEqual({ measured: 2, p50Ms: 25, p99Ms: 40, maxMs: 40 });
    expect(receipt.hosts.waiting).toMatchObject([{ host: "h3", state: "behind", reason: "behind by 1" }]);
  });

  test("times: a step from before the host was first heard of -> not measured", async () => {
    for (const host of ["h1", "h2", "h3"]) await says(host, { applied: false });
    expect((await hosts.receipt("c1-1")).times).toBeUndefined();
  });
});
