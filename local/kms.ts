// AWS KMS on one machine, the two calls that functions make (AWS JSON 1.1): AES-256-GCM under a key from the data folder, in a
// file that only its owner reads. The encryption context is authenticated, as KMS does it. Loopback only, on any port;
// signatures are not checked, as nobody else knows the port.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import * as z from "zod";
import type { SecretStore } from "./data-folder.ts";
import { type LocalServer, readBody, sendJson, startServer } from "./http-server.ts";
import type { KeyPlan } from "./plan.ts";
import { StartFailure } from "./start-failure.ts";

const KEY_FILE = "kms-key";
const CIPHER = "aes-256-gcm";
const [KEY_OCTETS, NONCE_OCTETS, TAG_OCTETS] = [32, 12, 16] as const;
/** KMS takes no more (Encrypt, SYMMETRIC_DEFAULT). */
const MAX_PLAINTEXT_OCTETS = 4096;
const MAX_BODY_BYTES = 64 * 1024;

export type KmsOptions = { store: SecretStore; keys: readonly KeyPlan[]; log: (line: string) => void };

/** Octets in base64, as both calls have them. */
const Blob = z.base64().transform((text) => Buffer.from(text, "base64"));
const Asked = z.object({ KeyId: z.string(), EncryptionContext: z.record(z.string(), z.string()).default({}) });
const Encrypt = Asked.extend({ Plaintext: Blob });
const Decrypt = Asked.extend({ CiphertextBlob: Blob });

type Answered = { status: number; body: object };

/** Serves the template's keys; StartFailure if the file of the key holds none. */
export async function startKms({ store, keys, log }: KmsOptions): Promise<LocalServer> {
  const key = await loadKey(store);
  const known = (arn: string) => keys.some((each) => each.arn === arn);
  return startServer({ what: "KMS", port: 0, option: "", log }, async (request, response) => {
    const octets = await readBody(request, MAX_BODY_BYTES);
    const { status, body } = answer({ key, known }, String(request.headers["x-amz-target"]), parse(octets));
    sendJson(response, status, body, { "content-type": "application/x-amz-json-1.1" });
  });
}

async function loadKey(store: SecretStore): Promise<Buffer> {
  const saved = await store.load(KEY_FILE);
  const key = saved === undefined ? randomBytes(KEY_OCTETS) : Buffer.from(saved, "base64");
  if (key.length !== KEY_OCTETS) {
    throw new StartFailure(
      `secrets/${KEY_FILE} of the data folder is no key of ${KEY_OCTETS} octets. ` +
        "Restore it, or remove it: what was sealed with it is lost then.",
    );
  }
  if (saved === undefined) await store.save(KEY_FILE, key.toString("base64"));
  return key;
}

function parse(octets: Buffer | undefined): unknown {
  try {
    return JSON.parse(String(octets));
  } catch {
    return undefined;
  }
}

type Keys = { key: Buffer; known: (arn: string) => boolean };

function answer({ key, known }: Keys, target: string, body: unknown): Answered {
  if (target === "TrentService.Encrypt") {
    const asked = Encrypt.safeParse(body);
    if (!asked.success) return refusal("ValidationException", "not a request to Encrypt");
    const { KeyId, Plaintext } = asked.data;
    if (!known(KeyId)) return refusal("NotFoundException", `there is no key ${KeyId}`);
    if (Plaintext.length === 0 || Plaintext.length > MAX_PLAINTEXT_OCTETS) {
      return refusal("ValidationException", `Plaintext must have 1 to ${MAX_PLAINTEXT_OCTETS} octets`);
    }
    const sealed = seal(key, Plaintext, authenticated(asked.data));
    return { status: 200, body: { KeyId, CiphertextBlob: sealed.toString("base64") } };
  }
  if (target === "TrentService.Decrypt") {
    const asked = Decrypt.safeParse(body);
    if (!asked.success) return refusal("ValidationException", "not a request to Decrypt");
    const { KeyId, CiphertextBlob } = asked.data;
    if (!known(KeyId)) return refusal("NotFoundException", `there is no key ${KeyId}`);
    const plain = open(key, CiphertextBlob, authenticated(asked.data));
    if (!plain) return refusal("InvalidCiphertextException", "not sealed by this key for this context");
    return { status: 200, body: { KeyId, Plaintext: plain.toString("base64") } };
  }
  return refusal("UnknownOperationException", "only Encrypt and Decrypt are here");
}

/** nonce | ciphertext | tag */
function seal(key: Buffer, plain: Buffer, associated: Buffer): Buffer {
  const nonce = randomBytes(NONCE_OCTETS);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(associated);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, sealed: Buffer, associated: Buffer): Buffer | undefined {
  const end = sealed.length - TAG_OCTETS;
  if (end < NONCE_OCTETS) return undefined;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_OCTETS), { authTagLength: TAG_OCTETS });
  decipher.setAAD(associated).setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_OCTETS, end)), decipher.final()]);
  } catch {
    // The tag does not fit: node:crypto throws.
    return undefined;
  }
}

/** The key's name and the context, whatever the order of its members. */
function authenticated({ KeyId, EncryptionContext }: z.infer<typeof Asked>): Buffer {
  const context = Object.entries(EncryptionContext).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([KeyId, context]));
}

function refusal(type: string, message: string): Answered {
  return { status: 400, body: { __type: type, message } };
}
