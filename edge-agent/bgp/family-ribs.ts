// The routes of one peer in one family: the one place where stale times, route refreshes, limits and End-of-RIB marks meet
// the tables. Which tables those are differs by family (adj-rib-in.ts, unicast-rib-in.ts) and is told from outside.

import type { Clock } from "../clock.ts";
import type { AdjRibOut } from "./adj-rib-out.ts";
import type { Prepared } from "./export-form.ts";
import { FAMILIES, type FamilyName } from "./family.ts";
import type { DownReason } from "./fsm.ts";
import type { LongLivedRestart, Negotiated, PeerRestart } from "./negotiation.ts";
import type { FamilySummary, MaximumRoutes } from "./peer-summary.ts";
import { forwardingLost, longLivedLimitSec, retention } from "./retention.ts";
import type { Session } from "./session.ts";
import { StaleRoutes, type StaleTable } from "./stale-routes.ts";
import { CeaseSubcode, ErrorCode, RefreshSubtype } from "./wire/iana.ts";
import { encodeMessage } from "./wire/message.ts";
import { hardReset } from "./wire/notification.ts";
import { Writer } from "./wire/writer.ts";

/** What the family's Adj-RIB-In can do, whatever its routes are. */
export type FamilyTable = StaleTable & {
  readonly size: number;
  readonly staleCount: number;
  readonly rejected: ReadonlyMap<string, number>;
  markStale(): void;
  clear(): void;
};

export type FamilyOptions = {
  readonly clock: Clock;
  /** How long routes are kept that the peer promised nothing for, after its session; 0 for not at all. */
  readonly staleMs: number;
  /** Asked at each UPDATE, since policy may change it. */
  readonly maximum: () => MaximumRoutes | undefined;
  /** The peer's long-lived stale time counts in these families, and up to a limit (RFC 9494 4.2, section 5). */
  readonly longLived?: LongLivedRestart | undefined;
};

export type FamilyListener = {
  /** Something was swept or dropped, outside of an UPDATE. */
  changed(): void;
  endOfRib(): void;
  manyRoutes(detail: string): void;
};

/** What is sent on the session that is Established. */
type RibOut = Pick<AdjRibOut<Prepared>, "size" | "told" | "nextMessage" | "resendAll">;
type Up = {
  readonly session: Session;
  readonly agreed: Negotiated;
  readonly ribOut: RibOut;
  /** The peer asked for all routes; `marked` while they are being sent between marks (RFC 7313). */
  refresh: "none" | "asked" | "marked";
};

const DEFAULT_WARN_PERCENT = 75;

export class FamilyRibs {
  readonly family: FamilyName;
  readonly #table: FamilyTable;
  readonly #options: FamilyOptions;
  readonly #on: FamilyListener;
  readonly #stale: StaleRoutes;
  #up: Up | undefined;
  #warnedOfRoutes = false;

  constructor(family: FamilyName, table: FamilyTable, options: FamilyOptions, on: FamilyListener) {
    this.family = family;
    this.#table = table;
    this.#options = options;
    this.#on = on;
    this.#stale = new StaleRoutes(options.clock, table, () => on.changed());
  }

  /** Of the session; undefined without one that agreed on the family. */
  get agreed(): Negotiated | undefined {
    return this.#up?.agreed;
  }

  summary(): FamilySummary {
    const { size, staleCount, rejected } = this.#table;
    return {
      family: this.family,
      agreed: this.#up !== undefined,
      routesIn: size,
      staleRoutes: staleCount,
      routesOut: this.#up?.ribOut.size ?? 0,
      told: this.#up?.ribOut.told ?? false,
      rejected: Object.fromEntries(rejected),
    };
  }

