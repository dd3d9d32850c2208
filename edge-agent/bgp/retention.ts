// How long the routes of a lost session are kept (RFC 4724 4.2, RFC 8538 4, RFC 9494 4.2). Pure.
//
// Beyond the RFCs, EVPN routes of a peer that promises nothing are kept too, for a time of ours: a ToR that restarts without
// graceful restart for EVPN (as FRR does) keeps forwarding more often than not, and End-of-RIB ends the doubt.

import type { DownReason } from "./fsm.ts";
import type { FamilyName } from "./family.ts";
import type { FamilyRestart, LongLivedRestart, PeerRestart } from "./negotiation.ts";
import { CeaseSubcode, ErrorCode } from "./wire/iana.ts";
import type { Notification } from "./wire/notification.ts";

/** `keepMs`, then `longLivedMs` more but for routes with NO_LLGR. */
export type Retention = {
  readonly keepMs: number;
  readonly longLivedMs: number;
  /** The peer asked for it: what is stale of a session before goes (RFC 4724 4.2), unless there is a long-lived time. */
  readonly asked: boolean;
};

/** What is kept of peers that did not say how long, or did not list the family (0: nothing); and of long-lived times at most. */
export type RetentionLimits = { readonly keepMs: number; readonly longLivedSec: number };

/** How much of the peer's long-lived stale time is granted: none, unless it is configured (RFC 9494 section 5). */
export function longLivedLimitSec(configured: LongLivedRestart | undefined, family: FamilyName): number {
  if (!configured?.families.includes(family)) return 0;
  return configured.maximumSec ?? Number.POSITIVE_INFINITY;
}

/** Undefined: the routes go at once. */
export function retention(
  reason: DownReason,
  family: FamilyName,
  peer: PeerRestart | undefined,
  { keepMs, longLivedSec }: RetentionLimits,
): Retention | undefined {
  if (reason.kind === "stopped") return undefined;
  if (reason.kind !== "connection" && isFinal(reason.notification)) return undefined;
  const covered = restartOf(family, peer);
  const longLivedMs = Math.min(covered?.longLivedSec ?? 0, longLivedSec) * 1000;
  if (!peer || !covered || !(covered.graceful || longLivedMs > 0)) {
    return keepMs > 0 ? { keepMs, longLivedMs: 0, asked: false } : undefined;
  }
  // Of a family that only the long-lived capability lists the restart time is zero (RFC 9494 4.2).
  return { keepMs: covered.graceful ? peer.timeSec * 1000 : 0, longLivedMs, asked: true };
}

/** Of which of its stale routes a new session shows that the peer forwards for them no more. */
export type ForwardingLost = { readonly restarting: boolean; readonly longLived: boolean };

/** RFC 4724 4.2 for the restart time; RFC 9494 4.2, by the F bit of its own capability, for what is long-lived. */
export function forwardingLost(
  family: FamilyName,
  before: PeerRestart | undefined,
  now: PeerRestart | undefined,
): ForwardingLost {
  const [was, is] = [restartOf(family, before), restartOf(family, now)];
  return {
    restarting: was?.graceful === true && !(is?.graceful && is.preserved),
    longLived: was !== undefined && is?.longLivedPreserved !== true,
  };
}

function restartOf(family: FamilyName, peer: PeerRestart | undefined): FamilyRestart | undefined {
  return peer?.families.find((it) => it.family === family);
}

/** Who says so does not mean to come back, or not with these routes. */
const FINAL: readonly number[] = [
  CeaseSubcode.MAXIMUM_PREFIXES,
  CeaseSubcode.ADMINISTRATIVE_SHUTDOWN,
  CeaseSubcode.PEER_DECONFIGURED,
  CeaseSubcode.HARD_RESET,
];

function isFinal({ code, subcode }: Notification): boolean {
  return code === ErrorCode.CEASE && FINAL.includes(subcode);
}
