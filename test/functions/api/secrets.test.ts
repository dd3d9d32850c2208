// Secrets that are planted wherever a caller can put one, and looked for wherever something comes out: answers, problems, the
// audit, logs, every item of the table.

import { randomBytes } from "node:crypto";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { KMSClient } from "@aws-sdk/client-kms";
import { beforeEach, describe, expect, test } from "vitest";
import { tokenIdentify } from "../../../functions/api/tokens.ts";
import type { HostIdentities } from "../../../functions/api/host-identities.ts";
import { hostIdentities } from "../../../functions/identity/host-identities.ts";
import { kmsSecretBox } from "../../../functions/secrets/kms-secret-box.ts";
import { type SecretBox, SecretBoxUnavailableError } from "../../../functions/secrets/secret-box.ts";
import { createDynamoDbStore } from "../../../functions/store/dynamodb.ts";
import { startKms } from "../../../local/kms.ts";
import { createTestIdentities } from "../../fakes/host-identities.ts";
import { identifyAs, OPERATOR, somebody } from "../../fakes/principals.ts";
import { createTestSecretBox } from "../../fakes/secret-box.ts";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { createMemoryDynamo } from "../../sim/dynamodb/engine.ts";
import { type ApiUnderTest, createApiUnderTest, expectProblem, seed } from "./api-under-test.ts";

const TOKENS = "/v1/hosts/h1/join-tokens";

let store: MemoryStore;
let api: ApiUnderTest;
/** What outlives one instance of the function. */
let shared: { identities: HostIdentities & { revoked: string[] }; secrets: SecretBox };

beforeEach(async () => {
  store = createMemoryStore();
  shared = { identities: createTestIdentities(), secrets: createTestSecretBox() };
  api = createApiUnderTest(store, undefined, shared);
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

/** Neither as it is nor in a form that whoever reads it would take it from. */
function expectTokenNowhere(token: string, text: string): void {
  const octets = Buffer.from(token);
  for (const form of [token, token.slice(4), octets.toString("base64"), octets.toString("hex")]) {
    expect(text).not.toContain(form);
  }
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

describe("join tokens under an Idempotency-Key", () => {
  const KEY = { "idempotency-key": "k1" };
  const replayed = ({ headers }: { headers: Headers }) => headers.get("idempotency-replayed");

  test("join token: a retry -> the same answer, said to be one; neither the table nor anything else has the token", async () => {
    const first = await api.post(TOKENS, { lifeSec: 600 }, KEY);
    const again = await api.post(TOKENS, { lifeSec: 600 }, KEY);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect([replayed(first), replayed(again)]).toEqual([null, "true"]);
    const invited = await api.get("/v1/audit?resource=host/h1");
    expect((invited.body["items"] as object[]).filter((item) => "action" in item && item.action === "invite")).toEqual([
      expect.objectContaining({ id: first.body["change"] }),
    ]);
    expectTokenNowhere(String(first.body["token"]), await everything());
  });

  test("join token: other key, other body, other host, after a day -> another token, or refused", async () => {
    const first = await api.post(TOKENS, {}, KEY);
    const other = await api.post(TOKENS, {}, { "idempotency-key": "k2" });
    expect(other.body["token"]).not.toBe(first.body["token"]);
    expectProblem(await api.post(TOKENS, { lifeSec: 61 }, KEY), 422);
    expectProblem(await api.post("/v1/hosts/h2/join-tokens", {}, KEY), 422);
    await api.clock.sleep(24 * 3600 * 1000 + 1000);
    const late = await api.post(TOKENS, {}, KEY);
    expect(late.body["token"]).not.toBe(first.body["token"]);
    expect(replayed(late)).toBeNull();
  });

  test("join token: the same key of somebody else -> a token of his own", async () => {
    const { body } = await api.post(TOKENS, {}, KEY);
    const jim = createApiUnderTest(store, undefined, { identify: identifyAs(somebody("jim", "admin")), ...shared });
    const { status, body: his } = await jim.post(TOKENS, {}, KEY);
    expect(status).toBe(201);
    expect(his["token"]).not.toBe(body["token"]);
  });

  test("join token: 16 at once under one key -> all are given the same", async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, () => api.post(TOKENS, {}, KEY)));
    for (const { status, body } of answers) expect([status, body]).toEqual([201, answers[0]?.body]);
    expect(answers.filter((answer) => replayed(answer) === null)).toHaveLength(1);
  });

  test("join token: the function dies after the commit -> the retry has the token", async () => {
    const dying = createApiUnderTest(
      {
        ...store,
        commit: async (writes) => {
          await store.commit(writes);
          throw new Error("dead");
        },
      },
      undefined,
      shared,
    );
    expect((await dying.post(TOKENS, {}, KEY)).status).toBe(500);
    const retry = await api.post(TOKENS, {}, KEY);
    expect(retry.body["token"]).toMatch(/^ovj_/);
    expect(replayed(retry)).toBe("true");
  });

  test("join token: what was kept for one request, put into the memory of another -> does not open", async () => {
    const { body } = await api.post(TOKENS, {}, KEY);
    await api.post(TOKENS, {}, { "idempotency-key": "k2" });
    const memo = await store.memo({ actor: "user:operator", key: "k1" });
    expect(memo?.resource).toEqual({
      host: "h1",
      sealed: expect.any(String),
      expiresAt: body["expiresAt"],
      change: body["change"],
    });
    const swapping = {
      ...store,
      memo: async (id: Parameters<typeof store.memo>[0]) => {
        const own = await store.memo(id);
        return own && memo && { ...own, resource: memo.resource };
      },
    };
    const thief = createApiUnderTest(swapping, undefined, shared);
    const answer = await thief.post(TOKENS, {}, { "idempotency-key": "k2" });
    expectProblem(answer, 500);
    expect(JSON.stringify(answer.body)).not.toContain("ovj_");
  });

  test("join token: what seals is away -> 503, no token is given, and the retry works", async () => {
    const away = () => Promise.reject(new SecretBoxUnavailableError("KMS: no answer"));
    const without = createApiUnderTest(store, undefined, { ...shared, secrets: { seal: away, open: away } });
    const { headers } = await without.post(TOKENS, {}, KEY).then((answer) => {
      expectProblem(answer, 503);
      return answer;
    });
    expect(headers.get("retry-after")).toBe("1");
    // Without a key nothing is to be kept, so that nothing is to be sealed.
    expect((await without.post(TOKENS, {})).status).toBe(201);
    const { status, headers: later } = await api.post(TOKENS, {}, KEY);
    expect([status, later.get("idempotency-replayed")]).toEqual([201, null]);
  });

  test("revoke: a retry under its key -> answered as the first was, not done again", async () => {
    const first = await api.post("/v1/hosts/h1:revoke", undefined, KEY);
    const again = await api.post("/v1/hosts/h1:revoke", undefined, KEY);
    expect(again.body).toEqual(first.body);
    expect([replayed(first), replayed(again)]).toEqual([null, "true"]);
    expect(shared.identities.revoked).toEqual(["h1"]);
  });
});

