// What this host remembers of MACs that move: the claims of the fabric on endpoints declared here, which are answered with
// a higher sequence (RFC 7432 15.1), and the moves of every MAC, which freeze it when there are too many. Looks at a MAC
// whenever its entry is made anew, and says what the next entry is to be made with. Time is passed in.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type DuplicateLimits, type MacHistory, type MacSighting, releaseAtMs, stepMac } from "./duplicate-mac.ts";
import type { Place } from "./fabric-path.ts";
import { type Conflict, type MacEntry, type MacOutcome, type MobilityDecisions, NO_DECISIONS } from "./mac-table.ts";

/**
 * A claim must stand so long before it is answered: the host that an endpoint moved to announces it in the moment in
 * which our own copy of intent is about to say the same.
 */
const CLAIM_STANDS_MS = 1000;

export type MobilityEvent = {
  readonly kind: "duplicate-mac" | "duplicate-mac-released" | "mac-taken-back" | "sequence-restored";
  readonly network: string;
  readonly mac: Mac;
  readonly place: Place;
  readonly sequence: number;
};

/** An endpoint of this host that is announced with a higher sequence than intent says. */
export type RaisedMac = { readonly network: string; readonly mac: Mac; readonly sequence: number };

/** A MAC that has moved of late, or is frozen. */
export type MovedMac = {
  readonly network: string;
  readonly mac: Mac;
  readonly place: Place;
  readonly sequence: number;
  readonly moves: number;
  /** Set if it is frozen: since when, and how long until it is released. */
  readonly frozen?: { readonly forMs: number; readonly releaseInMs: number };
};

export type MobilityWatch = {
  /** What the entries of a network are to be made with; the maps are live. */
  decisions(network: string): MobilityDecisions;
  /** Looks at a new outcome; after any event the decisions have changed, and the entry is to be made again. */
  settle(network: string, mac: Mac, outcome: MacOutcome, own: { vtep: IpAddress; nowMs: number }): MobilityEvent[];
  /** Forgets a network that is not carried any more. */
  forget(network: string): void;
  /** Releases a MAC in every network, and forgets its moves; the networks where it was frozen. */
  clear(mac: Mac): string[];
  /** No MAC is due before; undefined when none will be. */
  dueMs(): number | undefined;
  /** The MACs whose time has come: their entries are to be made again though nothing else has changed. */
  takeDue(nowMs: number): ReadonlyMap<string, readonly Mac[]>;
  /** The MACs with moves within the window, and the frozen ones. */
  moved(nowMs: number): MovedMac[];
  /** Those raised, and those that a process before raised and that were not seen declared anywhere yet. */
  raised(): RaisedMac[];
  /** True if `raised` has changed since the last call. */
  takeRaisedChanged(): boolean;
};

type Claim = { readonly sinceMs: number; readonly conflict: Conflict };
type NetworkMemory = {
  readonly histories: Map<Mac, MacHistory>;
  readonly claims: Map<Mac, Claim>;
  readonly raised: Map<Mac, number>;
  /** Raised by a process before; each waits to be seen declared here. */
  readonly remembered: Map<Mac, number>;
  readonly frozen: Map<Mac, Place>;
  /** What time alone will change, with when. */
  readonly due: Map<Mac, number>;
};

const NO_EVENTS: MobilityEvent[] = [];

