// The life of each resource through the API: create, read, list, change, move, delete, and what they write.

import { beforeEach, describe, expect, test } from "vitest";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, created, expectProblem, seed } from "./api-under-test.ts";

let store: MemoryStore;
let api: ApiUnderTest;
beforeEach(async () => {
  store = createMemoryStore();
  api = createApiUnderTest(store);
  await seed(api);
});

const VM1 = "/v1/networks/web/endpoints/vm1";

describe("create", () => {
  test("answers 201 with the place, the resource and its change", async () => {
    const answer = await api.post("/v1/networks", { id: "db", tenant: "acme", name: "Db", vni: 7 });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("location")).toBe("/v1/networks/db");
    expect(answer.body).toEqual({
      id: "db",
      tenant: "acme",
      name: "Db",
      vni: 7,
      subnets: [],
      version: 1,
      createdAt: "2026-11-22T12:00:00.000Z",
      updatedAt: "2026-11-22T12:00:00.000Z",
      change: expect.stringMatching(/^[0-9a-z]{26}$/),
    });
    expect((await api.get("/v1/networks/db")).body).toEqual(answer.body);
  });

  test("without an id -> one is given, and comes first", async () => {
    const { headers, body } = await api.post("/v1/networks/web/endpoints", {
      host: "h1",
      mac: "02:00:00:00:00:02",
      port: "tap2",
    });
    expect(body["id"]).toMatch(/^ep-[0-9a-z]{6}$/);
    expect(Object.keys(body)[0]).toBe("id");
    expect(headers.get("location")).toBe(`/v1/networks/web/endpoints/${body["id"]}`);
    expect((await api.get(headers.get("location") ?? "")).body).toEqual(body);
  });

  test("addresses in any form -> kept in the canonical one", async () => {
    const input = { id: "vm2", host: "h1", mac: "02-00-00-00-00-AB", ips: ["2001:DB8:0:0::5"], port: "tap2" };
    const body = await created(api.post("/v1/networks/web/endpoints", input));
    expect(body).toMatchObject({ mac: "02:00:00:00:00:ab", ips: ["2001:db8::5"], network: "web", mobility: 0 });
  });

  test("same MAC and address in another network -> allowed", async () => {
    await created(api.post("/v1/networks", { id: "db", tenant: "acme", name: "Db", vni: 7, subnets: ["10.0.0.0/24"] }));
    const input = { id: "vm1", host: "h1", mac: "02:00:00:00:00:01", ips: ["10.0.0.11"], port: "tap9" };
    await created(api.post("/v1/networks/db/endpoints", input));
  });

  test("an id that was deleted -> the version goes on, and every guard is free again", async () => {
    const before = (await api.get(VM1)).body;
    expect((await api.delete(VM1)).status).toBe(200);
    const input = { id: "vm1", host: "h2", mac: before["mac"], ips: before["ips"], port: "tap1" };
    expect(await created(api.post("/v1/networks/web/endpoints", input))).toMatchObject({ version: 3, mobility: 0 });
    await api.delete(VM1);
    expect((await api.delete("/v1/networks/web")).status).toBe(200);
    const network = { id: "web", tenant: "acme", name: "Web", vni: 100 };
    expect(await created(api.post("/v1/networks", network))).toMatchObject({ version: 3 });
    expect((await api.delete("/v1/hosts/h1")).status).toBe(200);
    const host = await created(api.post("/v1/hosts", { id: "h1", site: "ams", vtep: "192.0.2.1" }));
    expect(host).toMatchObject({ version: 3, site: "ams" });
  });
});

