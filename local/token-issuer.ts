// The development issuer, in place of an OpenID Connect provider: its key is made at each start and never leaves this
// machine. The public half is served on loopback, as any issuer serves it (RFC 7517); the private half is in a file that
// only its owner can read, with which `npm run token` makes tokens. Nobody can ask for one over the network.

import { randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import * as z from "zod";
import { sendJson, startServer } from "./http-server.ts";
import { StartFailure } from "./start-failure.ts";

/** What a token is to say; by default an operator's, for twelve hours. */
export type TokenOrder = {
  subject?: string;
  /** Each has the ones before: read, write, admin. */
  scope?: "read" | "write" | "admin";
  /** Binds the token to this tenant. */
  tenant?: string;
  role?: "network-engineer";
  lifeSec?: number;
};

export type TokenIssuer = {
  issuer: string;
  audience: string;
  /** Where its public keys are. */
  keysUrl: string;
  mint: (order?: TokenOrder) => Promise<string>;
  close: () => Promise<void>;
};

const AUDIENCE = "overspan";
const ALGORITHM = "ES256";
const LIFE_SEC = 12 * 3600;
const KEYS_PATH = "/.well-known/jwks.json";

const KeyFile = z.object({ issuer: z.string(), audience: z.string(), key: z.looseObject({ kid: z.string() }) });

/** Serves the keys, and writes the key file, which close() removes. */
export async function startTokenIssuer(options: {
  keyFile: string;
  now: () => number;
  log: (line: string) => void;
}): Promise<TokenIssuer> {
  const { keyFile, now, log } = options;
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const kid = randomUUID();
  const published = { keys: [{ ...(await exportJWK(pair.publicKey)), kid, use: "sig", alg: ALGORITHM }] };
  const server = await startServer({ what: "token issuer", port: 0, option: "", log }, (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0];
    const open = request.method === "GET" && path === KEYS_PATH;
    if (open) sendJson(response, 200, published);
    else sendJson(response, 404, { message: "not found" });
    return Promise.resolve();
  });
  const key = { ...(await exportJWK(pair.privateKey)), kid };
  const signing = { issuer: server.url, audience: AUDIENCE, key };
  await rm(keyFile, { force: true });
  await writeFile(keyFile, JSON.stringify(signing), { mode: 0o600, flag: "wx" });
  return {
    issuer: server.url,
    audience: AUDIENCE,
    keysUrl: `${server.url}${KEYS_PATH}`,
    mint: (order) => sign(signing, order, now()),
    async close() {
      await rm(keyFile, { force: true });
      await server.close();
    },
  };
}

/** A token by the key file of a runtime that runs; StartFailure if there is none. */
export async function mintFromFile(keyFile: string, order: TokenOrder, nowMs: number): Promise<string> {
  const text = await readFile(keyFile, "utf8").catch((cause: unknown) => {
    throw new StartFailure(
      `There is no ${keyFile} to sign with: npm start makes it, and it is there while that runs.`,
      {
        cause,
      },
    );
  });
  return sign(KeyFile.parse(JSON.parse(text)), order, nowMs);
}

type Signing = { issuer: string; audience: string; key: JWK & { kid: string } };

async function sign({ issuer, audience, key }: Signing, order: TokenOrder = {}, nowMs: number): Promise<string> {
  const { subject = "developer", scope = "admin", tenant, role, lifeSec = LIFE_SEC } = order;
  const nowSec = Math.floor(nowMs / 1000);
  const claims = {
    client_id: "development",
    scope,
    ...(tenant === undefined ? {} : { tenant }),
    ...(role === undefined ? {} : { roles: [role] }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: "at+jwt" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt(nowSec)
    .setExpirationTime(nowSec + lifeSec)
    .sign(await importJWK(key, ALGORITHM));
}
