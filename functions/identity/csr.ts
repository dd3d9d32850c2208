// Checks a certificate request (PKCS #10, RFC 2986) before it is given to the issuer: it must be for the host's own name
// and signed with the key that it is for, which must be of P-256. Whatever else it asks for is not granted anyway.

import "reflect-metadata";
import { Pkcs10CertificateRequest } from "@peculiar/x509";

/** Undefined if the request is fit; else why not, in words. */
export async function faultOfCsr(pem: string, host: string): Promise<string | undefined> {
  let request: Pkcs10CertificateRequest;
  try {
    request = new Pkcs10CertificateRequest(pem);
  } catch {
    return "is not a PKCS #10 certificate request in PEM";
  }
  const names = request.subjectName.getField("CN");
  if (names.length !== 1 || names[0] !== host) return `must have the common name ${host}`;
  const { namedCurve } = request.publicKey.algorithm as { namedCurve?: string };
  if (namedCurve !== "P-256") return "must be for a key of the curve P-256";
  const isSigned = await request.verify().catch(() => false);
  return isSigned ? undefined : "is not signed with its own key";
}
