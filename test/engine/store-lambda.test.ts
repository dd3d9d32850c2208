// The Lambda of the API as API Gateway calls it (HTTP API, format 2.0), over the real engine: environment in, answers out.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTokenIssuer, type TokenIssuer } from "../../local/token-issuer.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

type Result = { statusCode: number; headers: Record<string, string>; body: string };

let engine: Engine;
let issuer: TokenIssuer;
let folder: string;
let token: string;
let call: (method: string, path: string, body?: object) => Promise<Result & { json: Record<string, unknown> }>;
const before = { ...process.env };

beforeAll(async () => {
  engine = await startEngine();
  folder = await mkdtemp(join(tmpdir(), "overspan-lambda-test-"));
  issuer = await startTokenIssuer({ keyFile: join(folder, "key"), now: Date.now, log: () => undefined });
  token = await issuer.mint();
  Object.assign(process.env, {
    OVERSPAN_TABLE: await engine.createTable(),
    AWS_ENDPOINT_URL_DYNAMODB: engine.endpoint,
    OVERSPAN_SECRETS_KEY: "arn:local:key",
    OVERSPAN_TOKEN_ISSUER: issuer.issuer,
    OVERSPAN_TOKEN_AUDIENCE: issuer.audience,
    OVERSPAN_TOKEN_KEYS_URL: issuer.keysUrl,
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
  const { handler } = await import("../../functions/api/lambda.ts");
  const invoke = handler as unknown as (event: object, context: object) => Promise<Result>;
  call = async (method, path, body) => {
    const result = await invoke(eventOf(method, path, body), {});
    return { ...result, json: JSON.parse(result.body) as Record<string, unknown> };
  };
});
afterAll(async () => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  await issuer.close();
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

function eventOf(method: string, path: string, body?: object) {
  const [rawPath = "", rawQueryString = ""] = path.split("?");
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    headers: {
      host: "api.example",
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
      ...(body ? { "content-type": "application/json" } : {}),
    },
    requestContext: {
      domainName: "api.example",
      stage: "$default",
      http: { method, path: rawPath, sourceIp: "192.0.2.1" },
    },
    // API Gateway gives bodies of some clients in base64.
    ...(body ? { body: Buffer.from(JSON.stringify(body)).toString("base64") } : {}),
    isBase64Encoded: body !== undefined,
  };
}

test("lambda: create, read, list, receipt of a network before anything is published", async () => {
  expect((await call("POST", "/v1/tenants", { id: "acme", name: "Zoë" })).statusCode).toBe(201);
  const created = await call("POST", "/v1/networks", { id: "web", tenant: "acme", name: "Web", vni: 100 });
  expect(created).toMatchObject({ statusCode: 201, headers: { location: "/v1/networks/web" } });
  expect((await call("GET", "/v1/networks/web")).json).toEqual(created.json);
  expect((await call("GET", "/v1/networks?tenant=acme&limit=1")).json).toEqual({ items: [created.json] });
  const receipt = await call("GET", `/v1/changes/${created.json["change"] as string}`);
  expect(receipt.json).toMatchObject({ state: "accepted", resource: { kind: "network", id: "web" } });
  expect((await call("GET", "/v1/networks/web/convergence")).json).toMatchObject({ network: "web", converged: false });
  expect((await call("GET", "/v1/tenants/acme")).json).toMatchObject({ name: "Zoë" });
});

test("lambda: no token, or one whose signature is wrong -> 401 by the issuer's keys", async () => {
  const good = token;
  try {
    for (const [bad, challenge] of [
      ["", 'Bearer realm="overspan"'],
      [`${good.slice(0, -8)}AAAAAAAA`, "signature is wrong"],
    ] as const) {
      token = bad;
      const answer = await call("GET", "/v1/networks/web");
      expect(answer.statusCode).toBe(401);
      expect(answer.headers["www-authenticate"]).toContain(challenge);
    }
  } finally {
    token = good;
  }
});

test("lambda: refusal, unknown path, document", async () => {
  const refused = await call("DELETE", "/v1/tenants/acme");
  expect(refused).toMatchObject({ statusCode: 409, headers: { "content-type": "application/problem+json" } });
  expect(refused.json["blocking"]).toEqual([{ kind: "network", id: "web" }]);
  expect((await call("GET", "/nothing")).statusCode).toBe(404);
  expect((await call("GET", "/openapi.json")).json).toMatchObject({ openapi: "3.1.0" });
});
