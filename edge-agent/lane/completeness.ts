// When the agent may delete: the cloud has answered whole, every ToR has sent its End-of-RIB or was waited for, and the
// lanes have worked off what came of it. RFC 4724 4.1 (deferral). No delete before that: what a restarted agent does
// not know yet is not what nobody wants.

import type { PeerKey } from "../bgp/route.ts";
import type { Clock } from "../clock.ts";

/** Without End-of-RIB from every ToR, sweeping waits at most so long after the start. */
const END_OF_RIB_WAIT_MS = 60_000;

export type Completeness = {
  readonly now: boolean;
  endOfRib(peer: PeerKey): void;
  /** A new session has its table still to send. */
  sessionLost(peer: PeerKey): void;
  /** Anything may have changed. */
  judge(): void;
  close(): void;
};

export function createCompleteness(options: {
  clock: Pick<Clock, "setTimer">;
  inSync: () => boolean;
  /** The peers that are to send a table. */
  peers: () => readonly PeerKey[];
  busy: () => boolean;
  changed: (now: boolean) => void;
}): Completeness {
  const { inSync, peers, busy, changed } = options;
  const endOfRib = new Set<PeerKey>();
  let waited = false;
  let now = false;

  function judge(): void {
    const told = inSync() && (waited || peers().every((peer) => endOfRib.has(peer)));
    // Once whole, later changes are whole at every step; what is left of a burst need not hold up deletions.
    const next = told && (now || !busy());
    if (next === now) return;
    now = next;
    changed(now);
  }

  const cancel = options.clock.setTimer(END_OF_RIB_WAIT_MS, () => {
    waited = true;
    judge();
  });
  return {
    get now() {
      return now;
    },
    endOfRib(peer) {
      endOfRib.add(peer);
      judge();
    },
    sessionLost(peer) {
      endOfRib.delete(peer);
      judge();
    },
    judge,
    close: cancel,
  };
}
