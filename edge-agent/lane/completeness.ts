// When the agent may delete: the cloud has answered whole, every ToR has sent its End-of-RIB or was waited for, and the
// lanes have worked off what came of it. RFC 4724 4.1 (deferral). No delete before that: what a restarted agent does
// not know yet is not what nobody wants. Nor is what it knows always the latest: its copy of intent may be older than what
// the kernel was left with, so that what is there is turned elsewhere only once the cloud has answered, or was long away.

import type { PeerKey } from "../bgp/route.ts";
import type { Clock } from "../clock.ts";
import { INTENT_OLD_AFTER_MS } from "./trust.ts";

/** Without End-of-RIB from every ToR, sweeping waits at most so long after the start. */
const END_OF_RIB_WAIT_MS = 60_000;

export type Completeness = {
  readonly now: boolean;
  /** What an earlier process left in the kernel may be turned elsewhere. Stays true once it was. */
  readonly mayRetarget: boolean;
  endOfRib(peer: PeerKey): void;
  /** It sent its whole table on the present session. */
  sentAll(peer: PeerKey): boolean;
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
  /** One of the two changed. */
  changed: (now: boolean) => void;
}): Completeness {
  const { inSync, peers, busy, changed } = options;
  const endOfRib = new Set<PeerKey>();
  let waited = false;
  let now = false;
  let mayRetarget = false;
  let away = false;

  function judge(): void {
    const told = inSync() && (waited || peers().every((peer) => endOfRib.has(peer)));
    // Once whole, later changes are whole at every step; what is left of a burst need not hold up deletions.
    const next = told && (now || !busy());
    const released = mayRetarget || ((inSync() || away) && !busy());
    if (next === now && released === mayRetarget) return;
    now = next;
    mayRetarget = released;
    changed(now);
  }

  // A cloud that is away for so long may be so for days: then our copy is the best there is.
  const cancelAway = options.clock.setTimer(INTENT_OLD_AFTER_MS, () => {
    away = true;
    judge();
  });
  const cancelWait = options.clock.setTimer(END_OF_RIB_WAIT_MS, () => {
    waited = true;
    judge();
  });
  return {
    get now() {
      return now;
    },
    get mayRetarget() {
      return mayRetarget;
    },
    endOfRib(peer) {
      endOfRib.add(peer);
      judge();
    },
    sentAll: (peer) => endOfRib.has(peer),
    sessionLost(peer) {
      endOfRib.delete(peer);
      judge();
    },
    judge,
    close() {
      cancelAway();
      cancelWait();
    },
  };
}
