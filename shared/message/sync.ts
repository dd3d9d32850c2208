// What a host asks the cloud: "this is what I hold; send what I lack". Sent after every connect and on any doubt.
// A host of many channels asks in several requests, each about a range of channel names; each is answered by itself.

import * as z from "zod";
import { ChannelField, DigestField } from "./inbox.ts";
import { ChannelRange } from "./range.ts";
import { ProtocolVersion } from "./version.ts";

/** The state of each channel the host holds in the range. The topic, not the payload, tells which host asks. */
export const SyncRequest = z.object({
  v: ProtocolVersion,
  /** Comes back in the answer. Requests of one number are parts that together cover all channels. */
  request: z.number().int().min(0).optional(),
  ...ChannelRange.shape,
  have: z.array(z.object({ channel: ChannelField, seq: z.number().int().min(0), digest: DigestField })).max(5000),
});
export type SyncRequest = z.infer<typeof SyncRequest>;
