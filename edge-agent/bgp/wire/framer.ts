// Cuts a byte stream into BGP messages, however TCP cut it. Keeps at most one incomplete message. After an error it
// yields nothing more: the stream has no place to resume at (RFC 4271 6.1).

import { checkHeader, HEADER_OCTETS, MAX_MESSAGE_OCTETS } from "./message.ts";
import type { MessageError } from "./notification.ts";

const EMPTY = new Uint8Array(0);

export class Framer {
  #pending: Uint8Array = EMPTY;
  #maxOctets = MAX_MESSAGE_OCTETS;
  #failed = false;

  /** Takes effect with the next message: for RFC 8654, once both OPENs are known. */
  set maxOctets(octets: number) {
    this.#maxOctets = octets;
  }

  /**
   * Hands every complete message of what has arrived so far to `message`, as a view that is valid only during the call;
   * `message` returns false to have the rest dropped. A header error goes to `error`, with the header's octets.
   */
  push(
    chunk: Uint8Array,
    message: (octets: Uint8Array) => boolean,
    error: (error: MessageError, octets: Uint8Array) => void,
  ): void {
    if (this.#failed) return;
    const octets = this.#pending.length === 0 ? chunk : concat(this.#pending, chunk);
    let at = 0;
    while (octets.length - at >= HEADER_OCTETS) {
      const header = octets.subarray(at, at + HEADER_OCTETS);
      const length = checkHeader(header, this.#maxOctets);
      if (typeof length !== "number") {
        this.#fail();
        error(length, octets.subarray(at));
        return;
      }
      if (octets.length - at < length) break;
      if (!message(octets.subarray(at, at + length))) {
        this.#fail();
        return;
      }
      at += length;
    }
    this.#pending = octets.slice(at);
  }

  #fail(): void {
    this.#failed = true;
    this.#pending = EMPTY;
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
