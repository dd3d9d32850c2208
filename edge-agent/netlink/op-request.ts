// One op of the dataplane as netlink requests. Pure: looks links up in a table and writes nothing itself. What the
// kernel may answer without it being a failure is here too, so that ops are idempotent.

import { constants } from "node:os";
import { assertNever } from "../../shared/assert.ts";
import { type Mac, ZERO_MAC } from "../../shared/address/mac.ts";
import type { Op, Tunnel } from "../dataplane/kernel.ts";
import { isOwnerMark, NEIGHBOUR_PROTOCOL, VXLAN_PORT } from "../dataplane/state.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { type Link, type LinkChange, writeLink } from "./link-message.ts";
import type { LinkTable } from "./link-table.ts";
import { ipFamily, type NeighbourChange, neighbourRequest } from "./neighbour-message.ts";
import type { NexthopTable } from "./nexthop-table.ts";
import { setFlags } from "./port-flags-message.ts";

/** The links and nexthops of the namespace, as they are. */
export type OpContext = {
  readonly links: Pick<LinkTable, "byName" | "byIndex">;
  readonly nexthops: Pick<NexthopTable, "use" | "drop">;
};

/** What to send, or why the op cannot even be sent. No requests: it is already as it should be. */
export type Plan = { readonly requests: readonly WireRequest[] } | { readonly code: string; readonly message: string };

const DONE: Plan = { requests: [] };
const { ENOENT, ENODEV, EEXIST, ESRCH } = constants.errno;

/** Links that others need, changes to links, entries, and what comes after them: each stage sees the links anew. */
export type Stage = "create" | "change" | "entry" | "remove";

export function stageOf(op: Op): Stage {
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
    case "rebuild-vxlan":
      return "create";
    case "set-link":
    case "set-vxlan":
    case "attach-port":
      return "change";
    case "release-port":
    case "delete-link":
      return "remove";
    default:
      return "entry";
  }
}

/** True if the kernel's refusal means that there was nothing to do. */
export function isHarmless(op: Op, errno: number): boolean {
  if (op.kind === "add-flood") return errno === EEXIST;
  if (op.kind === "release-port" || op.kind === "delete-link") return errno === ENODEV;
  return /^(delete|flush)-/.test(op.kind) && (errno === ENOENT || errno === ENODEV || errno === ESRCH);
}

/** The requests of `op` against the links of `table`. */
export function planOp(op: Op, context: OpContext): Plan {
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
      return planCreation(op, context);
    case "rebuild-vxlan": {
      const old = context.links.byName.get(op.name);
      if (old && !isOwnerMark(old.alias)) return foreign(op.name);
      const drop = old ? [link(k.RTM_DELLINK, 0, { index: old.index })] : [];
      return { requests: [...drop, ...creation({ ...op, kind: "add-vxlan" })] };
    }
    case "set-link":
      return withLink(context, op.name, ({ index }) => {
        const up = op.up === undefined ? {} : { up: op.up };
        const mac = op.mac === undefined ? {} : { mac: op.mac };
        return [change({ index, alias: op.owner, mtuBytes: op.mtuBytes, ...mac, ...up })];
      });
    case "set-vxlan":
      return withLink(context, op.name, ({ index }) => [
        change({ index, kind: "vxlan", vxlan: { vni: op.vni, local: op.vtep, learning: false } }),
      ]);
    case "attach-port":
      return withLink(context, op.bridge, (bridge) =>
        withLink(context, op.name, (port) => attach(port.index, bridge.index, op)),
      );
    case "release-port": {
      const port = context.links.byName.get(op.name);
      const bridge = context.links.byName.get(op.bridge);
      if (!port || !bridge || port.master !== bridge.index) return DONE;
      return { requests: [change({ index: port.index, master: 0 })] };
    }
    case "delete-link": {
      const old = context.links.byName.get(op.name);
      if (!old) return DONE;
      return isOwnerMark(old.alias) ? { requests: [link(k.RTM_DELLINK, 0, { index: old.index })] } : foreign(op.name);
    }
    default:
      return planEntry(op, context);
  }
}

type EntryOp = Extract<Op, { kind: `${string}-${"entry" | "flood" | "neighbour" | "tunnel" | "vtep"}` }>;

