// Routers and their routes, fabric peers, quotas, cascades, lists and their filters, the audit, limits: over the API.

import { beforeEach, describe, expect, test } from "vitest";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { identifyAs, somebody } from "../../fakes/principals.ts";
import { type ApiUnderTest, createApiUnderTest, created, expectProblem, type Json, seed } from "./api-under-test.ts";

const WEB = "/v1/networks/web";

let store: MemoryStore;
let api: ApiUnderTest;
beforeEach(async () => {
  store = createMemoryStore();
  api = createApiUnderTest(store);
  await seed(api);
});

const items = async (path: string) => (await api.get(path)).body["items"] as Json[];
const ids = async (path: string) => (await items(path)).map(({ id }) => id);

async function routed(): Promise<void> {
  await created(api.post("/v1/routers", { id: "core", tenant: "acme", name: "Core", vni: 500 }));
  expect((await api.patch(WEB, { gateways: ["10.0.0.1", "2001:db8::1"], router: "core" })).status).toBe(200);
  const branch = { id: "branch", prefix: "172.16.0.0/16", nextHop: "10.0.0.254" };
  await created(api.post("/v1/routers/core/prefixes", branch));
}

describe("routers", () => {
  test("VNI of the networks' space; two networks with one subnet never on one router, also at once", async () => {
    await routed();
    expectProblem(await api.post("/v1/routers", { tenant: "acme", name: "R", vni: 100 }), 409);
    const db = {
      tenant: "acme",
      name: "Db",
      vni: 200,
      subnets: ["10.1.0.0/24"],
      gateways: ["10.1.0.1"],
      router: "core",
    };
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, i) => api.post("/v1/networks", { ...db, id: `n${i}`, vni: 200 + i })),
    );
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(15);
    const [winner] = answers.filter(({ status }) => status === 201);
    const id = String(winner?.body["id"]);
    const wider = await api.patch(WEB, { subnets: ["10.0.0.0/8", "2001:db8::/64"] });
    expect(expectProblem(wider, 409)).toMatchObject({ field: "subnets.0", blocking: [{ kind: "network", id }] });
    expect((await api.patch(`/v1/networks/${id}`, { router: null })).status).toBe(200);
    expect((await api.patch(WEB, { subnets: ["10.0.0.0/8", "2001:db8::/64"] })).status).toBe(200);
    expectProblem(await api.patch(`/v1/networks/${id}`, { router: "core" }), 409);
  });

  test("deletion: refused with networks and prefixes, or cascades over them and keeps the networks", async () => {
    await routed();
    expect(expectProblem(await api.delete("/v1/routers/core"), 409).blocking).toEqual([
      { kind: "network", id: "web" },
      { kind: "prefix", router: "core", id: "branch" },
    ]);
    expectProblem(await api.patch(WEB, { router: null }), 409);
    expect((await api.delete("/v1/routers/core?cascade=true")).body).toMatchObject({ cascaded: 2 });
    expect((await api.get(WEB)).body).not.toHaveProperty("router");
    expectProblem(await api.get("/v1/routers/core/prefixes"), 404);
    await created(api.post("/v1/routers", { id: "core", tenant: "acme", name: "Core", vni: 500 }));
    expect(await items("/v1/routers/core/prefixes")).toEqual([]);
  });
});

