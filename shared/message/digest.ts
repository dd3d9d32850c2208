// Digests: an order-independent sum (mod 2^64) of a 64-bit hash of each member, so that one record's change costs one
// subtraction and one addition, on both sides. They find divergence; they are no defence against a forger.

import { hash } from "node:crypto";
import type { Brand } from "../address/brand.ts";

/** Sixteen lower-case hex digits. */
export type Digest = Brand<string, "Digest">;

/** The digest of nothing. */
export const EMPTY_DIGEST = "0000000000000000" as Digest;

const MASK = (1n << 64n) - 1n;

export function parseDigest(text: string): Digest | undefined {
  return /^[0-9a-f]{16}$/.test(text) ? (text as Digest) : undefined;
}

export function digestAdd(a: Digest, b: Digest): Digest {
  return format((BigInt(`0x${a}`) + BigInt(`0x${b}`)) & MASK);
}

export function digestSubtract(a: Digest, b: Digest): Digest {
  return format((BigInt(`0x${a}`) - BigInt(`0x${b}`)) & MASK);
}

/** The sum of `parts`. */
export function digestSum(parts: Iterable<Digest>): Digest {
  let sum = 0n;
  for (const part of parts) sum += BigInt(`0x${part}`);
  return format(sum & MASK);
}

/** A sum whose parts come and go. */
export class DigestSum {
  #sum = 0n;

  add(part: Digest): void {
    this.#sum = (this.#sum + BigInt(`0x${part}`)) & MASK;
  }

  subtract(part: Digest): void {
    this.#sum = (this.#sum - BigInt(`0x${part}`)) & MASK;
  }

  get digest(): Digest {
    return format(this.#sum);
  }
}

const DIGEST_LENGTH = 16;
/** V8 keeps the whole of a string for a part of it, and a host holds some hundred thousand digests: they are copied out. */
const copied = Buffer.alloc(DIGEST_LENGTH);

/** The first 64 bits of the SHA-256 of `text`. */
export function hashText(text: string): Digest {
  copied.write(hash("sha256", text, "hex"), 0, DIGEST_LENGTH, "latin1");
  return copied.toString("latin1") as Digest;
}

/** The hash of one live record in canonical form. */
export function hashRecord(record: { key: string; version: number; body: unknown }): Digest {
  return hashText(`${record.key}\n${record.version}\n${canonicalJson(record.body)}`);
}

/** JSON with sorted keys and without undefined members: the same text for equal values. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  let text = "";
  if (Array.isArray(value)) {
    for (const member of value) text += `${text && ","}${canonicalJson(member)}`;
    return `[${text}]`;
  }
  const members = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(members).sort()) {
    if (members[key] === undefined) continue;
    text += `${text && ","}${JSON.stringify(key)}:${canonicalJson(members[key])}`;
  }
  return `{${text}}`;
}

function format(sum: bigint): Digest {
  return sum.toString(16).padStart(16, "0") as Digest;
}
