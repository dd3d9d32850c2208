// Which peers passed on what they pass on on the session that is up, as far as a lane has worked it off. After a session was
// lost, its table is still to come, or is here and not worked off yet: what it lacks meanwhile says nothing. No clock.

import type { PeerKey } from "../bgp/route.ts";

export type Steadiness = {
  isSteady(peer: PeerKey): boolean;
  sessionLost(peer: PeerKey): void;
  /** Its whole table has come; what it changed is still to be worked off. */
  sentAll(peer: PeerKey): void;
  /** All that came by now is worked off. */
  settle(): void;
  /** Something is to be settled. */
  readonly pending: boolean;
};

export function createSteadiness(): Steadiness {
  const unsteady = new Map<PeerKey, "awaited" | "come">();
  return {
    isSteady: (peer) => !unsteady.has(peer),
    sessionLost: (peer) => void unsteady.set(peer, "awaited"),
    sentAll(peer) {
      if (unsteady.has(peer)) unsteady.set(peer, "come");
    },
    settle() {
      for (const [peer, state] of unsteady) if (state === "come") unsteady.delete(peer);
    },
    get pending() {
      for (const state of unsteady.values()) if (state === "come") return true;
      return false;
    },
  };
}
