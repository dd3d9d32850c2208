// The development issuer: its keys on loopback, its signing key in a file of its owner alone, and the command that mints.

import { execFile } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startTokenIssuer, type TokenIssuer } from "../../local/token-issuer.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

let dir: string;
let keyFile: string;
let issuer: TokenIssuer | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "overspan-issuer-"));
  keyFile = join(dir, "token-key");
  issuer = await startTokenIssuer({ keyFile, now: Date.now, log: () => undefined });
});
afterEach(async () => {
  await issuer?.close();
  await rm(dir, { recursive: true, force: true });
});

const running = () => {
  if (!issuer) throw new Error("no issuer");
  return issuer;
};
const verify = (token: string) =>
  jwtVerify(token, createRemoteJWKSet(new URL(running().keysUrl)), {
    issuer: running().issuer,
    audience: running().audience,
  });
const command = (...words: string[]) =>
  promisify(execFile)(process.execPath, ["--import", "tsx", "local/token.ts", ...words], { cwd: REPOSITORY });

describe("token issuer", () => {
  it("issuer: a token -> good by the keys that it serves, and those are public halves only", async () => {
    const { payload } = await verify(await running().mint());
    expect(payload).toMatchObject({ sub: "developer", scope: "admin" });
    const { keys } = (await (await fetch(running().keysUrl)).json()) as { keys: object[] };
    expect(keys).toHaveLength(1);
    expect(keys[0]).not.toHaveProperty("d");
  });

  it("issuer: over HTTP -> the keys and nothing else; not for another site's page", async () => {
    for (const path of ["/token", "/", "/token-key", "/.well-known/../token-key"]) {
      expect((await fetch(`${running().issuer}${path}`, { method: "POST" })).status).toBe(404);
    }
    expect((await fetch(running().keysUrl, { headers: { origin: "https://example.net" } })).status).toBe(403);
  });

  it("issuer: the key file -> of its owner alone; ended -> gone, and the next run's key is another", async () => {
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    const old = await running().mint();
    await running().close();
    issuer = undefined;
    await expect(stat(keyFile)).rejects.toMatchObject({ code: "ENOENT" });
    issuer = await startTokenIssuer({ keyFile, now: Date.now, log: () => undefined });
    await expect(verify(old)).rejects.toThrow();
  });

  it("npm run token: what is asked -> what the token says", { timeout: 60_000 }, async () => {
    const words = [
      "--scope",
      "write",
      "--tenant",
      "acme",
      "--role",
      "network-engineer",
      "--subject",
      "ci",
      "--life",
      "60",
    ];
    const { stdout } = await command("--key", keyFile, ...words);
    const { payload } = await verify(stdout.trim());
    expect(payload).toMatchObject({ sub: "ci", scope: "write", tenant: "acme", roles: ["network-engineer"] });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    expect(decodeJwt(stdout.trim()).iss).toBe(running().issuer);
  });

  it.each<[string, string[], RegExp]>([
    ["no runtime", ["--key", "/nonexistent/key"], /npm start makes it/],
    ["a scope that is none", ["--scope", "root"], /--scope must be one of read, write, admin/],
    ["a life that is none", ["--life", "soon"], /whole number of seconds/],
    ["an unknown option", ["--admin"], /See npm run token/],
  ])("npm run token: %s -> one line that says so, status 1", { timeout: 60_000 }, async (_, words, said) => {
    const failure = (await command(...words).catch((error: unknown) => error)) as { code: number; stderr: string };
    expect(failure.code).toBe(1);
    expect(failure.stderr).toMatch(said);
    expect(failure.stderr.trim().split("\n")).toHaveLength(1);
  });
});