function planEntry(op: EntryOp, context: OpContext): Plan {
  switch (op.kind) {
    case "replace-bridge-entry":
      return withLink(context, op.port, ({ index, master }) => {
        // On another's bridge the entry would be written there.
        if (!isOwnerMark(context.links.byIndex.get(master ?? 0)?.alias)) {
          return { code: "EINVAL", message: `${op.port} is not a port of our bridge` };
        }
        const extern = op.origin === "extern";
        const state = extern ? k.NUD_REACHABLE : k.NUD_NOARP;
        const flags = k.NTF_MASTER | (extern ? k.NTF_EXT_LEARNED : 0);
        return [fdb(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE, { index, state, flags, mac: op.mac })];
      });
    case "delete-bridge-entry":
      return ifLink(context, op.port, ({ index }) => [
        fdb(k.RTM_DELNEIGH, 0, { index, state: 0, flags: k.NTF_MASTER, mac: op.mac }),
      ]);
    case "replace-vxlan-entry":
    case "replace-remote-entry":
      return withLink(context, op.vxlan, (device) => planRemote(op, device, context));
    case "delete-vxlan-entry":
      return ifLink(context, op.vxlan, ({ index }) => [deleteTunnelled(index, op.mac, op.tunnel)]);
    case "delete-tunnel":
      return { requests: context.nexthops.drop(op.tunnel.vteps) };
    case "flush-vtep":
      return ifLink(context, op.vxlan, ({ index }) => [
        fdb(k.RTM_DELNEIGH, k.NLM_F_BULK, { index, state: 0, flags: k.NTF_SELF, mac: undefined, dst: op.vtep }),
      ]);
    case "add-flood":
      return withLink(context, op.vxlan, ({ index }) => {
        const entry = { index, state: k.NUD_PERMANENT, flags: k.NTF_SELF, mac: ZERO_MAC, dst: op.vtep };
        return [fdb(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_APPEND, entry)];
      });
    case "delete-flood":
      return ifLink(context, op.vxlan, ({ index }) => [
        fdb(k.RTM_DELNEIGH, 0, { index, state: 0, flags: k.NTF_SELF, mac: ZERO_MAC, dst: op.vtep }),
      ]);
    case "replace-neighbour":
      return withLink(context, op.bridge, ({ index }) => [
        neighbourRequest(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE, {
          family: ipFamily(op.ip),
          index,
          state: k.NUD_PERMANENT,
          flags: 0,
          mac: op.mac,
          dst: op.ip,
          protocol: NEIGHBOUR_PROTOCOL,
        }),
      ]);
    case "delete-neighbour":
      return ifLink(context, op.bridge, ({ index }) => [
        neighbourRequest(k.RTM_DELNEIGH, 0, {
          family: ipFamily(op.ip),
          index,
          state: 0,
          flags: 0,
          mac: undefined,
          dst: op.ip,
        }),
      ]);
    default:
      return assertNever(op);
  }
}

type RemoteOp = Extract<Op, { kind: "replace-vxlan-entry" | "replace-remote-entry" }>;

/**
 * Both halves in one message where both are wanted: the kernel does the bridge's first. It neither turns a plain
 * destination into a group nor the other way round (it refuses the one, and forgets the other without a word), so there
 * the old half goes first; the two are worked off in one system call, and meanwhile the flood list carries the frames.
 */
function planRemote(op: RemoteOp, device: Link, context: OpContext): Plan {
  const { mac, tunnel, before } = op;
  const { index, master } = device;
  const both = op.kind === "replace-remote-entry";
  if (both && !isOwnerMark(context.links.byIndex.get(master ?? 0)?.alias)) {
    return { code: "EINVAL", message: `${op.vxlan} is not a port of our bridge` };
  }
  const requests: WireRequest[] = before && before.form !== tunnel.form ? [deleteTunnelled(index, mac, before)] : [];
  const flags = k.NTF_SELF | k.NTF_EXT_LEARNED | (both ? k.NTF_MASTER : 0);
  const entry = (where: Pick<NeighbourChange, "dst" | "vni" | "nexthop">) => ({
    index,
    state: k.NUD_REACHABLE,
    flags,
    mac,
    dst: where.dst,
    vni: where.vni,
    nexthop: where.nexthop,
  });
  const replace = k.NLM_F_CREATE | k.NLM_F_REPLACE;
  if (tunnel.form === "dst") {
    requests.push(fdb(k.RTM_NEWNEIGH, replace, entry({ dst: tunnel.vteps[0], vni: tunnel.vni })));
  } else {
    const group = context.nexthops.use(tunnel.vteps);
    requests.push(...group.requests, fdb(k.RTM_NEWNEIGH, replace, entry({ nexthop: group.id })));
  }
  return { requests };
}

