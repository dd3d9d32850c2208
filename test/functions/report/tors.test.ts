// "Seen at the ToRs", from hosts' reports to the receipt, over a table in memory.

import { beforeEach, describe, expect, test } from "vitest";
import { hashText } from "../../../shared/message/digest.ts";
import { getItem } from "../../../functions/publish/table.ts";
import { parseHead } from "../../../functions/publish/channel-items.ts";
import { channelRowKey, parseChannelRow } from "../../../functions/report/report-items.ts";
import { hostItem } from "../publish/fixtures.ts";
import { N1, session, TOR1, TOR2 } from "./fabric-hosts.ts";
import { endpoint, hostsAtTwoTors, type TwoTors } from "./two-tors.ts";

let hosts: TwoTors["hosts"];
let mac: TwoTors["mac"];
let says: TwoTors["says"];
let tors: TwoTors["tors"];

beforeEach(async () => {
  ({ hosts, mac, says, tors } = await hostsAtTwoTors());
});

/** A network's part of a report, with the host's own channel: without it the host is not known to carry the network. */
const withOwn = (host: string, part: object) => {
  const own = hosts.world
    .agent(host)
    .have()
    .find(({ channel }) => channel === `host:${host}`);
  return [{ ...own, problems: [] }, part];
};

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