describe("cascades", () => {
  test("network: its endpoints and the routes by way of it", async () => {
    await routed();
    expect((await api.delete(`${WEB}?cascade=true`)).body).toMatchObject({ cascaded: 2 });
    expect(await items("/v1/routers/core/prefixes")).toEqual([]);
    expect((await api.delete("/v1/routers/core")).status).toBe(200);
  });

  test("tenant: everything it has; site: hosts, endpoints, ToRs; then nothing is left but tombstones", async () => {
    await routed();
    await created(api.post("/v1/fabric-peers", { id: "tor1", site: "fra", asn: 65100, addresses: ["192.0.2.100"] }));
    const many = Array.from({ length: 45 }, (_, i) => ({
      op: "create",
      endpoint: { host: i % 2 ? "h1" : "h2", mac: `02:00:00:00:02:${i.toString(16).padStart(2, "0")}`, port: `t${i}` },
    }));
    await api.post(`${WEB}/endpoints:batch`, { items: many });
    expect((await api.delete("/v1/sites/fra?cascade=true")).body).toMatchObject({ cascaded: 22 + 1 + 1 + 1 });
    expect(await ids("/v1/hosts")).toEqual(["h2"]);
    expect((await items(`${WEB}/endpoints?limit=200`)).length).toBe(23);
    expect((await api.delete("/v1/tenants/acme?cascade=true")).status).toBe(200);
    expect((await api.delete("/v1/sites/ams?cascade=true")).status).toBe(200);
    const rest = Object.values(JSON.parse(await store.dump()) as Record<string, { type: string; deleted?: boolean }>);
    expect(rest.filter(({ type, deleted }) => !["change", "trail"].includes(type) && !deleted)).toEqual([]);
  });

  test("host: an endpoint that was only about to come stays where it is", async () => {
    await api.post(`${WEB}/endpoints/vm1:prepareMove`, { host: "h2" });
    expect((await api.delete("/v1/hosts/h2?cascade=true")).body).toMatchObject({ cascaded: 1 });
    expect((await api.get(`${WEB}/endpoints/vm1`)).body).toMatchObject({ host: "h1" });
  });
});

describe("fabric peers", () => {
  const tor = { id: "tor1", site: "fra", asn: 65100, addresses: ["192.0.2.100", "192.0.2.101"] };

  test("one address, one ToR of a site; a host of the site must say its AS number", async () => {
    await created(api.post("/v1/fabric-peers", tor));
    const twin = await api.post("/v1/fabric-peers", { ...tor, id: "tor2", addresses: ["192.0.2.101"] });
    expect(expectProblem(twin, 409).reason).toMatch(/taken in site fra by fabric peer tor1/);
    await created(api.post("/v1/fabric-peers", { ...tor, id: "tor3", site: "ams" }));
    const bgp = (asn: number) => ({ asn: 65001, peers: [{ address: "192.0.2.101", asn }] });
    expect(expectProblem(await api.patch("/v1/hosts/h1", { bgp: bgp(65999) }), 422)).toMatchObject({
      field: "bgp.peers.0.asn",
      reason: expect.stringMatching(/65100/),
    });
    expect((await api.patch("/v1/hosts/h1", { bgp: bgp(65100) })).status).toBe(200);
    expect(expectProblem(await api.delete("/v1/sites/ams"), 409).blocking).toEqual([{ kind: "host", id: "h2" }]);
  });

  test("configuration: its hosts and no others, in FRR's words", async () => {
    await created(api.post("/v1/fabric-peers", tor));
    const peers = [{ address: "192.0.2.100", asn: 65100, holdTimeSec: 9, sourceAddress: "192.0.2.51", multihop: 2 }];
    await api.patch("/v1/hosts/h1", { bgp: { asn: 65001, peers } });
    const { status, type, body } = await api.get("/v1/fabric-peers/tor1/config?format=frr");
    expect([status, type]).toEqual([200, "text/plain"]);
    expect(body["text"]).toContain(" neighbor 192.0.2.51 remote-as 65001\n neighbor 192.0.2.51 description h1\n");
    expect(body["text"]).toContain(" neighbor 192.0.2.51 timers 3 9\n neighbor 192.0.2.51 ebgp-multihop 2\n");
    expect(body["text"]).not.toContain("h2");
    expectProblem(await api.get("/v1/fabric-peers/tor1/config?format=ios"), 422);
  });
});

