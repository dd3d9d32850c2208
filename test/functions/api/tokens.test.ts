// Tokens by an attacker's hand: each is wrong in one thing, and none is let in. Keys are an issuer's whose key set is asked
// for over a scripted fetch.

import { createHmac } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { remoteKeys, tokenIdentify } from "../../../functions/api/tokens.ts";

const ISSUER = "https://issuer.example";
const AUDIENCE = "overspan";
const NOW_SEC = Date.parse("2026-11-22T12:00:00Z") / 1000;

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let rsa: Pair;
let ec: Pair;
let stranger: Pair;
let published: JWK[];
let asked: number;
let issuerIsAway: boolean;
let identify: ReturnType<typeof tokenIdentify>;

beforeAll(async () => {
  rsa = await generateKeyPair("RS256", { extractable: true });
  ec = await generateKeyPair("ES256", { extractable: true });
  stranger = await generateKeyPair("ES256", { extractable: true });
});
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW_SEC * 1000 });
  asked = 0;
  issuerIsAway = false;
  published = [
    { ...(await exportJWK(rsa.publicKey)), kid: "rsa", alg: "RS256" },
    { ...(await exportJWK(ec.publicKey)), kid: "ec", alg: "ES256" },
  ];
  const fetch = () => {
    asked++;
    if (issuerIsAway) return Promise.reject(new TypeError("fetch failed"));
    return Promise.resolve(Response.json({ keys: published }));
  };
  const keys = remoteKeys(`${ISSUER}/keys`, fetch);
  identify = tokenIdentify({ issuer: ISSUER, audience: AUDIENCE, keys, nowMs: () => Date.now() });
});
afterEach(() => void vi.useRealTimers());

type Wrong = { claims?: object; header?: object; key?: Parameters<SignJWT["sign"]>[0] };

/** A good token, but for what is given. */
function token({ claims, header, key = ec.privateKey }: Wrong = {}): Promise<string> {
  const good = { iss: ISSUER, aud: AUDIENCE, sub: "jane", iat: NOW_SEC, exp: NOW_SEC + 600, scope: "read" };
  return new SignJWT({ ...good, ...claims })
    .setProtectedHeader({ alg: "ES256", kid: "ec", ...header })
    .sign(key, { crit: { x: true } });
}

const ask = (text: string) => identify(new Headers({ authorization: `Bearer ${text}` }));
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

async function expectRefused(text: string, reason: RegExp): Promise<void> {
  const identified = await ask(text);
  expect(identified).toEqual({ kind: "refused", reason: expect.stringMatching(reason) });
}

describe("tokens that hold", () => {
  test("token: of any key of the issuer -> who it is and what he may", async () => {
    expect(await ask(await token())).toEqual({
      kind: "principal",
      principal: { actor: { kind: "user", id: "jane" }, scopes: new Set(["read"]), networkEngineer: false },
    });
    expect(await ask(await token({ header: { alg: "RS256", kid: "rsa" }, key: rsa.privateKey }))).toMatchObject({
      kind: "principal",
    });
  });

  test.each([
    ["a list of audiences", { aud: ["other", AUDIENCE] }, {}],
    ["a client's own", { sub: "app", client_id: "app" }, { actor: { kind: "system", id: "app" } }],
    ["several scopes, some of other programs", { scope: "mail write read" }, { scopes: new Set(["read", "write"]) }],
    ["scopes as a list", { scope: undefined, scp: ["admin"] }, { scopes: new Set(["admin"]) }],
    ["a role", { roles: ["network-engineer", "x"] }, { networkEngineer: true }],
    ["bound to a tenant", { tenant: "acme" }, { tenant: "acme" }],
    ["no scope", { scope: undefined }, { scopes: new Set() }],
    ["30 s late by a slow clock", { exp: NOW_SEC - 29 }, {}],
  ])("token: %s -> read", async (_, claims, principal) => {
    expect(await ask(await token({ claims }))).toMatchObject({ kind: "principal", principal });
  });

  test("token: none, and what is no bearer token -> nobody, or refused", async () => {
    expect(await identify(new Headers())).toEqual({ kind: "nobody" });
    for (const authorization of ["Basic amFuZTpx", "Bearer", "Bearer a b", "Bearer é", `Bearer ${"a".repeat(9000)}`]) {
      expect(await identify(new Headers({ authorization })), authorization).toMatchObject({ kind: "refused" });
    }
  });
});

