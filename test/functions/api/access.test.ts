// Who may do what: every route of the app says what it needs, and is closed to whoever has less. From the app's own routes
// and its document, so that a new one is seen too.

import { beforeEach, describe, expect, test } from "vitest";
import type { Identified, Principal } from "../../../functions/api/access.ts";
import { NETWORK_ENGINEER, OPERATOR, somebody } from "../../fakes/principals.ts";
import { createMemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, expectProblem, seed } from "./api-under-test.ts";
import { type DocumentedOperation, operationsOf } from "./documented-operation.ts";

let who: Identified;
let api: ApiUnderTest;
let operations: DocumentedOperation[];
const as = (principal: Principal) => void (who = { kind: "principal", principal });

beforeEach(async () => {
  api = createApiUnderTest(createMemoryStore(), undefined, { identify: () => Promise.resolve(who) });
  as(OPERATOR);
  await seed(api);
  operations = await operationsOf(api);
});

/** What is no operation and open: the document, the index, a sign of life. */
const OPEN = ["/openapi.json", "/v1", "/healthz"];

describe("routes", () => {
  test("routes: each of the app's is an operation that says what it needs, or known to be open", () => {
    const declared = new Set(operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`));
    const routes = api.app.routes.filter(({ method }) => method !== "ALL");
    expect(routes.length).toBeGreaterThan(60);
    const undeclared = routes
      .map(({ method, path }) => `${method} ${path.replaceAll(/\/:(\w+)\{\[\^\/:\]\+([^}]*)\}/g, "/{$1}$2")}`)
      .filter((route) => !declared.has(route) && !OPEN.some((path) => route === `GET ${path}`));
    expect(undeclared).toEqual([]);
    for (const { id, needs, reach } of operations) {
      expect(["nothing", "read", "write", "admin"], id).toContain(needs);
      expect(["anybody", "path", "own", "operator"], id).toContain(reach);
    }
  });

  test("routes: a read needs to read, anything else to write or more; only a host that joins needs no token", () => {
    for (const { id, method, needs } of operations) {
      if (id === "join") expect(needs).toBe("nothing");
      else if (method === "get") expect(needs, id).toBe("read");
      else expect(["write", "admin"], id).toContain(needs);
    }
  });

  test("routes: no token -> 401 with a challenge, before the body is looked at; unknown paths as well", async () => {
    who = { kind: "nobody" };
    const junk = { body: "{".repeat(100_000), type: "application/json" };
    for (const { id, method, example } of operations.filter(({ needs }) => needs !== "nothing")) {
      const answer = await api.send(method.toUpperCase(), example, method === "get" ? {} : junk);
      expect(expectProblem(answer, 401).type, id).toBe("urn:overspan:problem:unauthenticated");
      expect(answer.headers.get("www-authenticate"), id).toBe('Bearer realm="overspan"');
    }
    for (const path of ["/v1/nothing", "/", "/v1/tenants/", "/v1/../v1/tenants", "/openapi.json/x"]) {
      expectProblem(await api.get(path), 401);
    }
    for (const path of OPEN) expect((await api.get(path)).status, path).toBe(200);
    expectProblem(await api.post("/v1/join", {}), 422);
  });

  test("routes: a token that does not hold -> 401 that says why; keys out of reach -> 503", async () => {
    who = { kind: "refused", reason: "the token has expired" };
    const answer = await api.get("/v1/tenants");
    expect(expectProblem(answer, 401).reason).toBe("the token has expired");
    expect(answer.headers.get("www-authenticate")).toBe(
      'Bearer realm="overspan", error="invalid_token", error_description="the token has expired"',
    );
    who = { kind: "unavailable" };
    const away = await api.get("/v1/tenants");
    expectProblem(away, 503);
    expect(away.headers.get("retry-after")).toBe("1");
  });

  test("routes: less than the scope -> 403 that names it, and nothing is written", async () => {
    const none: Principal = { ...OPERATOR, scopes: new Set() };
    const lesser = { read: none, write: somebody("jane", "read"), admin: somebody("jane", "write"), nothing: none };
    for (const { id, method, example, needs, body } of operations.filter((each) => each.needs !== "nothing")) {
      as(lesser[needs]);
      const answer = await api.send(method.toUpperCase(), example, body);
      expect(expectProblem(answer, 403), id).toMatchObject({
        type: "urn:overspan:problem:missing-scope",
        reason: `the token lacks the scope ${needs}`,
      });
      expect(answer.headers.get("www-authenticate"), id).toContain(`error="insufficient_scope", scope="${needs}"`);
    }
    as(OPERATOR);
    expect((await api.get("/v1/networks/web/endpoints/vm1")).status).toBe(200);
    expect((await api.get("/v1/networks/web")).body).toMatchObject({ version: 1 });
  });

  test("routes: a network engineer, whatever the scopes -> sees all, changes nothing", async () => {
    as({ ...NETWORK_ENGINEER, scopes: new Set() });
    for (const { id, method, example } of operations.filter(({ needs }) => needs === "read")) {
      expect((await api.send(method.toUpperCase(), example)).status, id).not.toBe(403);
    }
    as(NETWORK_ENGINEER);
    for (const { id, method, example, body } of operations.filter(
      ({ method: each, needs }) => each !== "get" && needs !== "nothing",
    )) {
      const answer = await api.send(method.toUpperCase(), example, body);
      expect(expectProblem(answer, 403).type, id).toBe("urn:overspan:problem:read-only");
    }
    expect((await api.get("/v1/hosts/h1")).status).toBe(200);
    const { body } = await api.get("/v1/audit?actor=user:neo");
    expect(body["items"]).not.toHaveLength(0);
  });

  test("audit: who is known by the token's subject; whoever is not known leaves nothing", async () => {
    as(somebody("jane", "write"));
    await api.clock.sleep(1);
    expect((await api.post("/v1/networks", { id: "blue", tenant: "acme", name: "B", vni: 9 })).status).toBe(201);
    await api.clock.sleep(1);
    expectProblem(await api.post("/v1/sites", { id: "x", name: "X" }), 403);
    who = { kind: "nobody" };
    expectProblem(await api.post("/v1/sites", { id: "x", name: "X" }), 401);
    as(OPERATOR);
    const { body } = await api.get("/v1/audit");
    const [refused, done] = body["items"] as object[];
    expect(refused).toMatchObject({ outcome: "refused", actor: "user:jane", operation: "createSite", status: 403 });
    expect(done).toMatchObject({ outcome: "done", actor: "user:jane", action: "create", tenant: "acme" });
  });
});
