// The change record: written in the transaction of every write, and the subject of its receipt. It is the audit's entry
// too: who, what, before and after.

import { type Channel, hostChannel, networkChannel, routerChannel } from "../../shared/model/record.ts";
import type { ResourceRef } from "./resource.ts";

/**
 * `prepare` and `abandon` are of a move in two phases, whose activation is a `move`; `resume` and `abandon` of a rollout; `invite`, `join` and `revoke` are of a
 * host's identity and change nothing of its resource.
 */
export const CHANGE_ACTIONS = [
  "create",
  "change",
  "delete",
  "move",
  "prepare",
  "abandon",
  "resume",
  "invite",
  "join",
  "revoke",
] as const;
export type ChangeAction = (typeof CHANGE_ACTIONS)[number];

export type ChangeRecord = {
  id: string;
  resource: ResourceRef;
  /** Whose the resource is; absent: the operator's. */
  tenant?: string;
  action: ChangeAction;
  /** The channels it appears in, besides what the publisher derives of it (members, carried networks). */
  channels: Channel[];
  /** The record's key in those channels; absent where there are none. */
  key?: string;
  /** The resource's version that this change wrote. */
  version: number;
  /** When it was stored, ISO 8601 in UTC. */
  at: string;
};

/** Where a resource's changes appear: its channels, and its record's key there. */
export function placeOf(ref: ResourceRef): { channels: Channel[]; key?: string } {
  switch (ref.kind) {
    case "endpoint":
      return { channels: [networkChannel(ref.network)], key: `endpoint/${ref.id}` };
    case "network":
      return { channels: [networkChannel(ref.id)], key: "network" };
    case "router":
      return { channels: [routerChannel(ref.id)], key: "router" };
    case "prefix":
      return { channels: [routerChannel(ref.router)], key: `prefix/${ref.id}` };
    case "host":
      return { channels: [hostChannel(ref.id)], key: "host" };
    case "tenant":
    case "site":
    case "fabric-peer":
    case "vni-pool":
    case "rollout":
      return { channels: [] };
  }
}
