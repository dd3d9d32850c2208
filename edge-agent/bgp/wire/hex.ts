// Octets as hex text, for logs and for values that are only compared.

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** Lower-case hex without separators; at most `limit` octets, then `..` and nothing more. */
export function toHex(octets: Uint8Array, limit = octets.length): string {
  let text = "";
  const shown = Math.min(limit, octets.length);
  for (let i = 0; i < shown; i++) text += HEX[octets[i] as number];
  return shown < octets.length ? `${text}..` : text;
}

/** Reads what `toHex` wrote; undefined for odd or non-hex text. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined;
  const octets = new Uint8Array(text.length / 2);
  for (let i = 0; i < octets.length; i++) octets[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return octets;
}
