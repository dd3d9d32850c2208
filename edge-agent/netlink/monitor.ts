// Turns the kernel's notifications into events of the dataplane. Pure but for its memory: which links concern us (told
// after each dump) and which of our own writes are still to come back as notifications.
//
// Forwarding entries carry no trace of who changed them, so own writes are remembered until their echo. A wrong guess
// costs one comparison too many, never one too few for longer than the periodic comparison.

import type { Vni } from "../../shared/address/vni.ts";
import type { KernelEvent } from "../dataplane/kernel.ts";
import { NEIGHBOUR_PROTOCOL } from "../dataplane/state.ts";
import { isOwnAddress, isPinned, ownedVni } from "./assemble.ts";
import * as k from "./constants.ts";
import { type Link, linkHead, parseLink } from "./link-message.ts";
import type { NetlinkMessage } from "./message.ts";
import { type NeighbourMessage, parseNeighbour } from "./neighbour-message.ts";

export type Monitor = {
  /** Events of one notification; `ownPort` is the port that our requests come from. */
  onMessage(message: NetlinkMessage, ownPort: number): readonly KernelEvent[];
  /** A dump saw these links: what was expected until now has either come or been lost. */
  onDump(links: readonly Link[]): void;
  /** A request that makes or deletes this forwarding entry is about to be sent. */
  expect(entry: ForwardingKey, deletion: boolean): void;
  /** A request that deletes this link is about to be sent, and what goes with it is no news. */
  forget(index: number): void;
  /** How many expected notifications have not come yet. */
  awaited(): number;
};

/** What tells forwarding entries apart. */
export type ForwardingKey = Pick<NeighbourMessage, "index" | "mac" | "dst" | "flags">;

type Known = { readonly name: string; readonly master: number | undefined };

export function createMonitor(): Monitor {
  const known = new Map<number, Known>();
  /** Devices of ours and their ports, by ifindex. */
  const ours = new Map<number, Vni>();
  const expected = new Set<string>();
  /** Links that we are deleting. */
  const dying = new Set<number>();

  const changed = (vni: Vni | undefined): KernelEvent[] =>
    vni === undefined ? [] : [{ kind: "network-changed", vni }];

  const onNewLink = (payload: Buffer, own: boolean): readonly KernelEvent[] => {
    const { family, index } = linkHead(payload);
    if (dying.has(index)) return [];
    // AF_BRIDGE: flags of a bridge port.
    if (family !== k.AF_UNSPEC) return own ? [] : changed(ours.get(index));
    const link = parseLink(payload);
    const before = known.get(index);
    known.set(index, { name: link.name, master: link.master });
    const vni = ours.get(index) ?? ownedVni(link) ?? (link.master === undefined ? undefined : ours.get(link.master));
    if (vni !== undefined) ours.set(index, vni);
    if (own) return [];
    // A change of master may set a port free that a network waits for.
    if (before?.name !== link.name || before.master !== link.master)
      return [{ kind: "link-appeared", name: link.name }];
    return changed(vni);
  };

  const onDeletedLink = (payload: Buffer, own: boolean): readonly KernelEvent[] => {
    const { family, index } = linkHead(payload);
    if (dying.has(index)) return [];
    const name = known.get(index)?.name;
    const vni = ours.get(index);
    if (family !== k.AF_UNSPEC) return own ? [] : changed(vni);
    known.delete(index);
    ours.delete(index);
    return own || name === undefined ? [] : [{ kind: "link-gone", name }];
  };

  const onNeighbour = (message: NetlinkMessage, own: boolean): readonly KernelEvent[] => {
    const entry = parseNeighbour(message.payload);
    const vni = ours.get(entry.index) ?? (entry.master === undefined ? undefined : ours.get(entry.master));
    if (vni === undefined) return [];
    if (entry.family !== k.AF_BRIDGE) {
      const relevant = entry.protocol === NEIGHBOUR_PROTOCOL || (entry.state & k.NUD_PERMANENT) !== 0;
      return own || !relevant ? [] : changed(vni);
    }
    const tunnel = (entry.flags & k.NTF_SELF) !== 0;
    if (!tunnel && (isOwnAddress(entry) || !isPinned(entry))) return [];
    if (expected.delete(keyOf(entry, message.type === k.RTM_DELNEIGH))) return [];
    return changed(vni);
  };

  return {
    onMessage: (message, ownPort) => {
      const own = message.port === ownPort;
      switch (message.type) {
        case k.RTM_NEWLINK:
          return onNewLink(message.payload, own);
        case k.RTM_DELLINK:
          return onDeletedLink(message.payload, own);
        case k.RTM_NEWNEIGH:
        case k.RTM_DELNEIGH:
          return onNeighbour(message, own);
        default:
          return [];
      }
    },
    onDump: (links) => {
      known.clear();
      ours.clear();
      expected.clear();
      dying.clear();
      for (const link of links) {
        known.set(link.index, { name: link.name, master: link.master });
        const vni = ownedVni(link);
        if (vni !== undefined) ours.set(link.index, vni);
      }
      for (const { index, master } of links) {
        const vni = master === undefined ? undefined : ours.get(master);
        if (vni !== undefined) ours.set(index, vni);
      }
    },
    expect: (entry, deletion) => {
      expected.delete(keyOf(entry, !deletion));
      expected.add(keyOf(entry, deletion));
    },
    forget: (index) => {
      dying.add(index);
      ours.delete(index);
      known.delete(index);
    },
    awaited: () => expected.size,
  };
}

function keyOf(entry: ForwardingKey, deletion: boolean): string {
  const tunnel = (entry.flags & k.NTF_SELF) !== 0;
  return `${deletion ? "-" : "+"} ${entry.index} ${entry.mac} ${tunnel ? entry.dst : "master"}`;
}