describe("lists", () => {
  test("labels, all of them; pages of what passes; annotations and labels are patched one by one", async () => {
    for (let i = 0; i < 12; i++) {
      const labels = { tier: i % 3 === 0 ? "web" : "db", env: i % 2 === 0 ? "prod" : "test" };
      await created(api.post("/v1/tenants", { id: `t${String(i).padStart(2, "0")}`, name: "T", labels }));
    }
    expect(await ids("/v1/tenants?label=tier=web,env=prod")).toEqual(["t00", "t06"]);
    const first = await api.get("/v1/tenants?label=tier=db&limit=3");
    expect((first.body["items"] as Json[]).map(({ id }) => id)).toEqual(["t01", "t02", "t04"]);
    const next = encodeURIComponent(String(first.body["next"]));
    expect(await ids(`/v1/tenants?label=tier=db&limit=5&cursor=${next}`)).toEqual(["t05", "t07", "t08", "t10", "t11"]);
    expectProblem(await api.get(`/v1/tenants?label=tier=web&cursor=${next}`), 422);
    const patched = await api.patch("/v1/tenants/t00", {
      labels: { tier: null, new: "x" },
      annotations: { note: "é" },
    });
    expect(patched.body).toMatchObject({ labels: { env: "prod", new: "x" }, annotations: { note: "é" } });
  });

  test.each(["tier", "=x", "a=b,", "a=b=c", "a=é", `${"a=b,".repeat(9)}a=b`])("label %s -> 422", async (label) => {
    expect(expectProblem(await api.get(`/v1/hosts?label=${encodeURIComponent(label)}`), 422).field).toBe("label");
  });

  test("endpoints by host, MAC or address, in any form of it; of a host over all networks", async () => {
    await created(api.post(`${WEB}/endpoints`, { id: "vm2", host: "h2", mac: "02:00:00:00:00:02", port: "t" }));
    expect(await ids(`${WEB}/endpoints?mac=02-00-00-00-00-01`)).toEqual(["vm1"]);
    expect(await ids(`${WEB}/endpoints?ip=2001:DB8:0::11`)).toEqual(["vm1"]);
    expect(await ids(`${WEB}/endpoints?ip=10.0.0.12`)).toEqual([]);
    expect(await ids(`${WEB}/endpoints?ip=10.0.0.11&host=h2`)).toEqual([]);
    expect(await ids(`${WEB}/endpoints?host=h2`)).toEqual(["vm2"]);
    expect(await ids("/v1/hosts/h1/endpoints")).toEqual(["vm1"]);
    expectProblem(await api.get("/v1/hosts/none/endpoints"), 404);
    expect(expectProblem(await api.get(`${WEB}/endpoints?mac=x`), 422).field).toBe("mac");
  });

  test("fields: only those; an unknown one, or a parameter twice -> 422", async () => {
    expect(await items("/v1/hosts?fields=id,vtep")).toEqual([
      { id: "h1", vtep: "192.0.2.1" },
      { id: "h2", vtep: "192.0.2.2" },
    ]);
    const one = await api.get(`${WEB}?fields=vni`);
    expect(one.body).toEqual({ vni: 100 });
    expect(one.headers.get("etag")).toBeNull();
    expect(expectProblem(await api.get(`${WEB}?fields=vni,pk`), 422).field).toBe("fields");
    expect(expectProblem(await api.get("/v1/hosts?site=fra&site=ams"), 422).field).toBe("site");
  });
});

describe("quotas", () => {
  test("of networks and routers: 409 at the limit, room again after a deletion; lowered under use -> nothing new", async () => {
    await api.patch("/v1/tenants/acme", { quotas: { networks: 2, routers: 0 } });
    const network = (id: string, vni: number) => api.post("/v1/networks", { id, tenant: "acme", name: "N", vni });
    await created(network("n2", 2));
    expect(expectProblem(await network("n3", 3), 409).type).toBe("urn:overspan:problem:quota");
    expectProblem(await api.post("/v1/routers", { tenant: "acme", name: "R", vni: 9 }), 409);
    await api.patch("/v1/tenants/acme", { quotas: { networks: 1 } });
    await api.delete("/v1/networks/n2");
    expectProblem(await network("n3", 3), 409);
    expect((await api.get("/v1/tenants/acme")).body).toMatchObject({ usage: { networks: { used: 1, quota: 1 } } });
    await api.patch("/v1/tenants/acme", { quotas: null });
    await created(network("n3", 3));
  });

  test("64 at once for the last 5 -> 5", async () => {
    await api.patch("/v1/tenants/acme", { quotas: { networks: 6 } });
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, i) => api.post("/v1/networks", { tenant: "acme", name: "N", vni: 1000 + i })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
  });
});

