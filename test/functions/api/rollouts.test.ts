// Rollouts through the API, over a store in memory and scripted receipts: waves in order, stops, and whose rights count.

import { beforeEach, describe, expect, test } from "vitest";
import type { Identified, Principal } from "../../../functions/api/access.ts";
import { createRolloutDriver } from "../../../functions/api/app.ts";
import { driveRollouts } from "../../../functions/rollout/handler.ts";
import { createTestIdentities } from "../../fakes/host-identities.ts";
import { OPERATOR, somebody } from "../../fakes/principals.ts";
import { createTestSecretBox } from "../../fakes/secret-box.ts";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, created, expectProblem, type Json, seed } from "./api-under-test.ts";

let store: MemoryStore;
let api: ApiUnderTest;
let who: Identified;
const as = (principal: Principal) => void (who = { kind: "principal", principal });

beforeEach(async () => {
  store = createMemoryStore();
  api = createApiUnderTest(store, undefined, { identify: () => Promise.resolve(who) });
  as(OPERATOR);
  await seed(api);
});

const host = (id: string, key: string) => ({
  method: "PATCH",
  path: `/v1/hosts/${id}`,
  body: { annotations: { key } },
});
const TWO = { id: "two", waves: [{ name: "canary", writes: [host("h1", "new")] }, { writes: [host("h2", "new")] }] };
const keyOf = async (id: string) =>
  ((await api.get(`/v1/hosts/${id}`)).body["annotations"] as Json | undefined)?.["key"];
const look = async (id = "two", query = "") => (await api.get(`/v1/rollouts/${id}${query}`)).body;
/** What receipts say of every change from now on. */
const live = (state: "live" | "published") => api.receipts.states.splice(0, api.receipts.states.length, state);
/** Every receipt says that a host is wrong. */
function failing(problem: string): void {
  api.receipts.receipt = ({ id, resource, at }) => {
    const waiting = [{ host: "h1", state: "kernel" as const, reason: `applied, kernel differs: ${problem}`, problem }];
    const hosts = { total: 1, live: 0, waiting };
    return Promise.resolve({ change: id, resource, at, state: "published", published: [], hosts, summary: "no" });
  };
}

