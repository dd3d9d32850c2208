// The port through which the API asks how far a change has come. functions/report implements it: publication marks and
// the hosts' reports are its business; the API only routes, waits and answers.

import type { Channel } from "../../shared/model/record.ts";
import type { ChangeRecord } from "../domain/change.ts";

/** `accepted`: stored. `published`: in the log of every channel it concerns. `live`: in the kernel of every host. */
export type ReceiptState = "accepted" | "published" | "live";

export type Receipt = {
  change: string;
  resource: ChangeRecord["resource"];
  /** When the change was stored, ISO 8601. */
  at: string;
  state: ReceiptState;
  /** Where it is in each channel's log. */
  published: { channel: Channel; seq: number }[];
  /** The hosts concerned; `waiting` names those that do not have it yet, each with the reason in words. */
  hosts: { total: number; live: number; waiting: { host: string; reason: string }[] };
  /** One line for people: "live on 41 of 42 hosts; waiting for h17 (offline 12 s)". */
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
  hosts: { total: number; live: number; waiting: { host: string; reason: string }[] };
  summary: string;
};

export type Receipts = {
  receipt(change: ChangeRecord): Promise<Receipt>;
  convergence(network: string): Promise<Convergence>;
};