describe("audit", () => {
  test("who changed what, before and after; what was refused, with what was asked; the newest first", async () => {
    // Ids of one millisecond are in no order.
    const then = async (request: Promise<unknown>) => (await request, api.clock.sleep(1));
    await api.clock.sleep(1);
    await then(api.patch(WEB, { name: "New" }));
    await then(api.post("/v1/networks", { id: "db", tenant: "acme", name: "Db", vni: 100 }));
    await then(api.delete(WEB));
    const all = await items("/v1/audit?limit=200");
    expect(all).toHaveLength(7 + 3);
    expect(all.slice(0, 3)).toMatchObject(
      [
        { outcome: "refused", operation: "deleteNetwork", status: 409, resource: { kind: "network", id: "web" } },
        { outcome: "refused", operation: "createNetwork", request: { vni: 100, id: "db" }, problem: /vni-taken/ },
        { outcome: "done", actor: "user:operator", action: "change", before: { name: "Web" }, after: { name: "New" } },
      ].map((entry) => ("problem" in entry ? { ...entry, problem: expect.stringMatching(entry.problem) } : entry)),
    );
    const ofWeb = await items("/v1/audit?resource=network/web");
    expect(ofWeb.map(({ outcome, action }) => action ?? outcome)).toEqual(["refused", "change", "create"]);
    expect(ofWeb.at(-1)).not.toHaveProperty("before");
    expect(await items("/v1/audit?actor=user:jane")).toEqual([]);
    expect((await api.get(`/v1/changes/${String(ofWeb[0]?.["id"])}`)).status).toBe(404);
  });

  test("pages over days, by time and by resource -> each entry once", async () => {
    for (let day = 0; day < 5; day++) {
      for (let i = 0; i < 7; i++) await api.patch(WEB, { name: `day ${day} ${i}` });
      await api.clock.sleep(24 * 3600 * 1000);
    }
    for (const query of ["", "resource=network/web&"]) {
      const seen: string[] = [];
      let cursor = "";
      do {
        const { body } = await api.get(`/v1/audit?${query}limit=4${cursor}`);
        seen.push(...(body["items"] as Json[]).map(({ id }) => String(id)));
        const { next } = body as { next?: string };
        cursor = next === undefined ? "" : `&cursor=${encodeURIComponent(next)}`;
      } while (cursor !== "");
      expect(seen).toHaveLength(query === "" ? 7 + 35 : 1 + 35);
      expect([...seen].sort().reverse()).toEqual(seen);
    }
    const window = "from=2026-11-23T00:00:00Z&to=2026-11-24T02:00:00%2B02:00";
    expect(await items(`/v1/audit?${window}&limit=200`)).toHaveLength(7);
    expectProblem(await api.get("/v1/audit?from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z"), 422);
  });

  test("secrets and more than 8 KB are not kept; junk is refused without them", async () => {
    await api.clock.sleep(1);
    const body = { name: "x", apiKey: "hunter2", password: "hunter2", nested: { md5Key: "hunter2" } };
    expectProblem(await api.post("/v1/tenants", body), 422);
    expectProblem(
      await api.post(`${WEB}/endpoints`, {
        host: "none",
        mac: "02:00:00:00:00:09",
        port: "t",
        annotations: { token: "hunter2", note: "x" },
      }),
      422,
    );
    expect(await store.dump()).not.toContain("hunter2");
    expect((await items("/v1/audit?limit=2")).find((entry) => "request" in entry)).toMatchObject({
      request: { annotations: { token: "(secret)", note: "x" } },
    });
  });
});

test("rate: more at once than an actor may -> 429 with when to try again, and others pass", async () => {
  const identify = (headers: Headers) => identifyAs(somebody(headers.get("x-who") ?? "", "write"))(headers);
  const limited = createApiUnderTest(store, undefined, { identify, rate: { perSec: 2, burst: 3 } });
  const get = (who: string) => limited.get("/v1/tenants", { "x-who": who });
  for (let i = 0; i < 3; i++) expect((await get("jane")).status).toBe(200);
  const answer = await get("jane");
  expectProblem(answer, 429);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect((await get("joe")).status).toBe(200);
  await limited.clock.sleep(1000);
  expect((await get("jane")).status).toBe(200);
});
