// A tenant's token against everything that is another's: every operation of the document, with the other's ids, and what is
// told in lists, refusals, receipts and the audit. Whatever is another's must look as if it were not there.

import { beforeEach, describe, expect, test } from "vitest";
import type { Identified, Principal } from "../../../functions/api/access.ts";
import { NETWORK_ENGINEER, OPERATOR, somebody } from "../../fakes/principals.ts";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, created, expectProblem, type Json, seed } from "./api-under-test.ts";
import { operationsOf } from "./documented-operation.ts";

const ACME = somebody("jane", "write", "acme");
const BETA = somebody("eve", "write", "beta");
/** All that a token can say: it is bound all the same. */
const BETA_ADMIN = somebody("eve", "admin", "beta");

let who: Identified;
let store: MemoryStore;
let api: ApiUnderTest;
let change: string;
const as = (principal: Principal) => void (who = { kind: "principal", principal });

beforeEach(async () => {
  store = createMemoryStore();
  api = createApiUnderTest(store, undefined, { identify: () => Promise.resolve(who) });
  as(OPERATOR);
  await seed(api);
  await created(api.post("/v1/tenants", { id: "beta", name: "Beta" }));
  await created(
    api.post("/v1/networks", { id: "own", tenant: "beta", name: "Own", vni: 300, subnets: ["10.9.0.0/24"] }),
  );
  await created(api.post("/v1/routers", { id: "core", tenant: "acme", name: "Core", vni: 400 }));
  as(ACME);
  const { body } = await api.patch("/v1/networks/web", { name: "Web, by its tenant" });
  change = body["change"] as string;
});

const items = async (path: string) => (await api.get(path)).body["items"] as Json[];

/** What acme has, asked for by an operator: nothing of it may have changed. */
async function holdings(): Promise<string> {
  as(OPERATOR);
  const paths = ["/v1/tenants", "/v1/networks", "/v1/routers", "/v1/networks/web/endpoints", "/v1/sites", "/v1/hosts"];
  return JSON.stringify(await Promise.all(paths.map(items)));
}

