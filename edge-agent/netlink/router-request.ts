// One op of the routers as netlink requests. Pure: looks links up in a table and writes nothing itself. What the kernel may
// answer without it being a failure is here too, so that ops are idempotent. Switches (set-sysctl) are no netlink.

import { constants } from "node:os";
import { assertNever } from "../../shared/assert.ts";
import type { RouterOp } from "../dataplane/router-kernel.ts";
import { ROUTE_PROTOCOL } from "../dataplane/router-state.ts";
import { NEIGHBOUR_PROTOCOL, ownerOf } from "../dataplane/state.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { gatewayRequest } from "./gateway-message.ts";
import { addL3Vxlan, addVrf, changeLink, deleteLink, type L3Link } from "./l3-link-message.ts";
import { ipFamily, writeNeighbour } from "./neighbour-message.ts";
import { deleteRoute, replaceRoute } from "./route-message.ts";
import { ruleRequest } from "./rule-message.ts";

/** The links of the namespace by name, as of the last dump. */
export type LinksByName = ReadonlyMap<string, L3Link>;

/** What to send, or why the op cannot even be sent. No requests: it is already as it should be. */
export type RouterRequests =
  | { readonly requests: readonly WireRequest[] }
  | { readonly code: string; readonly message: string };

type NetlinkOp = Exclude<RouterOp, { kind: "set-sysctl" }>;

const DONE: RouterRequests = { requests: [] };
const { ENOENT, ENODEV, EEXIST, ESRCH, EADDRNOTAVAIL } = constants.errno;

/** True if the op makes or removes links, so that the table of them is out of date afterwards. */
export function changesLinks({ kind }: RouterOp): boolean {
  return kind === "add-vrf" || kind === "add-l3-vxlan" || kind === "delete-device";
}

/** True if the kernel's refusal means that there was nothing to do. */
export function isHarmlessHere({ kind }: RouterOp, errno: number): boolean {
  if (kind === "add-rule") return errno === EEXIST;
  if (!kind.startsWith("delete-") && kind !== "release-bridge") return false;
  return errno === ENOENT || errno === ENODEV || errno === ESRCH || errno === EADDRNOTAVAIL;
}

/** The requests of `op` against the links of `links`. */
export function planRouterOp(op: NetlinkOp, links: LinksByName): RouterRequests {
  switch (op.kind) {
    case "add-vrf":
      return create(op.name, links, () => addVrf(op));
    case "add-l3-vxlan":
      return create(op.name, links, () => addL3Vxlan(op));
    case "set-device":
      return withOwn(op.name, "router", links, ({ index }) => setDevice(op, index, links));
    case "set-l3-vxlan":
      return withOwn(op.name, "router", links, ({ index }) => {
        const vxlan = { vni: op.vni, local: op.vtep, learning: false };
        return { requests: [changeLink({ index, kind: "vxlan", vxlan })] };
      });
    case "enslave-bridge":
      return withOwn(op.name, "network", links, (bridge) =>
        withOwn(op.vrf, "router", links, (vrf) => ({
          requests: [changeLink({ index: bridge.index, master: vrf.index })],
        })),
      );
    case "release-bridge": {
      const bridge = links.get(op.name);
      const vrf = links.get(op.vrf);
      if (!bridge || !vrf || bridge.master !== vrf.index) return DONE;
      return { requests: [changeLink({ index: bridge.index, master: 0 })] };
    }
    case "add-address":
      return withOwn(op.name, "network", links, ({ index }) => ({
        requests: [gatewayRequest("add", index, op.gateway)],
      }));
    case "delete-address":
      return ifThere(op.name, links, (index) => [gatewayRequest("delete", index, op.gateway)]);
    case "add-rule":
    case "delete-rule":
      return { requests: [ruleRequest(op.kind === "add-rule" ? "add" : "delete", op.rule)] };
    case "replace-route":
      return planRoute(op, links);
    case "delete-route": {
      const { prefix, metric } = op.route;
      return { requests: [deleteRoute({ prefix, metric, table: op.table, protocol: ROUTE_PROTOCOL })] };
    }
    case "replace-l3-neighbour":
      return withOwn(op.device, "router", links, ({ index }) => ({ requests: [neighbour(op, index)] }));
    case "delete-l3-neighbour":
      return ifThere(op.device, links, (index) => [neighbour(op, index)]);
    case "replace-l3-entry":
      return withOwn(op.device, "router", links, ({ index }) => ({ requests: [entry(op, index)] }));
    case "delete-l3-entry":
      return ifThere(op.device, links, (index) => [entry(op, index)]);
    case "delete-device": {
      const old = links.get(op.name);
      if (!old) return DONE;
      return ownerOf(old.alias) === "router" ? { requests: [deleteLink(old.index)] } : foreign(op.name);
    }
    default:
      return assertNever(op);
  }
}

