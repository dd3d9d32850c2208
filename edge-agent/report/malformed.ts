// The last malformed BGP messages in full, for `show bgp errors`. The report to the cloud has them too, as events and
// counters of the diary; here they keep their parts, and are not pushed out by events of other kinds.

import type { SpeakerError } from "../bgp/speaker.ts";

/** One message: what was wrong, what it led to (RFC 7606), and its first octets in hex. */
export type MalformedMessage = { readonly atMs: number } & Omit<
  Extract<SpeakerError, { readonly kind: "malformed-message" }>,
  "kind"
>;

const KEEP = 20;

export function createMalformedLog(): {
  add(message: MalformedMessage): void;
  recent(): readonly MalformedMessage[];
} {
  const messages: MalformedMessage[] = [];
  return {
    add(message) {
      messages.push(message);
      if (messages.length > KEEP) messages.shift();
    },
    recent: () => messages,
  };
}
