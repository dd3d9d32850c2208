// What is not the caller's fault: others at the same resource, a busy store, our own errors. And what becomes of a fence.

import { expect, test } from "vitest";
import { type Store, StoreBusyError } from "../../../functions/store/store.ts";
import { createMemoryStore } from "../../fakes/store.ts";
import { createApiUnderTest, created, expectProblem, seed } from "./api-under-test.ts";

const VM1 = "/v1/networks/web/endpoints/vm1";

async function seeded(change: (store: Store) => Partial<Store>) {
  const store = createMemoryStore();
  await seed(createApiUnderTest(store));
  return { store, api: createApiUnderTest({ ...store, ...change(store) }) };
}

test("commit: somebody was faster once -> decided anew on their version", async () => {
  let interfered = false;
  const { api, store } = await seeded((store) => ({
    commit: async (writes) => {
      if (!interfered) {
        interfered = true;
        await createApiUnderTest(store).patch(VM1, { port: "theirs" });
      }
      return store.commit(writes);
    },
  }));
  expect((await api.patch(VM1, { name: "ours" })).body).toMatchObject({ port: "theirs", name: "ours", version: 3 });
  expect(await store.get({ kind: "endpoint", network: "web", id: "vm1" })).toMatchObject({ resource: { version: 3 } });
  expect(api.clock.slept).toHaveLength(1);
});

test("commit: somebody is faster every time -> 409 after a bounded number of attempts", async () => {
  let attempts = 0;
  const { api } = await seeded((store) => ({
    commit: async (writes) => {
      if (writes.some(({ write }) => write === "refused")) return store.commit(writes);
      await createApiUnderTest(store).patch(VM1, { port: `p${attempts++}` });
      return store.commit(writes);
    },
  }));
  const problem = expectProblem(await api.patch(VM1, { name: "ours" }), 409);
  expect(problem.type).toBe("urn:overspan:problem:contended");
  expect(attempts).toBe(12);
  for (const ms of api.clock.slept) expect(ms).toBeLessThan(500);
});

test("create without an id: the given one is taken -> another is tried", async () => {
  let refused = 0;
  const { api } = await seeded((store) => ({
    get: (ref) => {
      if (!ref.id.startsWith("net-") || refused >= 2) return store.get(ref);
      refused++;
      const other = structuredClone(ref);
      other.id = "web";
      return store.get(other);
    },
  }));
  const body = await created(api.post("/v1/networks", { tenant: "acme", name: "N", vni: 5 }));
  expect(refused).toBe(2);
  expect(body["id"]).toMatch(/^net-/);
});

test("delete: a child slips in before the fence -> refused, and the fence is taken down", async () => {
  const { api, store } = await seeded((store) => ({
    fence: async (fence, token) => {
      const input = { id: "vm2", host: "h1", mac: "02:00:00:00:00:02", port: "tap2" };
      await created(createApiUnderTest(store).post("/v1/networks/web/endpoints", input));
      return store.fence(fence, token);
    },
  }));
  await api.delete(VM1);
  expect(expectProblem(await api.delete("/v1/networks/web"), 409).blocking).toEqual([
    { kind: "endpoint", network: "web", id: "vm2" },
  ]);
  expect(await store.get({ kind: "network", id: "web" })).toMatchObject({ state: "live", deleting: false });
  expect(await store.dump()).not.toContain('"fence"');
});

test("delete: a child tries behind the fence -> the child is refused, the deletion goes through", async () => {
  const statuses: number[] = [];
  const { api } = await seeded((store) => ({
    commit: async (writes) => {
      if (writes.some((write) => write.write === "resource" && write.ref.kind === "network")) {
        const input = { id: "vm2", host: "h1", mac: "02:00:00:00:00:02", port: "tap2" };
        statuses.push((await createApiUnderTest(store).post("/v1/networks/web/endpoints", input)).status);
      }
      return store.commit(writes);
    },
  }));
  await api.delete(VM1);
  expect((await api.delete("/v1/networks/web")).status).toBe(200);
  expect(statuses).toEqual([409]);
});

test("subnets narrowed while an address outside them is claimed -> one of the two is refused, whichever is later", async () => {
  const outside = { id: "vm2", host: "h1", mac: "02:00:00:00:00:02", ips: ["10.0.0.200"], port: "tap2" };
  const narrow = { subnets: ["10.0.0.0/25", "2001:db8::/64"] };
  const before = await seeded((store) => ({
    fence: async (fence, token) => {
      await created(createApiUnderTest(store).post("/v1/networks/web/endpoints", outside));
      return store.fence(fence, token);
    },
  }));
  const problem = expectProblem(await before.api.patch("/v1/networks/web", narrow), 409);
  expect(problem.blocking).toEqual([{ kind: "endpoint", network: "web", id: "vm2" }]);
  expect(await before.store.dump()).not.toContain('"narrowing"');

  const statuses: number[] = [];
  const behind = await seeded((store) => ({
    commit: async (writes) => {
      statuses.push((await createApiUnderTest(store).post("/v1/networks/web/endpoints", outside)).status);
      return store.commit(writes);
    },
  }));
  expect((await behind.api.patch("/v1/networks/web", narrow)).status).toBe(200);
  expect(statuses).toEqual([422]);
  expect(await behind.store.dump()).not.toContain('"narrowing"');
});

test("the store fails behind a fence -> the fence is taken down, the error is told", async () => {
  const { api, store } = await seeded(() => ({ commit: () => Promise.reject(new StoreBusyError("busy")) }));
  await createApiUnderTest(store).delete(VM1);
  const answer = await api.delete("/v1/networks/web");
  expectProblem(answer, 503);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(await store.dump()).not.toContain('"fence"');
  expect(api.logs).toMatchObject([{ level: "warn" }]);
});

test("our own error -> 500 that tells nothing of it, and a log that tells all", async () => {
  const cause = new Error("secret detail");
  const { api } = await seeded(() => ({ get: () => Promise.reject(cause) }));
  const answer = await api.get("/v1/networks/web");
  expectProblem(answer, 500);
  expect(JSON.stringify(answer.body)).not.toContain("secret");
  expect(api.logs).toEqual([{ level: "error", message: "GET /v1/networks/web: unexpected error", cause }]);
});