/** Takes back a device that was made but could not be marked, which would stand in the way for ever. */
export function planRouterUndo(op: RouterOp, links: LinksByName): readonly WireRequest[] {
  const made = op.kind === "add-vrf" || op.kind === "add-l3-vxlan" ? links.get(op.name) : undefined;
  return made && ownerOf(made.alias) === undefined ? [deleteLink(made.index)] : [];
}

function create(name: string, links: LinksByName, requests: () => WireRequest[]): RouterRequests {
  const there = links.get(name);
  if (!there) return { requests: requests() };
  return ownerOf(there.alias) === "router" ? DONE : foreign(name);
}

/** Membership, then what the kernel only does to a member, so that a device never routes outside of its VRF. */
function setDevice(op: Extract<RouterOp, { kind: "set-device" }>, index: number, links: LinksByName): RouterRequests {
  const { owner, mac, mtuBytes, up, master } = op;
  const vrf = master === undefined ? undefined : links.get(master);
  if (master !== undefined && !vrf) return { code: "ENODEV", message: `no device ${master}` };
  return {
    requests: [
      ...(owner !== undefined || mtuBytes !== undefined ? [changeLink({ index, alias: owner, mtuBytes })] : []),
      ...(mac === undefined ? [] : [changeLink({ index, mac })]),
      ...(vrf ? [changeLink({ index, master: vrf.index })] : []),
      ...(up ? [changeLink({ index, up })] : []),
    ],
  };
}

function planRoute(
  op: Extract<RouterOp, { kind: "replace-route" | "delete-route" }>,
  links: LinksByName,
): RouterRequests {
  const { prefix, metric, type, hops } = op.route;
  const missing = hops.find((hop) => !links.has(hop.device));
  if (missing) return { code: "ENODEV", message: `no device ${missing.device}` };
  const ways = hops.map(({ device, via }) => ({
    index: links.get(device)?.index ?? 0,
    via,
    onlink: via !== undefined,
  }));
  return { requests: [replaceRoute({ prefix, metric, type, table: op.table, protocol: ROUTE_PROTOCOL, hops: ways })] };
}

function neighbour(
  { kind, ip, mac }: Extract<RouterOp, { kind: "replace-l3-neighbour" | "delete-l3-neighbour" }>,
  index: number,
): WireRequest {
  const replace = kind === "replace-l3-neighbour";
  const written = replace
    ? { state: k.NUD_PERMANENT, mac, protocol: NEIGHBOUR_PROTOCOL }
    : { state: 0, mac: undefined };
  return {
    type: replace ? k.RTM_NEWNEIGH : k.RTM_DELNEIGH,
    flags: replace ? k.NLM_F_CREATE | k.NLM_F_REPLACE : 0,
    write: (writer, request) =>
      writeNeighbour(writer, request, { family: ipFamily(ip), index, flags: 0, dst: ip, ...written }),
  };
}

function entry(
  { kind, peer }: Extract<RouterOp, { kind: "replace-l3-entry" | "delete-l3-entry" }>,
  index: number,
): WireRequest {
  const replace = kind === "replace-l3-entry";
  const flags = k.NTF_SELF | (replace ? k.NTF_EXT_LEARNED : 0);
  const state = replace ? k.NUD_REACHABLE : 0;
  return {
    type: replace ? k.RTM_NEWNEIGH : k.RTM_DELNEIGH,
    flags: replace ? k.NLM_F_CREATE | k.NLM_F_REPLACE : 0,
    write: (writer, request) =>
      writeNeighbour(writer, request, {
        family: k.AF_BRIDGE,
        index,
        state,
        flags,
        mac: peer.mac,
        dst: peer.vtep,
        ...(peer.vni !== undefined && { vni: peer.vni }),
      }),
  };
}

function withOwn(
  name: string,
  owner: "router" | "network",
  links: LinksByName,
  body: (link: L3Link) => RouterRequests,
): RouterRequests {
  const link = links.get(name);
  if (!link) return { code: "ENODEV", message: `no device ${name}` };
  return ownerOf(link.alias) === owner ? body(link) : foreign(name);
}

/** For deletions: without the device what was on it is gone too. */
function ifThere(name: string, links: LinksByName, body: (index: number) => readonly WireRequest[]): RouterRequests {
  const link = links.get(name);
  return link ? { requests: body(link.index) } : DONE;
}

function foreign(name: string): RouterRequests {
  return { code: "EEXIST", message: `${name} is not ours` };
}