describe("rollout", () => {
  test("waves: the second begins when the first is live, by whoever looks; done at the end", async () => {
    live("published");
    expect(await created(api.post("/v1/rollouts", TWO))).toMatchObject({ state: "planned", by: "user:operator" });
    expect(await keyOf("h1")).toBeUndefined();
    expect(await look()).toMatchObject({ state: "waiting", wave: 0, waitingFor: { total: 1 } });
    expect([await keyOf("h1"), await keyOf("h2")]).toEqual(["new", undefined]);
    live("live");
    expect(await look()).toMatchObject({ state: "done", waves: [{ state: "live" }, { state: "live" }] });
    expect(await keyOf("h2")).toBe("new");
  });

  test("pause: between waves, and not after the last", async () => {
    live("live");
    await created(api.post("/v1/rollouts", { ...TWO, pauseSec: 60 }));
    expect(await look()).toMatchObject({ state: "waiting", wave: 0, waitingFor: { total: 0 } });
    expect(await keyOf("h2")).toBeUndefined();
    await api.clock.sleep(60_000);
    expect(await look()).toMatchObject({ state: "done" });
  });

  test("wait=done: answers when it is over, or at the timeout", async () => {
    api.receipts.states.push("published", "published", "published", "live");
    await created(api.post("/v1/rollouts", TWO));
    expect(await look("two", "?wait=done&timeoutMs=20000")).toMatchObject({ state: "done" });
    live("published");
    await created(api.post("/v1/rollouts", { ...TWO, id: "three", waves: [{ writes: [host("h1", "3")] }] }));
    const before = api.clock.now();
    expect(await look("three", "?wait=done&timeoutMs=2000")).toMatchObject({ state: "waiting" });
    expect(api.clock.now() - before).toBe(2000);
  });

  test("a host that reports a fault -> stopped at once with change, host and error; the next wave is not begun", async () => {
    failing("no device ovx100");
    await created(api.post("/v1/rollouts", TWO));
    await api.clock.sleep(1);
    const stopped = await look();
    expect(stopped).toMatchObject({
      state: "stopped",
      wave: 0,
      reason: { kind: "failed", host: "h1", text: "applied, kernel differs: no device ovx100", path: "/v1/hosts/h1" },
      waves: [{ state: "stopped" }, { state: "planned" }],
    });
    expect((stopped["reason"] as Json)["change"]).toBe((await api.get("/v1/hosts/h1")).body["change"]);
    expect(await keyOf("h2")).toBeUndefined();
    const { body } = await api.get("/v1/audit?resource=rollout/two");
    expect(body["items"]).toMatchObject([
      { action: "change", actor: "user:operator", after: { state: { name: "stopped" } } },
      { action: "create" },
    ]);
  });

  test("not live in time -> stopped; resumed -> the time again; skipped -> on with the next wave", async () => {
    live("published");
    await created(api.post("/v1/rollouts", { ...TWO, liveWithinSec: 10 }));
    expect(await look()).toMatchObject({ state: "waiting" });
    await api.clock.sleep(10_000);
    expect(await look()).toMatchObject({ state: "stopped", reason: { kind: "late" } });
    expect((await api.post("/v1/rollouts/two:resume", {})).body).toMatchObject({ state: "waiting", wave: 0 });
    await api.clock.sleep(9_999);
    expect(await look()).toMatchObject({ state: "waiting" });
    await api.clock.sleep(1);
    expect(await look()).toMatchObject({ state: "stopped" });
    await api.post("/v1/rollouts/two:resume", { skip: true });
    await look();
    expect(await keyOf("h2")).toBe("new");
  });

  test("a refused write -> stopped with that refusal; mended and resumed -> done; or left behind", async () => {
    live("live");
    const writes = [{ ...host("h1", "new"), ifMatch: '"7"' }, host("h2", "new")];
    await created(api.post("/v1/rollouts", { id: "two", waves: [{ writes }] }));
    expect(await look()).toMatchObject({
      state: "stopped",
      reason: {
        kind: "refused",
        status: 412,
        problem: "urn:overspan:problem:precondition-failed",
        path: "/v1/hosts/h1",
      },
    });
    expect(await keyOf("h2")).toBeUndefined();
    await api.post("/v1/rollouts/two:resume", {});
    expect(await look()).toMatchObject({ state: "stopped", reason: { status: 412 } });
    await api.post("/v1/rollouts/two:resume", { skip: true });
    expect(await look()).toMatchObject({
      state: "done",
      waves: [{ writes: [{ status: 412, left: true }, { status: 200 }] }],
    });
    expect([await keyOf("h1"), await keyOf("h2")]).toEqual([undefined, "new"]);
  });

  test("an item of a batch that is refused -> stopped; a batch's changes are all waited for", async () => {
    const item = (n: number, port: string) => ({
      op: "create",
      endpoint: { id: `e${n}`, host: "h1", mac: `02:00:00:00:01:0${n}`, port },
    });
    const batch = (items: object[]) => ({ method: "POST", path: "/v1/networks/web/endpoints:batch", body: { items } });
    live("published");
    await created(api.post("/v1/rollouts", { id: "b1", waves: [{ writes: [batch([item(1, "t1"), item(2, "t2")])] }] }));
    expect(await look("b1")).toMatchObject({ state: "waiting", waitingFor: { total: 2 } });
    await created(api.post("/v1/rollouts", { id: "b2", waves: [{ writes: [batch([item(3, "t3"), item(1, "t1")])] }] }));
    expect(await look("b2")).toMatchObject({ state: "stopped", reason: { kind: "refused", status: 409 } });
  });

  test("abandoned -> nothing more is done; resumed or abandoned when it cannot be -> 409, or the same", async () => {
    live("published");
    await created(api.post("/v1/rollouts", TWO));
    expectProblem(await api.post("/v1/rollouts/two:resume", {}), 409);
    await look();
    expect((await api.post("/v1/rollouts/two:abandon", {})).body).toMatchObject({ state: "abandoned" });
    live("live");
    expect(await look()).toMatchObject({ state: "abandoned", waves: [{ state: "abandoned" }, { state: "abandoned" }] });
    expect(await keyOf("h2")).toBeUndefined();
    expect((await api.post("/v1/rollouts/two:abandon", {})).status).toBe(200);
    expectProblem(await api.post("/v1/rollouts/two:resume", {}), 409);
    expectProblem(await api.post("/v1/rollouts/none:abandon", {}), 404);
  });

  test("16 drivers at once -> each write once, in order", async () => {
    live("live");
    const writes = Array.from({ length: 6 }, (_, n) => ({
      method: "POST",
      path: "/v1/tenants",
      body: { name: `T${n}` },
    }));
    await created(api.post("/v1/rollouts", { id: "two", waves: writes.map((write) => ({ writes: [write] })) }));
    const bodies = await Promise.all(Array.from({ length: 16 }, () => look()));
    expect(bodies.some(({ state }) => state === "done")).toBe(true);
    expect(await look()).toMatchObject({ state: "done" });
    const names = ((await api.get("/v1/tenants")).body["items"] as Json[]).map(({ name }) => String(name));
    expect(names.filter((name) => name !== "Acme").toSorted()).toEqual(["T0", "T1", "T2", "T3", "T4", "T5"]);
  });

  test("a driver that dies after a write -> the next one does not do it again", async () => {
    live("live");
    const create = { method: "POST", path: "/v1/tenants", body: { name: "T" } };
    await created(api.post("/v1/rollouts", { id: "two", waves: [{ writes: [create] }] }));
    let commits = 0;
    const dying = createApiUnderTest(
      {
        ...store,
        // The first is that the rollout runs, the second the write, the third that it is done.
        commit: (writes) => (++commits === 3 ? Promise.reject(new Error("dead")) : store.commit(writes)),
      },
      api.clock,
      { identify: () => Promise.resolve(who) },
    );
    expect((await dying.get("/v1/rollouts/two")).status).toBe(500);
    expect((await api.get("/v1/tenants")).body["items"]).toHaveLength(2);
    expect(await look()).toMatchObject({ state: "done" });
    expect((await api.get("/v1/tenants")).body["items"]).toHaveLength(2);
  });

  test("the schedule -> takes on those under way, with nobody let in; one that fails stops no other", async () => {
    live("live");
    await created(api.post("/v1/rollouts", TWO));
    await created(api.post("/v1/rollouts", { id: "one", waves: [{ writes: [host("h1", "one")] }] }));
    const logs: unknown[] = [];
    const rollouts = createRolloutDriver({
      store: {
        ...store,
        get: (ref) => (ref.kind === "rollout" && ref.id === "one" ? Promise.reject(new Error("away")) : store.get(ref)),
      },
      receipts: api.receipts,
      hosts: api.hosts,
      identities: createTestIdentities(),
      secrets: createTestSecretBox(),
      identify: () => Promise.resolve({ kind: "nobody" }),
      clock: api.clock,
      random: (octets) => new Uint8Array(octets).map(() => Math.floor(Math.random() * 256)),
      log: (entry) => void logs.push(entry),
    });
    expect(await driveRollouts(rollouts, api.clock)).toBe(1);
    expect(logs).not.toHaveLength(0);
    const { items } = (await api.get("/v1/rollouts?state=done")).body as { items: Json[] };
    expect(items).toMatchObject([{ id: "two", state: "done" }]);
    expect(items[0]).not.toHaveProperty("waves");
  });
});

