// The items that hosts' reports leave in the table. They are of the second lane: the stream's consumer never sees them.
//
//   CH#<channel>   REPORT#<host>   what a member host has of the channel, written when it changes and every 5 minutes
//   REPORTS        <host>          the host's last report: that it lives, its BGP sessions, counters and events

import * as z from "zod";
import { DigestField } from "../../shared/message/inbox.ts";
import { PeerReport, Report, ReportedEvent } from "../../shared/message/report.ts";
import type { Channel } from "../../shared/model/record.ts";
import { channelPk } from "../publish/channel-items.ts";
import type { Item, Key } from "../publish/table.ts";

/**
 * Which report of which agent process a row is of: reports may arrive out of order. `sentMs`, by the host's clock, is the
 * second witness: an octet damaged in a number alone would make all that follow late. Absent in rows of before.
 */
const Stamp = { startedAtMs: z.number(), number: z.number(), sentMs: z.number().optional() };
export type Stamp = { readonly startedAtMs: number; readonly number: number; readonly sentMs?: number | undefined };

/** Of the same agent process as `row`, and sent before it: by its number, and by the host's clock too where both tell it. */
export function isLaterThan(row: Stamp | undefined, report: Stamp): boolean {
  if (row?.startedAtMs !== report.startedAtMs || row.number <= report.number) return false;
  return row.sentMs === undefined || report.sentMs === undefined || row.sentMs >= report.sentMs;
}

/**
 * What a host's sessions prove of the routes of a network's endpoints, by MAC, or of a router's static routes, by `staticName`
 * (fabric-proof.ts), the last time that they proved anything.
 */
export const FabricRow = z.object({
  /** The step of intent that it is of. */
  seq: z.number(),
  /** Cloud clock, ms since the epoch. */
  atMs: z.number(),
  /** Those of this host that it does not announce; absent: more than are named. */
  unannounced: z.array(z.string()).optional(),
  /**
   * Per established peer: those of the site's other hosts that it did not pass on; absent as above, or if it passed on
   * nothing. `tor`: its AS number and BGP identifier, by which two hosts know the same ToR. `strays`: those that it passes on
   * although they are declared there no more; absent: not known. `deleted`: those of which it had passed on the route until
   * they were deleted, so that it would still, if it had it; absent: none.
   */
  seen: z.array(
    z.object({
      peer: z.string(),
      tor: z.string().optional(),
      lacking: z.array(z.string()).optional(),
      strays: z.array(z.string()).optional(),
      deleted: z.array(z.string()).optional(),
    }),
  ),
  /** Of a router: the host's site, and the VTEP where it took each next hop there to be; absent: more than are told. */
  site: z.string().optional(),
  hops: z.record(z.string(), z.string()).optional(),
});
export type FabricRow = z.infer<typeof FabricRow>;

export const ChannelRow = z.object({
  /** The seq that the host's replica is at. */
  appliedSeq: z.number(),
  digest: DigestField,
  /** What the kernel held, by its digest; absent in host channels and before the first read-back. */
  kernel: DigestField.optional(),
  /** The replica is what the log says at `appliedSeq`. */
  faithful: z.boolean(),
  /** At the log's head, and the kernel holds it. */
  live: z.boolean(),
  /** The last seq of which the kernel was seen to hold all; it never falls. */
  liveSeq: z.number(),
  /**
   * When `liveSeq` rose, oldest first and the last ones only. Of a step between two of them it is known when it was live; the
   * first one is where knowledge begins.
   */
  lived: z.array(z.object({ seq: z.number(), atMs: z.number() })).default([]),
  /** Since when the replica or the kernel is not as the log has it at `appliedSeq`, ms since the epoch. */
  wrongSinceMs: z.number().optional(),
  fabric: FabricRow.optional(),
  problems: z.array(z.string()),
  /** Cloud clock, ms since the epoch. */
  atMs: z.number(),
  ...Stamp,
});
export type ChannelRow = z.infer<typeof ChannelRow>;

export const HostRow = z.object({
  /** Cloud clock, ISO 8601. */
  lastSeenAt: z.iso.datetime(),
  inSync: z.boolean(),
  agent: Report.shape.agent,
  bgp: z.array(PeerReport),
  underlay: Report.shape.underlay,
  counters: z.record(z.string(), z.number()),
  /** The newest last. */
  events: z.array(ReportedEvent),
  /** Channels that it does not have as it should, the longest in trouble first, and no more than some. */
  lagging: z
    .array(
      z.object({
        channel: z.string(),
        state: z.enum(["behind", "diverged", "kernel"]),
        behindBy: z.number(),
        sinceMs: z.number(),
      }),
    )
    .default([]),
  ...Stamp,
});
export type HostRow = z.infer<typeof HostRow>;

const CHANNEL_ROW_TTL_SEC = 7 * 86400;
const HOST_ROW_TTL_SEC = 30 * 86400;

export function channelRowKey(channel: Channel, host: string): Key {
  return { pk: channelPk(channel), sk: `REPORT#${host}` };
}

export function hostRowKey(host: string): Key {
  return { pk: "REPORTS", sk: host };
}

export function channelRowItem(channel: Channel, host: string, row: ChannelRow): Item {
  const ttl = Math.floor(row.atMs / 1000) + CHANNEL_ROW_TTL_SEC;
  return { ...channelRowKey(channel, host), type: "report", channel, host, ...row, ttl };
}

export function hostRowItem(host: string, row: HostRow): Item {
  const ttl = Math.floor(Date.parse(row.lastSeenAt) / 1000) + HOST_ROW_TTL_SEC;
  return { ...hostRowKey(host), type: "host-report", host, ...row, ttl };
}

export function parseChannelRow(item: Item | undefined): ChannelRow | undefined {
  return item && ChannelRow.parse(item);
}

export function parseHostRow(item: Item | undefined): HostRow | undefined {
  return item && HostRow.parse(item);
}
