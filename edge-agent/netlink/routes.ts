// The underlay's part of the Kernel port on rtnetlink(7): routes of the main table, with sockets of its own, since notifications
// would break a dump that shares their socket. Which routes there should be is underlay/'s business.

import { constants } from "node:os";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import {
  type ActualRoutes,
  type KernelRoute,
  ROUTE_METRIC,
  ROUTE_PROTOCOL,
  type RouteKernel,
  type RouteLink,
  type RouteOp,
  type RouteOpFailure,
} from "../dataplane/route-kernel.ts";
import { parseAddress } from "./address-message.ts";
import { type Connection, connect, InterruptedDump, MAX_BATCH, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { loadLibc } from "./libc.ts";
import { attributeText, type NetlinkMessage, parseAttributes } from "./message.ts";
import { addRoute, deleteRoute, parseRouteMessage, replaceRoute, ROUTE_DUMP, routeTable } from "./route-message.ts";
import type { RouteMessage } from "./route-message.ts";
import { openSocket, type Place } from "./socket.ts";

export type NetlinkRoutes = RouteKernel & { close(): void };

/** A link as far as next hops go. */
type Link = { readonly index: number; readonly name: string; readonly up: boolean };

const IFINFOMSG_BYTES = 16;
const DUMP_ATTEMPTS = 5;
const DROPS_EVERY_MS = 1000;
const GROUPS = [
  k.RTNLGRP_LINK,
  k.RTNLGRP_IPV4_IFADDR,
  k.RTNLGRP_IPV4_ROUTE,
  k.RTNLGRP_IPV6_IFADDR,
  k.RTNLGRP_IPV6_ROUTE,
];
const ROUTES: readonly number[] = [k.RTM_NEWROUTE, k.RTM_DELROUTE];
const OURS = { table: k.RT_TABLE_MAIN, protocol: ROUTE_PROTOCOL, metric: ROUTE_METRIC } as const;

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** Opens the sockets, in the namespace `netns` of /run/netns if given (which needs koffi). */
export async function openNetlinkRoutes(options: {
  readonly netns?: string;
  readonly log: (text: string) => void;
}): Promise<NetlinkRoutes> {
  const { netns, log } = options;
  const place: Place = { libc: await loadLibc().catch(() => undefined), netns };
  const writes = connect(place, "messages");
  const dumps = connect(place, "dumps");
  const watchers = new Set<() => void>();

  async function apply(ops: readonly RouteOp[]): Promise<readonly RouteOpFailure[]> {
    const links = new Map((await dumpTable(dumps, LINKS, parseLink)).map(({ name, index }) => [name, index]));
    const failures: RouteOpFailure[] = [];
    const planned: { readonly op: RouteOp; readonly request: WireRequest }[] = [];
    for (const op of ops) {
      const missing = op.kind === "delete-route" ? undefined : op.route.hops.find(({ device }) => !links.has(device));
      if (missing) failures.push({ op, code: "ENODEV", message: `no device ${missing.device}` });
      else planned.push({ op, request: requestOf(op, links) });
    }
    for (let from = 0; from < planned.length; from += MAX_BATCH) {
      const batch = planned.slice(from, from + MAX_BATCH);
      const answers = await writes.transact(batch.map(({ request }) => request));
      batch.forEach(({ op }, index) => {
        const answer = answers[index];
        if (!answer || (op.kind === "delete-route" && answer.errno === constants.errno.ESRCH)) return;
        const code = ERRNO_NAMES.get(answer.errno) ?? `errno ${answer.errno}`;
        failures.push({ op, code, message: answer.text ?? "" });
      });
    }
    return failures;
  }

  return {
    async read() {
      const links = await dumpTable(dumps, LINKS, parseLink);
      const addresses = await dumpTable(dumps, ADDRESSES, parseAddress);
      const routes = await dumpTable(dumps, ROUTE_DUMP, parseMainRoute);
      return assemble(links, new Set(addresses.map(({ ip }) => ip)), routes);
    },
    apply,
    watch(listener) {
      if (!writes.guarded) return { close: () => undefined };
      const close = listen(place, { log, ownPort: writes.port }, listener);
      watchers.add(close);
      return {
        close: () => {
          if (watchers.delete(close)) close();
        },
      };
    },
    close() {
      for (const close of watchers) close();
      watchers.clear();
      writes.close();
      dumps.close();
    },
  };
}

function requestOf(op: RouteOp, links: ReadonlyMap<string, number>): WireRequest {
  if (op.kind === "delete-route") return deleteRoute({ ...OURS, prefix: op.prefix });
  const { prefix, hops, source } = op.route;
  const route: RouteMessage = {
    ...OURS,
    prefix,
    type: "unicast",
    hops: hops.map(({ device, via }) => ({ index: links.get(device) ?? 0, via })),
    ...(source !== undefined && { prefSrc: source }),
  };
  return op.kind === "add-route" ? addRoute(route) : replaceRoute(route);
}

function assemble(
  links: readonly Link[],
  addresses: ReadonlySet<IpAddress>,
  routes: readonly RouteMessage[],
): ActualRoutes {
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const connected = new Map<string, Prefix[]>();
  const ours: KernelRoute[] = [];
  const taken = new Set<Prefix>();
  for (const { prefix, protocol, metric, type, hops, prefSrc } of routes) {
    if (metric === ROUTE_METRIC && protocol === ROUTE_PROTOCOL && type === "unicast") {
      const named = hops.flatMap(({ index, via }) => {
        const device = names.get(index);
        return device === undefined || via === undefined ? [] : [{ device, via }];
      });
      ours.push({ prefix, hops: named, source: prefSrc });
      continue;
    }
    if (metric === ROUTE_METRIC) taken.add(prefix);
    for (const { index, via } of hops) {
      const device = names.get(index);
      if (device !== undefined && via === undefined) connected.set(device, [...(connected.get(device) ?? []), prefix]);
    }
  }
  return {
    ours,
    taken,
    links: links.map(({ name, up }): RouteLink => ({ name, up, connected: connected.get(name) ?? [] })),
    addresses,
  };
}

/** RTM_NEWLINK: up means set up, and with a carrier (IFF_RUNNING, which follows the operational state of RFC 2863). */
function parseLink(payload: Buffer): Link | undefined {
  const name = parseAttributes(payload, IFINFOMSG_BYTES).get(k.IFLA_IFNAME);
  const flags = payload.readUInt32LE(8);
  const needed = k.IFF_UP | k.IFF_RUNNING;
  return name && { index: payload.readInt32LE(4), name: attributeText(name), up: (flags & needed) === needed };
}

/** Tenants' tables may be large, and are not read. */
function parseMainRoute(payload: Buffer): RouteMessage | undefined {
  return routeTable(payload) === k.RT_TABLE_MAIN ? parseRouteMessage(payload) : undefined;
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

function listen(
  place: Place,
  context: { readonly log: (text: string) => void; readonly ownPort: number },
  listener: () => void,
): () => void {
  // An exception that left a socket's listener would abort the process without a trace.
  const tell = (): void => queueMicrotask(listener);
  const socket = openSocket(place, "messages", {
    onMessage: (message) => {
      if (concerns(message, context.ownPort)) tell();
    },
    onError: (cause) => {
      context.log(`kernel events of routes: ${cause.message}`);
      tell();
    },
  });
  for (const group of GROUPS) socket.join(group);
  let seen = socket.drops();
  const timer = setInterval(() => {
    const drops = socket.drops();
    if (drops !== seen) tell();
    seen = drops;
  }, DROPS_EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    socket.close();
  };
}

/** Links (but not flags of bridge ports), addresses, and routes of the main table that are not our own doing. */
function concerns({ type, port, payload }: NetlinkMessage, ownPort: number): boolean {
  if (!ROUTES.includes(type)) return payload.readUInt8(0) !== k.AF_BRIDGE;
  return port !== ownPort && routeTable(payload) === k.RT_TABLE_MAIN;
}

/** Without the counters, which are nine tenths of each link's message. */
const LINKS: WireRequest = {
  type: k.RTM_GETLINK,
  flags: 0,
  write: (writer, request) => {
    writer.begin(request.type, request.flags, request.seq);
    writer.fixed(IFINFOMSG_BYTES);
    writer.u32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS);
    writer.end();
  },
};
const ADDRESSES: WireRequest = {
  type: k.RTM_GETADDR,
  flags: 0,
  write: (writer, request) => {
    writer.begin(request.type, request.flags, request.seq);
    writer.fixed(8);
    writer.end();
  },
};
