// What a host tells the cloud, after reading its kernel back: per channel what is applied and what the kernel holds.
// Status is a second lane; nothing in it ever changes intent.

import * as z from "zod";
import { ChannelField, DigestField } from "./inbox.ts";
import { EndpointProofs, StaticProofs } from "./route-proof.ts";
import { ProtocolVersion } from "./version.ts";

/** `kernel` is the digest of the forwarding form of what the kernel holds; absent where there is none (host channels). */
export const ChannelReport = z.object({
  channel: ChannelField,
  seq: z.number().int().min(0),
  digest: DigestField,
  kernel: DigestField.optional(),
  /** Why the kernel is not as intent wants it, in words for an operator. */
  problems: z.array(z.string().max(300)).max(20).default([]),
  ...EndpointProofs,
  /** Of a router, with BGP: what the fabric proves of its static routes. */
  statics: StaticProofs.optional(),
});
export type ChannelReport = z.infer<typeof ChannelReport>;

export const PeerReport = z.object({
  peer: z.string().max(64),
  asn: z.number(),
  state: z.string().max(32),
  sinceMs: z.number(),
  routesIn: z.number(),
  routesOut: z.number(),
  /** What the peer is offered; absent in reports of older agents. Counts above are those of all families. */
  families: z
    .array(z.object({ family: z.string().max(32), agreed: z.boolean(), routesIn: z.number(), routesOut: z.number() }))
    .max(8)
    .optional(),
  /** Sent everything that this host announces, End-of-RIB included, on the session that is up. */
  told: z.boolean().optional(),
  /** Its BGP identifier (RFC 6286: unique in its AS), and its name as it tells it; of the session that is up. */
  routerId: z.string().max(15).optional(),
  name: z.string().max(64).optional(),
  // What `show bgp neighbor` says besides; absent in reports of older agents.
  /** Of a session that was lost, or of a refresh that is not over. */
  staleRoutes: z.number().optional(),
  /** Times the peer was Established. */
  sessions: z.number().optional(),
  /** Malformed messages by their consequence (RFC 7606), counted since the agent's start. */
  malformed: z
    .object({ "attribute-discard": z.number(), "treat-as-withdraw": z.number(), "session-reset": z.number() })
    .optional(),
  /** Why the last session or connection ended, or why none comes about. */
  lastError: z.string().max(300).optional(),
});
export type PeerReport = z.infer<typeof PeerReport>;

/** A noteworthy thing that happened, such as a malformed message. */
export const ReportedEvent = z.object({ atMs: z.number(), kind: z.string().max(64), detail: z.string().max(500) });
export type ReportedEvent = z.infer<typeof ReportedEvent>;

export const Report = z.object({
  v: ProtocolVersion,
  /** Host clock, ms since the epoch. */
  atMs: z.number(),
  /** Grows with every report of one agent process. */
  number: z.number().int().min(1),
  agent: z.object({ version: z.string().max(32), startedAtMs: z.number(), kernel: z.string().max(64) }),
  inSync: z.boolean(),
  /** Some of the channels; the others are in reports of neighbouring numbers, since all would not fit a message. */
  partial: z.boolean().optional(),
  /** What the host's kernel can do. Without "vrf" no router can be placed there. */
  capabilities: z.record(z.string().max(64), z.boolean()).optional(),
  channels: z.array(ChannelReport).max(5000),
  bgp: z.array(PeerReport).max(16),
  /** Routes of the underlay: as BGP decides, and as the kernel was read back; absent where the host takes no part. */
  underlay: z
    .object({ routes: z.number(), installed: z.number(), problems: z.array(z.string().max(300)).max(20) })
    .optional(),
  counters: z.record(z.string().max(64), z.number()),
  events: z.array(ReportedEvent).max(50),
});
export type Report = z.infer<typeof Report>;
