// The document at /openapi.json: whole, resolvable, with an example and the problems of every operation, and true: its
// examples are accepted by the API, and its patterns by values that the parsers accept.

// First, as in the bundle: the document must not depend on its library being loaded before the schemas.
import "../../../shared/model/resource.ts";
import { beforeAll, describe, expect, test } from "vitest";
import { createMemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, type Json } from "./api-under-test.ts";

type Content = Record<string, { schema?: Json; example?: unknown }>;
type Operation = {
  operationId: string;
  summary: string;
  "x-needs"?: string;
  parameters?: { name: string; in: string; required: boolean; schema: Json }[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, { description: string; content?: Content; headers?: Json }>;
};
type Document = {
  openapi: string;
  info: Json;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json> };
};

/** Every resource: its collection, in the order in which they can be created, and the parameter of one. */
const COLLECTIONS = [
  ["/v1/tenants", "tenant"],
  ["/v1/sites", "site"],
  ["/v1/hosts", "host"],
  ["/v1/fabric-peers", "peer"],
  ["/v1/vni-pools", "pool"],
  ["/v1/routers", "router"],
  ["/v1/networks", "network"],
  ["/v1/networks/{network}/endpoints", "endpoint"],
  ["/v1/routers/{router}/prefixes", "prefix"],
] as const;

let api: ApiUnderTest;
let document: Document;
let operations: { name: string; path: string; method: string; operation: Operation }[];
beforeAll(async () => {
  api = createApiUnderTest(createMemoryStore());
  document = (await api.get("/openapi.json")).body as unknown as Document;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, path, method, operation })),
  );
});

test("document: version 3.1, all resources, unique operation ids", () => {
  expect(document.openapi).toMatch(/^3\.1\.\d$/);
  expect(document.info).toMatchObject({ title: "Overspan", version: "1" });
  expect(operations.map(({ name }) => name).sort()).toEqual(
    [
      ...COLLECTIONS.flatMap(([path, parameter]) => [
        ...["get", "post"].map((method) => `${method} ${path}`),
        ...["get", "put", "patch", "delete"].map((method) => `${method} ${path}/{${parameter}}`),
      ]),
      "post /v1/networks/{network}/endpoints:batch",
      ...["move", "prepareMove", "activateMove", "abandonMove"].map(
        (verb) => `post /v1/networks/{network}/endpoints/{endpoint}:${verb}`,
      ),
      "get /v1/hosts/{host}/endpoints",
      "get /v1/fabric-peers/{peer}/config",
      "get /v1/audit",
      "post /v1/hosts/{host}/join-tokens",
      "post /v1/hosts/{host}:revoke",
      "post /v1/join",
      "get /v1/networks/{network}/convergence",
      "get /v1/changes/{change}",
      "get /v1/fleet",
      "get /v1/rollouts",
      "post /v1/rollouts",
      "get /v1/rollouts/{rollout}",
      "post /v1/rollouts/{rollout}:resume",
      "post /v1/rollouts/{rollout}:abandon",
      "get /v1/events",
    ].sort(),
  );
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test("document: every reference leads somewhere, every schema is of known keywords' types", () => {
  const text = JSON.stringify(document);
  const references = Array.from(text.matchAll(/"\$ref":"([^"]+)"/g), ([, reference]) => reference ?? "");
  expect(references.length).toBeGreaterThan(20);
  for (const reference of references) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1];
    expect(document.components.schemas, reference).toHaveProperty(name ?? "?");
  }
  for (const [, pattern] of text.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)) {
    expect(() => new RegExp(JSON.parse(pattern ?? '""') as string, "u")).not.toThrow();
  }
  // `nullable` and boolean `exclusiveMinimum` are of OpenAPI 3.0, not of JSON Schema 2020-12.
  expect(text).not.toMatch(/"nullable":|"exclusiveM(in|ax)imum":(true|false)/);
});

test("document: addresses are strings with patterns, numbers have ranges", () => {
  const properties = document.components.schemas["Endpoint"]?.["properties"] as Record<string, Json>;
  expect(properties["mac"]).toMatchObject({
    type: "string",
    pattern: expect.any(String),
    description: expect.any(String),
  });
  expect(new RegExp(String(properties["mac"]?.["pattern"])).test("02:00:5e:10:00:01")).toBe(true);
  const ips = properties["ips"]?.["items"] as Json;
  for (const ip of ["10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"]) {
    expect(new RegExp(String(ips["pattern"])).test(ip), ip).toBe(true);
  }
  const network = document.components.schemas["Network"]?.["properties"] as Record<string, Json>;
  expect(network["vni"]).toMatchObject({ type: "integer", minimum: 1, maximum: 16777215 });
});

const PLAN = "application/vnd.overspan.plan+json";

