// The router part of the Kernel port on rtnetlink(7) and /proc/sys, with sockets of its own: notifications would break a
// dump that shares their socket, and the tables of tenants are no business of the other part's monitor.

import { constants } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { RouterKernel, RouterOp, RouterOpFailure } from "../dataplane/router-kernel.ts";
import { GLOBAL_SYSCTLS, sysctlsOf } from "../dataplane/router-sysctl.ts";
import { type Connection, connect, InterruptedDump, MAX_BATCH, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { parseGateway } from "./gateway-message.ts";
import { type L3Link, parseL3Link, probeVrf } from "./l3-link-message.ts";
import { loadLibc } from "./libc.ts";
import { type NeighbourMessage, parseNeighbour } from "./neighbour-message.ts";
import { parseRouteMessage, ROUTE_DUMP, type RouteMessage } from "./route-message.ts";
import { createRouterMonitor } from "./router-monitor.ts";
import { changesLinks, isHarmlessHere, planRouterOp, planRouterUndo } from "./router-request.ts";
import { assembleRouters, roleOf } from "./router-tables.ts";
import { parseRule } from "./rule-message.ts";
import { openSocket, type Place } from "./socket.ts";
import { createSysctls } from "./sysctl.ts";

export type NetlinkRouters = RouterKernel & { close(): void };

const DUMP_ATTEMPTS = 5;
const DROPS_EVERY_MS = 1000;
/** Without one of these names no device is made, so the name only has to be valid. */
const PROBE_NAME = "ovrprobe";

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** Opens the sockets, in the namespace `netns` of /run/netns if given (which needs koffi). */
export async function openNetlinkRouters(options: {
  readonly netns?: string;
  readonly log: (text: string) => void;
}): Promise<NetlinkRouters> {
  const { netns, log } = options;
  const libc = await loadLibc().catch(() => undefined);
  const place: Place = { libc, netns };
  const writes = connect(place, "messages");
  const dumps = connect(place, "dumps");
  const sysctls = createSysctls(place);
  const monitor = createRouterMonitor();
  const watchers = new Set<() => void>();

  const dumpLinks = (): Promise<L3Link[]> => dumpTable(dumps, LINKS, parseL3Link);

  const apply = async (ops: readonly RouterOp[]): Promise<readonly RouterOpFailure[]> => {
    const failures: RouterOpFailure[] = [];
    let links = byName(await dumpLinks());
    let batch: { readonly op: RouterOp; readonly requests: readonly WireRequest[] }[] = [];
    const refuse = (op: RouterOp, code: string, message: string): void => void failures.push({ op, code, message });

    const flush = async (): Promise<void> => {
      const sent = batch;
      batch = [];
      const requests = sent.flatMap((each) => each.requests);
      const owners = sent.flatMap((each) => each.requests.map(() => each.op));
      const refused = new Set<RouterOp>();
      for (let from = 0; from < requests.length; from += MAX_BATCH) {
        const answers = await writes.transact(requests.slice(from, from + MAX_BATCH));
        for (const [index, answer] of answers.entries()) {
          const op = owners[from + index] as RouterOp;
          // Of an op's requests the first refusal is the cause, the others follow from it.
          if (!answer || refused.has(op) || isHarmlessHere(op, answer.errno)) continue;
          refused.add(op);
          refuse(op, ERRNO_NAMES.get(answer.errno) ?? `errno ${answer.errno}`, answer.text ?? "");
        }
      }
      if (!sent.some(({ op }) => changesLinks(op))) return;
      links = byName(await dumpLinks());
      for (const op of refused) for (const undo of planRouterUndo(op, links)) await writes.transact([undo]);
    };

    for (const op of ops) {
      if (op.kind === "set-sysctl") {
        await flush();
        const code = sysctls.write(op.key, op.value);
        if (code !== undefined) refuse(op, code, op.key);
        continue;
      }
      const plan = planRouterOp(op, links);
      if ("code" in plan) refuse(op, plan.code, plan.message);
      else batch.push({ op, requests: plan.requests });
      // A device takes the kernel milliseconds, and what follows wants to find it.
      if (changesLinks(op) || op.kind === "set-device" || op.kind === "enslave-bridge") await flush();
      else if (batch.length >= MAX_BATCH) await flush();
    }
    await flush();
    return failures;
  };

  return {
    support: async () => {
      const [answer] = await writes.transact([probeVrf(PROBE_NAME)]);
      if (answer?.errno === constants.errno.EINVAL) return { vrf: true };
      const code = answer ? (ERRNO_NAMES.get(answer.errno) ?? `errno ${answer.errno}`) : "no answer";
      return { vrf: false, reason: answer?.text ?? code };
    },
    dump: async () => {
      const links = await dumpLinks();
      monitor.onDump(links);
      const addresses = await dumpTable(dumps, ADDRESSES, parseGateway);
      const rules = await dumpTable(dumps, RULES, parseRule);
      const routes = await dumpTable<RouteMessage>(dumps, ROUTE_DUMP, parseRouteMessage);
      const fdb = await dumpTable(dumps, FORWARDING, (payload) => onVxlan(payload, monitor.vxlans()));
      const neighbours = await dumpTable(dumps, NEIGHBOURS, (payload) => onVxlan(payload, monitor.vxlans()));
      const roles = links.flatMap((link) => {
        const role = roleOf(link);
        return role ? [[link.name, role.kind] as const] : [];
      });
      const keys = [...GLOBAL_SYSCTLS, ...roles.flatMap(([name, kind]) => [...sysctlsOf(name, kind).keys()])];
      const tables = { links, addresses, routes, rules, neighbours: [...fdb, ...neighbours] };
      const state = assembleRouters({ ...tables, sysctls: sysctls.read(keys) });
      await setImmediate();
      return state;
    },
    apply,
    watch: (listener) => {
      if (!writes.guarded) return { close: () => undefined };
      const close = listen(place, log, (message) => monitor.concerns(message, writes.port), listener);
      watchers.add(close);
      return {
        close: () => {
          if (watchers.delete(close)) close();
        },
      };
    },
    close: () => {
      for (const close of watchers) close();
      watchers.clear();
      writes.close();
      dumps.close();
    },
  };
}

async function dumpTable<T>(
  connection: Connection,
  request: WireRequest,
  parse: (payload: Buffer) => T | undefined,
): Promise<T[]> {
  for (let attempt = 1; ; attempt++) {
    const entries: T[] = [];
    try {
      await connection.dump(request, ({ payload }) => {
        const entry = parse(payload);
        if (entry !== undefined) entries.push(entry);
      });
      return entries;
    } catch (cause) {
      if (!(cause instanceof InterruptedDump) || attempt === DUMP_ATTEMPTS) throw cause;
    }
  }
}

/** Only what is on an L3 VNI: a fabric's hosts are in the other tables by the hundred thousand. */
function onVxlan(payload: Buffer, vxlans: ReadonlySet<number>): NeighbourMessage | undefined {
  return vxlans.has(payload.readInt32LE(4)) ? parseNeighbour(payload) : undefined;
}

function listen(
  place: Place,
  log: (text: string) => void,
  concerns: Parameters<typeof openSocket>[2]["onMessage"] extends (message: infer M) => void
    ? (message: M) => boolean
    : never,
  listener: (event: "changed" | "overrun") => void,
): () => void {
  // An exception that left a socket's listener would abort the process without a trace.
  const tell = (event: "changed" | "overrun"): void => queueMicrotask(() => listener(event));
  const socket = openSocket(place, "messages", {
    onMessage: (message) => {
      if (concerns(message)) tell("changed");
    },
    onError: (cause) => {
      log(`kernel events of routers: ${cause.message}`);
      tell("overrun");
    },
  });
  for (const group of GROUPS) socket.join(group);
  let seen = socket.drops();
  const timer = setInterval(() => {
    const drops = socket.drops();
    if (drops !== seen) tell("overrun");
    seen = drops;
  }, DROPS_EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    socket.close();
  };
}

const GROUPS = [
  k.RTNLGRP_LINK,
  k.RTNLGRP_NEIGH,
  k.RTNLGRP_IPV4_IFADDR,
  k.RTNLGRP_IPV4_ROUTE,
  k.RTNLGRP_IPV4_RULE,
  k.RTNLGRP_IPV6_IFADDR,
  k.RTNLGRP_IPV6_ROUTE,
  k.RTNLGRP_IPV6_RULE,
  k.RTNLGRP_IPV4_NETCONF,
  k.RTNLGRP_IPV6_NETCONF,
];

function byName(links: readonly L3Link[]): ReadonlyMap<string, L3Link> {
  return new Map(links.map((link) => [link.name, link]));
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
const ADDRESSES = wholeTable(k.RTM_GETADDR, k.AF_UNSPEC, 8);
const RULES = wholeTable(k.RTM_GETRULE, k.AF_UNSPEC, 12);
const FORWARDING = wholeTable(k.RTM_GETNEIGH, k.AF_BRIDGE, 12);
const NEIGHBOURS = wholeTable(k.RTM_GETNEIGH, k.AF_UNSPEC, 12);

/** The family, then zeros for the rest of the message's fixed part. */
function wholeTable(type: number, family: number, fixedBytes: number): WireRequest {
  return {
    type,
    flags: 0,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      const { buffer, at } = writer.fixed(fixedBytes);
      buffer.writeUInt8(family, at);
      writer.end();
    },
  };
}
