// SecretBox without a key service, for tests of the API. It passes the contract of the real one (test/contract/secret-box.ts).

import { createHash, randomUUID } from "node:crypto";
import type { Purpose, SecretBox } from "../../functions/secrets/secret-box.ts";

const MAX_OCTETS = 4096;

/** Nothing of a secret is in what it gives out. */
export function createTestSecretBox(): SecretBox {
  const kept = new Map<string, string>();
  const nameOf = (sealed: string, purpose: Purpose) =>
    createHash("sha256")
      .update(JSON.stringify([sealed, Object.entries(purpose).sort(([a], [b]) => (a < b ? -1 : 1))]))
      .digest("hex");
  return {
    async seal(secret, purpose) {
      if (secret === "" || Buffer.byteLength(secret) > MAX_OCTETS) throw new Error(`1 to ${MAX_OCTETS} octets`);
      const sealed = Buffer.from(randomUUID()).toString("base64");
      kept.set(nameOf(sealed, purpose), secret);
      return sealed;
    },
    open: (sealed, purpose) => Promise.resolve(kept.get(nameOf(sealed, purpose))),
  };
}
