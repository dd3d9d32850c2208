// What a lane of the agent is. A lane is one concern from its sources to its effects: BGP peers, L2 networks, routers, port
// security, reports. It hears what changes, does its work in slices (pace.ts), and touches no other lane. agent.ts makes
// them all and passes on the events; a new concern is a new file here and one line there.

import type { Mac } from "../../shared/address/mac.ts";
import type { ImportTarget } from "../../shared/address/rt.ts";
import type { Digest } from "../../shared/message/digest.ts";
import type { Channel } from "../../shared/model/record.ts";
import type { FamilyName } from "../bgp/family.ts";
import type { PeerKey, RouteChange } from "../bgp/route.ts";
import type { Speaker } from "../bgp/speaker.ts";
import type { Clock } from "../clock.ts";
import type { Kernel } from "../dataplane/kernel.ts";
import type { DesiredTrust } from "../dataplane/desired.ts";
import type { Reconciler } from "../dataplane/reconciler.ts";
import type { DataplaneReport } from "../dataplane/report.ts";
import type { IntentState } from "../intent/intent.ts";
import type { IntentChange } from "../intent/session.ts";
import type { Diary } from "../log.ts";
import type { RouteProofs } from "../report/confirmation.ts";
import type { RouterProofs } from "./router-proofs.ts";
import type { Pace } from "./pace.ts";

/** What a lane may use of the agent. */
export type LaneContext = {
  readonly host: string;
  readonly clock: Clock;
  readonly diary: Diary;
  readonly kernel: Kernel;
  readonly pace: Pace;
  /** All channels as they are held now; `Lane.intent` tells what of them changed. */
  readonly intent: IntentState;
  readonly speaker: Speaker;
  readonly reconciler: Reconciler;
  /** The route targets that `lane` wants imported, instead of those it wanted before; the speaker gets the union. */
  setImports(lane: string, targets: ReadonlySet<ImportTarget>): void;
  /** How many route changes `lane` has still to work off: too many, and the speaker reads no more until there are few. */
  routesWaiting(lane: string, count: number): void;
  /**
   * What may be done to the kernel by now: what nobody asks for may be deleted once what the lanes make of their sources is
   * known to be whole (no delete before in-sync), and what an earlier process left may be turned elsewhere once intent is
   * known not to be older. `Lane.complete` tells of a change.
   */
  trust(): DesiredTrust;
  /** Something that a report says has changed; a report follows soon. */
  reportChanged(): void;
};

/** What a lane knows of one channel, for the report: nothing of channels that are not its concern. */
export type ChannelPart = {
  /**
   * The digest of what the kernel was read back to hold for this lane's part of the channel's forwarding form
   * (shared/message/forwarding.ts); undefined while that is not there, so that the channel is not live. The report has the sum
   * of all lanes' parts.
   */
  readonly kernel: Digest | undefined;
  /** Why the kernel is not as intent wants it, in words for an operator. */
  readonly problems: readonly string[];
  /** What the fabric proves of a network's endpoints (report/confirmation.ts); of one lane only. */
  readonly fabric?: RouteProofs<Mac> | undefined;
  /** The same of a router's static routes. */
  readonly statics?: RouterProofs | undefined;
};

/** Every handler returns soon and does what is long in its turn of the pace. */
export type Lane = {
  /** Records changed, of any channel; at the start all that was on disk, as `whole`. */
  intent?(change: IntentChange): void;
  /** Routes of the fabric changed, in order; a route may be in it more than once. */
  routes?(changes: readonly RouteChange[]): void;
  /** A peer's session changed its state: true for Established. */
  session?(peer: PeerKey, established: boolean): void;
  /** Routes of the unicast families changed; the speaker shows them. */
  unicast?(): void;
  /** A peer's first table of a family is complete. */
  endOfRib?(peer: PeerKey, family: FamilyName): void;
  /** Whether the cloud is connected and has confirmed that intent is whole. */
  heard?(current: boolean): void;
  /** `LaneContext.trust` changed; `now`: anything may be deleted. */
  complete?(now: boolean): void;
  /** The kernel was read back. */
  verified?(report: DataplaneReport): void;
  /** What the report says of a channel. */
  channel?(channel: Channel): ChannelPart | undefined;
  /** Ends: no timer and no promise is left. The kernel keeps forwarding. */
  close?(): void | Promise<void>;
};
