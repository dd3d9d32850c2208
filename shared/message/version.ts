// The protocol between cloud and agents. A message carries its version in `v`.
//
//   version  date        what changed
//   1        2026-11-22  first: delta, snapshot, leave, in-sync; sync request; report
//   2        2026-11-22  offer, bundle, retry; sync request and in-sync in ranges of channels
//
// Rules, so that a fleet can be upgraded host by host:
//   1. A reader ignores fields it does not know; a change that an old reader would misread raises the version.
//   2. The cloud is upgraded first. It reads every version above, an agent every version up to its own.
//   3. A message carries the lowest version whose readers understand it.
//   4. An agent asks in its own version and is answered in nothing newer; what it did not ask for is of version 1.

import * as z from "zod";

/** The newest version: what an agent of this tree asks in. */
export const PROTOCOL_VERSION = 2;

/** The version of what every agent understands. */
export const FIRST_VERSION = 1;

export const ProtocolVersion = z.union([z.literal(FIRST_VERSION), z.literal(PROTOCOL_VERSION)], {
  error: `must be ${FIRST_VERSION} or ${PROTOCOL_VERSION}`,
});
export type ProtocolVersion = z.infer<typeof ProtocolVersion>;
