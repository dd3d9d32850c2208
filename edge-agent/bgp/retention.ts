// How long the routes of a lost session are kept (RFC 4724 4.2, RFC 8538 4, RFC 9494 4.3). Pure.
//
// Beyond the RFCs, EVPN routes of a peer that promises nothing are kept too, for a time of ours: a ToR that restarts without
// graceful restart for EVPN (as FRR does) keeps forwarding more often than not, and End-of-RIB ends the doubt.

import type { DownReason } from "./fsm.ts";
import type { FamilyName } from "./family.ts";
import type { FamilyRestart, PeerRestart } from "./negotiation.ts";
import { CeaseSubcode, ErrorCode } from "./wire/iana.ts";
import type { Notification } from "./wire/notification.ts";

/** `keepMs`, then `longLivedMs` more but for routes with NO_LLGR. */
export type Retention = { readonly keepMs: number; readonly longLivedMs: number };

/**
 * Undefined: the routes go at once. `keepMs` is for peers that did not say how long, or did not list the family; 0 for not
 * at all.
 */
export function retention(
  reason: DownReason,
  family: FamilyName,
  peer: PeerRestart | undefined,
  keepMs: number,
): Retention | undefined {
  if (reason.kind === "stopped") return undefined;
  if (reason.kind !== "connection" && isFinal(reason.notification)) return undefined;
  const covered = restartOf(family, peer);
  if (peer && covered) return { keepMs: peer.timeSec * 1000, longLivedMs: covered.longLivedSec * 1000 };
  return keepMs > 0 ? { keepMs, longLivedMs: 0 } : undefined;
}

/** True if a new session shows that the peer forwards no more for what it told on the last (RFC 4724 4.2). */
export function isForwardingLost(
  family: FamilyName,
  before: PeerRestart | undefined,
  now: PeerRestart | undefined,
): boolean {
  return restartOf(family, before) !== undefined && restartOf(family, now)?.preserved !== true;
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
