// The API against its own document: 10,000 requests of every operation, by its schemas and with faults, in sequences that
// share a table. No 5xx, no answer that the document does not have, in status, type and shape.

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { PLAN_TYPE } from "../../../functions/api/plan-schema.ts";
import { createMemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, created, seed } from "./api-under-test.ts";
import { A_CHANGE, type Document, type GeneratedRequest, requestOf } from "./generated-request.ts";

const SEQUENCES = 100;
const REQUESTS = 100;
/** Not of an operation, but of the path or the body before one is found. */
const BEFORE_OPERATIONS = [404, 405, 413, 414];

let document: Document;
let headersOf: (operation: string, status: number) => readonly string[];
let validatorOf: (operation: string, status: number, type: string) => ValidateFunction | undefined;
beforeAll(async () => {
  document = (await createApiUnderTest(createMemoryStore()).get("/openapi.json")).body as unknown as Document;
  const ajv = new Ajv2020({ strict: false, validateSchema: false });
  addFormats.default(ajv);
  ajv.addSchema(document, "api");
  const pointers = new Map<string, string>();
  const headers = new Map<string, string[]>();
  headersOf = (operation, status) => headers.get(`${operation} ${status}`) ?? [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { operationId, responses }] of Object.entries(methods)) {
      for (const [status, { content = {}, headers: documented = {} }] of Object.entries(responses)) {
        headers.set(`${operationId} ${status}`, Object.keys(documented));
        for (const type of Object.keys(content)) {
          const steps = ["paths", path, method, "responses", status, "content", type, "schema"];
          const escaped = steps.map((step) => encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1")));
          pointers.set(`${operationId} ${status} ${type}`, `api#/${escaped.join("/")}`);
        }
      }
    }
  }
  // Compiled when first needed.
  const compiled = new Map<string, ValidateFunction>();
  validatorOf = (operation, status, type) => {
    const $ref = pointers.get(`${operation} ${status} ${type}`);
    if ($ref === undefined) return undefined;
    const validate = compiled.get($ref) ?? ajv.compile({ $ref });
    compiled.set($ref, validate);
    return validate;
  };
});

describe("document", () => {
  test(`${SEQUENCES * REQUESTS} generated requests -> no 5xx, and every answer as the document says`, {
    timeout: 450_000,
  }, async () => {
    const statuses = new Map<string, Set<number>>();
    const sequence = fc.array(requestOf(document), { minLength: REQUESTS, maxLength: REQUESTS, size: "max" });
    await fc.assert(
      fc.asyncProperty(sequence, async (requests) => {
        const api = createApiUnderTest(createMemoryStore());
        const change = await everything(api);
        for (const request of requests) {
          const status = await check(api, { ...request, path: request.path.replace(A_CHANGE, change) });
          const seen = statuses.get(request.operation) ?? new Set();
          statuses.set(request.operation, seen.add(status));
        }
      }),
      { numRuns: SEQUENCES, interruptAfterTimeLimit: 400_000, markInterruptAsFailure: true, endOnFailure: true },
    );
    // The generator is worth its time only if operations are seen to succeed and to refuse: nearly all, since chance may
    // leave one out, and what asks for a secret cannot be guessed.
    const without = (wanted: (status: number) => boolean) =>
      [...statuses].filter(([, seen]) => ![...seen].some(wanted)).map(([operation]) => operation);
    const never = without((status) => status < 300);
    const always = without((status) => status >= 400);
    expect(never.length, `never done: ${never.join(", ")}`).toBeLessThanOrEqual(4);
    expect(always.length, `never refused: ${always.join(", ")}`).toBeLessThanOrEqual(4);
    expect(statuses.size).toBe(Object.values(document.paths).flatMap((methods) => Object.keys(methods)).length);
  });
});

/** One of each resource, a move that is prepared; the id of a change. */
async function everything(api: ApiUnderTest): Promise<string> {
  await seed(api);
  await created(api.post("/v1/fabric-peers", { id: "tor1", site: "fra", asn: 65100, addresses: ["192.0.2.100"] }));
  await created(api.post("/v1/vni-pools", { id: "p1", ranges: [{ from: 20000, to: 20003 }] }));
  await created(api.post("/v1/routers", { id: "core", tenant: "acme", name: "Core", vni: 500 }));
  await api.patch("/v1/networks/web", { gateways: ["10.0.0.1"], router: "core" });
  const { change } = await created(
    api.post("/v1/routers/core/prefixes", { id: "r1", prefix: "172.16.0.0/16", nextHop: "10.0.0.12" }),
  );
  await api.post("/v1/networks/web/endpoints/vm1:prepareMove", { host: "h2" });
  api.receipts.states.push("live");
  // Two that have stopped, and that stop again at the same write however often they are resumed.
  for (const id of ["ro1", "ro2"]) {
    await created(
      api.post("/v1/rollouts", { id, waves: [{ writes: [{ method: "DELETE", path: "/v1/sites/none" }] }] }),
    );
    await api.get(`/v1/rollouts/${id}`);
  }
  return String(change);
}

async function check(api: ApiUnderTest, request: GeneratedRequest): Promise<number> {
  const { operation, method, path, headers, body } = request;
  const told = JSON.stringify(request).slice(0, 2000);
  const answer = await api.app.request(path, {
    method,
    headers: latin(headers),
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.text();
  await api.clock.sleep(1);
  const { status } = answer;
  expect(status, `${told} -> ${text}\n${JSON.stringify(api.logs)}`).toBeLessThan(500);
  const [type = ""] = (answer.headers.get("content-type") ?? "").split(";");
  if (status === 304) return status;
  const validate = validatorOf(operation, status, type);
  if (!validate) {
    expect(BEFORE_OPERATIONS, `${told} -> ${status} ${type} ${text}`).toContain(status);
    expect(type).toBe("application/problem+json");
    return status;
  }
  // A plan is no resource, and what has not all of its fields has no tag.
  const absent = ["Idempotency-Replayed", ...(type === PLAN_TYPE || /[?&]fields=/.test(path) ? ["ETag"] : [])];
  const missing = headersOf(operation, status).filter((name) => !absent.includes(name) && !answer.headers.has(name));
  expect(missing, `${told} -> ${status} ${type}: headers of the document`).toEqual([]);
  const value: unknown = type.startsWith("text/") ? text : JSON.parse(text);
  expect(validate(value), `${told} -> ${text.slice(0, 1000)}: ${JSON.stringify(validate.errors)}`).toBe(true);
  return status;
}

/** Headers are octets: what cannot be one is not sent. */
function latin(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)));
}
