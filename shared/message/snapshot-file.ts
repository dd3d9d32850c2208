// The file that an offer leads to: a channel whole, as lines of JSON, gzip over all.
//
//   line 1        {"format":1,"channel":"net:blue","seq":7,"digest":"…","forwarding":"…","records":100000}
//   line 2 …      one record each: {"key":"endpoint/e1","version":3,"body":{…}}
//
// It is the same for every host, so that it is made once; what binds it to one host is the offer's signed URL.

import * as z from "zod";
import { ChannelField, DigestField } from "./inbox.ts";

export const SNAPSHOT_FORMAT = 1;

export const SnapshotHeader = z.object({
  format: z.literal(SNAPSHOT_FORMAT),
  channel: ChannelField,
  seq: z.number().int().min(0),
  digest: DigestField,
  forwarding: DigestField,
  records: z.number().int().min(0),
});
export type SnapshotHeader = z.infer<typeof SnapshotHeader>;
