// One op of the dataplane as netlink requests. Pure: looks links up in a table and writes nothing itself. What the
// kernel may answer without it being a failure is here too, so that ops are idempotent.

import { constants } from "node:os";
import { assertNever } from "../../shared/assert.ts";
import { ZERO_MAC } from "../../shared/address/mac.ts";
import type { Op } from "../dataplane/kernel.ts";
import { isOwnerMark, NEIGHBOUR_PROTOCOL, VXLAN_PORT } from "../dataplane/state.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { type Link, type LinkChange, writeLink } from "./link-message.ts";
import { ipFamily, writeNeighbour } from "./neighbour-message.ts";

/** The links of the namespace by name and by ifindex, as of the last dump. */
export type LinkTable = { readonly byName: ReadonlyMap<string, Link>; readonly byIndex: ReadonlyMap<number, Link> };

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
  return op.kind.startsWith("delete-") && (errno === ENOENT || errno === ENODEV || errno === ESRCH);
}

/** The requests of `op` against the links of `table`. */
export function planOp(op: Op, table: LinkTable): Plan {
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
      return planCreation(op, table);
    case "rebuild-vxlan": {
      const old = table.byName.get(op.name);
      if (old && !isOwnerMark(old.alias)) return foreign(op.name);
      const drop = old ? [link(k.RTM_DELLINK, 0, { index: old.index })] : [];
      return { requests: [...drop, ...creation({ ...op, kind: "add-vxlan" })] };
    }
    case "set-link":
      return withLink(table, op.name, ({ index }) => {
        const up = op.up === undefined ? {} : { up: op.up };
        return [change({ index, alias: op.owner, mtuBytes: op.mtuBytes, ...up })];
      });
    case "set-vxlan":
      return withLink(table, op.name, ({ index }) => [
        change({ index, kind: "vxlan", vxlan: { vni: op.vni, local: op.vtep, learning: false } }),
      ]);
    case "attach-port":
      return withLink(table, op.bridge, (bridge) =>
        withLink(table, op.name, (port) => attach(port.index, bridge.index, op.role)),
      );
    case "release-port": {
      const port = table.byName.get(op.name);
      const bridge = table.byName.get(op.bridge);
      if (!port || !bridge || port.master !== bridge.index) return DONE;
      return { requests: [change({ index: port.index, master: 0 })] };
    }
    case "delete-link": {
      const old = table.byName.get(op.name);
      if (!old) return DONE;
      return isOwnerMark(old.alias) ? { requests: [link(k.RTM_DELLINK, 0, { index: old.index })] } : foreign(op.name);
    }
    default:
      return planEntry(op, table);
  }
}

type EntryOp = Extract<Op, { kind: `${string}-${"entry" | "flood" | "neighbour"}` }>;

function planEntry(op: EntryOp, table: LinkTable): Plan {
  switch (op.kind) {
    case "replace-bridge-entry":
      return withLink(table, op.port, ({ index, master }) => {
        // On another's bridge the entry would be written there.
        if (!isOwnerMark(table.byIndex.get(master ?? 0)?.alias)) {
          return { code: "EINVAL", message: `${op.port} is not a port of our bridge` };
        }
        const extern = op.origin === "extern";
        const state = extern ? k.NUD_REACHABLE : k.NUD_NOARP;
        const flags = k.NTF_MASTER | (extern ? k.NTF_EXT_LEARNED : 0);
        return [fdb(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE, { index, state, flags, mac: op.mac })];
      });
    case "delete-bridge-entry":
      return ifLink(table, op.port, ({ index }) => [
        fdb(k.RTM_DELNEIGH, 0, { index, state: 0, flags: k.NTF_MASTER, mac: op.mac }),
      ]);
    case "replace-vxlan-entry":
      return withLink(table, op.vxlan, ({ index }) => {
        const flags = k.NTF_SELF | k.NTF_EXT_LEARNED;
        const entry = { index, state: k.NUD_REACHABLE, flags, mac: op.mac, dst: op.vtep };
        return [fdb(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE, entry)];
      });
    case "delete-vxlan-entry":
      return ifLink(table, op.vxlan, ({ index }) => [
        fdb(k.RTM_DELNEIGH, 0, { index, state: 0, flags: k.NTF_SELF, mac: op.mac, dst: op.vtep }),
      ]);
    case "add-flood":
      return withLink(table, op.vxlan, ({ index }) => {
        const entry = { index, state: k.NUD_PERMANENT, flags: k.NTF_SELF, mac: ZERO_MAC, dst: op.vtep };
        return [fdb(k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_APPEND, entry)];
      });
    case "delete-flood":
      return ifLink(table, op.vxlan, ({ index }) => [
        fdb(k.RTM_DELNEIGH, 0, { index, state: 0, flags: k.NTF_SELF, mac: ZERO_MAC, dst: op.vtep }),
      ]);
    case "replace-neighbour":
      return withLink(table, op.bridge, ({ index }) => [
        {
          type: k.RTM_NEWNEIGH,
          flags: k.NLM_F_CREATE | k.NLM_F_REPLACE,
          write: (writer, request) =>
            writeNeighbour(writer, request, {
              family: ipFamily(op.ip),
              index,
              state: k.NUD_PERMANENT,
              flags: 0,
              mac: op.mac,
              dst: op.ip,
              protocol: NEIGHBOUR_PROTOCOL,
            }),
        },
      ]);
    case "delete-neighbour":
      return ifLink(table, op.bridge, ({ index }) => [
        {
          type: k.RTM_DELNEIGH,
          flags: 0,
          write: (writer, request) =>
            writeNeighbour(writer, request, {
              family: ipFamily(op.ip),
              index,
              state: 0,
              flags: 0,
              mac: undefined,
              dst: op.ip,
            }),
        },
      ]);
    default:
      return assertNever(op);
  }
}

function planCreation(op: Extract<Op, { kind: "add-bridge" | "add-vxlan" }>, table: LinkTable): Plan {
  const there = table.byName.get(op.name);
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
  // A vxlan device takes its MTU at creation; a change that names the kind may not carry one ("Cannot change mtu").
  return [
    link(k.RTM_NEWLINK, create, { ...which, mtuBytes, vxlan: { ...vxlan, udpPort: VXLAN_PORT } }),
    change({ ...which, vxlan, ...mark }),
  ];
}

/** Port flags can only follow the enslaving: the kernel looks for the master before it reads them. */
function attach(index: number, master: number, role: "vxlan" | "tenant"): WireRequest[] {
  if (role === "tenant") return [change({ index, master, up: true })];
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

function fdb(
  type: number,
  flags: number,
  entry: Omit<Parameters<typeof writeNeighbour>[2], "family" | "dst" | "protocol"> &
    Partial<Pick<Parameters<typeof writeNeighbour>[2], "dst">>,
): WireRequest {
  const whole = { dst: undefined, ...entry, family: k.AF_BRIDGE };
  return { type, flags, forwarding: whole, write: (writer, request) => writeNeighbour(writer, request, whole) };
}

function withLink(table: LinkTable, name: string, body: (link: Link) => readonly WireRequest[] | Plan): Plan {
  const found = table.byName.get(name);
  if (!found) return { code: "ENODEV", message: `no device ${name}` };
  const result = body(found);
  return "requests" in result || "code" in result ? result : { requests: result };
}

/** For deletions: without the device the entry is gone too. */
function ifLink(table: LinkTable, name: string, body: (link: Link) => readonly WireRequest[]): Plan {
  return table.byName.has(name) ? withLink(table, name, body) : DONE;
}

function foreign(name: string): Plan {
  return { code: "EEXIST", message: `${name} is not ours` };
}
