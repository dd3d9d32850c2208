// The Kernel port on rtnetlink(7). Three sockets, because notifications break a dump that shares their socket: one for
// writes, one for dumps, one that listens. Works in the namespace of the process, or in a named one.
//
// Notifications are queued in the listening socket before a write is acknowledged, so reading it out after each batch
// makes the tables true again without waiting. Without koffi nobody listens, and every write leaves a doubt instead.

import { setImmediate } from "node:timers/promises";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { ActualEntries, Capability, Kernel, KernelEvent, Op } from "../dataplane/kernel.ts";
import { type Address, parseAddress } from "./address-message.ts";
import { addEntry, assembleHost, type EntryDraft, emptyDraft } from "./assemble.ts";
import { connect, InterruptedDump, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { parseLink } from "./link-message.ts";
import { createLinkTable, type Role } from "./link-table.ts";
import type { NetlinkMessage } from "./message.ts";
import { createMonitor, createTunnelReader } from "./monitor.ts";
import { neighbourIndex, parseNeighbourAt } from "./neighbour-message.ts";
import { type NexthopMessage, parseNexthop } from "./nexthop-message.ts";
import { createNexthopTable } from "./nexthop-table.ts";
import { createPathMtu } from "./path-mtu.ts";
import { probeCapabilities } from "./probe.ts";
import { type NetlinkSocket, openSocket, type Place } from "./socket.ts";
import {
  ADDRESSES,
  entriesOnDevice,
  entriesOnPortsOf,
  FORWARDING,
  LINKS,
  NEIGHBOURS,
  NEXTHOPS,
  neighboursOn,
  oneLink,
} from "./table-request.ts";
import { createWriter } from "./writer.ts";

export type NetlinkKernelOptions = {
  /** A namespace in /run/netns to work in; needs koffi. Default: that of the process. */
  readonly netns?: string;
  readonly log: (text: string) => void;
  /** Overrides what was probed: entries with plain destinations, as on an older kernel. */
  readonly tunnelForm?: Kernel["tunnelForm"];
};

export type NetlinkKernel = Kernel & {
  /** What this process has to do without, and why; undefined if nothing. */
  readonly degraded: string | undefined;
};

const DUMP_ATTEMPTS = 5;
const DROPS_EVERY_MS = 1000;

/** Opens the sockets; rejects with the reason if this machine cannot (no rtnetlink, no binary of the transport). */
export async function createNetlinkKernel(options: NetlinkKernelOptions): Promise<NetlinkKernel> {
  const { netns, log } = options;
  let degraded: string | undefined;
  const libc: Libc | undefined = await loadLibc().catch((cause: unknown) => {
    degraded = `koffi cannot be loaded (${(cause as Error).message})`;
    return undefined;
  });
  const place: Place = { libc, netns };
  const writes = connect(place, "messages");
  const dumps = connect(place, "dumps");
  if (!writes.guarded) {
    degraded = `${degraded ?? "NETLINK_NO_ENOBUFS cannot be set"}: no kernel events, only periodic comparison`;
    log(degraded);
  }
  const capabilities: readonly Capability[] = await probeCapabilities({ libc, degraded });
  const has = (name: string): boolean => capabilities.some((each) => each.name === name && each.present);
  const tunnelForm = options.tunnelForm ?? (has("nexthop-fdb") ? "nexthop" : "dst");

  const links = createLinkTable();
  const nexthops = createNexthopTable();
  const readTunnel = createTunnelReader(nexthops);
  const listeners = new Set<(event: KernelEvent) => void>();
  /** What is known of each is not, or no longer, what is. */
  const stale = { links: true, nexthops: true, addresses: true, link: new Set<number>() };
  let addresses: readonly Address[] = [];
  let socket: NetlinkSocket | undefined;
  let lost = 0;
  let timer: NodeJS.Timeout | undefined;

  const emit = (event: KernelEvent): void => {
    for (const listener of listeners) listener(event);
  };
  const monitor = createMonitor({
    links,
    nexthops,
    onStaleLink: (index) => void stale.link.add(index),
    onStaleAddresses: () => {
      stale.addresses = true;
    },
    emit,
  });

  const doubtAll = (reason: string): void => {
    stale.links = true;
    stale.nexthops = true;
    stale.addresses = true;
    emit({ kind: "doubt", vni: undefined, lost: reason });
  };

  /** Reads what waits in the listening socket, and whether some of it was lost. */
  const catchUp = (): void => {
    if (!socket) return;
    socket.drain();
    const drops = socket.drops();
    if (drops !== lost) doubtAll("the kernel dropped notifications");
    lost = drops;
  };

  const listen = (): void => {
    if (socket || !writes.guarded) return;
    socket = openSocket(place, "events", {
      // An exception that left a socket's listener would abort the process without a trace; the socket catches it.
      onMessage: (message) => monitor.take(message),
      onMessageAt: (type, buffer, at, end) => monitor.takeAt(type, buffer, at, end),
      onError: (cause) => {
        log(`kernel events: ${cause.message}`);
        doubtAll(cause.message);
      },
    });
    for (const group of GROUPS) socket.join(group);
    lost = socket.drops();
    timer = setInterval(catchUp, DROPS_EVERY_MS);
    timer.unref();
    stale.links = true;
    stale.nexthops = true;
    stale.addresses = true;
  };

  const dumpTable = async (request: WireRequest, begin: () => (message: NetlinkMessage) => void): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await dumps.dump(request, begin());
        return;
      } catch (cause) {
        if (!(cause instanceof InterruptedDump) || attempt === DUMP_ATTEMPTS) throw cause;
      }
    }
  };
  const dumpList = async <T>(request: WireRequest, parse: (payload: Buffer) => T | undefined): Promise<T[]> => {
    let list: T[] = [];
    await dumpTable(request, () => {
      list = [];
      return ({ payload }) => {
        const entry = parse(payload);
        if (entry !== undefined) list.push(entry);
      };
    });
    return list;
  };

  /** Brings links, addresses and nexthops up to date, for one caller after the other. */
  let refreshing: Promise<void> = Promise.resolve();
  const refresh = (): Promise<void> => {
    const done = refreshing.then(refreshNow);
    refreshing = done.catch(() => undefined);
    return done;
  };
  /** Where nobody listens, they never are. */
  const refreshNow = async (): Promise<void> => {
    catchUp();
    if (!socket) stale.links = stale.addresses = stale.nexthops = true;
    // Taken back first, so that what is told meanwhile counts again.
    if (stale.links) {
      stale.links = false;
      stale.link.clear();
      const found = await dumpList(LINKS, parseLink).catch((cause: unknown) => {
        stale.links = true;
        throw cause;
      });
      links.reset(found);
    }
    for (const index of stale.link) {
      stale.link.delete(index);
      await writes.ask(oneLink(index), ({ type, payload }) => {
        if (type === k.RTM_NEWLINK) links.set(parseLink(payload));
      });
    }
    if (stale.addresses) {
      stale.addresses = false;
      addresses = await dumpList(ADDRESSES, parseAddress).catch((cause: unknown) => {
        stale.addresses = true;
        throw cause;
      });
    }
    if (stale.nexthops && tunnelForm === "nexthop") {
      stale.nexthops = false;
      const found = await dumpList<NexthopMessage>(NEXTHOPS, parseNexthop).catch((cause: unknown) => {
        stale.nexthops = true;
        throw cause;
      });
      nexthops.reset(found);
    }
  };

  /** Sorts entries to their networks as they are read. */
  const sortEntries =
    (drafts: Map<Vni, EntryDraft>) =>
    ({ buffer, start, end }: NetlinkMessage): void => {
      const role: Role | undefined = links.role(neighbourIndex(buffer, start));
      const draft = role && drafts.get(role.vni);
      if (draft) addEntry(draft, parseNeighbourAt(buffer, start, end), role, readTunnel);
    };

  const readEntries = async (vni: Vni): Promise<ActualEntries> => {
    await refresh();
    const bridge = links.device(vni, "bridge");
    const vxlan = links.device(vni, "vxlan");
    const parts: EntryDraft[] = [];
    const read = async (request: WireRequest): Promise<void> => {
      let draft = emptyDraft(vni);
      await dumpTable(request, () => {
        draft = emptyDraft(vni);
        return sortEntries(new Map([[vni, draft]]));
      });
      parts.push(draft);
    };
    if (bridge) await read(entriesOnPortsOf(bridge.index));
    // Off the bridge it is not among the bridge's ports.
    if (vxlan && (!bridge || vxlan.master !== bridge.index)) await read(entriesOnDevice(vxlan.index));
    if (bridge) await read(neighboursOn(bridge.index));
    return joinDrafts(vni, parts);
  };

  const apply = createWriter({
    connection: writes,
    context: async () => {
      await refresh();
      return { links, nexthops };
    },
    onDone: catchUp,
    onNexthopsRefused: () => {
      stale.nexthops = true;
    },
  });

  return {
    degraded,
    tunnelForm,
    bulkDelete: has("bulk-delete"),
    capabilities,
    dump: async () => {
      await refresh();
      const host = assembleHost(links.byIndex, addresses);
      let drafts = new Map<Vni, EntryDraft>();
      const tables: Map<Vni, EntryDraft>[] = [];
      for (const request of [FORWARDING, NEIGHBOURS]) {
        await dumpTable(request, () => {
          drafts = new Map(host.networks.map(({ vni }) => [vni, emptyDraft(vni)]));
          return sortEntries(drafts);
        });
        tables.push(drafts);
      }
      // Large tables take the event loop for a while here and again where they are compared: let others in between.
      await setImmediate();
      return {
        ...host,
        networks: host.networks.map((devices) => ({
          ...devices,
          ...joinDrafts(
            devices.vni,
            tables.flatMap((table) => table.get(devices.vni) ?? []),
          ),
        })),
      };
    },
    readHost: async ({ fresh } = { fresh: false }) => {
      if (fresh) stale.links = stale.addresses = stale.nexthops = true;
      await refresh();
      return assembleHost(links.byIndex, addresses);
    },
    readEntries,
    tunnels: () => nexthops.tunnels(),
    pathMtu: createPathMtu(dumps, links),
    apply: async (ops) => {
      const failures = await apply(ops);
      if (!socket) for (const vni of networksOf(ops)) emit({ kind: "doubt", vni, lost: undefined });
      return failures;
    },
    watch: (listener) => {
      listeners.add(listener);
      listen();
      return { close: () => void listeners.delete(listener) };
    },
    close: async () => {
      clearInterval(timer);
      listeners.clear();
      socket?.close();
      socket = undefined;
      writes.close();
      dumps.close();
    },
  };
}

const GROUPS = [
  k.RTNLGRP_LINK,
  k.RTNLGRP_NEIGH,
  k.RTNLGRP_NEXTHOP,
  k.RTNLGRP_IPV4_IFADDR,
  k.RTNLGRP_IPV6_IFADDR,
] as const;

function joinDrafts(vni: Vni, parts: readonly EntryDraft[]): ActualEntries {
  return {
    vni,
    bridgeEntries: joined(parts.map((part) => part.bridgeEntries)),
    vxlanEntries: joined(parts.map((part) => part.vxlanEntries)),
    flood: [...new Set<IpAddress>(parts.flatMap((part) => part.flood))],
    neighbours: joined(parts.map((part) => part.neighbours)),
  };
}

/** Nearly always one table has all entries of a kind: it is not copied. */
function joined<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const some = lists.filter((list) => list.length > 0);
  return some.length > 1 ? some.flat() : (some[0] ?? []);
}

function networksOf(ops: readonly Op[]): ReadonlySet<Vni | undefined> {
  return new Set(ops.map((op) => op.vni));
}
