// What this host remembers of MACs that move: the claims of the fabric on endpoints declared here, which are answered with
// a higher sequence (RFC 7432 15.1), and the moves of every MAC, which freeze it when there are too many. Watches each
// newly built table, and says what the next one is to be built with. Time is passed in.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type DuplicateLimits, type MacHistory, type MacSighting, releaseAtMs, stepMac } from "./duplicate-mac.ts";
import type { Place } from "./fabric-path.ts";
import { type Conflict, type MacTable, type MobilityDecisions, NO_DECISIONS } from "./mac-table.ts";

/**
 * A claim must stand so long before it is answered: the host that an endpoint moved to announces it in the moment in
 * which our own copy of intent is about to say the same.
 */
const CLAIM_STANDS_MS = 1000;

export type MobilityEvent = {
  readonly kind: "duplicate-mac" | "duplicate-mac-released" | "mac-taken-back";
  readonly network: string;
  readonly mac: Mac;
  readonly place: Place;
  readonly sequence: number;
};

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
  /** What the table of a network is to be built with. */
  decisions(network: string): MobilityDecisions;
  /** Looks at a new table; after any event the decisions have changed, and the table is to be built again. */
  observe(network: string, table: MacTable, ownVtep: IpAddress, nowMs: number): MobilityEvent[];
  /** Forgets networks that are not carried any more. */
  retain(networks: ReadonlySet<string>): void;
  /** Releases a MAC in every network, and forgets its moves; the networks where it was frozen. */
  clear(mac: Mac): string[];
  /** When to look again though nothing has changed. */
  dueMs(): number | undefined;
  /** The MACs with moves within the window, and the frozen ones. */
  moved(nowMs: number): MovedMac[];
};

type Claim = { readonly sinceMs: number; readonly conflict: Conflict };
type NetworkMemory = {
  readonly histories: Map<Mac, MacHistory>;
  readonly claims: Map<Mac, Claim>;
  readonly raised: Map<Mac, number>;
  readonly frozen: Map<Mac, Place>;
};

export function createMobilityWatch(limits: DuplicateLimits): MobilityWatch {
  const networks = new Map<string, NetworkMemory>();

  function memoryOf(network: string): NetworkMemory {
    const known = networks.get(network);
    if (known) return known;
    const memory = { histories: new Map(), claims: new Map(), raised: new Map(), frozen: new Map() };
    networks.set(network, memory);
    return memory;
  }

  /** Takes one step of a MAC's history; true if it was frozen by it. */
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

  return {
    decisions: (network) => networks.get(network) ?? NO_DECISIONS,

    observe(network, table, ownVtep, nowMs) {
      const memory = memoryOf(network);
      const events: MobilityEvent[] = [];
      const sighted = new Set<Mac>();
      const see = (mac: Mac, place: Place, sequence: number): void => {
        sighted.add(mac);
        const change = step(memory, mac, { type: "seen", place, sequence }, nowMs);
        if (!change) return;
        const kind = change === "frozen" ? "duplicate-mac" : "duplicate-mac-released";
        events.push({ kind, network, mac, place, sequence });
      };
      for (const { mac, place, sequence } of table.moved) see(mac, place, sequence);

      const claimed = new Set<Mac>();
      for (const conflict of table.conflicts) {
        const { mac, declaredVtep, declaredMobility, fabricPlace, fabricMobility, response } = conflict;
        if (declaredVtep !== ownVtep || response === "keep" || response === "follow") continue;
        claimed.add(mac);
        const known = memory.claims.get(mac);
        const same = known?.conflict.fabricPlace === fabricPlace && known.conflict.fabricMobility === fabricMobility;
        // Before the claim it was here: one below, so that a claim of the same sequence counts as a move too.
        if (!memory.histories.has(mac)) see(mac, ownVtep, declaredMobility - 1);
        see(mac, fabricPlace, fabricMobility);
        const claim = known && same ? known : { sinceMs: nowMs, conflict };
        memory.claims.set(mac, claim);
        if (response !== "raise" || memory.frozen.has(mac) || nowMs - claim.sinceMs < CLAIM_STANDS_MS) continue;
        const sequence = fabricMobility + 1;
        memory.raised.set(mac, sequence);
        memory.claims.delete(mac);
        events.push({ kind: "mac-taken-back", network, mac, place: ownVtep, sequence });
        see(mac, ownVtep, sequence);
      }
      for (const mac of memory.claims.keys()) if (!claimed.has(mac)) memory.claims.delete(mac);
      for (const mac of memory.histories.keys()) {
        if (sighted.has(mac)) continue;
        if (step(memory, mac, { type: "tick" }, nowMs) === "released") {
          const { place, sequence } = memory.histories.get(mac) ?? { place: ownVtep, sequence: 0 };
          events.push({ kind: "duplicate-mac-released", network, mac, place, sequence });
        }
        const history = memory.histories.get(mac);
        if (history && history.movesAtMs.length === 0 && history.frozenAtMs === undefined) memory.histories.delete(mac);
      }
      forgetRaised(memory, table);
      return events;
    },

    retain(carried) {
      for (const network of networks.keys()) if (!carried.has(network)) networks.delete(network);
    },

    clear(mac) {
      const released: string[] = [];
      for (const [network, memory] of networks) {
        if (step(memory, mac, { type: "clear" }, 0) === "released") released.push(network);
      }
      return released;
    },

    dueMs() {
      let due: number | undefined;
      const at = (ms: number | undefined) => {
        if (ms !== undefined && (due === undefined || ms < due)) due = ms;
      };
      for (const { claims, frozen, histories } of networks.values()) {
        for (const [mac, { sinceMs }] of claims) if (!frozen.has(mac)) at(sinceMs + CLAIM_STANDS_MS);
        for (const mac of frozen.keys()) {
          const history = histories.get(mac);
          if (history) at(releaseAtMs(history, limits));
        }
      }
      return due;
    },

    moved(nowMs) {
      return Array.from(networks).flatMap(([network, { histories }]) =>
        Array.from(histories).flatMap(([mac, history]): MovedMac[] => {
          const { place, sequence, movesAtMs, frozenAtMs } = history;
          if (movesAtMs.length === 0) return [];
          const moved = { network, mac, place, sequence, moves: movesAtMs.length };
          if (frozenAtMs === undefined) return [moved];
          const forMs = nowMs - frozenAtMs;
          return [{ ...moved, frozen: { forMs, releaseInMs: limits.freezeMs - forMs } }];
        }),
      );
    },
  };
}

/** A sequence was raised for an endpoint declared here: it means nothing once the endpoint is elsewhere or gone. */
function forgetRaised({ raised }: NetworkMemory, { entries }: MacTable): void {
  if (raised.size === 0) return;
  const local = new Set(entries.flatMap(({ mac, source }) => (source === "local" ? [mac] : [])));
  for (const mac of raised.keys()) if (!local.has(mac)) raised.delete(mac);
}
