// Hex with spaces, as the vectors are written.

export function fromHex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ""), "hex");
}

export function toHex(octets: Buffer): string {
  return octets.toString("hex");
}
