// "Seen at the ToRs" of a router's static routes, from hosts' reports to the receipt, over a table in memory.

import { beforeEach, describe, expect, test } from "vitest";
import type { IpAddress } from "../../../shared/address/ip.ts";
import { hashText } from "../../../shared/message/digest.ts";
import { getItem } from "../../../functions/publish/table.ts";
import { channelRowKey, parseChannelRow } from "../../../functions/report/report-items.ts";
import type { TorState } from "../../../functions/report/tors.ts";
import { bookKey, guardKey } from "../../../functions/store/key.ts";
import { endpointItem, hostItem, networkItem, prefixItem, routerItem } from "../publish/fixtures.ts";
import { AT_TWO_TORS, fabricHosts, type Said, session, TOR1, TOR2 } from "./fabric-hosts.ts";

let hosts: ReturnType<typeof fabricHosts>;

/** The machines' addresses: m1 on h1, m2 on h2, m3 on h3. */
const at = (index: number, network: 1 | 2 = 1) => `10.${network}.0.${index}`;
const statics = new Map<string, { prefix: string; nextHop: string }>();

/**
 * h1 has sessions with both ToRs, h2 with the first, h3 with the second. Of the router's networks n1 has machines on h1 and
 * h3, n2 one on h2, so that all three carry the router.
 */
beforeEach(async () => {
  hosts = fabricHosts();
  statics.clear();
  for (const host of ["h1", "h2", "h3"]) hosts.world.agent(host);
  await hosts.world.publish(
    hostItem("h1", 1, { asns: [65001, 64512, 64512] }),
    hostItem("h2", 2, { asns: [65002, 64512] }),
    { ...hostItem("h3", 3), bgp: { asn: 65003, peers: [{ address: TOR2, asn: 64512 }] } },
    routerItem("r1", 5000, { change: "c-r1" }),
    networkItem("n1", 101, { router: "r1", gateways: ["10.1.0.254"] }),
    networkItem("n2", 102, { router: "r1", gateways: ["10.2.0.254"] }),
  );
  await place(1, "h1");
  await place(2, "h2", { network: 2 });
  await place(3, "h3");
  await declare("p1", "172.16.0.0/12", at(1));
});

/** A machine as the API stores it: its address is its own in its network. */
async function place(
  index: number,
  host: string,
  { network = 1, version = 1 }: { network?: 1 | 2; version?: number } = {},
): Promise<void> {
  const id = `m${index}`;
  const guard = guardKey({ kind: "ip", network: `n${network}`, ip: at(index, network) as IpAddress });
  await hosts.world.write({ ...guard, type: "guard", owner: id, version: 1 });
  await hosts.world.publish(endpointItem(id, { network: `n${network}`, host, index, ip: network, version }));
}

async function declare(id: string, prefix: string, nextHop: string, version = 1): Promise<void> {
  statics.set(id, { prefix, nextHop });
  await storeRoute(id, { prefix, nextHop }, version);
}

async function remove(id: string, version = 2): Promise<void> {
  const route = statics.get(id);
  if (!route) throw new Error(`no ${id}`);
  statics.delete(id);
  await storeRoute(id, route, version, true);
}

async function storeRoute(id: string, route: { prefix: string; nextHop: string }, version: number, deleted = false) {
  const networks = { n1: ["10.1.0.0/16"], n2: ["10.2.0.0/16"] };
  const book = {
    ...bookKey("r1"),
    type: "book",
    version: 1,
    revision: 1,
    networks,
    prefixes: Object.fromEntries(statics),
  };
  await hosts.world.write(book);
  const change = `c-${id}-${version}`;
  await hosts.world.publish(prefixItem(id, { router: "r1", ...route, version, deleted, change }));
}

const says = (host: string, more: Said = {}) => hosts.report(host, { ...AT_TWO_TORS[host], ...more });
const allSay = async () => {
  for (const host of ["h1", "h2", "h3"]) await says(host);
};
const receipt = (change = "c-p1-1", id = "p1") => hosts.receiptOf(change, { kind: "prefix", router: "r1", id });
const tors = async (change?: string, id?: string) => (await receipt(change, id)).tors;
const P1 = `172.16.0.0/12 ${at(1)}`;