describe("list", () => {
  test("pages by cursor -> everything once, in order, filters kept", async () => {
    for (let i = 0; i < 7; i++) {
      await created(api.post("/v1/networks", { id: `n${i}`, tenant: "acme", name: "N", vni: 1000 + i }));
    }
    const ids: unknown[] = [];
    let path = "/v1/networks?limit=3&tenant=acme";
    for (let pages = 0; pages < 10; pages++) {
      const { status, body } = await api.get(path);
      expect(status).toBe(200);
      const items = body["items"] as { id: string }[];
      expect(items.length).toBeLessThanOrEqual(3);
      ids.push(...items.map(({ id }) => id));
      if (body["next"] === undefined) break;
      path = `/v1/networks?limit=3&tenant=acme&cursor=${body["next"] as string}`;
    }
    expect(ids).toEqual(["n0", "n1", "n2", "n3", "n4", "n5", "n6", "web"]);
  });

  test("a cursor of another list -> refused", async () => {
    await created(api.post("/v1/networks", { id: "db", tenant: "acme", name: "Db", vni: 7 }));
    const { body } = await api.get("/v1/networks?limit=1");
    const answer = await api.get(`/v1/networks?limit=1&tenant=acme&cursor=${String(body["next"])}`);
    expect(expectProblem(answer, 422).field).toBe("cursor");
  });

  test("filters: hosts of a site, endpoints of a host", async () => {
    const ids = async (path: string) => ((await api.get(path)).body["items"] as { id: string }[]).map(({ id }) => id);
    expect(await ids("/v1/hosts?site=ams")).toEqual(["h2"]);
    expect(await ids("/v1/hosts")).toEqual(["h1", "h2"]);
    expect(await ids("/v1/networks/web/endpoints?host=h1")).toEqual(["vm1"]);
    expect(await ids("/v1/networks/web/endpoints?host=h2")).toEqual([]);
    expect(await ids("/v1/networks?tenant=none")).toEqual([]);
    expect(await ids("/v1/tenants")).toEqual(["acme"]);
    expect(await ids("/v1/sites")).toEqual(["ams", "fra"]);
  });
});

describe("change", () => {
  test("merge patch: absent keeps, null removes, the version grows", async () => {
    const { body } = await api.patch("/v1/networks/web", { mtuBytes: 1400, name: "Front" });
    expect(body).toMatchObject({ mtuBytes: 1400, name: "Front", vni: 100, version: 2 });
    const after = (await api.patch("/v1/networks/web", { mtuBytes: null })).body;
    expect(after).not.toHaveProperty("mtuBytes");
    expect(after).toMatchObject({ name: "Front", version: 3 });
  });

  test("merge patch inside an object: the rest of it is kept (RFC 7396)", async () => {
    const peers = [{ address: "192.0.2.254", asn: 65000 }];
    await api.patch("/v1/hosts/h1", { bgp: { asn: 65001, routerId: "1.1.1.1", peers } });
    const { body } = await api.patch("/v1/hosts/h1", { bgp: { asn: 65002, routerId: null } });
    expect(body["bgp"]).toEqual({ asn: 65002, peers });
    expect((await api.patch("/v1/hosts/h1", { bgp: null })).body).not.toHaveProperty("bgp");
  });

  test("nothing different -> 200, nothing written, no new change", async () => {
    const before = await store.dump();
    const { status, body } = await api.patch("/v1/networks/web", {
      name: "Web",
      subnets: ["10.0.0.0/24", "2001:db8::/64"],
    });
    expect(status).toBe(200);
    expect(body["version"]).toBe(1);
    expect((await api.patch(VM1, {})).status).toBe(200);
    expect(await store.dump()).toBe(before);
  });

  test("addresses of an endpoint: given ones are claimed, dropped ones are free", async () => {
    expect((await api.patch(VM1, { ips: ["10.0.0.12", "2001:db8::11"] })).body).toMatchObject({ version: 2 });
    const other = { id: "vm2", host: "h1", mac: "02:00:00:00:00:02", port: "tap2" };
    await created(api.post("/v1/networks/web/endpoints", { ...other, ips: ["10.0.0.11"] }));
    const answer = await api.patch("/v1/networks/web/endpoints/vm2", { ips: ["10.0.0.12"] });
    expect(expectProblem(answer, 409).reason).toMatch(/10\.0\.0\.12 is taken in this network by endpoint vm1/);
  });

  test("subnets: wider, or narrower around the endpoints -> allowed; no fence stays", async () => {
    expect((await api.patch("/v1/networks/web", { subnets: ["10.0.0.0/16", "2001:db8::/64"] })).status).toBe(200);
    expect((await api.patch("/v1/networks/web", { subnets: ["10.0.0.0/28", "2001:db8::/96"] })).status).toBe(200);
    expectProblem(await api.patch("/v1/networks/web", { subnets: ["10.0.0.8/30", "2001:db8::/96"] }), 409);
    expect(await store.get({ kind: "network", id: "web" })).toStrictEqual({
      state: "live",
      deleting: false,
      resource: expect.objectContaining({ version: 3 }),
    });
    expect(await store.dump()).not.toContain('"fence"');
  });
});

