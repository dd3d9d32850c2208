// The routes of one peer: what it announced (Adj-RIB-In, kept as stale for a time when the session is lost), what it is told
// (Adj-RIB-Out, of one session), and the route refreshes, limits and End-of-RIB marks between both ends. Sessions come and
// go (peer.ts); this outlives them.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Clock } from "../clock.ts";
import { AdjRibIn } from "./adj-rib-in.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import type { PreparedExport } from "./export.ts";
import type { DownReason } from "./fsm.ts";
import type { AcceptTargets, ImportPolicy } from "./import-policy.ts";
import type { LocalEnd, Negotiated, PeerRestart } from "./negotiation.ts";
import { pathInformation } from "./path-information.ts";
import type { MaximumRoutes, PeerConfig } from "./peer-summary.ts";
import { isForwardingLost, retention } from "./retention.ts";
import type { RouteRefresh, Session } from "./session.ts";
import type { RouteChange } from "./route.ts";
import { StaleRoutes } from "./stale-routes.ts";
import { Afi, CeaseSubcode, ErrorCode, RefreshSubtype, Safi } from "./wire/iana.ts";
import { encodeMessage } from "./wire/message.ts";
import { hardReset } from "./wire/notification.ts";
import type { DecodedUpdate } from "./wire/update.ts";
import { Writer } from "./wire/writer.ts";

/** What the routes of all peers of a speaker share. */
export type RibsShared = {
  readonly clock: Clock;
  /** How long routes of a peer are kept that does not say how long itself. */
  readonly staleMs: number;
  readonly accept: () => AcceptTargets;
  /** All routes to be announced. */
  readonly exports: () => Iterable<PreparedExport>;
};

export type RibsListener = {
  /** All that one read of the socket, or one other cause, changed; in order, so that a route may be in it twice. */
  routes(changes: readonly RouteChange[]): void;
  endOfRib(): void;
  /** More routes are held than should be; `detail` is for people. */
  manyRoutes(detail: string): void;
};

/** Who we are to the peer. */
export type RibsLocal = Pick<LocalEnd, "asn" | "routerId"> & { readonly ownAddresses: ReadonlySet<IpAddress> };

/** The session that is Established. */
type Up = {
  readonly session: Session;
  readonly agreed: Negotiated;
  readonly ribOut: AdjRibOut;
  /** The peer asked for all routes; `marked` while they are being sent between marks (RFC 7313). */
  refresh: "none" | "asked" | "marked";
};

const DEFAULT_WARN_PERCENT = 75;

export class PeerRibs {
  readonly #config: PeerConfig;
  readonly #local: RibsLocal;
  readonly #shared: RibsShared;
  readonly #on: RibsListener;
  readonly #ribIn: AdjRibIn;
  readonly #stale: StaleRoutes;
  #up: Up | undefined;
  /** What the peer said of its restarts on the last session. */
  #peerRestart: PeerRestart | undefined;
  #warnedOfRoutes = false;
  /** Not yet told. */
  #changes: RouteChange[] = [];

