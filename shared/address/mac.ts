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
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** Reads the six octets at `offset`; throws RangeError if they are not all there. */
export function macFromOctets(octets: Uint8Array, offset = 0): Mac {
  if (offset < 0 || offset + 6 > octets.length) throw new RangeError("a MAC address needs 6 octets");
  let text = HEX[octets[offset] as number] as string;
  for (let i = 1; i < 6; i++) text += `:${HEX[octets[offset + i] as number]}`;
  return text as Mac;
}

/** Writes the six octets of `mac` into `target` at `offset`. */
export function writeMac(mac: Mac, target: Uint8Array, offset = 0): void {
  for (let i = 0; i < 6; i++) target[offset + i] = Number.parseInt(mac.slice(i * 3, i * 3 + 2), 16);
}

/** The six octets of `mac`. */
export function macToOctets(mac: Mac): Uint8Array {
  const octets = new Uint8Array(6);
  writeMac(mac, octets);
  return octets;
}
