// What a host tells the cloud, after reading its kernel back: per channel what is applied and what the kernel holds.
// Status is a second lane; nothing in it ever changes intent.

import * as z from "zod";
import { MacField } from "../model/fields.ts";
import { ChannelField, DigestField } from "./inbox.ts";
import { ProtocolVersion } from "./version.ts";

/** The sum over the lines of so many endpoints (forwarding.ts). */
export const LineProof = z.object({ digest: DigestField, count: z.number().int().min(0) });
export type LineProof = z.infer<typeof LineProof>;

/** As many as a report names of the endpoints that a proof lacks. */
export const MOST_LACKING = 16;
/** The endpoints that a proof lacks, by MAC; absent: more than can be named, or an older agent. */
const Lacking = z.array(MacField).max(MOST_LACKING).optional();

/** This host's endpoints that it announces. */
export const AnnouncedProof = LineProof.extend({ lacking: Lacking });
export type AnnouncedProof = z.infer<typeof AnnouncedProof>;

/** What one peer's routes confirm of the endpoints of the site's other hosts. */
export const SeenProof = LineProof.extend({ peer: z.string().max(64), lacking: Lacking });
export type SeenProof = z.infer<typeof SeenProof>;

/** Of so many deleted endpoints of a network, the last ones, an agent remembers who had passed them on. */
export const MOST_DELETED = 64;

/**
 * Per established peer that sent its whole table. `macs`: those of which it passes on a route to another place than where they
 * are declared, of those that were declared in this agent's time; absent: more than are named. `deleted`: those that are
 * declared no more, and that it had passed on, on the session that is up, until they were deleted. Only of these does it say
 * something that they are not among `macs`: of any other, the peer may hold a route that it never passes on.
 */
export const StrayProof = z.object({
  peers: z
    .array(
      z.object({
        peer: z.string().max(64),
        macs: Lacking,
        deleted: z.array(MacField).max(MOST_DELETED).default([]),
      }),
    )
    .max(16),
});
export type StrayProof = z.infer<typeof StrayProof>;

/** `kernel` is the digest of the forwarding form of what the kernel holds; absent where there is none (host channels). */
export const ChannelReport = z.object({
  channel: ChannelField,
  seq: z.number().int().min(0),
  digest: DigestField,
  kernel: DigestField.optional(),
  /** Why the kernel is not as intent wants it, in words for an operator. */
  problems: z.array(z.string().max(300)).max(20).default([]),
  /** The endpoints of this host that it announces over BGP: what every peer that is `told` was sent. */
  announced: AnnouncedProof.optional(),
  /** Per established peer, the endpoints of the site's other hosts whose very routes it passed on: MAC, IPs and VTEP. */
  seen: z.array(SeenProof).max(16).optional(),
  /** Of a network, with BGP: what is still passed on of what is gone. */
  strays: StrayProof.optional(),
  /**
   * The site's endpoints, this host's own included, as the two proofs above took them to be: the cloud knows the sum at
   * every step, and so which step the proofs are of.
   */
  site: LineProof.optional(),
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