describe("canary hosts", () => {
  const flat = { id: "flat", writes: [host("h2", "new"), host("h1", "new")] };

  test("by name or by label -> their writes first", async () => {
    await api.patch("/v1/hosts/h1", { labels: { ring: "canary" } });
    for (const [id, canaryHosts] of Object.entries({ a: ["h1"], b: { labels: { ring: "canary" } } })) {
      const { waves } = await created(api.post("/v1/rollouts", { ...flat, id, canaryHosts }));
      expect(waves).toMatchObject([
        { name: "canary", writes: [{ path: "/v1/hosts/h1" }] },
        { name: "rest", writes: [{ path: "/v1/hosts/h2" }] },
      ]);
    }
  });

  test.each([
    ["no such host", { ...flat, canaryHosts: ["h7"] }, "canaryHosts.0"],
    ["no host with the label", { ...flat, canaryHosts: { labels: { ring: "no" } } }, "canaryHosts.labels"],
    [
      "only what travels per network",
      { canaryHosts: ["h1"], writes: [{ method: "PATCH", path: "/v1/networks/web", body: {} }] },
      "canaryHosts",
    ],
    ["writes without canaries", { writes: flat.writes }, "canaryHosts"],
    ["both forms", { ...flat, canaryHosts: ["h1"], waves: TWO.waves }, "waves"],
    ["neither", {}, "waves"],
  ])("%s -> 422 that says so", async (_, order, field) => {
    expect(expectProblem(await api.post("/v1/rollouts", order), 422).field).toBe(field);
  });
});

