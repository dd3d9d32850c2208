// Turns the kernel's notifications into events of the dataplane, by the live tables of links and nexthops, which it keeps
// up to date on the way. Own writes come back here like those of others: nothing is told apart, and nothing awaited.

import type { Mac } from "../../shared/address/mac.ts";
import { ZERO_MAC } from "../../shared/address/mac.ts";
import { parseVni } from "../../shared/address/vni.ts";
import type { KernelEvent, Tunnel } from "../dataplane/kernel.ts";
import { NEIGHBOUR_PROTOCOL } from "../dataplane/state.ts";
import { isOwnAddress, isPinned } from "./assemble.ts";
import * as k from "./constants.ts";
import { linkHead, parseLink } from "./link-message.ts";
import type { LinkTable } from "./link-table.ts";
import { HEADER_BYTES, messageAt, type NetlinkMessage } from "./message.ts";
import { type NeighbourMessage, neighbourIndex, parseNeighbourAt } from "./neighbour-message.ts";
import { parseNexthop } from "./nexthop-message.ts";
import type { NexthopTable } from "./nexthop-table.ts";

export type MonitorPorts = {
  readonly links: LinkTable;
  readonly nexthops: NexthopTable;
  /** What is known of this link is no longer the whole truth: it has to be asked for. */
  readonly onStaleLink: (index: number) => void;
  /** An address came or went. */
  readonly onStaleAddresses: () => void;
  readonly emit: (event: KernelEvent) => void;
};

/** Takes notifications. Throws for one that cannot be read. */
export type Monitor = {
  take(message: Pick<NetlinkMessage, "type" | "payload">): void;
  /** The same for one that is in `buffer`, header included, from `at` to `end`: of entries, no object is made for it. */
  takeAt(type: number, buffer: Buffer, at: number, end: number): void;
};

export function createMonitor(ports: MonitorPorts): Monitor {
  const { links, nexthops, onStaleLink, onStaleAddresses, emit } = ports;
  const tunnels = createTunnelReader(nexthops);

  const emitAll = (events: readonly KernelEvent[]): void => {
    for (const event of events) emit(event);
  };

  const onLink = (payload: Buffer, gone: boolean): void => {
    const { family, index } = linkHead(payload);
    if (family === k.AF_UNSPEC) {
      emitAll(gone ? links.remove(index) : links.set(parseLink(payload)));
      return;
    }
    // AF_BRIDGE: the flags of a bridge's port, without the rest of the link.
    const role = links.role(index);
    if (!role) return;
    onStaleLink(index);
    emit({ kind: "host", name: role.name });
  };

  const onNeighbour = (buffer: Buffer, start: number, end: number, gone: boolean): void => {
    const role = links.role(neighbourIndex(buffer, start));
    if (!role) return;
    const entry = parseNeighbourAt(buffer, start, end);
    const { mac, dst, flags } = entry;
    const { vni } = role;
    if (mac === undefined && entry.family === k.AF_BRIDGE) return;
    if (entry.family !== k.AF_BRIDGE) {
      if (role.kind !== "bridge" || dst === undefined) return;
      const ours = entry.protocol === NEIGHBOUR_PROTOCOL;
      const there = !gone && mac !== undefined && (entry.state & k.NUD_PERMANENT) !== 0;
      // What ARP resolves by itself is nobody's declaration; that one of ours stopped being permanent is news.
      emit({ kind: "neighbour", vni, ip: dst, mac: there ? mac : undefined, ours: there && ours });
      return;
    }
    if (flags & k.NTF_SELF) {
      if (role.kind !== "vxlan") return;
      if (mac !== ZERO_MAC) {
        emit({ kind: "vxlan-entry", vni, mac: mac as Mac, tunnel: gone ? undefined : tunnels(entry) });
      } else if (dst !== undefined) emit({ kind: "flood", vni, vtep: dst, present: !gone });
      return;
    }
    if (role.kind === "bridge" || isOwnAddress(entry)) return;
    const state = gone ? "gone" : isPinned(entry) ? "pinned" : "learned";
    emit({ kind: "bridge-entry", vni, mac: mac as Mac, port: role.name, state });
  };

  const onNexthop = (payload: Buffer, gone: boolean): void => {
    const nexthop = parseNexthop(payload);
    if (nexthop) emitAll(gone ? nexthops.onDeleted(nexthop.id) : nexthops.onNew(nexthop));
  };

  const take = ({ type, payload }: Pick<NetlinkMessage, "type" | "payload">): void => {
    switch (type) {
      case k.RTM_NEWLINK:
      case k.RTM_DELLINK:
        onLink(payload, type === k.RTM_DELLINK);
        break;
      case k.RTM_NEWNEIGH:
      case k.RTM_DELNEIGH:
        onNeighbour(payload, 0, payload.length, type === k.RTM_DELNEIGH);
        break;
      case k.RTM_NEWNEXTHOP:
      case k.RTM_DELNEXTHOP:
        onNexthop(payload, type === k.RTM_DELNEXTHOP);
        break;
      case k.RTM_NEWADDR:
      case k.RTM_DELADDR:
        onStaleAddresses();
        emit({ kind: "host", name: "addresses" });
        break;
      default:
    }
  };
  return {
    take,
    takeAt: (type, buffer, at, end) => {
      if (type === k.RTM_NEWNEIGH || type === k.RTM_DELNEIGH) {
        onNeighbour(buffer, at + HEADER_BYTES, end, type === k.RTM_DELNEIGH);
      } else take(messageAt(buffer, at, end));
    },
  };
}

/** Reads where a vxlan entry leads; plain destinations share one object for each, as groups do. */
export function createTunnelReader(nexthops: Pick<NexthopTable, "tunnelOf">): (entry: NeighbourMessage) => Tunnel {
  const plain = new Map<string, Tunnel>();
  return ({ dst, nexthop, vni }) => {
    if (nexthop !== undefined) return nexthops.tunnelOf(nexthop) ?? UNKNOWN_GROUP;
    const key = vni === undefined ? (dst ?? "") : `${dst} ${vni}`;
    let tunnel = plain.get(key);
    if (!tunnel) {
      tunnel = {
        form: "dst",
        vteps: dst === undefined ? [] : [dst],
        vni: vni === undefined ? undefined : parseVni(vni),
      };
      plain.set(key, tunnel);
    }
    return tunnel;
  };
}

/** A group that is not known: another's, made a moment ago. It is nowhere that we want an entry to lead. */
const UNKNOWN_GROUP: Tunnel = { form: "nexthop", vteps: [], vni: undefined };
