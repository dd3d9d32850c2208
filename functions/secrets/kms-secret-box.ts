// Secrets sealed by a symmetric key of AWS KMS, which never leaves KMS. The purpose is the encryption context: KMS
// authenticates it, and CloudTrail shows it with each use of the key.

import { DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { type SecretBox, SecretBoxUnavailableError } from "./secret-box.ts";

/** What KMS says of what it did not seal so. */
const NOT_SEALED_SO = ["InvalidCiphertextException", "IncorrectKeyException"];

/** With a client of its own, of the environment's region and credentials. */
export function environmentKmsSecretBox(keyArn: string): SecretBox {
  return kmsSecretBox(new KMSClient({}), keyArn);
}

/** A box under the KMS key of this ARN, which the client's credentials may Encrypt and Decrypt with. */
export function kmsSecretBox(client: Pick<KMSClient, "send">, keyArn: string): SecretBox {
  return {
    async seal(secret, purpose) {
      const { CiphertextBlob } = await client
        .send(
          new EncryptCommand({
            KeyId: keyArn,
            Plaintext: Buffer.from(secret, "utf8"),
            EncryptionContext: { ...purpose },
          }),
        )
        .catch(fail);
      if (!CiphertextBlob) throw new Error("KMS sealed nothing");
      return Buffer.from(CiphertextBlob).toString("base64");
    },
    async open(sealed, purpose) {
      const CiphertextBlob = Buffer.from(sealed, "base64");
      if (CiphertextBlob.length === 0) return undefined;
      // The key is named, though the ciphertext names it too: nothing that another key sealed is taken.
      const command = new DecryptCommand({ KeyId: keyArn, CiphertextBlob, EncryptionContext: { ...purpose } });
      const opened = await client
        .send(command)
        .catch((cause: unknown) => (NOT_SEALED_SO.includes((cause as Error).name) ? undefined : fail(cause)));
      return opened?.Plaintext && Buffer.from(opened.Plaintext).toString("utf8");
    },
  };
}

/** A refusal (no such key, no right to it) is told as it is; anything else may be over soon. */
function fail(cause: unknown): never {
  const { name, $metadata } = cause as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (status !== undefined && status < 500 && name !== "ThrottlingException") throw cause;
  throw new SecretBoxUnavailableError(`KMS: ${name ?? "no answer"}`, { cause });
}