  /** The family is agreed on a session that is Established. `before`: what the peer said of restarts on the last one. */
  up(session: Session, agreed: Negotiated, ribOut: RibOut, before: PeerRestart | undefined): void {
    this.#up = { session, agreed, ribOut, refresh: "none" };
    this.#stale.returned(forwardingLost(this.family, before, agreed.peerRestart));
    // The peer gets its time anew to announce what is stale; End-of-RIB ends it earlier.
    if (this.#table.staleCount > 0) this.#keepForRefresh();
  }

  /** The session is over, or the new one is without the family: routes are kept for as long as `reason` lets them. */
  down(reason: DownReason, restart: PeerRestart | undefined): void {
    this.#up = undefined;
    const { staleMs, longLived } = this.#options;
    const limits = { keepMs: staleMs, longLivedSec: longLivedLimitSec(longLived, this.family) };
    const kept = this.#stale.lost(retention(reason, this.family, restart, limits));
    this.#table.markStale();
    if (kept) this.#stale.keep(kept);
    else this.#stale.sweep();
  }

  /** The peer does not offer the family any more (RFC 4724 4.2: then nothing of it is kept). */
  notAgreed(): void {
    this.#table.markStale();
    this.#stale.sweep();
  }

  close(): void {
    this.#up = undefined;
    this.#stale.cancel();
    this.#table.clear();
  }

  /** After the table took in what an UPDATE announced. */
  learned(): void {
    const maximum = this.#options.maximum();
    if (maximum) this.#limitRoutes(maximum);
  }

  endOfRib(): void {
    this.#stale.sweep();
    this.#on.endOfRib();
  }

  /** Asks the peer to send everything again, or starts a new session where it cannot (RFC 2918 section 1). */
  requestRoutes(): void {
    if (!this.#up) return;
    const { session, agreed } = this.#up;
    if (agreed.routeRefresh) session.send(refreshMessage(this.family, RefreshSubtype.REQUEST));
    else session.dispatch({ type: "AutomaticStop", subcode: CeaseSubcode.ADMINISTRATIVE_RESET });
  }

  /** A ROUTE-REFRESH of the family. */
  routeRefresh(subtype: number): void {
    if (!this.#up) return;
    const marks = this.#up.agreed.enhancedRouteRefresh;
    if (subtype === RefreshSubtype.REQUEST) this.#up.refresh = "asked";
    else if (marks && subtype === RefreshSubtype.BEGIN) {
      this.#table.markStale();
      this.#keepForRefresh();
    } else if (marks && subtype === RefreshSubtype.END) {
      this.#stale.sweep();
    }
  }

  /** The next message to be sent, which counts as sent. */
  nextMessage(): Uint8Array | undefined {
    return this.#up && (this.#up.ribOut.nextMessage() ?? nextRefreshMessage(this.family, this.#up));
  }

  #keepForRefresh(): void {
    this.#stale.keep({ keepMs: Math.max(this.#options.staleMs, REFRESH_MS), longLivedMs: 0 });
  }

  /** Counts what is held: routes that policy keeps out take no memory (RFC 4486 section 4, first item). */
  #limitRoutes({ limit, warnPercent = DEFAULT_WARN_PERCENT, restartAfterSec }: MaximumRoutes): void {
    const held = this.#table.size;
    const many = held >= (limit * warnPercent) / 100;
    if (many && !this.#warnedOfRoutes) this.#on.manyRoutes(`${held} routes are held, the limit is ${limit}`);
    this.#warnedOfRoutes = many;
    if (held <= limit) return;
    const { afi, safi } = FAMILIES[this.family];
    const data = new Writer(7).u16(afi).u8(safi).u32(limit).finish();
    const plain = { code: ErrorCode.CEASE, subcode: CeaseSubcode.MAXIMUM_PREFIXES, data };
    this.#up?.session.dispatch({
      type: "AutomaticStop",
      ...(this.#up.agreed.peerRestart?.notification ? hardReset(plain) : plain),
      reason: `more than ${limit} routes`,
      restMs: restartAfterSec === undefined ? "for good" : restartAfterSec * 1000,
    });
  }
}

/** How long a peer may take to send everything again, where stale routes are not kept for longer. */
const REFRESH_MS = 60_000;

/**
 * Once everything is sent: the answer to a request for all routes, between marks if the peer knows them (RFC 7313 4).
 * So the first table and its End-of-RIB come before, and a second request waits for the end of the first's answer.
 */
function nextRefreshMessage(family: FamilyName, up: Up): Uint8Array | undefined {
  if (up.refresh === "none") return undefined;
  const marks = up.agreed.enhancedRouteRefresh;
  const ends = up.refresh === "marked";
  up.refresh = marks && !ends ? "marked" : "none";
  if (!ends) up.ribOut.resendAll();
  if (!marks) return up.ribOut.nextMessage();
  return refreshMessage(family, ends ? RefreshSubtype.END : RefreshSubtype.BEGIN);
}

function refreshMessage(family: FamilyName, subtype: number): Uint8Array {
  const { afi, safi } = FAMILIES[family];
  return encodeMessage({ type: "ROUTE-REFRESH", afi, safi, subtype });
}
