// The Kernel port on rtnetlink(7). Three sockets, because notifications break a dump that shares their socket: one for
// writes, one for dumps, one that listens. Works in the namespace of the process, or in a named one.

import { constants } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { Kernel, KernelEvent, Op, OpFailure } from "../dataplane/kernel.ts";
import { type Address, parseAddress, parseRoute, type Route } from "./address-message.ts";
import { assembleState } from "./assemble.ts";
import { connect, InterruptedDump, MAX_BATCH, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { type Link, parseLink } from "./link-message.ts";
import type { ErrorReply, MessageWriter, NetlinkMessage } from "./message.ts";
import { createMonitor, type Monitor } from "./monitor.ts";
import { type NeighbourMessage, parseNeighbour } from "./neighbour-message.ts";
import { isHarmless, type LinkTable, planOp, planUndo, stageOf } from "./op-request.ts";
import { openSocket, type Place } from "./socket.ts";

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
/** Turns of the event loop after which an echo is not waited for any longer: an unchanged entry has none. */
const DRAIN_TURNS = 8;

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

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

  const apply = async (ops: readonly Op[]): Promise<readonly OpFailure[]> => {
    const failures: OpFailure[] = [];
    for (let from = 0; from < ops.length; ) {
      const stage = stageOf(ops[from] as Op);
      let to = from + 1;
      while (to < ops.length && stageOf(ops[to] as Op) === stage) to++;
      failures.push(...(await applyStage(ops.slice(from, to))));
      from = to;
    }
    return failures;
  };

  const applyStage = async (ops: readonly Op[]): Promise<readonly OpFailure[]> => {
    const table = tableOf(await dumpLinks());
    const failures: OpFailure[] = [];
    const planned: { readonly op: Op; readonly requests: readonly WireRequest[] }[] = [];
    for (const op of ops) {
      const plan = planOp(op, table);
      if ("code" in plan) failures.push({ op, code: plan.code, message: plan.message });
      else if (plan.requests.length > 0) planned.push({ op, requests: plan.requests });
      const gone = op.kind === "delete-link" ? table.byName.get(op.name) : undefined;
      if (gone) monitor.forget(gone.index);
    }
    const unmarked: Op[] = [];
    // A link takes the kernel milliseconds, all of them in one system call if sent together; entries take microseconds.
    const batch = stageOf(ops[0] as Op) === "entry" ? MAX_BATCH : 1;
    for (let from = 0; from < planned.length; from += batch) {
      const group = planned.slice(from, from + batch);
      const requests = group.flatMap((each) => each.requests);
      const owners = group.flatMap((each) => each.requests.map(() => each.op));
      const answers = await send(requests);
      const refused = new Set<Op>();
      for (const [index, answer] of answers.entries()) {
        const op = owners[index] as Op;
        // Of an op's requests the first refusal is the cause, the others follow from it.
        if (!answer || refused.has(op) || isHarmless(op, answer.errno)) continue;
        refused.add(op);
        const code = ERRNO_NAMES.get(answer.errno) ?? `errno ${answer.errno}`;
        failures.push({ op, code, message: answer.text ?? "" });
        // Where the creation itself was refused, what bears the name is not ours to take back.
        if (!((requests[index] as WireRequest).flags & k.NLM_F_EXCL)) unmarked.push(op);
      }
    }
    for (const request of unmarked.flatMap(planUndo)) await send([request]);
    return failures;
  };

  const send = async (requests: readonly WireRequest[]): Promise<readonly (ErrorReply | undefined)[]> => {
    if (watchers.size > 0) {
      for (const { forwarding, type } of requests) if (forwarding) monitor.expect(forwarding, type === k.RTM_DELNEIGH);
    }
    const answers = await writes.transact(requests);
    // The transport reads 32 notifications a turn of the event loop: let it keep up with the echoes of our writes.
    for (let turn = 0; turn < DRAIN_TURNS && monitor.awaited() > MAX_BATCH; turn++) await setImmediate();
    return answers;
  };

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

function tableOf(links: readonly Link[]): LinkTable {
  return {
    byName: new Map(links.map((link) => [link.name, link])),
    byIndex: new Map(links.map((link) => [link.index, link])),
  };
}
