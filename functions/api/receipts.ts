// The port through which the API asks how far a change has come. functions/report implements it: publication marks and
// the hosts' reports are its business; the API only routes, waits and answers.

import type { Channel } from "../../shared/model/record.ts";
import type { ChangeRecord } from "../domain/change.ts";

/** `accepted`: stored. `published`: in the log of every channel it concerns. `live`: in the kernel of every host. */
export type ReceiptState = "accepted" | "published" | "live";

/** What keeps a host from having it: functions/report/liveness.ts says what each means. */
export type LagState = "unreported" | "silent" | "pending" | "behind" | "diverged" | "kernel";

/** A host that does not have it; `problem`: what it says that its kernel refused. */
export type WaitingHost = { host: string; state: LagState; reason: string; since?: string; problem?: string };

export type HostsReceipt = { total: number; live: number; waiting: WaitingHost[] };

/**
 * The ToRs of the host of the endpoint or next hop: `seen` is proven by another host that has the route from there, `told` is
 * all that can be known where no other host is; see functions/report/tors.ts. `gone`: of a deletion, and what is seen is that
 * the route is no more.
 */
export type TorsReceipt = {
  total: number;
  seen: number;
  gone?: true;
  at: {
    tor: string;
    state: "seen" | "told" | "pending" | "missing" | "held" | "down" | "unknown";
    reason: string;
    by?: string;
  }[];
};

export type Receipt = {
  change: string;
  resource: ChangeRecord["resource"];
  /** When the change was stored, ISO 8601. */
  at: string;
  state: ReceiptState;
  /** Where it is in each channel's log. */
  published: { channel: Channel; seq: number }[];
  /** The hosts concerned; `waiting` names those that do not have it yet, each with the reason in words. */
  hosts: HostsReceipt;
  /** From accepted to live, over the `measured` ones of the hosts that have it, ms. */
  times?: { measured: number; p50Ms: number; p99Ms: number; maxMs: number };
  /** Of an endpoint, or of a prefix by its next hop, on a host with EVPN peers; absent where there is nothing to be seen. */
  tors?: TorsReceipt;
  /** One line for people: "live on 42 of 42 hosts, seen at 2 of 2 ToRs". */
  summary: string;
};

/** Some of a network's hosts, after those of the page that gave `position` as its `next`. */
export type ConvergencePage = { readonly limit: number; readonly position?: string };

/** One host against the head of a network's channel. */
export type HostConvergence = {
  host: string;
  state: "in-sync" | LagState;
  reason?: string;
  /** Since when it is in that state, ISO 8601, where it is known. */
  since?: string;
  appliedSeq: number;
  behindBy: number;
  /** Its copy is what the log says at `appliedSeq`; its kernel too. */
  digestEqual: boolean;
  kernelEqual: boolean;
  lastSeenAt?: string;
  /** What its kernel refused, in words. */
  errors: string[];
};

/** How far one network is: the state of its channel's head on its hosts, of one page of them. */
export type Convergence = {
  network: string;
  channel: Channel;
  /** The last published step, 0 if there is none. */
  seq: number;
  /** True if every host has that step in its kernel. */
  converged: boolean;
  hosts: HostsReceipt;
  /** From published to live, over these hosts and the last steps, as far as it was measured; ms. */
  recent?: { steps: number; measured: number; p50Ms: number; p99Ms: number; maxMs: number };
  items: HostConvergence[];
  next?: string;
  summary: string;
};

export type Receipts = {
  receipt(change: ChangeRecord): Promise<Receipt>;
  convergence(network: string, page: ConvergencePage): Promise<Convergence>;
};
