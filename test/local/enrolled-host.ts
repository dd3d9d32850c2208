// Hosts of a test with certificates of the development CA, attached as functions/identity attaches them.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeCertificateRequest } from "../../edge-agent/identity/certificate-request.ts";
import { type CertificateAuthority, openCertificateAuthority } from "../../local/certificate-authority.ts";
import { type Identities, openIdentities } from "../../local/identities.ts";

export const HOST_POLICY = "HostPolicy";

export type EnrolledHost = { certificateId: string; key: string; cert: string; ca: string };

export type IdentityWorld = {
  authority: CertificateAuthority;
  identities: Identities;
  enrol(host: string, subject?: string): Promise<EnrolledHost>;
};

/** In memory. */
export async function openIdentityWorld(): Promise<IdentityWorld> {
  const files = new Map<string, string>();
  const store = {
    load: async (name: string) => files.get(name),
    save: async (name: string, text: string) => void files.set(name, text),
  };
  const authority = await openCertificateAuthority({ store, now: Date.now });
  const identities = await openIdentities(store);
  return {
    authority,
    identities,
    async enrol(host, subject = host) {
      const { keyPem, csrPem } = await makeCertificateRequest(subject);
      const { certificateId, certificatePem } = await authority.sign(csrPem);
      await identities.addThing(host);
      await identities.add(certificateId, "ACTIVE");
      await identities.attachThing(certificateId, host);
      await identities.attachPolicy(certificateId, HOST_POLICY);
      return { certificateId, key: keyPem, cert: certificatePem, ca: authority.caPem };
    },
  };
}

/** An identity on disk as `overspan-agent join` leaves it, of a CA that nobody knows. */
export async function writeIdentity(stateDir: string, host: string): Promise<void> {
  const { key, cert, ca } = await (await openIdentityWorld()).enrol(host);
  const dir = join(stateDir, "identity");
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await writeFile(join(dir, "identity.pem"), `${key.trimEnd()}\n${cert}\n`, { mode: 0o600 });
  await writeFile(join(dir, "ca.pem"), ca, { mode: 0o600 });
}
