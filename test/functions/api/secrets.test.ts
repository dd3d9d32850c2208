// Secrets that are planted wherever a caller can put one, and looked for wherever something comes out: answers, problems, the
// audit, logs, every item of the table.

import { beforeEach, describe, expect, test } from "vitest";
import { tokenIdentify } from "../../../functions/api/tokens.ts";
import { identifyAs, OPERATOR } from "../../fakes/principals.ts";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, expectProblem, seed } from "./api-under-test.ts";

const TOKENS = "/v1/hosts/h1/join-tokens";

let store: MemoryStore;
let api: ApiUnderTest;

beforeEach(async () => {
  store = createMemoryStore();
  api = createApiUnderTest(store);
  await seed(api);
});

/** Everything that comes out: what is stored, what is logged, what the API shows to who may see all. */
async function everything(): Promise<string> {
  const paths = ["/v1/audit?limit=200", "/v1/hosts", "/v1/networks", "/v1/networks/web/endpoints", "/v1/fabric-peers"];
  const shown = await Promise.all(paths.map((path) => api.get(path)));
  const logged = api.logs.map(
    ({ message, cause }) => `${message} ${cause instanceof Error ? cause.stack : String(cause)}`,
  );
  return JSON.stringify([shown.map(({ body }) => body), logged, await store.dump()]);
}

describe("planted secrets", () => {
  test("secrets: in bodies of writes that are refused, under any name for a secret -> nowhere", async () => {
    const names = [
      "password",
      "token",
      "secret",
      "md5Key",
      "md5_key",
      "apiKey",
      "api-key",
      "privateKey",
      "joinToken",
      "credentials",
    ];
    const planted = names.map((name, at) => [name, `planted-${at}-s3cr3t`] as const);
    for (const [name, value] of planted) {
      const nested = { id: "n", tenant: "acme", name: "N", vni: 7, [name]: value, deeper: [{ [name]: [value] }] };
      expectProblem(await api.post("/v1/networks", nested), 422);
      expectProblem(await api.patch("/v1/hosts/h1", { bgp: { asn: 65001, peers: [{ [name]: value }] } }), 422);
    }
    expectProblem(await api.post("/v1/join", { token: "planted-join-s3cr3t", csr: "no request" }), 403);
    expect(await everything()).not.toContain("s3cr3t");
  });

  test("secrets: a bearer token, good or bad, with any request -> nowhere", async () => {
    const keys = () => Promise.reject(new Error("no keys"));
    const identify = tokenIdentify({ issuer: "i", audience: "a", keys, nowMs: Date.now });
    for (const each of [identify, identifyAs(OPERATOR)]) {
      const other = createApiUnderTest(store, undefined, { identify: each });
      const header = Buffer.from('{"alg":"ES256"}').toString("base64url");
      for (const authorization of [
        "Bearer planted-s3cr3t",
        `Bearer ${header}.e30.planted-s3cr3t`,
        "Basic planted-s3cr3t",
      ]) {
        const answers = [
          await other.post("/v1/networks", { id: "n" }, { authorization }),
          await other.get("/v1/nothing", { authorization }),
        ];
        for (const { headers, body } of answers) {
          expect(JSON.stringify([body, Object.fromEntries(headers)])).not.toContain("s3cr3t");
        }
      }
      expect(JSON.stringify(other.logs)).not.toContain("s3cr3t");
    }
    expect(await everything()).not.toContain("s3cr3t");
  });

  test("secrets: the words of a failure inside -> in the log, not in the answer", async () => {
    const failing = createApiUnderTest({
      ...store,
      get: () => Promise.reject(new Error("planted-s3cr3t of the inside")),
    });
    expect(JSON.stringify(expectProblem(await failing.get("/v1/hosts/h1"), 500))).not.toContain("s3cr3t");
  });
});

describe("join tokens", () => {
  test("join token: given out once; neither the table nor anything else has it", async () => {
    const { body } = await api.post(TOKENS, {});
    expect(String(body["token"])).toMatch(/^ovj_/);
    expect(await everything()).not.toContain(body["token"]);
  });
});