/** An entry with a plain destination is found by it; one of a group by its MAC alone. */
function deleteTunnelled(index: number, mac: Mac, tunnel: Tunnel): WireRequest {
  const entry = { index, state: 0, flags: k.NTF_SELF, mac };
  const dst = tunnel.form === "dst" ? { dst: tunnel.vteps[0], vni: tunnel.vni } : {};
  return fdb(k.RTM_DELNEIGH, 0, { ...entry, ...dst });
}

function planCreation(op: Extract<Op, { kind: "add-bridge" | "add-vxlan" }>, context: OpContext): Plan {
  const there = context.links.byName.get(op.name);
  if (there && isOwnerMark(there.alias)) return DONE;
  return there ? foreign(op.name) : { requests: creation(op) };
}

/**
 * Creation, mark and settings in one send: the kernel works them off in one system call, so a process that is killed
 * leaves no device without the mark. The later requests go by name and repeat the kind (and VNI), which the kernel
 * checks: should another hand have taken the name just now, they are refused like the first.
 */
function creation(op: Extract<Op, { kind: "add-bridge" | "add-vxlan" }>): WireRequest[] {
  const { name, owner, mtuBytes, vni } = op;
  const mark = { alias: owner, quietIpv6: true };
  const create = k.NLM_F_CREATE | k.NLM_F_EXCL;
  if (op.kind === "add-bridge") {
    const which = { index: 0, name, kind: "bridge" as const };
    return [
      link(k.RTM_NEWLINK, create, { ...which, mac: op.mac, bridge: { stp: false, multicastSnooping: false } }),
      change({ ...which, ...mark, mtuBytes }),
      change({ ...which, up: true }),
    ];
  }
  const which = { index: 0, name, kind: "vxlan" as const };
  const vxlan = { vni, local: op.vtep, learning: false };
  const fixed = { udpPort: VXLAN_PORT, sourcePorts: op.sourcePorts };
  // A vxlan device takes its MTU at creation; a change that names the kind may not carry one ("Cannot change mtu").
  return [
    link(k.RTM_NEWLINK, create, { ...which, mtuBytes, vxlan: { ...vxlan, ...fixed } }),
    change({ ...which, vxlan, ...mark }),
  ];
}

/** Nothing is learned where nobody asks for it: every MAC is declared. */
const PLAIN_FLAGS = { learning: false, isolated: false, flood: true };

/** Port flags can only follow the enslaving: the kernel looks for the master before it reads them. */
function attach(index: number, master: number, op: Extract<Op, { kind: "attach-port" }>): WireRequest[] {
  if (op.role === "tenant") {
    return [change({ index, master }), setFlags(index, op.flags ?? PLAIN_FLAGS), change({ index, up: true })];
  }
  return [
    change({ index, master }),
    change({ index, port: { learning: false, neighSuppress: true } }),
    change({ index, up: true }),
  ];
}

/** Takes back a device that was made but could not be marked, which would stand in the way for ever. */
export function planUndo(op: Op): readonly WireRequest[] {
  if (op.kind === "add-bridge" || op.kind === "add-vxlan" || op.kind === "rebuild-vxlan") {
    return [link(k.RTM_DELLINK, 0, { index: 0, name: op.name })];
  }
  return [];
}

function link(type: number, flags: number, what: LinkChange): WireRequest {
  return { type, flags, write: (writer, request) => writeLink(writer, request, what) };
}

function change(what: LinkChange): WireRequest {
  return link(k.RTM_NEWLINK, 0, what);
}

function fdb(type: number, flags: number, entry: Omit<NeighbourChange, "family">): WireRequest {
  return neighbourRequest(type, flags, Object.assign(entry, { family: k.AF_BRIDGE }));
}

function withLink(context: OpContext, name: string, body: (link: Link) => readonly WireRequest[] | Plan): Plan {
  const found = context.links.byName.get(name);
  if (!found) return { code: "ENODEV", message: `no device ${name}` };
  const result = body(found);
  return "requests" in result || "code" in result ? result : { requests: result };
}

/** For deletions: without the device the entry is gone too. */
function ifLink(context: OpContext, name: string, body: (link: Link) => readonly WireRequest[]): Plan {
  return context.links.byName.has(name) ? withLink(context, name, body) : DONE;
}

function foreign(name: string): Plan {
  return { code: "EEXIST", message: `${name} is not ours` };
}