describe("order", () => {
  const order = (write: object) => ({ waves: [{ writes: [write] }] });
  test.each([
    ["no path of the API", { method: "PATCH", path: "/v2/hosts/h1", body: {} }, "waves.0.writes.0.path"],
    ["another host", { method: "PATCH", path: "//evil.example/v1/hosts/h1", body: {} }, "waves.0.writes.0.path"],
    ["a path that is not as it is sent", { method: "DELETE", path: "/v1/x/../hosts/h1" }, "waves.0.writes.0.path"],
    ["a method that it has not", { method: "POST", path: "/v1/hosts/h1", body: {} }, "waves.0.writes.0.path"],
    ["a rollout of rollouts", { method: "POST", path: "/v1/rollouts/two:abandon", body: {} }, "waves.0.writes.0.path"],
    ["host identity", { method: "POST", path: "/v1/hosts/h1:revoke" }, "waves.0.writes.0.path"],
    ["a plan", { method: "DELETE", path: "/v1/hosts/h1?plan=true" }, "waves.0.writes.0.path"],
    [
      "a body of another form",
      { method: "PATCH", path: "/v1/hosts/h1", body: { vtep: 1 } },
      "waves.0.writes.0.body.vtep",
    ],
    ["no body", { method: "PATCH", path: "/v1/hosts/h1" }, "waves.0.writes.0.body"],
    ["a body too many", { method: "DELETE", path: "/v1/hosts/h1", body: {} }, "waves.0.writes.0.body"],
  ])("%s -> 422, and nothing is taken", async (_, write, field) => {
    expect(expectProblem(await api.post("/v1/rollouts", order(write)), 422).field).toBe(field);
    expect((await api.get("/v1/rollouts")).body["items"]).toEqual([]);
  });

  test("more than fits -> 422 that says what to do", async () => {
    const text = "x".repeat(500);
    const many = Array.from({ length: 500 }, () => host("h1", text));
    expect(expectProblem(await api.post("/v1/rollouts", { waves: [{ writes: many }] }), 422).reason).toContain(
      "several",
    );
  });
});