describe("tors of static routes", () => {
  test("tors: another host on each ToR has the route from there -> seen at both, and by whom", async () => {
    await allSay();
    expect(await receipt()).toMatchObject({
      state: "live",
      summary: "live on 3 of 3 hosts, seen at 2 of 2 ToRs",
      tors: {
        total: 2,
        seen: 2,
        at: [
          { tor: TOR1, state: "seen", by: "h2" },
          { tor: TOR2, state: "seen", by: "h3" },
        ],
      },
    });
  });

  test("tors: nobody else is on the second ToR -> told there, and it stays so", async () => {
    for (const host of ["h1", "h2"]) await says(host);
    const { summary } = await receipt();
    expect(summary).toContain("seen at 1 of 2 ToRs; 192.0.2.2: told by h1; no other host of the router is there");
  });

  test("tors: a ToR that does not pass on the one route -> missing there, while another of that host is seen", async () => {
    await declare("p2", "172.32.0.0/12", at(1));
    for (const host of ["h1", "h2", "h3"]) await says(host, host === "h2" ? { withheld: [P1] } : {});
    expect((await tors())?.at).toMatchObject([
      { state: "missing", reason: expect.stringMatching(/h2 does not have it/) },
      { state: "seen" },
    ]);
    expect((await tors("c-p2-1", "p2"))?.seen).toBe(2);
  });

  test.each<[string, Said, TorState]>([
    ["does not announce it", { announces: false }, "pending"],
    ["has not told all", { bgp: [session(TOR1, { told: false })] }, "pending"],
    ["takes the next hop to be elsewhere", { hops: { [at(1)]: "198.51.100.9" } }, "pending"],
    ["has an agent of before", { older: true }, "unknown"],
    ["has no session", { bgp: [session(TOR1, { state: "Active", told: false })] }, "down"],
    ["tells all", {}, "told"],
  ])("tors: nobody shows the route, and its host %s -> %s", async (_, said, state) => {
    await says("h1", said);
    expect((await tors())?.at[0]?.state).toBe(state);
  });

  test.each<[string, Said, TorState]>([
    ["took the next hop to be on another host", { hops: { [at(1)]: "198.51.100.9" } }, "pending"],
    ["knows of no such machine at the site", { hops: {} }, "pending"],
    ["has an agent of before", { older: true }, "told"],
    ["has another ToR there, by its identifier", { bgp: [session(TOR1, { routerId: "203.0.113.9" })] }, "told"],
  ])("tors: the only other host %s -> %s, never seen", async (_, said, state) => {
    await says("h1");
    await says("h2", said);
    expect((await tors())?.at[0]?.state).toBe(state);
  });

  test("tors: a host of another site with a ToR of that name -> no witness", async () => {
    await hosts.world.publish({ ...hostItem("h2", 2, { asns: [65002, 64512], version: 2 }), site: "site-2" });
    await allSay();
    expect((await tors())?.at).toMatchObject([{ state: "told" }, { state: "seen", by: "h3" }]);
  });

  test("tors: a report of an earlier step, or of other static routes than intent has -> shows nothing", async () => {
    await allSay();
    hosts.world.agents.delete("h2");
    await declare("p2", "172.32.0.0/12", at(1));
    await says("h1");
    expect((await tors("c-p2-1", "p2"))?.at[0]).toMatchObject({
      state: "pending",
      reason: expect.stringMatching(/h2 has yet to report/),
    });
    expect((await tors())?.seen).toBe(2);
  });

  test("tors: claims that are of another sum, or do not add up to their own -> no proof", async () => {
    const row = async () => parseChannelRow(await getItem(hosts.world.table, channelRowKey("rtr:r1", "h2")))?.fabric;
    const { world } = hosts;
    const agent = { version: "1", startedAtMs: 1, kernel: "6" };
    const rest = { v: 2, atMs: 1, inSync: true, agent, counters: {}, events: [], bgp: [session(TOR1)] };
    const none = { digest: "0000000000000000", count: 0, lacking: [] };
    const digest = hashText("all");
    const statics = { announced: none, seen: [{ peer: TOR1, digest, count: 1, lacking: [] }], strays: [], hops: [] };
    const channels = (whole: string, site: string) =>
      world
        .agent("h2")
        .have()
        .map((held) => ({
          ...held,
          problems: [],
          ...(held.channel === "rtr:r1" && {
            statics: { ...statics, whole: { digest: whole, count: 1 }, site: { digest: site, count: 1 } },
          }),
        }));
    const right = world.agent("h2").forwarding("rtr:r1");
    await world.report("h2", { ...rest, number: 1, channels: channels(hashText("an older step"), digest) });
    expect(await row()).toBeUndefined();
    await world.report("h2", { ...rest, number: 2, channels: channels(right, hashText("more")) });
    expect((await row())?.seen).toEqual([{ peer: TOR1, tor: "AS64512 203.0.113.1" }]);
    await world.report("h2", { ...rest, number: 3, channels: channels(right, digest) });
    expect((await row())?.seen).toMatchObject([{ peer: TOR1, lacking: [] }]);
  });

  test("tors: the next hop moves to another host -> looked for at its ToRs, by reports since", async () => {
    await allSay();
    await place(1, "h3", { version: 2 });
    expect(await tors()).toMatchObject({ total: 1, seen: 0, at: [{ tor: TOR2, state: "pending" }] });
    await says("h1");
    await says("h3");
    // h1 has nothing of the network any more, and is no witness; the static route's own step is as before.
    expect(await tors()).toMatchObject({ total: 1, at: [{ tor: TOR2, state: "told" }] });
  });

  test("tors: a next hop that is no machine's, or on a host without peers, or more than are told -> nothing to be seen", async () => {
    await declare("p2", "172.32.0.0/12", at(9));
    await hosts.world.publish(hostItem("h4", 4));
    await place(4, "h4");
    await declare("p3", "172.48.0.0/12", at(4));
    await allSay();
    expect(await tors("c-p2-1", "p2")).toBeUndefined();
    expect(await tors("c-p3-1", "p3")).toBeUndefined();
    await says("h1", { hops: null });
    expect(await tors()).toBeUndefined();
  });

  test("tors: a router by itself -> nothing to be seen", async () => {
    await allSay();
    const { tors: of } = await hosts.receiptOf("c-r1", { kind: "router", id: "r1" });
    expect(of).toBeUndefined();
  });
});

