// Convergence and the fleet, from hosts' reports, over a table in memory.

import { beforeEach, describe, expect, test } from "vitest";
import { tableHostStatuses } from "../../../functions/report/host-status.ts";
import { tableReceipts } from "../../../functions/report/receipts.ts";
import { endpointItem, hostItem, networkItem } from "../publish/fixtures.ts";
import { fabricHosts, session, TOR1 } from "./fabric-hosts.ts";

let hosts: ReturnType<typeof fabricHosts>;
const NAMES = ["h1", "h2", "h3", "h4"];
beforeEach(async () => {
  hosts = fabricHosts();
  for (const host of NAMES) hosts.world.agent(host);
  await hosts.world.publish(...NAMES.map((host, at) => hostItem(host, at + 1)), networkItem("n1", 100));
  await hosts.world.publish(...NAMES.map((host, at) => endpoint(at + 1, host)));
});

function endpoint(index: number, host: string) {
  return endpointItem(`e${index}`, { network: "n1", host, index, change: `c${index}` });
}

const convergence = (limit = 1000, position?: string) =>
  tableReceipts(hosts.world.table, () => hosts.world.nowMs).convergence("n1", {
    limit,
    ...(position === undefined ? {} : { position }),
  });
const fleet = () =>
  tableHostStatuses(hosts.world.table, () => hosts.world.nowMs).fleet(NAMES.map((id) => ({ id, site: "site-1" })));

describe("convergence", () => {
  test("convergence: one in sync, one behind, one with another kernel, one silent -> each with why and since when", async () => {
    const { world } = hosts;
    const from = world.nowMs;
    for (const host of NAMES) await hosts.report(host);
    world.agents.delete("h2");
    world.nowMs = from + 1000;
    await world.publish(endpoint(5, "h1"));
    world.nowMs = from + 3000;
    await hosts.report("h1");
    await hosts.report("h3", { applied: false });
    world.nowMs = from + 100_000;
    await hosts.report("h1");
    await hosts.report("h3", { applied: false });
    const seen = await convergence();
    expect(seen).toMatchObject({ converged: false, hosts: { total: 4, live: 1 } });
    expect(seen.items).toMatchObject([
      { host: "h1", state: "in-sync", behindBy: 0, digestEqual: true, kernelEqual: true },
      { host: "h2", state: "silent", behindBy: 1, since: new Date(from).toISOString() },
      {
        host: "h3",
        state: "kernel",
        digestEqual: true,
        kernelEqual: false,
        since: new Date(from + 3000).toISOString(),
      },
      { host: "h4", state: "silent" },
    ]);
  });

  test("convergence: a host that reports and lacks an entry -> behind, since the entry was published", async () => {
    const { world } = hosts;
    const from = world.nowMs;
    for (const host of NAMES) await hosts.report(host);
    const held = world.agent("h2");
    world.agents.delete("h2");
    await world.publish(endpoint(5, "h1"));
    world.agents.set("h2", held);
    world.nowMs += 60_000;
    world.refused.add("h2");
    await hosts.report("h2").catch(() => undefined);
    expect((await convergence()).items[1]).toMatchObject({
      state: "behind",
      behindBy: 1,
      since: new Date(from).toISOString(),
    });
  });

  test("convergence: the last steps -> how long they took, over the hosts", async () => {
    const { world } = hosts;
    // The first two steps took no time at all.
    for (const host of NAMES) await hosts.report(host);
    for (const index of [5, 6]) {
      await world.publish(endpoint(index, "h1"));
      for (const host of NAMES) {
        world.nowMs += 10;
        await hosts.report(host);
      }
    }
    expect((await convergence()).recent).toMatchObject({ measured: 16, p50Ms: 0, p99Ms: 40, maxMs: 40 });
  });

  test("convergence: more hosts than a page -> pages that have each once", async () => {
    const names: string[] = [];
    let position: string | undefined;
    do {
      const { items, next } = await convergence(3, position);
      names.push(...items.map(({ host }) => host));
      position = next;
    } while (position !== undefined && names.length < 20);
    expect(names).toEqual(NAMES);
  });
});

describe("fleet", () => {
  test("fleet: in sync, behind, kernel differs, never reported -> told apart, with the channel", async () => {
    await hosts.report("h1");
    await hosts.report("h2", { applied: false });
    const held = hosts.world.agent("h3");
    hosts.world.agents.delete("h3");
    await hosts.world.publish(endpoint(5, "h3"));
    hosts.world.agents.set("h3", held);
    await hosts.report("h3");
    expect(await fleet()).toMatchObject([
      { host: "h1", state: "in-sync", channels: [] },
      { host: "h2", state: "kernel", reason: "net:n1", channels: [{ channel: "net:n1", behindBy: 0 }] },
      { host: "h3", state: "behind", channels: [{ channel: "net:n1", behindBy: 1 }] },
      { host: "h4", state: "unreported" },
    ]);
  });

  test("fleet: mended -> in sync again; then silent -> so, and since when", async () => {
    await hosts.report("h2", { applied: false });
    await hosts.report("h2");
    expect((await fleet())[1]).toMatchObject({ state: "in-sync", channels: [] });
    const since = new Date(hosts.world.nowMs).toISOString();
    hosts.world.nowMs += 95_000;
    expect((await fleet())[1]).toMatchObject({ state: "silent", reason: "offline 95 s", since });
  });

  test("fleet: wrong for a while -> since the first report of it, not the last", async () => {
    const since = new Date(hosts.world.nowMs).toISOString();
    await hosts.report("h2", { applied: false });
    hosts.world.nowMs += 30_000;
    await hosts.report("h2", { applied: false });
    expect((await fleet())[1]).toMatchObject({ state: "kernel", since });
  });

  test("fleet: a session that is down -> told with its state", async () => {
    await hosts.report("h1", { bgp: [session(TOR1, { state: "Idle", sinceMs: 7000 })] });
    expect((await fleet())[0]?.sessionsDown).toEqual([
      { peer: TOR1, state: "Idle", since: "1970-01-01T00:00:07.000Z" },
    ]);
  });
});