describe("rights", () => {
  const WRITER = somebody("jane", "write");
  const ACME = somebody("ann", "write", "acme");
  const network = { method: "PATCH", path: "/v1/networks/web", body: { mtuBytes: 1400 } };

  test("a write that the token does not allow -> 403 at once, with the write's place", async () => {
    as(WRITER);
    const problem = expectProblem(await api.post("/v1/rollouts", TWO), 403);
    expect(problem).toMatchObject({ type: "urn:overspan:problem:missing-scope", field: "waves.0.writes.0" });
  });

  test("writes are the maker's, whoever looks: in the audit, and with no more than his rights", async () => {
    live("live");
    as(WRITER);
    await created(api.post("/v1/rollouts", { id: "net", waves: [{ writes: [network] }] }));
    as(OPERATOR);
    await api.clock.sleep(1);
    expect(await look("net")).toMatchObject({ state: "done", by: "user:jane" });
    const { body } = await api.get("/v1/audit?resource=network/web");
    expect((body["items"] as Json[])[0]).toMatchObject({ actor: "user:jane", action: "change" });
    as(ACME);
    const other = { method: "PATCH", path: "/v1/networks/none", body: { mtuBytes: 1400 } };
    await created(api.post("/v1/rollouts", { id: "mine", waves: [{ writes: [other] }] }));
    as(OPERATOR);
    await created(api.post("/v1/tenants", { id: "beta", name: "Beta" }));
    await created(api.post("/v1/networks", { id: "none", tenant: "beta", name: "N", vni: 900 }));
    expect(await look("mine")).toMatchObject({ state: "stopped", reason: { kind: "refused", status: 404 } });
    expect((await api.get("/v1/networks/none")).body).not.toHaveProperty("mtuBytes");
  });

  test("a tenant's token -> sees its own rollouts, and another's as none", async () => {
    await created(api.post("/v1/rollouts", TWO));
    as(ACME);
    await created(api.post("/v1/rollouts", { id: "mine", waves: [{ writes: [network] }] }));
    expect(((await api.get("/v1/rollouts")).body["items"] as Json[]).map(({ id }) => id)).toEqual(["mine"]);
    expectProblem(await api.get("/v1/rollouts/two"), 404);
    expectProblem(await api.post("/v1/rollouts/two:abandon", {}), 404);
    as(somebody("eve", "write", "beta"));
    expectProblem(await api.get("/v1/rollouts/mine"), 404);
    expectProblem(await api.post("/v1/rollouts", { ...TWO, canaryHosts: undefined }), 403);
  });

  test("resumed by somebody who may do less -> 403; nobody lends rights to another", async () => {
    failing("no");
    await created(api.post("/v1/rollouts", TWO));
    expect(await look()).toMatchObject({ state: "stopped" });
    as(WRITER);
    expectProblem(await api.post("/v1/rollouts/two:resume", { skip: true }), 403);
    expect(await look()).toMatchObject({ state: "stopped" });
  });

  test("the table has no secret of the token, and headers cannot make a request one of ours", async () => {
    await created(api.post("/v1/rollouts", TWO, { authorization: "Bearer planted-s3cr3t" }));
    expect(await store.dump()).not.toContain("s3cr3t");
    who = { kind: "nobody" };
    expectProblem(await api.get("http://rollout/v1/hosts"), 401);
  });
});

describe("plan", () => {
  test("of a rollout -> of all its writes in their order, and nothing is written", async () => {
    const before = await store.dump();
    const endpoint = { id: "n1", host: "h2", mac: "02:00:00:00:00:21", port: "tap9" };
    const order = {
      waves: [
        {
          writes: [
            { method: "POST", path: "/v1/networks", body: { id: "new", tenant: "acme", name: "New", vni: 777 } },
          ],
        },
        { writes: [{ method: "POST", path: "/v1/networks/new/endpoints", body: endpoint }] },
      ],
    };
    as(somebody("eve", "read"));
    const { status, body } = await api.post("/v1/rollouts?plan=true", order);
    expect(body).toMatchObject({
      operation: "createRollout",
      status: 201,
      answer: { state: "planned", waves: [{ writes: [{ status: 201 }] }, { writes: [{ status: 201 }] }] },
      resources: { total: 2 },
      hosts: { touched: 1, items: [{ host: "h2" }] },
    });
    expect(status).toBe(200);
    expect(await store.dump()).toBe(before);
  });

  test("of a rollout with a write that would be refused -> that refusal with its place, nothing in the audit", async () => {
    const before = await store.dump();
    const waves = [{ writes: [host("h1", "x"), { method: "DELETE", path: "/v1/hosts/h1" }] }];
    const problem = expectProblem(await api.post("/v1/rollouts?plan=true", { waves }), 409);
    expect(problem).toMatchObject({ field: "waves.0.writes.1" });
    expect(problem.reason).toContain("still has 1 endpoint");
    expect(await store.dump()).toBe(before);
  });
});
