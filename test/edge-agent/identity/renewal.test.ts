// Renewal over fake time, with real keys, requests and files.

import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { makeCertificateRequest } from "../../../edge-agent/identity/certificate-request.ts";
import { type Identity, type IdentityFiles, identityFiles } from "../../../edge-agent/identity/identity-files.ts";
import { renewAtMs, startRenewal } from "../../../edge-agent/identity/renewal.ts";
import { type IdentityWorld, openIdentityWorld, writeIdentity } from "../../local/enrolled-host.ts";
import { FakeClock } from "../bgp/fake-network.ts";

const DAY_MS = 86_400_000;

let dir: string;
let ca: IdentityWorld;
let files: IdentityFiles;
let identity: Identity;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "overspan-renewal-"));
  ca = await openIdentityWorld();
  await writeIdentity(dir, "h1");
  files = identityFiles(join(dir, "identity"));
  const clock = new FakeClock();
  // Ninety days around the fake clock's now.
  identity = { ...(await files.load()), notBeforeMs: clock.wallMs(), notAfterMs: clock.wallMs() + 90 * DAY_MS };
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function start() {
  const clock = new FakeClock();
  const published: Record<string, string>[] = [];
  const used: Identity[] = [];
  const warned: string[] = [];
  const renewal = startRenewal({
    host: "h1",
    identity,
    files,
    makeRequest: makeCertificateRequest,
    publish: (payload) => void published.push(JSON.parse(payload) as Record<string, string>),
    use: (next) => void used.push(next),
    clock,
    random: () => 0,
    log: { info: () => undefined, warn: (kind) => void warned.push(kind) },
  });
  const asked = () => published.filter(({ kind }) => kind === "renew");
  return { clock, published, used, warned, renewal, asked };
}

it("renewal: at two thirds of the life, spread over a twentieth before it", () => {
  expect(renewAtMs(identity, () => 0) - identity.notBeforeMs).toBe(60 * DAY_MS);
  expect(renewAtMs(identity, () => 1) - identity.notBeforeMs).toBeCloseTo(55.5 * DAY_MS, -3);
});

it("renewal: not due -> nothing is asked; due -> asked with a new key, which is kept by its owner alone", async () => {
  const { clock, asked, renewal } = start();
  clock.advance(59 * DAY_MS, () => undefined);
  expect(asked()).toEqual([]);
  clock.advance(1 * DAY_MS + 1, () => undefined);
  await vi.waitFor(() => expect(asked()).toHaveLength(1));
  expect(((await stat(join(dir, "identity", "requested-key.pem"))).mode & 0o777).toString(8)).toBe("600");
  // Unanswered: asked again within a quarter of an hour.
  clock.advance(15 * 60_000, () => undefined);
  await vi.waitFor(() => expect(asked().length).toBeGreaterThan(1));
  renewal.close();
  expect(clock.pending).toBe(0);
});

it("renewal: the answer -> on disk, used, and confirmed once the connection is there", async () => {
  const { clock, asked, used, published, renewal } = start();
  renewal.connected();
  expect(published).toMatchObject([{ kind: "confirm", certificateId: identity.certificateId }]);
  clock.advance(60 * DAY_MS + 1, () => undefined);
  await vi.waitFor(() => expect(asked()).toHaveLength(1));
  const { certificateId, certificatePem } = await ca.authority.sign(asked()[0]?.["csr"] ?? "");
  renewal.received({ certificate: certificatePem });
  await vi.waitFor(() => expect(used).toHaveLength(1));
  expect(used[0]?.certificateId).toBe(certificateId);
  expect((await files.load()).certificateId).toBe(certificateId);
  renewal.connected();
  renewal.connected();
  expect(published.filter(({ kind }) => kind === "confirm").slice(1)).toMatchObject([{ certificateId }]);
  renewal.close();
});

it("renewal: a certificate for another key, and one that was not asked for -> refused, the old one stays", async () => {
  const { clock, asked, used, warned, renewal } = start();
  const stranger = await ca.enrol("h1");
  renewal.received({ certificate: stranger.cert });
  await vi.waitFor(() => expect(warned).toEqual(["certificate-refused"]));
  clock.advance(60 * DAY_MS + 1, () => undefined);
  await vi.waitFor(() => expect(asked()).toHaveLength(1));
  renewal.received({ certificate: stranger.cert });
  await vi.waitFor(() => expect(warned).toHaveLength(2));
  expect(used).toEqual([]);
  expect((await files.load()).certificateId).toBe(identity.certificateId);
  renewal.close();
});