describe("tokens that do not", () => {
  test.each<[string, Wrong, RegExp]>([
    ["expired", { claims: { exp: NOW_SEC - 31 } }, /has expired/],
    ["without an end", { claims: { exp: undefined } }, /does not say when it expires/],
    ["an end that is no number", { claims: { exp: "never" } }, /expires|claim/],
    ["not yet good", { claims: { nbf: NOW_SEC + 60 } }, /does not hold yet/],
    ["of another issuer", { claims: { iss: "https://evil.example" } }, /another issuer/],
    ["of an issuer whose name begins so", { claims: { iss: `${ISSUER}.evil.example` } }, /another issuer/],
    ["without an issuer", { claims: { iss: undefined } }, /another issuer|claim/],
    ["for another audience", { claims: { aud: "mail" } }, /another audience/],
    ["without an audience", { claims: { aud: undefined } }, /another audience|claim/],
    ["of nobody", { claims: { sub: undefined } }, /whose it is/],
    ["of an empty subject", { claims: { sub: "" } }, /sub is of no use/],
    ["of a subject with a line in it", { claims: { sub: "jane\nadmin" } }, /sub is of no use/],
    ["of a subject too long for a key", { claims: { sub: "j".repeat(201) } }, /sub is of no use/],
    ["bound to no tenant's name", { claims: { tenant: "ACME#x" } }, /tenant is of no use/],
    ["bound to null", { claims: { tenant: null } }, /tenant is of no use/],
    ["bound to several", { claims: { tenant: ["acme", "beta"] } }, /tenant is of no use/],
    ["scopes that are no text", { claims: { scope: { admin: true } } }, /scope is of no use/],
    ["a key that the issuer does not have", { header: { kid: "other" } }, /does not have/],
    ["an unknown critical header", { header: { crit: ["x"], x: true } }, /not one/],
  ])("token: %s -> refused", async (_, wrong, reason) => {
    await expectRefused(await token(wrong), reason);
  });

  test("token: signed by a stranger under a known kid -> refused", async () => {
    await expectRefused(await token({ key: stranger.privateKey }), /signature is wrong/);
  });

  test("token: alg none, with and without a signature -> refused", async () => {
    const claims = part({ iss: ISSUER, aud: AUDIENCE, sub: "eve", exp: NOW_SEC + 600, scope: "admin" });
    const [, , signature] = (await token()).split(".");
    for (const alg of ["none", "None", "NONE", ""]) {
      for (const end of ["", signature]) {
        await expectRefused(`${part({ alg, kid: "ec" })}.${claims}.${end}`, /not allowed|not one|not a bearer/);
      }
    }
  });

  test("token: HS256 with the issuer's public key as the secret, in any form of it -> refused", async () => {
    const [jwk] = published;
    const secrets = [await exportSPKI(rsa.publicKey), JSON.stringify(jwk), String(jwk?.n)];
    for (const secret of secrets) {
      for (const header of [{ alg: "HS256", kid: "rsa" }, { alg: "HS256" }]) {
        const text = `${part(header)}.${part({ iss: ISSUER, aud: AUDIENCE, sub: "eve", exp: NOW_SEC + 600 })}`;
        const signature = createHmac("sha256", secret).update(text).digest("base64url");
        await expectRefused(`${text}.${signature}`, /not allowed/);
      }
    }
  });

  test("token: with a key of its own (jwk, jku, x5u) -> the issuer's keys count, and nobody else's", async () => {
    const jwk = await exportJWK(stranger.publicKey);
    const header = { kid: "ec", jwk, jku: "https://evil.example/keys", x5u: "https://evil.example/cert" };
    await expectRefused(await token({ header, key: stranger.privateKey }), /signature is wrong/);
    expect(asked).toBe(1);
  });

  test("token: another payload under a good signature, and every cut of a good one -> refused", async () => {
    const [header = "", , signature = ""] = (await token()).split(".");
    const forged = part({ iss: ISSUER, aud: AUDIENCE, sub: "jane", exp: NOW_SEC + 600, scope: "admin" });
    await expectRefused(`${header}.${forged}.${signature}`, /signature is wrong/);
    const good = await token();
    for (let length = 0; length < good.length; length += 7) {
      const identified = await ask(good.slice(0, length));
      expect(identified.kind, String(length)).toBe("refused");
    }
  });
});

describe("keys of the issuer", () => {
  test("keys: kept; rotated -> asked for anew; the old key's tokens end when the issuer drops it", async () => {
    for (let i = 0; i < 5; i++) await ask(await token());
    expect(asked).toBe(1);
    const old = await token();
    published = [{ ...(await exportJWK(stranger.publicKey)), kid: "new", alg: "ES256" }];
    vi.advanceTimersByTime(31_000);
    const fresh = await token({ header: { kid: "new" }, key: stranger.privateKey });
    expect(await ask(fresh)).toMatchObject({ kind: "principal" });
    expect(asked).toBe(2);
    await expectRefused(old, /does not have/);
  });

  test("keys: a flood of unknown kids -> the issuer is asked twice a minute, not more", async () => {
    await ask(await token());
    for (let sec = 0; sec < 60; sec++) {
      vi.advanceTimersByTime(1000);
      await expectRefused(await token({ header: { kid: `k${sec}` } }), /does not have/);
    }
    expect(asked).toBeLessThanOrEqual(3);
  });

  test("keys: out of reach -> nobody is let in; kept keys serve for ten minutes, and no longer", async () => {
    issuerIsAway = true;
    expect(await ask(await token())).toEqual({ kind: "unavailable" });
    issuerIsAway = false;
    expect(await ask(await token())).toMatchObject({ kind: "principal" });
    issuerIsAway = true;
    expect(await ask(await token())).toMatchObject({ kind: "principal" });
    vi.advanceTimersByTime(10 * 60_000 + 1);
    expect(await ask(await token({ claims: { exp: NOW_SEC + 3600 } }))).toEqual({ kind: "unavailable" });
  });
});
