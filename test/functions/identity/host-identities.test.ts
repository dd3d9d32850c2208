// How hosts join: tokens that work once and not for long, requests that are for the host's own name and key. The table is
// the one in memory (its contract: test/contract/dynamodb.ts); keys and requests are real.

import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { beforeEach, describe, expect, it } from "vitest";
import { makeCertificateRequest } from "../../../edge-agent/identity/certificate-request.ts";
import type { HostIdentities } from "../../../functions/api/host-identities.ts";
import { handleCertificate } from "../../../functions/identity/handler.ts";
import { hostIdentities } from "../../../functions/identity/host-identities.ts";
import { putItem, type Table } from "../../../functions/publish/table.ts";
import { createMemoryDynamo } from "../../sim/dynamodb/engine.ts";

let nowMs: number;
let table: Table;
let items: () => string;
let issued: string[];
let identities: HostIdentities;
const issuer = {
  issue: async (host: string) => {
    issued.push(host);
    return { certificateId: "ab".repeat(32), certificate: "PEM" };
  },
  revoke: async () => 1,
};
beforeEach(async () => {
  nowMs = Date.UTC(2030, 0, 1);
  issued = [];
  const memory = createMemoryDynamo();
  items = () => JSON.stringify(memory.items());
  table = { client: memory.client as DynamoDBClient, name: "t" };
  await putItem(table, { pk: "HOSTS", sk: "h1", type: "host" });
  await putItem(table, { pk: "HOSTS", sk: "gone", type: "host", deleted: true });
  let seed = 0;
  const random = (octets: number) => Uint8Array.from({ length: octets }, () => seed++ & 0xff);
  identities = hostIdentities({ table, issuer, broker: { url: "mqtts://b:8883" }, now: () => nowMs, random });
});

describe("join", () => {
  it("join: a token and a sound request -> a certificate and where to use it; the token is nowhere in the table", async () => {
    const { token, expiresAtMs } = await identities.createToken("h1", 60);
    expect(expiresAtMs).toBe(nowMs + 60_000);
    expect(items()).not.toContain(token.slice(4));
    const { csrPem } = await makeCertificateRequest("h1");
    expect(await identities.join(token, csrPem)).toMatchObject({ host: "h1", brokerUrl: "mqtts://b:8883" });
    expect(issued).toEqual(["h1"]);
  });

  it("join: a token again -> refused, but for the very same request, whose answer may have been lost", async () => {
    const { token } = await identities.createToken("h1", 60);
    const [first, other] = [await makeCertificateRequest("h1"), await makeCertificateRequest("h1")];
    await identities.join(token, first.csrPem);
    expect(await identities.join(token, other.csrPem)).toEqual({ refused: "token" });
    expect(await identities.join(token, first.csrPem)).toMatchObject({ host: "h1" });
  });

  it("join: two at once with one token -> one certificate", async () => {
    const { token } = await identities.createToken("h1", 60);
    const requests = await Promise.all([makeCertificateRequest("h1"), makeCertificateRequest("h1")]);
    await Promise.all(requests.map(({ csrPem }) => identities.join(token, csrPem)));
    expect(issued).toEqual(["h1"]);
  });

  it("join: run out, unknown, malformed, of a deleted host -> refused alike", async () => {
    const { csrPem } = await makeCertificateRequest("h1");
    const { token: old } = await identities.createToken("h1", 60);
    const { token: gone } = await identities.createToken("gone", 86_400);
    nowMs += 60_000;
    for (const token of [old, gone, `ovj_${"A".repeat(43)}`, "", "ovj_../x"]) {
      expect(await identities.join(token, csrPem), token).toEqual({ refused: "token" });
    }
    expect(issued).toEqual([]);
  });

  it("join: a request for another name, with a broken signature, of no sort -> refused, and the token is still good", async () => {
    const { token } = await identities.createToken("h1", 60);
    const { csrPem } = await makeCertificateRequest("h1");
    const other = await makeCertificateRequest("h2");
    const lines = csrPem.trimEnd().split("\n");
    const last = lines.at(-2) ?? "";
    // An octet of the signature: the request parses, and its proof is wrong.
    lines[lines.length - 2] = last.slice(0, 4) + (last[4] === "A" ? "B" : "A") + last.slice(5);
    for (const csr of [other.csrPem, lines.join("\n"), "no request"]) {
      expect(await identities.join(token, csr)).toMatchObject({ refused: "csr" });
    }
    expect(await identities.join(token, csrPem)).toMatchObject({ host: "h1" });
  });
});

describe("certificate lane", () => {
  const event = (host: string, message: object) => ({
    host,
    payload: Buffer.from(JSON.stringify(message)).toString("base64"),
  });
  function lane(knows = true) {
    const sent: { host: string; payload: string }[] = [];
    const counted: string[] = [];
    const deps = {
      issuer,
      publisher: { publish: async (host: string, payload: string) => void sent.push({ host, payload }) },
      telemetry: { count: (name: string) => void counted.push(name), warn: () => undefined, error: () => undefined },
      knows: async () => knows,
    };
    return { sent, counted, take: (host: string, message: object) => handleCertificate(deps, event(host, message)) };
  }

  it("renew: of the host of the topic -> issued, and answered in its own inbox", async () => {
    const { sent, take } = lane();
    await take("h1", { v: 2, kind: "renew", csr: (await makeCertificateRequest("h1")).csrPem });
    expect(sent.map(({ host }) => host)).toEqual(["h1"]);
    expect(JSON.parse(sent[0]?.payload ?? "")).toMatchObject({ kind: "certificate", host: "h1", certificate: "PEM" });
  });

  it("renew: another host's name, a host that is not there, malformed -> nothing is issued, and it is counted", async () => {
    const { csrPem: csr } = await makeCertificateRequest("h2");
    const { csrPem: own } = await makeCertificateRequest("h1");
    const [known, unknown] = [lane(), lane(false)];
    await known.take("h1", { v: 2, kind: "renew", csr });
    await known.take("h1", { v: 2, kind: "renew" });
    await unknown.take("h1", { v: 2, kind: "renew", csr: own });
    expect([...known.counted, ...unknown.counted]).toEqual(Array(3).fill("RefusedCertificateRequests"));
    expect(issued).toEqual([]);
  });
});
