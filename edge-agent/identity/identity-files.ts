// The host's identity on disk: its key, its certificate, the CA of the broker. Owner-only, and refused otherwise. A new
// key and certificate are one file, put in place by a rename, so that a crash leaves the old pair or the new one.
//
//   identity.pem        private key (PKCS #8), then certificate
//   requested-key.pem   the key of a request that is not answered yet
//   ca.pem              whom the broker's certificate must be of

import { X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

export type Identity = {
  readonly keyPem: string;
  readonly certificatePem: string;
  readonly caPem: string;
  /** SHA-256 of the certificate's DER form, hex: what the cloud calls it. */
  readonly certificateId: string;
  /** Host clock, ms since the epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
};

export type IdentityFiles = {
  /** @throws with the file and what to do if the host has no identity, or others can read it. */
  load(): Promise<Identity>;
  /** Keeps the key of a request until its answer comes. */
  keepRequestedKey(keyPem: string): Promise<void>;
  /** Takes an answer: the certificate must be for the key that was kept. @throws with the reason if it is not. */
  accept(answer: { readonly certificatePem: string; readonly caPem?: string }): Promise<Identity>;
};

const IDENTITY = "identity.pem";
const REQUESTED = "requested-key.pem";
const CA = "ca.pem";
const PEM = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----\n?/g;

/** `dir` is made with mode 0700 when the first file is written. */
export function identityFiles(dir: string): IdentityFiles {
  const path = (file: string) => join(dir, file);

  async function load(): Promise<Identity> {
    const text = await readPrivate(path(IDENTITY)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT") throw cause;
      throw new Error(`this host has no identity in ${dir}: run overspan-agent join`, { cause });
    });
    const parts = Array.from(text.matchAll(PEM), ([part]) => part);
    const keyPem = parts.find((part) => part.includes("PRIVATE KEY"));
    const certificatePem = parts.filter((part) => part.includes("BEGIN CERTIFICATE")).join("");
    if (!keyPem || certificatePem === "") throw new Error(`${path(IDENTITY)} does not hold a key and a certificate`);
    return { keyPem, certificatePem, caPem: await readFile(path(CA), "utf8"), ...describe(certificatePem) };
  }

  return {
    load,
    async keepRequestedKey(keyPem) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await writePrivate(path(REQUESTED), keyPem);
    },
    async accept({ certificatePem, caPem }) {
      const keyPem = await readPrivate(path(REQUESTED)).catch((cause: Error) => {
        throw new Error("a certificate that was not asked for", { cause });
      });
      const { createPrivateKey } = await import("node:crypto");
      if (!new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem))) {
        throw new Error("the certificate is not for the key of the request");
      }
      if (caPem !== undefined) await writePrivate(path(CA), caPem);
      await writePrivate(path(IDENTITY), `${keyPem.trimEnd()}\n${certificatePem.trimEnd()}\n`);
      await rm(path(REQUESTED), { force: true });
      return load();
    },
  };
}

function describe(certificatePem: string): Pick<Identity, "certificateId" | "notBeforeMs" | "notAfterMs"> {
  const certificate = new X509Certificate(certificatePem);
  return {
    certificateId: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
  };
}

/** A key that others can read is no secret: better not to start than to go on as if it were. */
async function readPrivate(path: string): Promise<string> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new Error(`${path} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, and join anew`);
  }
  return await readFile(path, "utf8");
}

async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
