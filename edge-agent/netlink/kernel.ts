// The Kernel port on rtnetlink(7). Three sockets, because notifications break a dump that shares their socket: one for
// writes, one for dumps, one that listens. Works in the namespace of the process, or in a named one.

import { setImmediate } from "node:timers/promises";
import type { Kernel, KernelEvent } from "../dataplane/kernel.ts";
import { type Address, parseAddress, parseRoute, type Route } from "./address-message.ts";
import { assembleState } from "./assemble.ts";
import { connect, InterruptedDump, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { type Link, parseLink } from "./link-message.ts";
import type { MessageWriter, NetlinkMessage } from "./message.ts";
import { createMonitor, type Monitor } from "./monitor.ts";
import { type NeighbourMessage, parseNeighbour } from "./neighbour-message.ts";
import { openSocket, type Place } from "./socket.ts";
import { createWriter } from "./writer.ts";

export type NetlinkKernelOptions = {
  /** A namespace in /run/netns to work in; needs koffi. Default: that of the process. */
  readonly netns?: string;
  readonly log: (text: string) => void;
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
  const monitor = createMonitor();

  const watchers = new Set<() => void>();

  const dumpTable = async <T>(request: WireRequest, parse: (payload: Buffer) => T | undefined): Promise<T[]> => {
    for (let attempt = 1; ; attempt++) {
      const entries: T[] = [];
      const collect = (message: NetlinkMessage): void => {
        const entry = parse(message.payload);
        if (entry !== undefined) entries.push(entry);
      };
      try {
        await dumps.dump(request, collect);
        return entries;
      } catch (cause) {
        if (!(cause instanceof InterruptedDump) || attempt === DUMP_ATTEMPTS) throw cause;
      }
    }
  };
  const dumpLinks = (): Promise<Link[]> => dumpTable(LINKS, parseLink);

  const apply = createWriter({ connection: writes, monitor, dumpLinks, watched: () => watchers.size > 0 });

  return {
    degraded,
    dump: async () => {
      const links = await dumpLinks();
      // Before the tables are read, so that what changes from here on is an event again.
      monitor.onDump(links);
      const addresses = await dumpTable<Address>(ADDRESSES, parseAddress);
      const routes = await dumpTable<Route>(ROUTES, parseRoute);
      const fdb = await dumpTable<NeighbourMessage>(FORWARDING, parseNeighbour);
      const neighbours = await dumpTable<NeighbourMessage>(NEIGHBOURS, parseNeighbour);
      const state = assembleState({ links, addresses, routes, fdb, neighbours });
      // Large tables take the event loop for a while here and again in the diff: let others in between.
      await setImmediate();
      return state;
    },
    apply,
    watch: (listener) => {
      if (!writes.guarded) return { close: () => undefined };
      const close = listen(place, { log, monitor, ownPort: writes.port }, listener);
      watchers.add(close);
      return {
        close: () => {
          if (watchers.delete(close)) close();
        },
      };
    },
    close: async () => {
      for (const close of watchers) close();
      watchers.clear();
      writes.close();
      dumps.close();
    },
  };
}

function listen(
  place: Place,
  context: {
    readonly log: (text: string) => void;
    readonly monitor: Monitor;
    readonly ownPort: number;
  },
  listener: (event: KernelEvent) => void,
): () => void {
  const { log, monitor, ownPort } = context;
  const tell = (event: KernelEvent): void => {
    // An exception that left a socket's listener would abort the process without a trace.
    queueMicrotask(() => listener(event));
  };
  const socket = openSocket(place, "messages", {
    onMessage: (message) => {
      for (const event of monitor.onMessage(message, ownPort)) tell(event);
    },
    onError: (cause) => {
      log(`kernel events: ${cause.message}`);
      tell({ kind: "overrun" });
    },
  });
  socket.join(k.RTNLGRP_LINK);
  socket.join(k.RTNLGRP_NEIGH);
  let seen = socket.drops();
  const timer = setInterval(() => {
    const drops = socket.drops();
    if (drops !== seen) tell({ kind: "overrun" });
    seen = drops;
  }, DROPS_EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    socket.close();
  };
}

/** Without the counters, which are nine tenths of each link's message. */
const LINKS: WireRequest = {
  type: k.RTM_GETLINK,
  flags: 0,
  write: (writer, request) => {
    writer.begin(request.type, request.flags, request.seq);
    writer.fixed(16);
    writer.u32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS);
    writer.end();
  },
};
const ADDRESSES = tableRequest(k.RTM_GETADDR, k.AF_UNSPEC, 8);
const ROUTES = tableRequest(k.RTM_GETROUTE, k.AF_UNSPEC, 12);
const FORWARDING = tableRequest(k.RTM_GETNEIGH, k.AF_BRIDGE, 12);
const NEIGHBOURS = tableRequest(k.RTM_GETNEIGH, k.AF_UNSPEC, 12);

/** A dump of a whole table: the family, then zeros for the rest of the message's fixed part. */
function tableRequest(type: number, family: number, fixedBytes: number): WireRequest {
  return {
    type,
    flags: 0,
    write: (writer: MessageWriter, request) => {
      writer.begin(request.type, request.flags, request.seq);
      const { buffer, at } = writer.fixed(fixedBytes);
      buffer.writeUInt8(family, at);
      writer.end();
    },
  };
}
