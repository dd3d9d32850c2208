// What a host asks the cloud: "this is what I hold; send what I lack". Sent after every connect and on any doubt.

import * as z from "zod";
import { ChannelField, DigestField } from "./inbox.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/** The state of each channel the host holds. The topic, not the payload, tells which host asks. */
export const SyncRequest = z.object({
  v: z.literal(PROTOCOL_VERSION),
  have: z.array(z.object({ channel: ChannelField, seq: z.number().int().min(0), digest: DigestField })).max(5000),
});
export type SyncRequest = z.infer<typeof SyncRequest>;
