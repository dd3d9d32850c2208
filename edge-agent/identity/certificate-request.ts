// A new key and the request for its certificate (PKCS #10, RFC 2986): P-256, common name = host id. The library is loaded
// only here, since it is needed once in months.

import { webcrypto } from "node:crypto";

export type CertificateRequest = { readonly keyPem: string; readonly csrPem: string };

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export async function makeCertificateRequest(host: string): Promise<CertificateRequest> {
  await import("reflect-metadata");
  const { PemConverter, Pkcs10CertificateRequestGenerator } = await import("@peculiar/x509");
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${host}`,
    keys,
    signingAlgorithm: ALGORITHM,
  });
  const keyDer = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { keyPem: PemConverter.encode(keyDer, "PRIVATE KEY"), csrPem: request.toString("pem") };
}