describe("every operation", () => {
  test("has parameters for its path, an example of its answer and request, and its problems", () => {
    for (const { name, path, method, operation } of operations) {
      expect(operation.summary, name).toMatch(/\S/);
      const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, parameter]) => parameter);
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      expect(
        declared.map((parameter) => parameter.name),
        name,
      ).toEqual(inPath);
      for (const parameter of operation.parameters ?? []) expect(parameter.schema, name).toHaveProperty("description");

      const success = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
      const written = success.filter(([, { content }]) => Object.keys(content ?? {}).some((type) => type !== PLAN));
      expect(
        written.map(([status]) => status),
        name,
      ).toEqual(method === "put" ? ["200", "201"] : [expect.stringMatching(/^20[01]$/)]);
      const planned = (operation.parameters ?? []).some((parameter) => parameter.name === "plan");
      expect(planned, name).toBe(method !== "get" && !/join|:revoke$|:resume$|:abandon$/.test(path));
      expect(Object.keys(operation.responses["200"]?.content ?? {}).includes(PLAN), name).toBe(planned);
      for (const [status, { content, headers }] of written) {
        const [body] = Object.values(content ?? {});
        expect(body?.example, name).toBeDefined();
        // A place is told of what can be read again: what has a tag.
        if (status === "201") expect("Location" in (headers ?? {}), name).toBe("ETag" in (headers ?? {}));
        // Who needs no token has no memory of his own.
        const remembered = method !== "get" && operation["x-needs"] !== "nothing";
        expect("Idempotency-Replayed" in (headers ?? {}), name).toBe(remembered);
      }
      expect(["nothing", "read", "write", "admin"]).toContain(operation["x-needs"]);
      if (operation["x-needs"] === "read") expect(method).toBe("get");

      const problems = Object.entries(operation.responses).filter(([status]) => /^[45]/.test(status));
      const isCreation = method === "put" || path.endsWith(":batch");
      const needed = [
        "422",
        "429",
        "500",
        "503",
        ...(inPath.length > 0 && !isCreation ? ["404"] : []),
        ...(method === "get" || /:batch$|:revoke$|join/.test(path) ? [] : ["409"]),
      ];
      expect(
        problems.map(([status]) => status),
        name,
      ).toEqual(expect.arrayContaining(needed));
      for (const [status, { content }] of problems) {
        const problem = content?.["application/problem+json"];
        expect(problem?.schema, name).toEqual({ $ref: "#/components/schemas/Problem" });
        expect(problem?.example, `${name} ${status}`).toMatchObject({
          status: Number(status),
          type: expect.any(String),
        });
      }
      if (operation.requestBody) {
        for (const body of Object.values(operation.requestBody.content)) expect(body.example, name).toBeDefined();
        expect(
          problems.map(([status]) => status),
          name,
        ).toEqual(expect.arrayContaining(["400", "413", "415", "422"]));
      }
    }
  });

  test("accepts its own example, and answers as its example says", async () => {
    const ids: Record<string, string> = {
      tenant: "acme",
      site: "fra",
      host: "h11",
      peer: "tor1",
      pool: "tenants",
      router: "core",
      network: "web",
      endpoint: "vm1",
      prefix: "branch",
    };
    const other = { ...(exampleOf("post /v1/hosts") as Json), id: "h21", vtep: "192.0.2.21" };
    const at = (path: string) => path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? "?");
    for (const [path] of COLLECTIONS) {
      // A static route's next hop must be in a network that is routed.
      if (path.includes("prefixes")) expect((await api.patch("/v1/networks/web", { router: "core" })).status).toBe(200);
      const answer = await api.post(at(path), exampleOf(`post ${path}`));
      expect(answer.status, path).toBe(201);
      const { change: _, createdAt: __, updatedAt: ___, ...expected } = answerExampleOf(`post ${path}`, "201");
      expect(answer.body, path).toMatchObject(expected);
    }
    expect((await api.post("/v1/hosts", other)).status).toBe(201);
    const move = "/v1/networks/{network}/endpoints/{endpoint}:move";
    expect((await api.post(at(move), exampleOf(`post ${move}`))).status).toBe(200);
    const prepare = "/v1/networks/{network}/endpoints/{endpoint}:prepareMove";
    expect((await api.post(at(prepare), { host: "h11" })).status).toBe(200);
    for (const verb of ["activateMove", "abandonMove"]) {
      const path = `/v1/networks/{network}/endpoints/{endpoint}:${verb}`;
      api.receipts.states.splice(0, 1, "live");
      expect((await api.post(at(path), exampleOf(`post ${path}`))).status, verb).toBe(200);
    }
    const batch = "/v1/networks/{network}/endpoints:batch";
    expect((await api.post(at(batch), exampleOf(`post ${batch}`))).body).toMatchObject({ done: 1, refused: 1 });
    for (const { name, path, method } of operations.filter(({ method }) => method === "patch")) {
      expect(method).toBe("patch");
      expect((await api.patch(at(path), exampleOf(name))).status, name).toBe(200);
    }
  });

  function find(name: string): Operation {
    const found = operations.find((each) => each.name === name);
    if (!found) throw new Error(`no operation ${name}`);
    return found.operation;
  }
  function exampleOf(name: string): unknown {
    return Object.values(find(name).requestBody?.content ?? {})[0]?.example;
  }
  function answerExampleOf(name: string, status: string): Json {
    return find(name).responses[status]?.content?.["application/json"]?.example as Json;
  }
});
