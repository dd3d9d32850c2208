// Endpoints in numbers and on the move: batches, two-phase moves, ports, addresses that are given out.

import { beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../../functions/store/store.ts";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, created, expectProblem, type Json, seed } from "./api-under-test.ts";

const WEB = "/v1/networks/web/endpoints";
const VM1 = `${WEB}/vm1`;
const mac = (i: number) =>
  `02:00:00:01:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`;

let store: MemoryStore;
let api: ApiUnderTest;
beforeEach(async () => {
  store = createMemoryStore();
  api = createApiUnderTest(store);
  await seed(api);
});

describe("batch", () => {
  type Result = { status: number; id?: string; endpoint?: Json; problem?: { type: string; field?: string } };
  const batch = async (items: object[], headers?: Record<string, string>) => {
    const answer = await api.post(`${WEB}:batch`, { items }, headers);
    expect(answer.status, JSON.stringify(answer.body).slice(0, 500)).toBe(200);
    return { ...(answer.body as { done: number; refused: number; items: Result[] }), headers: answer.headers };
  };
  const create = (i: number, more: object = {}) => ({
    op: "create",
    endpoint: { id: `e${i}`, host: "h2", mac: mac(i), port: `t${i}`, ...more },
  });

  test("1000 creations -> all, each in few transactions, and all deletable in one more request", {
    timeout: 30_000,
  }, async () => {
    let commits = 0;
    const counting: Store = {
      ...store,
      commit: (writes) => {
        commits++;
        expect(writes.length).toBeLessThanOrEqual(100);
        return store.commit(writes);
      },
    };
    api = createApiUnderTest(counting);
    await api.patch("/v1/networks/web", { subnets: ["10.0.0.0/16", "2001:db8::/64"] });
    commits = 0;
    const items = Array.from({ length: 1000 }, (_, i) => create(i, { allocate: { ipv4: true } }));
    const { done, refused, items: results } = await batch(items);
    expect([done, refused]).toEqual([1000, 0]);
    expect(commits).toBeLessThan(150);
    const ips = new Set(results.flatMap(({ endpoint }) => endpoint?.["ips"] ?? []));
    expect(ips.size).toBe(1000);
    expect(await store.room("acme")).toMatchObject({ endpoints: 100_000 - 1001 });
    const gone = await batch(items.map(({ endpoint }) => ({ op: "delete", id: endpoint.id })));
    expect(gone.done).toBe(1000);
    expect(await store.room("acme")).toMatchObject({ endpoints: 100_000 - 1 });
  });

  test("some are refused -> the others are done, each with its own result, in order", async () => {
    const { done, refused, items } = await batch([
      create(1),
      create(1, { id: "again" }),
      create(2, { ips: ["10.0.0.11"] }),
      create(3, { ips: ["10.9.0.1"] }),
      create(4, { host: "none" }),
      { op: "put", endpoint: { id: "vm1", host: "h2", port: "moved", mac: "02:00:00:00:00:01", ips: ["10.0.0.11"] } },
      { op: "delete", id: "none" },
      { op: "delete", id: "e1" },
      create(1, { id: "after" }),
    ]);
    expect(items.map(({ status }) => status)).toEqual([201, 409, 409, 422, 422, 200, 404, 200, 201]);
    expect(items.map(({ problem }) => problem?.type.split(":").at(-1))).toEqual([
      undefined,
      "mac-taken",
      "ip-taken",
      "ip-outside-subnets",
      "no-such",
      undefined,
      "not-found",
      undefined,
      undefined,
    ]);
    expect(items[5]?.endpoint).toMatchObject({ host: "h2", mobility: 1 });
    expect([done, refused]).toEqual([4, 5]);
  });

  test("over the quota -> as many as there is room for, the rest refused", async () => {
    await api.patch("/v1/tenants/acme", { quotas: { endpoints: 4 } });
    const { items } = await batch(Array.from({ length: 6 }, (_, i) => create(i)));
    expect(items.map(({ status }) => status)).toEqual([201, 201, 201, 409, 409, 409]);
    expect((await api.get("/v1/tenants/acme")).body).toMatchObject({ usage: { endpoints: { used: 4, quota: 4 } } });
  });

  test("broke off in the middle, retried with its key -> taken up, nothing twice", async () => {
    let left = 2;
    const dying: Store = {
      ...store,
      commit: (writes) => (left-- > 0 ? store.commit(writes) : Promise.reject(new Error("dead"))),
    };
    const items = Array.from({ length: 30 }, (_, i) => create(i));
    const key = { "idempotency-key": "b-1" };
    expect((await createApiUnderTest(dying).post(`${WEB}:batch`, { items }, key)).status).toBe(500);
    const again = await batch(items, key);
    expect(again.done).toBe(30);
    expect(again.headers.get("idempotency-replayed")).toBeNull();
    const third = await batch(items, key);
    expect(third.items).toEqual(again.items);
    expect(third.headers.get("idempotency-replayed")).toBe("true");
    expectProblem(await api.post(`${WEB}:batch`, { items: items.slice(1) }, key), 422);
  });

  test("none, or more than 1000 -> 422", async () => {
    expectProblem(await api.post(`${WEB}:batch`, { items: [] }), 422);
    const items = Array.from({ length: 1001 }, (_, i) => ({ op: "delete", id: `e${i}` }));
    expect(expectProblem(await api.post(`${WEB}:batch`, { items }), 422).reason).toMatch(/1000/);
    expectProblem(await api.post("/v1/networks/none/endpoints:batch", { items: items.slice(0, 1) }), 404);
  });
});

describe("move in two phases", () => {
  const post = (verb: string, body: object = {}) => api.post(`${VM1}:${verb}`, body);

  test("prepare, activate -> the target is held from the first, the endpoint is there from the second", async () => {
    const prepared = await post("prepareMove", { host: "h2", port: "tap9" });
    expect(prepared.body).toMatchObject({ host: "h1", mobility: 0, next: { host: "h2", port: "tap9" }, version: 2 });
    expect((await post("prepareMove", { host: "h2", port: "tap9" })).body).toEqual(prepared.body);
    expect(expectProblem(await api.delete("/v1/hosts/h2"), 409).blocking).toHaveLength(1);
    await created(api.post("/v1/networks", { id: "db", tenant: "acme", name: "Db", vni: 200 }));
    const rival = await api.post("/v1/networks/db/endpoints", { host: "h2", mac: mac(9), port: "tap9" });
    expect(expectProblem(rival, 409)).toMatchObject({ field: "port", blocking: [{ kind: "network", id: "web" }] });

    expect(expectProblem(await post("activateMove"), 409).type).toBe("urn:overspan:problem:move-not-ready");
    api.receipts.states.push("live");
    const moved = await post("activateMove");
    expect(moved.body).toMatchObject({ host: "h2", port: "tap9", mobility: 1, version: 3 });
    expect(moved.body).not.toHaveProperty("next");
    expect((await api.delete("/v1/hosts/h1")).status).toBe(200);
  });

  test("not ready but forced -> activated", async () => {
    await post("prepareMove", { host: "h2" });
    expect((await post("activateMove", { force: true })).body).toMatchObject({ host: "h2", port: "tap1", mobility: 1 });
  });

  test("abandoned -> as before, and again nothing; the target is free", async () => {
    await post("prepareMove", { host: "h2" });
    const abandoned = await post("abandonMove");
    expect(abandoned.body).toMatchObject({ host: "h1", mobility: 0, version: 3 });
    expect(abandoned.body).not.toHaveProperty("next");
    expect((await post("abandonMove")).body).toMatchObject({ version: 3 });
    expect((await api.delete("/v1/hosts/h2")).status).toBe(200);
  });

  test("prepared to one host, moved or prepared to another -> refused; a change leaves the preparation", async () => {
    await created(api.post("/v1/hosts", { id: "h3", site: "fra", vtep: "192.0.2.3" }));
    await post("prepareMove", { host: "h2" });
    for (const verb of ["prepareMove", "move"]) {
      expect(expectProblem(await post(verb, { host: "h3" }), 409).type).toMatch(/move-prepared$/);
    }
    expect((await api.patch(VM1, { name: "new" })).body).toMatchObject({ next: { host: "h2" } });
    expect((await post("move", { host: "h2" })).body).toMatchObject({ host: "h2", mobility: 1 });
    expect(expectProblem(await post("activateMove"), 409).type).toMatch(/move-not-prepared$/);
    expect(expectProblem(await post("prepareMove", { host: "h2" }), 409).type).toMatch(/same-host$/);
  });

  test("deleted while prepared -> nothing is left of it on either host", async () => {
    await post("prepareMove", { host: "h2", port: "tap9" });
    expect((await api.delete(VM1)).status).toBe(200);
    expect(await store.dump()).not.toMatch(/HOST#h[12] (EP|PORT)#/);
  });

  test("a router's network to a host that reported no VRFs -> refused; to one that said nothing -> moved", async () => {
    await created(api.post("/v1/routers", { id: "core", tenant: "acme", name: "Core", vni: 500 }));
    await api.patch("/v1/networks/web", { gateways: ["10.0.0.1"] });
    const seen = { lastSeenAt: "2026-11-22T12:00:00.000Z", inSync: true, state: "in-sync" as const, channels: [] };
    const status = { ...seen, bgp: [], capabilities: { vrf: false } };
    api.hosts.statuses["h2"] = { ...status, agent: { version: "0", startedAtMs: 0, kernel: "4.4" } };
    api.hosts.carriers["web"] = ["h1", "h2"];
    expect(expectProblem(await api.patch("/v1/networks/web", { router: "core" }), 409).blocking).toEqual([
      { kind: "host", id: "h2" },
    ]);
    api.hosts.carriers["web"] = ["h1"];
    expect((await api.patch("/v1/networks/web", { router: "core" })).status).toBe(200);
    for (const verb of ["move", "prepareMove"]) {
      expect(expectProblem(await post(verb, { host: "h2" }), 409).type).toBe("urn:overspan:problem:no-vrf");
    }
    api.hosts.statuses["h2"].capabilities = {};
    expect((await post("move", { host: "h2" })).status).toBe(200);
    expect((await api.get("/v1/hosts/h2")).body).toMatchObject({ status: { agent: { kernel: "4.4" } } });
  });
});

describe("ports", () => {
  test("of a host: several endpoints of one network, never of two, and free when the last has left", async () => {
    await created(api.post("/v1/networks", { id: "db", tenant: "acme", name: "Db", vni: 200 }));
    await created(api.post(WEB, { id: "vm2", host: "h1", mac: mac(2), port: "tap1" }));
    const db = () => api.post("/v1/networks/db/endpoints", { id: "d", host: "h1", mac: mac(3), port: "tap1" });
    expect(expectProblem(await db(), 409).reason).toMatch(/tap1 of host h1 is used by network web/);
    await api.delete(VM1);
    expectProblem(await db(), 409);
    await api.patch(`${WEB}/vm2`, { port: "tap2" });
    await created(db());
    expectProblem(await api.patch(`${WEB}/vm2`, { port: "tap1" }), 409);
  });
});

describe("addresses", () => {
  const allocate = (i: number, allocated: object, more: object = {}) =>
    api.post(WEB, { id: `e${i}`, host: "h2", mac: mac(i), port: `t${i}`, allocate: allocated, ...more });

  test("next free of each family; gateways and given ones are not given away", async () => {
    await api.patch("/v1/networks/web", { gateways: ["10.0.0.1"] });
    const first = await created(allocate(1, { ipv4: true, ipv6: true }));
    expect(first["ips"]).toEqual(["10.0.0.2", "2001:db8::1"]);
    expect((await created(allocate(2, { ipv4: true }, { ips: ["10.0.0.3"] })))["ips"]).toEqual(["10.0.0.3"]);
    expect((await created(allocate(3, { ipv4: true })))["ips"]).toEqual(["10.0.0.4"]);
    const problem = expectProblem(await allocate(4, {}, { ips: ["10.0.0.1"] }), 409);
    expect(problem.reason).toMatch(/taken in this network by its gateway/);
  });

  test("of the subnet that is named; of none that is not the network's", async () => {
    await api.patch("/v1/networks/web", { subnets: ["10.0.0.0/24", "10.0.1.0/24", "2001:db8::/64"] });
    expect((await created(allocate(1, { ipv4: "10.0.1.0/24" })))["ips"]).toEqual(["10.0.1.1"]);
    expect(expectProblem(await allocate(2, { ipv4: "10.0.9.0/24" }), 422).field).toBe("allocate.ipv4");
    expect(expectProblem(await allocate(2, { ipv4: "2001:db8::/64" }), 422).field).toBe("allocate.ipv4");
  });

  test("64 at once in a /26 -> 62 get one each, 2 are told that there is none", async () => {
    await api.delete(VM1);
    await api.patch("/v1/networks/web", { subnets: ["10.0.0.0/26"] });
    const answers = await Promise.all(Array.from({ length: 64 }, (_, i) => allocate(i, { ipv4: true })));
    const given = answers.filter(({ status }) => status === 201).map(({ body }) => (body["ips"] as string[])[0]);
    expect(new Set(given).size).toBe(62);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expect(expectProblem(answer, 409).type).toBe("urn:overspan:problem:subnets-exhausted");
    }
  });

  test("a put that asks for one -> keeps the one it has", async () => {
    const put = () => api.put(`${WEB}/e1`, { host: "h2", mac: mac(1), port: "t1", allocate: { ipv4: true } });
    expect((await put()).body).toMatchObject({ ips: ["10.0.0.1"] });
    expect((await put()).body).toMatchObject({ ips: ["10.0.0.1"], version: 1 });
  });

  test("VNI pools: next free or as given, of networks and routers alike; exhausted -> 409", async () => {
    await created(api.post("/v1/vni-pools", { id: "p", ranges: [{ from: 100, to: 102 }] }));
    const network = (more: object) => api.post("/v1/networks", { tenant: "acme", name: "N", ...more });
    expect(await created(network({ vniPool: "p" }))).toMatchObject({ vni: 101 });
    expect(expectProblem(await network({ vniPool: "p", vni: 7 }), 422).field).toBe("vni");
    const router = await created(api.post("/v1/routers", { tenant: "acme", name: "R", vniPool: "p", id: "r" }));
    expect(router).toMatchObject({ vni: 102 });
    expect(expectProblem(await network({ vniPool: "p" }), 409).type).toMatch(/pool-exhausted/);
    expect((await api.get("/v1/vni-pools/p")).body).toMatchObject({ size: 3, used: 3 });
    expect(expectProblem(await network({ vni: 102 }), 409).reason).toMatch(/taken by router r$/);
    await api.patch("/v1/vni-pools/p", {
      ranges: [
        { from: 100, to: 102 },
        { from: 200, to: 299 },
      ],
    });
    const many = await Promise.all(Array.from({ length: 64 }, () => created(network({ vniPool: "p" }))));
    expect(new Set(many.map(({ vni }) => vni)).size).toBe(64);
    expect(expectProblem(await network({}), 422).field).toBe("vni");
  });
});