describe("another tenant's token", () => {
  test.each([
    ["that may write", BETA],
    ["with every scope", BETA_ADMIN],
    ["of a network engineer of one tenant", { ...NETWORK_ENGINEER, tenant: "beta" }],
  ])(
    "token %s: every operation with another's ids -> not found, or not allowed; nothing changes",
    async (_, principal) => {
      const before = await holdings();
      const operations = await operationsOf(api, { router: "core", prefix: "branch", change });
      as(principal);
      let refused = 0;
      for (const { id, method, path, example, reach, body } of operations) {
        if (reach === "anybody" || (reach === "own" && method === "get")) continue;
        const { status, body: problem } = await api.send(method.toUpperCase(), example, body);
        // The scope is looked at first, and what is the operator's is closed whatever is there.
        const expected = status === 403 ? 403 : reach === "path" ? 404 : 422;
        const taken = method === "put" && /^\/v1\/(networks|routers)\/\{\w+\}$/.test(path);
        expect(status, `${id}: ${JSON.stringify(problem)}`).toBe(taken && status !== 403 ? 409 : expected);
        if (reach === "operator") expect(status, id).toBe(403);
        expect(JSON.stringify(problem), id).not.toContain("Web");
        refused++;
      }
      expect(refused).toBeGreaterThan(40);
      expect(await holdings()).toBe(before);
    },
  );

  test("token: by every operation, what is another's is answered as what is not there, to the letter", async () => {
    const ids = { network: "web", router: "core", tenant: "acme", prefix: "branch", change };
    const nobodys = { ...ids, network: "wxb", router: "cxre", tenant: "axme", change: "0".repeat(26) };
    const theirs = await operationsOf(api, ids);
    const absent = await operationsOf(api, nobodys);
    as(BETA);
    let compared = 0;
    for (const [at, { id, method, path, example, reach, body }] of theirs.entries()) {
      // Of a put, the id is taken or free: that cannot be hidden where ids are of one space.
      if (reach !== "path" || (method === "put" && /^\/v1\/(networks|routers)\/\{\w+\}$/.test(path))) continue;
      const there = await api.send(method.toUpperCase(), example, body);
      const not = await api.send(method.toUpperCase(), absent[at]?.example ?? "", body);
      const told = Object.entries(nobodys).reduce(
        (text, [name, value]) => text.replaceAll(value, ids[name as keyof typeof ids]),
        JSON.stringify([not.status, not.body]),
      );
      expect(JSON.stringify([there.status, there.body]), id).toBe(told);
      compared++;
    }
    expect(compared).toBeGreaterThan(20);
  });

  test("lists: its own alone, by any filter; another's by name -> empty; no cursor of another list", async () => {
    as(BETA);
    expect(await items("/v1/networks")).toMatchObject([{ id: "own" }]);
    expect(await items("/v1/networks?tenant=beta")).toMatchObject([{ id: "own" }]);
    expect(await items("/v1/networks?tenant=acme")).toEqual([]);
    expect(await items("/v1/routers")).toEqual([]);
    expect(await items("/v1/tenants")).toMatchObject([{ id: "beta" }]);
    as(OPERATOR);
    const { body } = await api.get("/v1/networks?limit=1");
    as(BETA);
    expectProblem(await api.get(`/v1/networks?limit=1&cursor=${String(body["next"])}`), 422);
  });

  test("writes that name another's: its tenant, its router, its VNI, its port, its id -> refused without its name", async () => {
    as(BETA);
    const network = { id: "n", tenant: "beta", name: "N", vni: 500 };
    const refusals = [
      [await api.post("/v1/networks", { ...network, tenant: "acme" }), 422],
      [await api.put("/v1/networks/own", { ...network, id: "own", tenant: "acme", vni: 300 }), 422],
      [await api.patch("/v1/networks/own", { router: "core", gateways: ["10.9.0.1"] }), 422],
      [await api.post("/v1/networks", { ...network, vni: 100 }), 409],
      [await api.post("/v1/routers", { id: "r", tenant: "beta", name: "R", vni: 400 }), 409],
      [await api.post("/v1/networks/own/endpoints", { host: "h1", mac: "02:00:00:00:00:09", port: "tap1" }), 409],
      [await api.post("/v1/networks", { ...network, id: "web" }), 409],
    ] as const;
    for (const [answer, status] of refusals) {
      const problem = expectProblem(answer, status);
      expect(problem.reason).not.toMatch(/by (network|router)|\bweb\b.*is at|Web/);
      expect(JSON.stringify(problem)).not.toMatch(/network web,|"by"|tenant acme/);
    }
    const batch = { items: [{ op: "create", endpoint: { host: "h1", mac: "02:00:00:00:00:09", port: "tap1" } }] };
    const { body } = await api.post("/v1/networks/own/endpoints:batch", batch);
    expect(body).toMatchObject({ done: 0, refused: 1 });
    expect(JSON.stringify(body)).not.toContain("web");
    // What does not exist reads the same.
    const router = (id: string) => api.patch("/v1/networks/own", { router: id, gateways: ["10.9.0.1"] });
    expect(JSON.stringify((await router("core")).body)).toBe(
      JSON.stringify((await router("cxre")).body).replaceAll("cxre", "core"),
    );
  });

  test("audit: what was done to its own by anybody, what it was refused itself, and nothing else", async () => {
    as(BETA);
    await api.clock.sleep(1);
    expectProblem(await api.delete("/v1/networks/web"), 404);
    await created(
      api.post("/v1/networks/own/endpoints", { id: "e", host: "h1", mac: "02:00:00:00:00:07", port: "tap7" }),
    );
    const seen = await items("/v1/audit?limit=200");
    const whats = seen.map(
      ({ operation, action, resource }) => `${String(operation ?? action)} ${JSON.stringify(resource)}`,
    );
    expect(whats.filter((what) => /acme|vm1|core|fra|h2/.test(what))).toEqual([]);
    expect(seen.every(({ tenant }) => tenant === "beta")).toBe(true);
    expect(seen).toContainEqual(
      expect.objectContaining({ outcome: "refused", operation: "deleteNetwork", actor: "user:eve" }),
    );
    expect(seen).toContainEqual(
      expect.objectContaining({ action: "create", resource: { kind: "endpoint", network: "own", id: "e" } }),
    );
    expect(await items("/v1/audit?resource=network/web")).toMatchObject([
      { operation: "deleteNetwork", actor: "user:eve" },
    ]);
    as(ACME);
    expect(await items("/v1/audit?resource=network/web&actor=user:eve")).toEqual([]);
    expect(await items("/v1/audit?resource=network/web&actor=user:jane")).toHaveLength(1);
  });

  test("an id that another tenant had before -> the history that is shown is its own", async () => {
    as(ACME);
    expect((await api.delete("/v1/networks/web?cascade=true")).status).toBe(200);
    as(BETA);
    await created(api.post("/v1/networks", { id: "web", tenant: "beta", name: "Mine", vni: 100 }));
    for (const entry of await items("/v1/audit?resource=network/web")) expect(entry).toMatchObject({ tenant: "beta" });
    expect(await items("/v1/audit?resource=endpoint/web/vm1")).toEqual([]);
    expectProblem(await api.get(`/v1/changes/${change}`), 404);
    as(ACME);
    expectProblem(await api.get("/v1/networks/web"), 404);
    expect((await api.get(`/v1/changes/${change}`)).status).toBe(200);
  });
});