test("join token: API, store, identities and KMS as they are deployed, one table -> a retry has it, no item of the table does", async () => {
  const kept = new Map<string, string>();
  const keyStore = {
    load: (name: string) => Promise.resolve(kept.get(name)),
    save: async (name: string, secret: string) => void kept.set(name, secret),
  };
  const kms = await startKms({ store: keyStore, keys: [{ arn: "arn:key" }], log: () => undefined });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new KMSClient({ endpoint: kms.url, region: "us-east-1", credentials });
  const memory = createMemoryDynamo();
  const dynamo = memory.client as DynamoDBClient;
  const pacing = { sleep: () => Promise.resolve(), random: () => 0 };
  let requests = 0;
  const real = createApiUnderTest(
    createDynamoDbStore({ client: dynamo, table: "t", pacing, requestToken: () => `r${++requests}` }),
    undefined,
    {
      secrets: kmsSecretBox(client, "arn:key"),
      identities: hostIdentities({
        table: { client: dynamo, name: "t" },
        issuer: { issue: () => Promise.reject(new Error("no")), revoke: () => Promise.resolve(0) },
        broker: { url: "mqtts://b:8883" },
        now: Date.now,
        random: randomBytes,
      }),
    },
  );
  await seed(real);
  const first = await real.post(TOKENS, {}, { "idempotency-key": "k1" });
  const again = await real.post(TOKENS, {}, { "idempotency-key": "k1" });
  await kms.close();
  expect(first.status).toBe(201);
  expect(again.body).toEqual(first.body);
  const items = JSON.stringify(memory.items());
  expect(items).toContain("sealed");
  expectTokenNowhere(String(first.body["token"]), items);
  expect(items).not.toContain([...kept.values()][0]);
});
