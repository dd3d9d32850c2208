// On what terms a write is done: idempotency keys, preconditions, puts; and that a change of one is never lost.

import { beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../../functions/store/store.ts";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { identifyAs, somebody } from "../../fakes/principals.ts";
import { type Answer, type ApiUnderTest, createApiUnderTest, created, expectProblem, seed } from "./api-under-test.ts";

const VM1 = "/v1/networks/web/endpoints/vm1";
const KEY = { "idempotency-key": "k-1" };

let store: MemoryStore;
let api: ApiUnderTest;
beforeEach(async () => {
  store = createMemoryStore();
  api = createApiUnderTest(store);
  await seed(api);
});

const replayed = ({ headers }: Answer) => headers.get("idempotency-replayed");

describe("Idempotency-Key", () => {
  const input = { tenant: "acme", name: "N", vni: 7 };

  test("retried -> done once, answered the same, and said so", async () => {
    const first = await api.post("/v1/networks", input, KEY);
    const second = await api.post(
      "/v1/networks",
      { vni: 7, name: "N", tenant: "acme" },
      { "idempotency-key": '"k-1"' },
    );
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("location")).toBe(first.headers.get("location"));
    expect([replayed(first), replayed(second)]).toEqual([null, "true"]);
    expect((await api.get("/v1/networks")).body["items"]).toHaveLength(2);
  });

  test("of another body, path or method -> 422", async () => {
    await created(api.post("/v1/networks", input, KEY));
    for (const answer of [
      await api.post("/v1/networks", { ...input, name: "M" }, KEY),
      await api.post("/v1/tenants", input, KEY),
      await api.delete("/v1/networks/web", KEY),
    ]) {
      expect(expectProblem(answer, 422).type).toMatch(/key-reused|invalid-fields/);
    }
    expect((await api.get("/v1/networks/web")).status).toBe(200);
  });

  test("of another actor -> another key", async () => {
    const identify = (headers: Headers) => identifyAs(somebody(headers.get("x-who") ?? "", "write"))(headers);
    const people = createApiUnderTest(store, undefined, { identify });
    const post = (who: string, vni: number) => people.post("/v1/networks", { ...input, vni }, { ...KEY, "x-who": who });
    await created(post("jane", 7));
    await created(post("joe", 8));
  });

  test("a refusal is not remembered: what was in the way may be gone", async () => {
    expectProblem(await api.delete("/v1/networks/web", KEY), 409);
    await api.delete(VM1);
    expect((await api.delete("/v1/networks/web", KEY)).status).toBe(200);
    expect(replayed(await api.delete("/v1/networks/web", KEY))).toBe("true");
  });

  test("nothing to change -> remembered as well: a later state is not overwritten by a retry", async () => {
    expect((await api.patch(VM1, { port: "tap1" }, KEY)).body).toMatchObject({ version: 1 });
    await api.patch(VM1, { port: "tap2" });
    expect((await api.patch(VM1, { port: "tap1" }, KEY)).body).toMatchObject({ port: "tap1", version: 1 });
    expect((await api.get(VM1)).body).toMatchObject({ port: "tap2" });
  });

  test("after 24 h, the old item still there -> done anew", async () => {
    await created(api.post("/v1/networks", input, KEY));
    await api.clock.sleep(24 * 3600 * 1000 + 1000);
    const second = { ...input, vni: 8 };
    expect(replayed(await api.post("/v1/networks", second, KEY))).toBeNull();
    expect(replayed(await api.post("/v1/networks", second, KEY))).toBe("true");
  });

  test("64 at once -> one is done, all are answered the same", async () => {
    const answers = await Promise.all(Array.from({ length: 64 }, () => api.post("/v1/networks", input, KEY)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
    expect(answers.filter((answer) => replayed(answer) === null)).toHaveLength(1);
    expect((await api.get("/v1/networks")).body["items"]).toHaveLength(2);
  });

  test("the function dies after the commit -> the retry is answered, not done again", async () => {
    const dying: Store = {
      ...store,
      commit: async (writes) => {
        await store.commit(writes);
        throw new Error("dead");
      },
    };
    const move = (under: ApiUnderTest) => under.post(`${VM1}:move`, { host: "h2" }, KEY);
    expect((await move(createApiUnderTest(dying))).status).toBe(500);
    const retry = await move(api);
    expect(retry.body).toMatchObject({ host: "h2", mobility: 1, version: 2 });
    expect(replayed(retry)).toBe("true");
  });

  test.each(["", "a b", "x".repeat(256)])("%j -> 400", async (key) => {
    if (key !== "") expectProblem(await api.post("/v1/networks", input, { "idempotency-key": key }), 400);
    else expectProblem(await api.post("/v1/networks", input, { "idempotency-key": '""' }), 400);
  });
});

describe("preconditions", () => {
  test("every answer of one resource has its tag; a matching If-Match passes, another is 412 with what is there", async () => {
    const { headers, body } = await api.get("/v1/networks/web");
    expect(headers.get("etag")).toBe('"1"');
    const patched = await api.patch("/v1/networks/web", { name: "New" }, { "if-match": '"9", "1"' });
    expect(patched.headers.get("etag")).toBe('"2"');
    const late = await api.patch("/v1/networks/web", { name: "Late" }, { "if-match": '"1"' });
    const problem = expectProblem(late, 412);
    expect(problem.current).toEqual({ ...body, ...patched.body });
    expect(late.headers.get("etag")).toBe('"2"');
    expect((await api.get("/v1/networks/web")).body).toMatchObject({ name: "New" });
  });

  test.each(['W/"1"', '"one"', "1", '""'])("If-Match: %s -> 412: it is no tag of ours", async (tag) => {
    expectProblem(await api.delete(VM1, { "if-match": tag }), 412);
  });

  test("If-Match of what is not there -> 404, and 412 where it would be made", async () => {
    expectProblem(await api.patch("/v1/networks/none", { name: "x" }, { "if-match": "*" }), 404);
    expectProblem(await api.put("/v1/tenants/none", { name: "x" }, { "if-match": "*" }), 412);
    expect((await api.put("/v1/tenants/acme", { name: "x" }, { "if-match": "*" })).status).toBe(200);
  });

  test("If-None-Match: * -> only what is not there; a tag is 400 in a write, and 304 in a read", async () => {
    expectProblem(await api.put("/v1/tenants/acme", { name: "x" }, { "if-none-match": "*" }), 412);
    expect((await api.put("/v1/tenants/new", { name: "x" }, { "if-none-match": "*" })).status).toBe(201);
    expectProblem(await api.put("/v1/tenants/new", { name: "x" }, { "if-none-match": '"1"' }), 400);
    expect((await api.get("/v1/networks/web", { "if-none-match": '"1"' })).status).toBe(304);
    expect((await api.get("/v1/networks/web", { "if-none-match": 'W/"1", "7"' })).status).toBe(304);
    expect((await api.get("/v1/networks/web", { "if-none-match": '"2"' })).status).toBe(200);
  });

  test("16 read, change and write back with the tag they read, again and again -> no change is lost", async () => {
    const increment = async (): Promise<void> => {
      const { headers, body } = await api.get("/v1/networks/web");
      const count = Number((body["annotations"] as { count?: string } | undefined)?.count ?? 0) + 1;
      const patch = { annotations: { count: String(count) } };
      const answer = await api.patch("/v1/networks/web", patch, { "if-match": headers.get("etag") ?? "" });
      if (answer.status === 412) return increment();
      expect(answer.status).toBe(200);
    };
    await Promise.all(Array.from({ length: 16 }, increment));
    expect((await api.get("/v1/networks/web")).body).toMatchObject({ annotations: { count: "16" }, version: 17 });
  });
});

describe("PUT", () => {
  test("what is not there -> 201 with its place; the same again -> 200 and no new version", async () => {
    const input = { site: "fra", vtep: "192.0.2.7", bgp: { asn: 65001, peers: [] } };
    const first = await api.put("/v1/hosts/h7", input);
    expect(first.status).toBe(201);
    expect(first.headers.get("location")).toBe("/v1/hosts/h7");
    const second = await api.put("/v1/hosts/h7", { ...input, id: "h7" });
    expect(second).toMatchObject({ status: 200, body: { version: 1 } });
  });

  test("what is absent is removed; what is fixed may be absent, or as it is, and nothing else", async () => {
    await api.patch("/v1/networks/web", { mtuBytes: 1400, labels: { a: "b" } });
    const put = await api.put("/v1/networks/web", {
      tenant: "acme",
      name: "Web",
      subnets: ["10.0.0.0/24", "2001:db8::/64"],
    });
    expect(put).toMatchObject({ status: 200, body: { vni: 100, version: 3 } });
    expect(put.body).not.toHaveProperty("mtuBytes");
    expect(put.body).not.toHaveProperty("labels");
    const other = await api.put("/v1/networks/web", { tenant: "acme", name: "Web", vni: 101, subnets: [] });
    expect(expectProblem(other, 422)).toMatchObject({ field: "vni", type: "urn:overspan:problem:immutable-field" });
  });

  test("of an endpoint to another host -> a move", async () => {
    const { mac, ips } = (await api.get(VM1)).body as { mac: string; ips: string[] };
    const put = await api.put(VM1, { host: "h2", port: "tap7", mac, ips });
    expect(put.body).toMatchObject({ host: "h2", port: "tap7", mobility: 1 });
    expectProblem(await api.put(VM1, { host: "h2", port: "tap7", mac: "02:00:00:00:00:09", ips }), 422);
  });

  test("another id than the path's -> 422", async () => {
    expect(expectProblem(await api.put("/v1/tenants/a", { id: "b", name: "x" }), 422).field).toBe("id");
  });

  test("64 puts of one thing at once -> one makes it, nobody fails", async () => {
    const answers = await Promise.all(Array.from({ length: 64 }, () => api.put("/v1/tenants/t", { name: "T" })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(63);
    expect((await api.get("/v1/tenants/t")).body).toMatchObject({ version: 1 });
  });
});
