// The brokers' passwords: one random token for each enrolled host. They stand for the certificates of AWS IoT.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Slug } from "../shared/model/fields.ts";
import type { SecretStore } from "./data-folder.ts";

export type Secrets = {
  /** The host's password, made if it has none. The caller has checked that the host exists. */
  enrol: (host: string) => Promise<string>;
  /** True if `password` is the enrolled host's; takes the same time for a wrong one as for a host that is not. */
  verify: (host: string, password: Uint8Array) => Promise<boolean>;
};

export function hostSecrets(store: SecretStore): Secrets {
  /** A host's name is a file's name: only slugs get that far. */
  const load = async (host: string) => (Slug.safeParse(host).success ? await store.load(host) : undefined);
  return {
    async enrol(host) {
      if (!Slug.safeParse(host).success) throw new RangeError(`not a host id: ${host}`);
      const existing = await store.load(host);
      if (existing) return existing;
      const secret = randomBytes(32).toString("base64url");
      await store.save(host, secret);
      return secret;
    },
    async verify(host, password) {
      const secret = await load(host);
      // Digests have one length, which timingSafeEqual needs, and a comparison is made in any case.
      const equal = timingSafeEqual(sha256(secret ?? ""), sha256(password));
      return equal && secret !== undefined;
    },
  };
}

function sha256(value: string | Uint8Array): Buffer {
  return createHash("sha256").update(value).digest();
}
