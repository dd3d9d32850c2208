// Receipts through the API: read at once, or waited for.

import { beforeEach, expect, test } from "vitest";
import { createMemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, expectProblem, seed } from "./api-under-test.ts";

let api: ApiUnderTest;
let path: string;
beforeEach(async () => {
  api = createApiUnderTest(createMemoryStore());
  await seed(api);
  path = `/v1/changes/${String((await api.get("/v1/networks/web/endpoints/vm1")).body["change"])}`;
});

test("receipt: asked -> as it is now, with what was changed", async () => {
  const { status, body } = await api.get(path);
  expect(status).toBe(200);
  expect(body).toMatchObject({ state: "accepted", resource: { kind: "endpoint", network: "web", id: "vm1" } });
  expect(api.clock.slept).toEqual([]);
});

test("receipt: waited for -> answered as soon as it is live", async () => {
  api.receipts.states.push("accepted", "published", "published", "live");
  const { body } = await api.get(`${path}?wait=live&timeoutMs=20000`);
  expect(body["state"]).toBe("live");
  expect(api.clock.slept).toEqual([100, 200, 400]);
});

test("receipt: not live in time -> answered as it is, at the timeout and not after it", async () => {
  api.receipts.states.push("published");
  const { status, body } = await api.get(`${path}?wait=live&timeoutMs=5000`);
  expect(status).toBe(200);
  expect(body["state"]).toBe("published");
  expect(api.clock.slept.reduce((sum, ms) => sum + ms, 0)).toBe(5000);
});

test("receipt: timeout 0 -> no wait", async () => {
  await api.get(`${path}?wait=live&timeoutMs=0`);
  expect(api.clock.slept).toEqual([]);
});

test.each([
  ["wait=published", "wait"],
  ["wait=live&timeoutMs=25001", "timeoutMs"],
  ["wait=live&timeoutMs=-1", "timeoutMs"],
  ["timeoutMs=1e3", "timeoutMs"],
])("receipt: ?%s -> 422 naming %s", async (query, field) => {
  expect(expectProblem(await api.get(`${path}?${query}`), 422).field).toBe(field);
});

test("receipt: of no change -> 404", async () => {
  expectProblem(await api.get(`/v1/changes/${"0".repeat(26)}`), 404);
  expectProblem(await api.get("/v1/changes/none"), 404);
});

test("convergence: of a network -> from the receipts; of none -> 404", async () => {
  expect((await api.get("/v1/networks/web/convergence")).body).toMatchObject({ network: "web", converged: true });
  expectProblem(await api.get("/v1/networks/none/convergence"), 404);
});
