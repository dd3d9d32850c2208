// MAC addresses (IEEE 802 EUI-48): text in the canonical form `02:00:5e:10:00:01`, and octets.

import type { Brand } from "./brand.ts";

/** A MAC address in canonical form: lower case, colons, 17 characters. */
export type Mac = Brand<string, "Mac">;

const MAC_TEXT =
  /^([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})$/i;

/** The all-zero address, which the kernel uses as the key of flood entries. */
export const ZERO_MAC = "00:00:00:00:00:00" as Mac;

/** Parses `aa:bb:..` or `aa-bb-..` in any case; undefined when it is not a MAC address. */
export function parseMac(text: string): Mac | undefined {
  const groups = MAC_TEXT.exec(text);
  return groups ? (groups.slice(1).join(":").toLowerCase() as Mac) : undefined;
}

/** True for group addresses (multicast and broadcast): the low bit of the first octet. */
export function isMulticastMac(mac: Mac): boolean {
  return (Number.parseInt(mac.charAt(1), 16) & 1) === 1;
}

/** Reads the six octets at `offset`; throws RangeError if they are not all there. */
export function macFromOctets(octets: Uint8Array, offset = 0): Mac {
  if (offset < 0 || offset + 6 > octets.length) throw new RangeError("a MAC address needs 6 octets");
  const at = (i: number): number => octets[offset + i] as number;
  return macFromNumbers((at(0) << 16) | (at(1) << 8) | at(2), (at(3) << 16) | (at(4) << 8) | at(5));
}

/** The address of which `high` are the first three octets and `low` the last three, as 24-bit numbers. */
export function macFromNumbers(high: number, low: number): Mac {
  // All characters at once: text put together of pieces is a tree of them until somebody reads it, and a table of 100,000
  // addresses then holds several times their size.
  return String.fromCharCode(
    digit(high >> 20),
    digit(high >> 16),
    COLON,
    digit(high >> 12),
    digit(high >> 8),
    COLON,
    digit(high >> 4),
    digit(high),
    COLON,
    digit(low >> 20),
    digit(low >> 16),
    COLON,
    digit(low >> 12),
    digit(low >> 8),
    COLON,
    digit(low >> 4),
    digit(low),
  ) as Mac;
}

const COLON = 0x3a;

/** The character code of the hex digit that the low four bits are. */
function digit(bits: number): number {
  const value = bits & 0xf;
  return value < 10 ? 0x30 + value : 0x57 + value;
}

/** The value of a lower-case hex digit's character code. */
function nibble(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

/** Writes the six octets of `mac` into `target` at `offset`. */
export function writeMac(mac: Mac, target: Uint8Array, offset = 0): void {
  for (let i = 0; i < 6; i++)
    target[offset + i] = (nibble(mac.charCodeAt(i * 3)) << 4) | nibble(mac.charCodeAt(i * 3 + 1));
}

/** The six octets of `mac`. */
export function macToOctets(mac: Mac): Uint8Array {
  const octets = new Uint8Array(6);
  writeMac(mac, octets);
  return octets;
}
