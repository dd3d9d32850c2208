// What a host says of its certificate, on the lane `certificate`. The first certificate comes by a join token over HTTPS;
// every later one this way, asked for over the connection that the one before it opened.

import * as z from "zod";
import { Slug } from "../model/fields.ts";
import { ProtocolVersion } from "./version.ts";

/** A certificate's id: the SHA-256 of its DER form, 64 lower-case hex digits (as AWS IoT names certificates). */
export const CertificateId = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hex digits");

/** A PKCS #10 request (RFC 2986) in PEM; one with a P-256 key has about 400 octets. */
export const CsrPem = z.string().min(1).max(4096);

export const CertificateRequest = z.discriminatedUnion("kind", [
  /** Asks for a certificate for the key in `csr`; the answer is an inbox message of kind `certificate`. */
  z.object({ v: ProtocolVersion, kind: z.literal("renew"), csr: CsrPem }),
  /** This connection was opened with the certificate; the others of the host are of no more use. */
  z.object({ v: ProtocolVersion, kind: z.literal("confirm"), certificateId: CertificateId }),
]);
export type CertificateRequest = z.infer<typeof CertificateRequest>;

/** The answer to `renew`, in the host's inbox. `kind` comes before what is long. */
export const CertificateMessage = z.object({
  v: ProtocolVersion,
  host: Slug,
  kind: z.literal("certificate"),
  certificateId: CertificateId,
  /** PEM. */
  certificate: z.string().max(16_384),
});
export type CertificateMessage = z.infer<typeof CertificateMessage>;
