// The typed client against the API: every operation of the document is reached by it, and problems are thrown.

import { expect, test } from "vitest";
import { ApiError, createClient } from "../../../functions/api/client.ts";
import { createMemoryStore } from "../../fakes/store.ts";
import { createApiUnderTest, seed } from "./api-under-test.ts";

test("client: every operation of the document, typed, over one life of everything", async () => {
  const api = createApiUnderTest(createMemoryStore());
  await seed(api);
  api.receipts.states.push("live");
  const asked: string[] = [];
  const fetch = async (request: Request) => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`);
    return api.app.fetch(request);
  };
  const client = createClient({ baseUrl: "http://api.example", fetch });

  await lifeOf(client.tenants, { name: "T" }, { quotas: { networks: 3 } });
  await lifeOf(client.sites, { name: "S" }, { name: "S2" });
  await lifeOf(client.hosts, { site: "fra", vtep: "192.0.2.99" }, { name: "H" });
  await lifeOf(client.fabricPeers, { site: "fra", asn: 65100, addresses: ["192.0.2.254"] }, { asn: 65101 });
  await lifeOf(client.vniPools, { ranges: [{ from: 300, to: 399 }] }, { name: "P" });
  await lifeOf(client.networks, { tenant: "acme", name: "N", vni: 7 }, { mtuBytes: 1400 });
  await lifeOf(client.routers, { tenant: "acme", name: "R", vni: 8 }, { name: "R2" });
  const endpoints = client.endpoints("web");
  await lifeOf(endpoints, { host: "h1", mac: "02:00:00:00:00:77", port: "t77" }, { isolated: true });

  await client.routers.put("core", { tenant: "acme", name: "Core", vni: 500 }, { ifNoneMatch: "*" });
  await client.networks.change("web", { gateways: ["10.0.0.1"], router: "core" }, { ifMatch: 1 });
  await lifeOf(client.prefixes("core"), { prefix: "172.16.0.0/16", nextHop: "10.0.0.9" }, { nextHop: "10.0.0.8" });
  await client.fabricPeers.put("tor1", { site: "fra", asn: 65100, addresses: ["192.0.2.1"] });
  expect(await client.fabricPeers.config("tor1")).toContain("router bgp 65100");

  await endpoints.prepareMove("vm1", { host: "h2" });
  await endpoints.abandonMove("vm1");
  await endpoints.prepareMove("vm1", { host: "h2", port: "tap9" }, { idempotencyKey: "k" });
  expect(await endpoints.activateMove("vm1")).toMatchObject({ host: "h2", port: "tap9", mobility: 1 });
  const { change } = await endpoints.move("vm1", { host: "h1" });
  expect(await client.receipt(change, { wait: "live" })).toMatchObject({ state: "live" });
  expect(await client.networks.convergence("web")).toMatchObject({ converged: true });
  const { done } = await endpoints.batch([{ op: "delete", id: "vm1" }], { idempotencyKey: "b" });
  expect(done).toBe(1);
  expect((await client.hosts.endpoints("h1")).items).toEqual([]);
  const { token, expiresAt } = await client.hosts.joinToken("h1", { lifeSec: 60 });
  expect(Date.parse(expiresAt)).toBeGreaterThan(0);
  const csr = "-----BEGIN CERTIFICATE REQUEST-----";
  expect(await client.hosts.join({ token, csr })).toMatchObject({ host: "h1", certificateId: "ab".repeat(32) });
  await expect(client.hosts.join({ token, csr })).rejects.toMatchObject({ problem: { status: 403 } });
  expect(await client.hosts.revoke("h1")).toMatchObject({ revoked: 1 });
  const write = { method: "PATCH" as const, path: "/v1/hosts/h1", body: { labels: { ring: "1" } } };
  await client.rollouts.create({ id: "r", waves: [{ writes: [{ ...write, ifMatch: '"999"' }, write] }] });
  expect(await client.rollouts.get("r", { wait: "done" })).toMatchObject({ state: "stopped" });
  await client.rollouts.resume("r", { skip: true });
  expect(await client.rollouts.get("r", { wait: "done" })).toMatchObject({ state: "done" });
  expect((await client.rollouts.list({ state: "done" })).items).toMatchObject([{ id: "r" }]);
  await expect(client.rollouts.abandon("r")).rejects.toMatchObject({ problem: { status: 409 } });
  expect((await client.fleet()).hosts).toMatchObject({ unreported: expect.any(Number) });
  expect((await client.events({ waitMs: 0 }, "9-0").next()).value).toEqual({ id: "1-0", reset: true });
  expect((await client.audit({ resource: "endpoint/web/vm1" })).items[0]).toMatchObject({ outcome: "done" });
  expect(await client.networks.delete("web", { cascade: true })).toMatchObject({ cascaded: 0 });

  const document = (await api.get("/openapi.json")).body as { paths: Record<string, Record<string, unknown>> };
  const patterns = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      name: `${method} ${path}`,
      pattern: new RegExp(`^${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, "[^/:]+")}$`),
    })),
  );
  expect(patterns.filter(({ pattern }) => !asked.some((one) => pattern.test(one))).map(({ name }) => name)).toEqual([]);
});

test("client: a plan of any write -> what would change, and nothing is written", async () => {
  const api = createApiUnderTest(createMemoryStore());
  await seed(api);
  const client = createClient({ baseUrl: "http://api.example", fetch: async (request) => api.app.fetch(request) });
  const plan = await client.plan((planned) => planned.networks.delete("web", { cascade: true }), { lines: 1 });
  expect(plan).toMatchObject({ operation: "deleteNetwork", status: 200, isolation: { ok: true } });
  expect(plan.hosts.items.flatMap(({ lines }) => lines).length).toBeLessThanOrEqual(1);
  const moved = await client.plan((planned) => planned.endpoints("web").move("vm1", { host: "h2" }));
  expect(moved.resources.items).toEqual([
    { resource: { kind: "endpoint", network: "web", id: "vm1" }, does: "change" },
  ]);
  expect(await client.endpoints("web").get("vm1")).toMatchObject({ host: "h1", version: 1 });
  await expect(client.plan((planned) => planned.networks.get("web"))).rejects.toMatchObject({
    problem: { status: 422 },
  });
  await expect(client.plan((planned) => planned.hosts.revoke("h1"))).rejects.toMatchObject({
    problem: { status: 422 },
  });
});

test("client: a refusal -> thrown with its problem; what is no problem too", async () => {
  const api = createApiUnderTest(createMemoryStore());
  const client = createClient({ baseUrl: "http://api.example", fetch: async (request) => api.app.fetch(request) });
  const error = await client.networks.get("none").catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ApiError);
  expect((error as ApiError).problem).toMatchObject({ status: 404, type: "urn:overspan:problem:not-found" });
  const gateway = createClient({
    baseUrl: "http://api.example",
    fetch: () => Promise.resolve(new Response("Bad Gateway", { status: 502 })),
  });
  await expect(gateway.sites.list()).rejects.toMatchObject({ problem: { status: 502, type: "about:blank" } });
});

type Collection<N, P> = {
  create(input: N): Promise<{ id: string; version: number }>;
  all(query?: Record<string, number>): AsyncGenerator<{ id: string }>;
  get(id: string): Promise<{ version: number }>;
  put(id: string, input: N): Promise<{ version: number }>;
  change(id: string, patch: P): Promise<{ version: number }>;
  delete(id: string): Promise<{ change: string }>;
};

async function lifeOf<N, P>(collection: Collection<N, P>, input: N, patch: P): Promise<void> {
  const { id, version } = await collection.create(input);
  expect((await collection.get(id)).version).toBe(version);
  expect((await collection.change(id, patch)).version).toBe(version + 1);
  expect((await collection.put(id, input)).version).toBe(version + 2);
  const ids: string[] = [];
  for await (const item of collection.all({ limit: 1 })) ids.push(item.id);
  expect(ids).toContain(id);
  expect((await collection.delete(id)).change).toMatch(/^\w{26}$/);
}