  constructor(config: PeerConfig, local: RibsLocal, shared: RibsShared, on: RibsListener) {
    this.#config = config;
    this.#local = local;
    this.#shared = shared;
    this.#on = on;
    this.#ribIn = new AdjRibIn({ peer: config.address, peerAsn: config.asn });
    this.#stale = new StaleRoutes(shared.clock, {
      sweep: () => {
        this.#ribIn.sweepStale(this.#changes);
        this.tell();
      },
      withdraw: (withdrawn) => {
        this.#ribIn.apply({ withdrawn, announced: [] }, undefined, this.#policy(), this.#changes);
        this.tell();
      },
    });
  }

  get ribIn(): AdjRibIn {
    return this.#ribIn;
  }

  /** What the peer was told; undefined without a session. */
  get ribOut(): AdjRibOut | undefined {
    return this.#up?.ribOut;
  }

  /** What the peer said of its restarts on the last session. */
  get peerRestart(): PeerRestart | undefined {
    return this.#peerRestart;
  }

  /** `session` is Established. */
  up(session: Session, agreed: Negotiated): void {
    const { internal, asOctets, maxMessageOctets } = agreed;
    const context = { asn: this.#local.asn, internal, asOctets };
    const ribOut = new AdjRibOut(context, maxMessageOctets, this.#shared.exports());
    this.#up = { session, agreed, ribOut, refresh: "none" };
    const lost = isForwardingLost(this.#peerRestart, agreed.peerRestart);
    this.#peerRestart = agreed.peerRestart;
    // The peer gets its time anew to announce what is stale; End-of-RIB ends it earlier.
    if (lost) this.#stale.sweep();
    else if (this.#ribIn.staleCount > 0) this.#stale.keep({ keepMs: this.#shared.staleMs, longLivedMs: 0 });
    this.pump();
  }

  /** The session is over: its routes are kept for as long as `reason` lets them. */
  down(reason: DownReason): void {
    this.#up = undefined;
    this.#ribIn.markStale();
    const kept = retention(reason, this.#peerRestart, this.#shared.staleMs);
    if (kept) this.#stale.keep(kept);
    else this.#stale.sweep();
    this.tell();
  }

  /** The peer is no more, and neither are its routes. */
  close(): void {
    this.#up = undefined;
    this.#stale.cancel();
    this.#ribIn.clear(this.#changes);
    this.tell();
  }

  /** The set of exports has changed by these. */
  exportsChanged(announce: readonly PreparedExport[], withdraw: readonly string[]): void {
    for (const key of withdraw) this.#up?.ribOut.withdraw(key);
    for (const route of announce) this.#up?.ribOut.announce(route);
    this.pump();
  }

  /** The import policy has changed: drops what is not wanted any more, and asks for what may be wanted now. */
  importsChanged(): void {
    this.#ribIn.refilter(this.#policy(), this.#changes);
    this.tell();
    if (!this.#up) return;
    const { session, agreed } = this.#up;
    if (agreed.routeRefresh) {
      session.send(encodeMessage({ type: "ROUTE-REFRESH", afi: Afi.L2VPN, safi: Safi.EVPN, subtype: 0 }));
    } else {
      // Without route refresh a new session is the only way to see the routes again (RFC 2918 section 1).
      session.dispatch({ type: "AutomaticStop", subcode: CeaseSubcode.ADMINISTRATIVE_RESET });
    }
  }

  /** Its changes are told with those of the same read: with `tell`. */
  update(update: DecodedUpdate): void {
    const path = pathInformation(update.attributes);
    this.#stale.learn(update);
    this.#ribIn.apply(update, path, this.#policy(), this.#changes);
    if (this.#config.maximumRoutes) this.#limitRoutes(this.#config.maximumRoutes);
    if (!update.endOfRib) return;
    this.#stale.sweep();
    this.tell();
    this.#on.endOfRib();
  }

  /** Tells what has changed since the last time. */
  tell(): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#on.routes(changes);
  }

  routeRefresh({ afi, safi, subtype }: RouteRefresh): void {
    // RFC 2918 section 4: a family that was not agreed is ignored.
    if (!this.#up || afi !== Afi.L2VPN || safi !== Safi.EVPN) return;
    const marks = this.#up.agreed.enhancedRouteRefresh;
    if (subtype === RefreshSubtype.REQUEST) {
      this.#up.refresh = "asked";
      this.pump();
    } else if (marks && subtype === RefreshSubtype.BEGIN) {
      this.#ribIn.markStale();
      this.#stale.keep({ keepMs: this.#shared.staleMs, longLivedMs: 0 });
    } else if (marks && subtype === RefreshSubtype.END) {
      this.#stale.sweep();
    }
  }

  /** Sends while the connection takes it. */
  pump(): void {
    while (this.#up?.session.writable) {
      const message = this.#up.ribOut.nextMessage() ?? nextRefreshMessage(this.#up);
      if (!message) return;
      this.#up.session.send(message);
    }
  }

  /** Counts what is held: routes that no network imports take no memory (RFC 4486 section 4, first item). */
  #limitRoutes({ limit, warnPercent = DEFAULT_WARN_PERCENT, restartAfterSec }: MaximumRoutes): void {
    const held = this.#ribIn.size;
    const many = held >= (limit * warnPercent) / 100;
    if (many && !this.#warnedOfRoutes) this.#on.manyRoutes(`${held} routes are held, the limit is ${limit}`);
    this.#warnedOfRoutes = many;
    if (held <= limit) return;
    const data = new Writer(7).u16(Afi.L2VPN).u8(Safi.EVPN).u32(limit).finish();
    const plain = { code: ErrorCode.CEASE, subcode: CeaseSubcode.MAXIMUM_PREFIXES, data };
    this.#up?.session.dispatch({
      type: "AutomaticStop",
      ...(this.#peerRestart?.notification ? hardReset(plain) : plain),
      reason: `more than ${limit} routes`,
      restMs: restartAfterSec === undefined ? "for good" : restartAfterSec * 1000,
    });
  }

  #policy(): ImportPolicy {
    const { asn, routerId, ownAddresses } = this.#local;
    const localAddress = this.#up?.session.localAddress;
    return {
      asn,
      routerId,
      ownAddresses: localAddress ? new Set([...ownAddresses, localAddress]) : ownAddresses,
      accept: this.#shared.accept(),
    };
  }
}

/**
 * Once everything is sent: the answer to a request for all routes, between marks if the peer knows them (RFC 7313 4).
 * So the first table and its End-of-RIB come before, and a second request waits for the end of the first's answer.
 */
function nextRefreshMessage(up: Up): Uint8Array | undefined {
  if (up.refresh === "none") return undefined;
  const marks = up.agreed.enhancedRouteRefresh;
  const ends = up.refresh === "marked";
  up.refresh = marks && !ends ? "marked" : "none";
  if (!ends) up.ribOut.resendAll();
  if (!marks) return up.ribOut.nextMessage();
  const subtype = ends ? RefreshSubtype.END : RefreshSubtype.BEGIN;
  return encodeMessage({ type: "ROUTE-REFRESH", afi: Afi.L2VPN, safi: Safi.EVPN, subtype });
}