describe("tors of deleted static routes", () => {
  const shows = (tor: string, names: readonly string[] = [P1]) => ({ deleted: { [tor]: names } });
  const gone = () => tors("c-p1-2");

  beforeEach(async () => {
    await allSay();
    await remove("p1");
  });

  test("gone: another host on each ToR has its route no more -> gone from both, and who shows it", async () => {
    await says("h1");
    await says("h2", shows(TOR1));
    await says("h3", shows(TOR2));
    expect(await receipt("c-p1-2")).toMatchObject({
      state: "live",
      summary: "live on 3 of 3 hosts, gone from 2 of 2 ToRs",
      tors: { gone: true, at: [{ by: "h2" }, { by: "h3" }] },
    });
  });

  test.each<[string, Said, TorState]>([
    ["passes it on still", { ...shows(TOR1), strays: { [TOR1]: [P1] } }, "held"],
    ["never passed it on", {}, "told"],
    ["passed on another one", shows(TOR1, [`172.16.0.0/12 ${at(3)}`]), "told"],
    ["is told of by an agent of before", { older: true }, "pending"],
  ])("gone: the ToR of the only other host %s -> what it shows, once it is taken back", async (_, said, state) => {
    await says("h2", said);
    if (state !== "held")
      expect((await gone())?.at[0]).toMatchObject({
        state: "pending",
        reason: expect.stringMatching(/yet to take it back/),
      });
    await says("h1");
    expect((await gone())?.at[0]?.state).toBe(state);
  });

  test("gone: its host has it live, and its proof is of an earlier step -> not known to be taken back", async () => {
    await says("h1", { older: true });
    expect((await receipt("c-p1-2")).hosts).toMatchObject({ live: 1 });
    expect((await gone())?.at[0]).toMatchObject({
      state: "pending",
      reason: expect.stringMatching(/yet to take it back/),
    });
  });

  test("gone: its host has an agent of before -> unknown, unless another host shows it", async () => {
    const { world } = hosts;
    await declare("p1", "172.16.0.0/12", at(1), 3);
    const key = channelRowKey("rtr:r1", "h1");
    const row: Record<string, unknown> = { ...(await getItem(world.table, key)) };
    delete row["fabric"];
    await world.write({ ...row, ...key, type: "report", version: 1 });
    await says("h1", { older: true });
    await remove("p1", 4);
    await says("h1", { older: true });
    expect((await tors("c-p1-4"))?.at[0]?.state).toBe("unknown");
    await says("h2", shows(TOR1));
    expect((await tors("c-p1-4"))?.at[0]?.state).toBe("seen");
  });

  test("gone: made again since, or its host announces the prefix for another next hop -> nothing to be seen", async () => {
    await declare("p2", "172.32.0.0/12", at(1));
    await declare("p3", "172.32.0.0/12", at(3));
    await allSay();
    await remove("p2");
    expect((await tors("c-p2-2", "p2"))?.gone).toBe(true);
    await place(5, "h1");
    await declare("p4", "172.32.0.0/12", at(5));
    expect(await tors("c-p2-2", "p2")).toBeUndefined();
    await declare("p1", "172.16.0.0/12", at(1), 3);
    expect(await gone()).toBeUndefined();
    await remove("p1", 4);
    expect(await gone()).toBeUndefined();
    expect(await tors("c-p1-4")).toBeDefined();
  });

  test("gone: the next hop's machine is deleted too, even between two reads -> nothing to be seen", async () => {
    const machine = endpointItem("m1", { network: "n1", host: "h1", index: 1, ip: 1, version: 2, deleted: true });
    await hosts.world.write(machine);
    expect(await gone()).toBeUndefined();
    await place(1, "h1", { version: 3 });
    expect(await gone()).toBeDefined();
    const guard = guardKey({ kind: "ip", network: "n1", ip: at(1) as IpAddress });
    await hosts.world.write({ ...guard, type: "guard", version: 2 });
    expect(await gone()).toBeUndefined();
  });
});
