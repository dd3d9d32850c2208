// Evacuation: who goes where, and the run: two phases, bounded, stopped by a failure, taken up again.

import { describe, expect, it } from "vitest";
import { assign, reasonNotEligible } from "../../cli/evacuate/assign.ts";
import { BASICS, createCliUnderTest } from "./cli-under-test.ts";

describe("evacuation's assignment", () => {
  it("assignment: several targets -> the emptiest first; what is prepared keeps its target", () => {
    const endpoints = ["a", "b", "c", "d"].map((id) => ({ network: "n", id, ...(id === "c" ? { next: "h9" } : {}) }));
    const targets = [
      { host: "h2", endpoints: 2 },
      { host: "h3", endpoints: 0 },
    ];
    expect(assign(endpoints.reverse(), targets).map(({ id, to, isPrepared }) => `${id} ${to} ${isPrepared}`)).toEqual([
      "a h3 false",
      "b h3 false",
      "c h9 true",
      "d h2 false",
    ]);
  });

  it.each([
    [{ id: "h1", site: "fra", silentMs: 0, inSync: true }, /the one to be evacuated/],
    [{ id: "h2", site: "ams", silentMs: 0, inSync: true }, /in site ams/],
    [{ id: "h2", site: "fra", silentMs: undefined, inSync: true }, /never reported/],
    [{ id: "h2", site: "fra", silentMs: 120_000, inSync: true }, /offline for 120 s/],
    [{ id: "h2", site: "fra", silentMs: 0, inSync: false }, /not in sync/],
  ])("eligibility: %j -> no target, and why", (candidate, reason) => {
    expect(reasonNotEligible(candidate, { id: "h1", site: "fra" })).toMatch(reason);
  });

  it("eligibility: of the site, heard of and in sync -> a target", () => {
    const candidate = { id: "h2", site: "fra", silentMs: 30_000, inSync: true };
    expect(reasonNotEligible(candidate, { id: "h1", site: "fra" })).toBeUndefined();
  });
});

async function fullHost() {
  const under = createCliUnderTest();
  await under.all(
    ...BASICS,
    "create endpoint web/vm2 --host h1 --mac 02:00:5e:10:00:02",
    "create endpoint web/vm3 --host h1 --mac 02:00:5e:10:00:03",
  );
  return under;
}

describe("cli evacuate", () => {
  it("evacuate: named targets -> every endpoint in two phases, and the host is empty", async () => {
    const { cli, requests } = await fullHost();
    const ran = await cli("evacuate h1 --to h2 --yes --parallel 1");
    expect(ran.exit, ran.err).toBe(0);
    expect(ran.out).toBe("ENDPOINT  TO  STATE\nweb/vm1   h2  to do\nweb/vm2   h2  to do\nweb/vm3   h2  to do\n");
    expect(ran.err).toMatch(/web\/vm3 moved to h2: live {2}\(3 of 3\)\nh1 is empty\n$/);
    const verbs = requests.flatMap(({ path }) => /vm\d:(\w+)$/.exec(path)?.[1] ?? []);
    expect(verbs).toEqual(Array.from({ length: 3 }, () => ["prepareMove", "activateMove"]).flat());
    expect((await cli("get endpoints --host h1")).out).toBe("no endpoints\n");
    expect(await cli("evacuate h1 --to h2 --yes")).toMatchObject({ exit: 0, err: "h1 has no endpoints\n" });
  });

  it("evacuate: the plan -> what would go where, and nothing moves", async () => {
    const { cli, requests } = await fullHost();
    expect(await cli("plan evacuate h1 --to h2")).toMatchObject({ exit: 0 });
    expect(requests.filter(({ path }) => path.includes(":"))).toEqual([]);
  });

  it("evacuate: a target never gets ready -> stopped, exit status 5; again, and what was prepared goes on", async () => {
    const { cli, api } = await fullHost();
    const notReady = { type: "urn:overspan:problem:move-not-ready", title: "x", status: 409, detail: "x", reason: "x" };
    const fetch = async (request: Request) =>
      request.url.endsWith(":activateMove") ? Response.json(notReady, { status: 409 }) : api.app.fetch(request);
    const stopped = await cli("evacuate h1 --to h2 --yes --parallel 1 --timeout 5", { fetch });
    expect(stopped.exit).toBe(5);
    expect(stopped.err).toContain("0 of 3 moved; the same command again goes on from there\n");
    expect(stopped.err).toContain("h2 was not ready for web/vm1 in 5 s");
    const again = await cli("evacuate h1 --to h2 --yes");
    expect(again.exit, again.err).toBe(0);
    expect(again.out).toContain("web/vm1   h2  prepared");
  });

  it("evacuate: a receipt that does not come -> the rest stays, and again goes on with it", async () => {
    const { cli, api } = await fullHost();
    api.receipts.states.splice(0, 1, "published");
    const stopped = await cli("evacuate h1 --to h2 --yes --parallel 1 --timeout 5");
    expect(stopped.exit).toBe(5);
    expect(stopped.err).toContain("web/vm1 has moved, but is not live everywhere: published");
    expect((await cli("get endpoints --host h1 -o name")).out).toBe("endpoint/web/vm2\nendpoint/web/vm3\n");
    api.receipts.states.splice(0, 1, "live");
    expect(await cli("evacuate h1 --to h2 --yes")).toMatchObject({ exit: 0 });
  });

  it("evacuate: no target is named and none is eligible -> exit status 4, and why each is not", async () => {
    const { cli } = await fullHost();
    const ran = await cli("evacuate h1");
    expect(ran).toMatchObject({ exit: 4, out: "" });
    expect(ran.err).toContain("-> h2: it has never reported\n  -> name hosts with --to\n");
  });

  it("evacuate: eligible hosts of the site -> found by their reports", async () => {
    const { cli, api } = await fullHost();
    const at = new Date(api.clock.now()).toISOString();
    const agent = { version: "1", startedAtMs: 1, kernel: "6.1" };
    api.hosts.statuses["h2"] = { lastSeenAt: at, inSync: true, agent, bgp: [], state: "in-sync", channels: [] };
    expect((await cli("evacuate h1 --plan -o json")).out).toContain('"to": "h2"');
  });

  it.each([
    ["evacuate h1 --to h1", 2, /must name others/],
    ["evacuate h1 --to h9", 3, /There is no host h9/],
    ["evacuate h9", 3, /There is no host h9/],
    ["evacuate h1 --to h2 --parallel 99", 2, /--parallel takes a number from 1 to 32/],
    ["evacuate h1 --to h2", 2, /nobody is here to be asked/],
  ])("evacuate: %s -> exit status %i", async (line, exit, message) => {
    const { cli } = await fullHost();
    const ran = await cli(line);
    expect(ran.exit).toBe(exit);
    expect(ran.err).toMatch(message);
  });
});
