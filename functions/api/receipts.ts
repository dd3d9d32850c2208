// The port through which the API asks how far a change has come. functions/report implements it: publication marks and
// the hosts' reports are its business; the API only routes, waits and answers.

import type { Channel } from "../../shared/model/record.ts";
import type { ChangeRecord } from "../domain/change.ts";

/** `accepted`: stored. `published`: in the log of every channel it concerns. `live`: in the kernel of every host. */
export type ReceiptState = "accepted" | "published" | "live";

/** A host that does not have it; see functions/report/liveness.ts for the states. */
export type WaitingHost = { host: string; state: string; reason: string; since?: string };

export type HostsReceipt = { total: number; live: number; waiting: WaitingHost[] };

/**
 * The ToRs of the endpoint's host: `seen` is proven by another host that has the route from there, `told` is all that can be
 * known where no other host is; see functions/report/tors.ts.
 */
export type TorsReceipt = {
  total: number;
  seen: number;
  at: {
    tor: string;
    state: "seen" | "told" | "pending" | "missing" | "down" | "unknown";
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
  /** Of an endpoint on a host with EVPN peers; absent where there is nothing to be seen, as after a deletion. */
  tors?: TorsReceipt;
  /** One line for people: "live on 42 of 42 hosts, seen at 2 of 2 ToRs". */
  summary: string;
};

/** How far one network is: the state of its channel's head on every member host. */
export type Convergence = {
  network: string;
  channel: Channel;
  /** The last published step, 0 if there is none. */
  seq: number;
  /** True if every member host has that step in its kernel. */
  converged: boolean;
  hosts: HostsReceipt;
  summary: string;
};

export type Receipts = {
  receipt(change: ChangeRecord): Promise<Receipt>;
  convergence(network: string): Promise<Convergence>;
};
