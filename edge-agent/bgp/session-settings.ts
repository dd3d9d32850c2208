// From a peer as it is configured to what its sessions are made with. Pure.

import type { FsmConfig } from "./fsm.ts";
import type { PeerConfig } from "./peer-summary.ts";
import type { HopLimit } from "./ports.ts";

/** Short, so that a session is up within 2 s of the ToR's answering: before jitter, worst case connect-retry + idle-hold. */
const CONNECT_RETRY_MS = 1000;
const IDLE_HOLD_MS = 800;
const IDLE_HOLD_MAX_MS = 30_000;
/** What GTSM sends (RFC 5082 section 3). */
const MAX_TTL = 255;

/** The timers of a session. */
export function fsmConfigOf({ connectRetrySec, keepaliveTimeSec }: PeerConfig, role: FsmConfig["role"]): FsmConfig {
  return {
    role,
    connectRetryMs: connectRetrySec === undefined ? CONNECT_RETRY_MS : connectRetrySec * 1000,
    idleHoldMs: connectRetrySec === undefined ? IDLE_HOLD_MS : connectRetrySec * 1000,
    idleHoldMaxMs: Math.max(IDLE_HOLD_MAX_MS, (connectRetrySec ?? 0) * 1000),
    keepaliveMs: keepaliveTimeSec === undefined ? undefined : keepaliveTimeSec * 1000,
  };
}

/** A peer on the link is one hop away: its packets arrive with TTL 255. */
export function hopLimitOf({ multihop, ttlSecurityHops }: PeerConfig): HopLimit | undefined {
  if (ttlSecurityHops !== undefined) return { ttl: MAX_TTL, minTtl: MAX_TTL + 1 - ttlSecurityHops };
  return multihop === undefined ? undefined : { ttl: multihop };
}
