// The development CA, in place of AWS IoT's: a root that signs hosts' certificates and the broker's own. It lives in the
// data folder (or in memory), so that hosts stay known over a restart. For one machine and for tests, not for a fleet.

import "reflect-metadata";
import { createHash, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { SecretStore } from "./data-folder.ts";

/** SHA-256 of the DER form, hex: what AWS IoT calls a certificate's id. */
export type CertificateId = string;
export type SignedCertificate = { certificateId: CertificateId; certificatePem: string };
export type ServerCertificate = { keyPem: string; certificatePem: string };

export type CertificateAuthority = {
  /** The root's certificate, PEM. */
  caPem: string;
  /** Signs a request for a client certificate; rejects with the reason if it is no sound request. */
  sign: (csrPem: string) => Promise<SignedCertificate>;
  /** A server certificate for names and addresses, with a key of its own. */
  serve: (names: readonly string[]) => Promise<ServerCertificate>;
};

const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
const DAY_MS = 86_400_000;
const ROOT_LIFE_MS = 3650 * DAY_MS;
/** Clocks of hosts may be behind ours. */
const BACKDATED_MS = 3_600_000;
const ROOT_FILE = "development-ca";

type Root = { keyPem: string; certificatePem: string };

/** Loads the root, or makes one. `lifeMs`: how long hosts' certificates hold, default 90 days. */
export async function openCertificateAuthority(options: {
  store: SecretStore;
  now: () => number;
  lifeMs?: number;
}): Promise<CertificateAuthority> {
  const { store, now, lifeMs = 90 * DAY_MS } = options;
  const saved = await store.load(ROOT_FILE);
  const root = saved === undefined ? await makeRoot(now()) : (JSON.parse(saved) as Root);
  if (saved === undefined) await store.save(ROOT_FILE, JSON.stringify(root));
  const certificate = new X509Certificate(root.certificatePem);
  const signingKey = await importKey(root.keyPem);

  async function issue(order: {
    subject: string;
    publicKey: Parameters<typeof X509CertificateGenerator.create>[0]["publicKey"];
    extensions: Extension[];
    endMs: number;
  }): Promise<X509Certificate> {
    const { subject, publicKey, extensions, endMs } = order;
    return await X509CertificateGenerator.create({
      serialNumber: randomBytes(16).toString("hex"),
      subject,
      issuer: certificate.subject,
      publicKey,
      signingKey,
      signingAlgorithm: SIGNATURE,
      notBefore: new Date(now() - BACKDATED_MS),
      notAfter: new Date(Math.min(endMs, certificate.notAfter.getTime())),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        ...extensions,
      ],
    });
  }

  return {
    caPem: root.certificatePem,
    async sign(csrPem) {
      const request = new Pkcs10CertificateRequest(csrPem);
      if (!(await request.verify())) throw new Error("the request is not signed with its own key");
      const signed = await issue({
        subject: request.subject,
        publicKey: request.publicKey,
        extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
        endMs: now() + lifeMs,
      });
      return { certificateId: idOf(signed.rawData), certificatePem: signed.toString("pem") };
    },
    async serve(names) {
      const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
      const alternatives = names.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value }));
      const signed = await issue({
        subject: "CN=Overspan development broker",
        publicKey: keys.publicKey,
        extensions: [
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
          new SubjectAlternativeNameExtension(alternatives),
        ],
        endMs: certificate.notAfter.getTime(),
      });
      return { keyPem: await exportKey(keys.privateKey), certificatePem: signed.toString("pem") };
    },
  };
}

/** A certificate's id from its DER form. */
export function idOf(der: ArrayBuffer | Uint8Array): CertificateId {
  return createHash("sha256").update(new Uint8Array(der)).digest("hex");
}

async function makeRoot(nowMs: number): Promise<Root> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(16).toString("hex"),
    name: "CN=Overspan development CA",
    keys,
    signingAlgorithm: SIGNATURE,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + ROOT_LIFE_MS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { keyPem: await exportKey(keys.privateKey), certificatePem: certificate.toString("pem") };
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey("pkcs8", der, KEY_ALGORITHM, false, ["sign"]);
}