describe("move", () => {
  test("to another host -> mobility and version grow, the host's list follows", async () => {
    const { status, body } = await api.post(`${VM1}:move`, { host: "h2", port: "tap7" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ host: "h2", port: "tap7", mobility: 1, version: 2 });
    expect((await api.get("/v1/networks/web/endpoints?host=h1")).body["items"]).toEqual([]);
    expect((await api.get("/v1/networks/web/endpoints?host=h2")).body["items"]).toEqual([body]);
    expect((await api.delete("/v1/hosts/h1")).status).toBe(200);
    expectProblem(await api.delete("/v1/hosts/h2"), 409);
  });

  test("to where it is -> nothing changes; to another port there -> no mobility", async () => {
    const before = await store.dump();
    expect((await api.post(`${VM1}:move`, { host: "h1" })).body).toMatchObject({ version: 1 });
    expect(await store.dump()).toBe(before);
    expect((await api.post(`${VM1}:move`, { host: "h1", port: "eth9" })).body).toMatchObject({
      mobility: 0,
      version: 2,
    });
  });
});

describe("delete", () => {
  test("answers with the change; then 404, and again 404", async () => {
    const { status, body } = await api.delete(VM1);
    expect(status).toBe(200);
    expect(body).toEqual({ change: expect.stringMatching(/^[0-9a-z]{26}$/) });
    expectProblem(await api.get(VM1), 404);
    expectProblem(await api.delete(VM1), 404);
    expectProblem(await api.patch(VM1, { port: "x" }), 404);
    expectProblem(await api.post(`${VM1}:move`, { host: "h2" }), 404);
    expect((await api.get(`/v1/changes/${String(body["change"])}`)).status).toBe(200);
  });

  test("names what is in the way, up to a limit", async () => {
    for (let i = 10; i < 35; i++) {
      const input = { id: `e${i}`, host: "h2", mac: `02:00:00:00:01:${i}`, port: "tap" };
      await created(api.post("/v1/networks/web/endpoints", input));
    }
    const problem = expectProblem(await api.delete("/v1/networks/web"), 409);
    expect(problem.blocking).toHaveLength(20);
    expect(problem.blocking?.[0]).toEqual({ kind: "endpoint", network: "web", id: "e10" });
    expect(problem.reason).toBe("network web still has more than 20 endpoints");
  });

  test("bottom up -> only tombstones and changes stay", async () => {
    for (const path of [
      VM1,
      "/v1/networks/web",
      "/v1/hosts/h1",
      "/v1/hosts/h2",
      "/v1/sites/fra",
      "/v1/sites/ams",
      "/v1/tenants/acme",
    ]) {
      expect((await api.delete(path)).status).toBe(200);
    }
    const items = Object.values(
      JSON.parse(await store.dump()) as Record<string, { type: string; deleted?: boolean; ttl?: number }>,
    );
    const rest = items.filter(({ type }) => type !== "change" && type !== "trail");
    expect(rest).toHaveLength(7);
    const weekLater = Date.parse("2026-11-29T12:00:00.000Z") / 1000;
    for (const item of rest) expect(item).toMatchObject({ deleted: true, version: 2, ttl: weekLater });
  });

  test("interrupted behind its fence -> children are refused, and a second deletion finishes it", async () => {
    await api.delete(VM1);
    const held = await store.get({ kind: "network", id: "web" });
    if (held.state !== "live") throw new Error("the network is not there");
    await store.fence(
      { ref: { kind: "network", id: "web" }, version: held.resource.version, why: { kind: "deleting" } },
      "lost",
    );
    const input = { host: "h1", mac: "02:00:00:00:00:02", port: "tap2" };
    const problem = expectProblem(await api.post("/v1/networks/web/endpoints", input), 409);
    expect(problem.type).toBe("urn:overspan:problem:being-deleted");
    expectProblem(await api.patch("/v1/networks/web", { name: "x" }), 409);
    expect((await api.delete("/v1/networks/web")).status).toBe(200);
  });
});

test("index, health, HEAD and OPTIONS", async () => {
  expect((await api.get("/v1")).body).toMatchObject({ openapi: "/openapi.json", networks: "/v1/networks" });
  expect((await api.get("/healthz")).body).toEqual({ status: "ok" });
  expect((await api.send("HEAD", "/v1/networks")).status).toBe(200);
  const options = await api.send("OPTIONS", VM1);
  expect(options.headers.get("allow")).toBe("DELETE, GET, HEAD, PATCH, PUT");
  expect(expectProblem(options, 405).reason).toContain("DELETE, GET, HEAD, PATCH, PUT");
});