/** `before`: what a process before raised. */
export function createMobilityWatch(limits: DuplicateLimits, before: readonly RaisedMac[] = []): MobilityWatch {
  const networks = new Map<string, NetworkMemory>();
  let raisedChanged = false;
  /** Not after any time in `due`. */
  let earliestMs = Number.POSITIVE_INFINITY;

  function memoryOf(network: string): NetworkMemory {
    const known = networks.get(network);
    if (known) return known;
    const memory = {
      histories: new Map(),
      claims: new Map(),
      raised: new Map(),
      remembered: new Map(),
      frozen: new Map(),
      due: new Map(),
    };
    networks.set(network, memory);
    return memory;
  }

  /** Takes one step of a MAC's history; says if it was frozen or released by it. */
  function step(memory: NetworkMemory, mac: Mac, event: MacSighting, nowMs: number): "frozen" | "released" | undefined {
    const before = memory.histories.get(mac);
    const after = stepMac(before, event, nowMs, limits);
    if (after) memory.histories.set(mac, after);
    else memory.histories.delete(mac);
    const [was, is] = [before?.frozenAtMs !== undefined, after?.frozenAtMs !== undefined];
    if (after && is) memory.frozen.set(mac, after.place);
    else memory.frozen.delete(mac);
    return was === is ? undefined : is ? "frozen" : "released";
  }

  /** When time alone will change something about a MAC. */
  function dueOf({ claims, histories }: NetworkMemory, mac: Mac): number | undefined {
    const history = histories.get(mac);
    if (history?.frozenAtMs !== undefined) return releaseAtMs(history, limits);
    const claim = claims.get(mac);
    if (claim) return claim.sinceMs + CLAIM_STANDS_MS;
    const last = history?.movesAtMs.at(-1);
    return last === undefined ? undefined : last + limits.withinMs;
  }

  /** What a process before raised counts from when the endpoint is here again; true if it does from now on. */
  function restore({ raised, remembered }: NetworkMemory, mac: Mac, entry: MacEntry | undefined): boolean {
    const sequence = remembered.get(mac);
    if (sequence === undefined || (entry?.source !== "local" && entry?.source !== "intent")) return false;
    remembered.delete(mac);
    raisedChanged = true;
    if (entry.source !== "local" || sequence <= entry.mobility) return false;
    raised.set(mac, sequence);
    return true;
  }

  for (const { network, mac, sequence } of before) memoryOf(network).remembered.set(mac, sequence);

  return {
    decisions: (network) => networks.get(network) ?? NO_DECISIONS,

    settle(network, mac, { entry, conflict, moved }, { vtep: ownVtep, nowMs }) {
      const claim = conflict && isClaim(conflict, ownVtep) ? conflict : undefined;
      if (!moved && !claim && !isRemembered(networks.get(network), mac)) return NO_EVENTS;
      const memory = memoryOf(network);
      const events: MobilityEvent[] = [];
      if (restore(memory, mac, entry)) {
        const sequence = memory.raised.get(mac) ?? 0;
        return [{ kind: "sequence-restored", network, mac, place: ownVtep, sequence }];
      }
      const see = (place: Place, sequence: number) => {
        const change = step(memory, mac, { type: "seen", place, sequence }, nowMs);
        if (!change) return;
        const kind = change === "frozen" ? "duplicate-mac" : "duplicate-mac-released";
        events.push({ kind, network, mac, place, sequence });
      };
      if (moved) see(moved.place, moved.sequence);
      if (claim) {
        const { fabricPlace, fabricMobility, declaredMobility, response } = claim;
        const known = memory.claims.get(mac);
        const same = known?.conflict.fabricPlace === fabricPlace && known.conflict.fabricMobility === fabricMobility;
        // Before the claim it was here: one below, so that a claim of the same sequence counts as a move too.
        if (!memory.histories.has(mac)) see(ownVtep, declaredMobility - 1);
        see(fabricPlace, fabricMobility);
        const { sinceMs } = known && same ? known : { sinceMs: nowMs };
        memory.claims.set(mac, { sinceMs, conflict: claim });
        // The very sum that `dueOf` makes: a difference may round the other way, and be due for ever.
        if (response === "raise" && !memory.frozen.has(mac) && nowMs >= sinceMs + CLAIM_STANDS_MS) {
          const sequence = fabricMobility + 1;
          memory.raised.set(mac, sequence);
          raisedChanged = true;
          memory.claims.delete(mac);
          events.push({ kind: "mac-taken-back", network, mac, place: ownVtep, sequence });
          see(ownVtep, sequence);
        }
      } else {
        memory.claims.delete(mac);
      }
      if (!moved && !claim && memory.histories.has(mac)) {
        const { place, sequence } = memory.histories.get(mac) ?? { place: ownVtep, sequence: 0 };
        if (step(memory, mac, { type: "tick" }, nowMs) === "released") {
          events.push({ kind: "duplicate-mac-released", network, mac, place, sequence });
        }
        const history = memory.histories.get(mac);
        if (history && history.movesAtMs.length === 0 && history.frozenAtMs === undefined) memory.histories.delete(mac);
      }
      // A sequence was raised for an endpoint declared here: it means nothing once the endpoint is elsewhere or gone.
      if (entry?.source !== "local" && memory.raised.delete(mac)) raisedChanged = true;
      const dueMs = dueOf(memory, mac);
      if (dueMs === undefined) memory.due.delete(mac);
      else {
        memory.due.set(mac, dueMs);
        earliestMs = Math.min(earliestMs, dueMs);
      }
      return events;
    },

    forget(network) {
      const memory = networks.get(network);
      if (memory && memory.raised.size + memory.remembered.size > 0) raisedChanged = true;
      networks.delete(network);
    },

    clear(mac) {
      const released: string[] = [];
      for (const [network, memory] of networks) {
        if (step(memory, mac, { type: "clear" }, 0) === "released") released.push(network);
      }
      return released;
    },

    dueMs: () => (Number.isFinite(earliestMs) ? earliestMs : undefined),

    takeDue(nowMs) {
      const taken = new Map<string, readonly Mac[]>();
      if (nowMs < earliestMs) return taken;
      earliestMs = Number.POSITIVE_INFINITY;
      for (const [network, { due }] of networks) {
        const macs: Mac[] = [];
        for (const [mac, dueMs] of due) {
          if (dueMs <= nowMs) macs.push(mac);
          else earliestMs = Math.min(earliestMs, dueMs);
        }
        for (const mac of macs) due.delete(mac);
        if (macs.length > 0) taken.set(network, macs);
      }
      return taken;
    },

    moved(nowMs) {
      return Array.from(networks).flatMap(([network, { histories }]) =>
        Array.from(histories).flatMap(([mac, history]): MovedMac[] => {
          const { place, sequence, movesAtMs, frozenAtMs } =
            stepMac(history, { type: "tick" }, nowMs, limits) ?? history;
          if (movesAtMs.length === 0) return [];
          const moved = { network, mac, place, sequence, moves: movesAtMs.length };
          if (frozenAtMs === undefined) return [moved];
          const forMs = nowMs - frozenAtMs;
          return [{ ...moved, frozen: { forMs, releaseInMs: limits.freezeMs - forMs } }];
        }),
      );
    },

    raised: () =>
      Array.from(networks).flatMap(([network, { raised, remembered }]) =>
        Array.from([...remembered, ...raised], ([mac, sequence]) => ({ network, mac, sequence })),
      ),

    takeRaisedChanged() {
      const changed = raisedChanged;
      raisedChanged = false;
      return changed;
    },
  };
}

/** A claim of the fabric on an endpoint of ours that is to be answered. */
function isClaim({ declaredVtep, response }: Conflict, ownVtep: IpAddress): boolean {
  return declaredVtep === ownVtep && response !== "keep" && response !== "follow";
}

function isRemembered(memory: NetworkMemory | undefined, mac: Mac): boolean {
  if (memory === undefined) return false;
  const { histories, claims, raised, remembered } = memory;
  return histories.has(mac) || claims.has(mac) || raised.has(mac) || remembered.has(mac);
}
