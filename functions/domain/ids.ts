// Identifiers that the system gives: of resources whose client gave none, of changes, of fences.
// Crockford's base 32 in lower case: no i, l, o, u, so that they can be read out over the telephone.

import type { ResourceKind } from "./resource.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

const PREFIX: Record<ResourceKind, string> = {
  tenant: "ten",
  site: "site",
  host: "host",
  "fabric-peer": "tor",
  "vni-pool": "pool",
  network: "net",
  router: "rtr",
  prefix: "pfx",
  endpoint: "ep",
  rollout: "roll",
};

/** Gives that many random octets. */
export type Random = (octets: number) => Uint8Array;

export type Ids = {
  /** `net-7f3k2m`: 30 random bits; one that is taken is refused by the store and made again. */
  resource(kind: ResourceKind): string;
  /** 26 characters that sort by time: 48 bits of milliseconds, 80 random bits (the layout of a ULID). */
  change(nowMs: number): string;
  /** The token of a fence: 60 random bits. */
  fence(): string;
};

export function createIds(random: Random): Ids {
  const text = (characters: number) => Array.from(random(characters), (octet) => ALPHABET.charAt(octet & 31)).join("");
  return {
    resource: (kind) => `${PREFIX[kind]}-${text(6)}`,
    change: (nowMs) => formatTime(nowMs) + text(16),
    fence: () => text(12),
  };
}

/** True for text of the form that `change` gives. */
export function isChangeId(text: string): boolean {
  return /^[0-9a-hjkmnp-tv-z]{26}$/.test(text);
}

/** The time in a change's id, ms since the epoch. */
export function changeTime(id: string): number {
  return Array.from(id.slice(0, 10)).reduce((ms, digit) => ms * 32 + ALPHABET.indexOf(digit), 0);
}

/** The smallest id of that time: all changes from then on are not below it. */
export function firstChangeAt(nowMs: number): string {
  return formatTime(nowMs) + "0".repeat(16);
}

/** Ten characters: 50 bits, of which a time until the year 10889 fills 48. */
function formatTime(nowMs: number): string {
  let rest = nowMs;
  let text = "";
  for (let i = 0; i < 10; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
