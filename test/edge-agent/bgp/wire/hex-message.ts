// Messages in tests are written as hex with spaces, without the 16 octets of the marker.

import { HEADER_OCTETS } from "../../../../edge-agent/bgp/wire/message.ts";

/** The octets of hex text; white space is ignored. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/\s+/g, ""), "hex"));
}

/** A whole message: the marker, then `text`. */
export function messageOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.alloc(16, 0xff), hex(text)]));
}

/** The body of the message `text`. */
export function bodyOf(text: string): Uint8Array {
  return messageOf(text).subarray(HEADER_OCTETS);
}
