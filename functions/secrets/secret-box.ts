// The port through which functions keep a secret at rest: sealed with a key that whoever reads the table does not have, and
// bound to what it is for. kms-secret-box.ts implements it with AWS KMS; on one machine local/kms.ts stands in for KMS.

/**
 * What a secret is for: it opens only for the very same (KMS: encryption context; AEAD: associated data, RFC 5116). Not
 * secret itself: it is in the key service's log.
 */
export type Purpose = Readonly<Record<string, string>>;

export type SecretBox = {
  /** Seals 1 to 4,096 octets of UTF-8; base64. Two seals of one secret differ. Rejects with SecretBoxUnavailableError. */
  seal(secret: string, purpose: Purpose): Promise<string>;
  /**
   * The secret; undefined if it was not sealed here, for this purpose, or was altered. Rejects with
   * SecretBoxUnavailableError.
   */
  open(sealed: string, purpose: Purpose): Promise<string | undefined>;
};

/** What seals does not answer, or has too much to do: later it may. */
export class SecretBoxUnavailableError extends Error {
  override readonly name = "SecretBoxUnavailableError";
}