describe("an id that changes hands between the reading of the facts and the commit", () => {
  /** Acme's request, and in front of its first commit the resource gone and made anew by beta, alike but for its owner. */
  async function inBetween(handOver: () => Promise<void>, request: (other: ApiUnderTest) => Promise<unknown>) {
    let first = true;
    const other = createApiUnderTest(
      {
        ...store,
        async commit(writes) {
          if (first) await handOver();
          first = false;
          return store.commit(writes);
        },
      },
      undefined,
      { identify: () => Promise.resolve({ kind: "principal", principal: ACME }) },
    );
    return request(other);
  }
  const handOver = (path: string, made: Json) => async () => {
    as(OPERATOR);
    expect((await api.delete(`${path}?cascade=true`)).status).toBe(200);
    await created(api.put(path, { ...made, tenant: "beta", name: "Beta's" }));
  };

  test.each([
    ["with addresses", { ips: ["10.0.0.50"] }],
    ["without addresses", {}],
  ])("network: an endpoint %s -> not found, and nothing in the other's network", async (_, more) => {
    const { subnets } = (await api.get("/v1/networks/web")).body;
    const vm = { id: "vm9", host: "h2", mac: "02:00:00:00:00:99", port: "tap9", ...more };
    const hand = handOver("/v1/networks/web", { vni: 100, subnets });
    const answer = await inBetween(hand, (other) => other.post("/v1/networks/web/endpoints", vm));
    expect(answer).toMatchObject({ status: 404 });
    expect(await items("/v1/networks/web/endpoints")).toEqual([]);
  });

  test("network: a batch -> not one of its endpoints in the other's network", async () => {
    const endpoint = { id: "vm9", host: "h2", mac: "02:00:00:00:00:99", port: "tap9" };
    const hand = handOver("/v1/networks/web", { vni: 100 });
    await inBetween(hand, (other) =>
      other.post("/v1/networks/web/endpoints:batch", { items: [{ op: "create", endpoint }] }),
    );
    expect(await items("/v1/networks/web/endpoints")).toEqual([]);
  });

  test("router: a network of the first tenant -> refused, and not in the other's router", async () => {
    const attach = { router: "core", gateways: ["10.0.0.1"] };
    const hand = handOver("/v1/routers/core", { vni: 400 });
    const answer = await inBetween(hand, (other) => other.patch("/v1/networks/web", attach));
    expect(answer).toMatchObject({ status: 422 });
    expect((await api.get("/v1/networks/web")).body).not.toHaveProperty("router");
  });
});

test("idempotency keys: subjects and keys that run into each other with a # are kept apart", async () => {
  const network = (id: string, vni: number) => ({ id, tenant: "acme", name: "N", vni });
  as(somebody("a", "write"));
  await created(api.post("/v1/networks", network("n1", 71), { "idempotency-key": "b#c" }));
  as(somebody("a#b", "write"));
  const { body } = await api.post("/v1/networks", network("n2", 72), { "idempotency-key": "c" });
  expect(body).toMatchObject({ id: "n2" });
});

test("its own token: the whole life of what is the tenant's", async () => {
  as(ACME);
  expect((await api.get("/v1/tenants/acme")).status).toBe(200);
  const vm = { id: "vm2", host: "h2", mac: "02:00:00:00:00:02", ips: ["10.0.0.12"], port: "tap2" };
  const { change: made } = await created(api.post("/v1/networks/web/endpoints", vm));
  expect((await api.get(`/v1/changes/${String(made)}`)).status).toBe(200);
  expect((await api.post("/v1/networks/web/endpoints/vm2:move", { host: "h1" })).status).toBe(200);
  expect((await api.get("/v1/networks/web/convergence")).status).toBe(200);
  expect((await api.delete("/v1/networks/web?cascade=true")).status).toBe(200);
  expect((await api.put("/v1/networks/web", { tenant: "acme", name: "Again", vni: 100 })).status).toBe(201);
});
