// What the running kernel can do, found by doing it in a network namespace of its own, which nobody else sees and which is
// gone afterwards. Where no namespace can be made (it needs CAP_SYS_ADMIN), nexthops are tried in our own with objects
// that nothing uses, and the rest counts as absent.

import type { Capability } from "../dataplane/kernel.ts";
import { NEIGHBOUR_PROTOCOL } from "../dataplane/state.ts";
import { ipFromOctets } from "../../shared/address/ip.ts";
import { macFromNumbers } from "../../shared/address/mac.ts";
import { type Connection, connect, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import type { Libc } from "./libc.ts";
import { type LinkChange, parseLink, writeLink } from "./link-message.ts";
import { writeNeighbour } from "./neighbour-message.ts";
import { addNexthop, deleteNexthop } from "./nexthop-message.ts";
import { oneNamedLink } from "./table-request.ts";

const DETAILS: Readonly<Record<string, { readonly present: string; readonly absent: string }>> = {
  "kernel-events": {
    present: "changes by others are seen at once",
    absent: "changes by others are found by the comparison in the background only",
  },
  "nexthop-fdb": {
    present: "entries lead to groups of nexthops: a VTEP's change or loss is one message",
    absent: "entries have plain destinations; of a multihomed segment the first VTEP is used",
  },
  "bulk-delete": {
    present: "all entries of a VTEP can be deleted with one message",
    absent: "entries are deleted one by one",
  },
  "neigh-suppress": {
    present: "ARP and neighbour discovery are answered on this host",
    absent: "ARP and neighbour discovery are flooded",
  },
  vrf: { present: "tenants' routers can be placed here", absent: "no tenant's router can be placed here" },
  nftables: { present: "what a port may send can be filtered", absent: "what a port sends cannot be filtered" },
};

/** A namespace without links but `lo`, and what is tried there. */
type Trial = {
  readonly routing: Connection;
  readonly filter: Connection | undefined;
};

let probed: Promise<readonly Capability[]> | undefined;

/** Tries everything once for each process. */
export function probeCapabilities(options: {
  readonly libc: Libc | undefined;
  /** Why notifications cannot be received. */
  readonly degraded: string | undefined;
}): Promise<readonly Capability[]> {
  probed ??= probe(options.libc, options.degraded);
  return probed;
}

async function probe(libc: Libc | undefined, degraded: string | undefined): Promise<readonly Capability[]> {
  const events = capability("kernel-events", degraded);
  let trial: Trial;
  try {
    if (!libc) throw new Error("koffi is needed to make a namespace");
    trial = libc.inNewNamespace(() => ({
      routing: connect({ libc, netns: undefined }, "messages"),
      filter: openFilter(libc),
    }));
  } catch (cause) {
    const why = `not tried: ${(cause as Error).message}`;
    const rest = ["bulk-delete", "neigh-suppress", "vrf", "nftables"].map((name) => capability(name, why));
    return [events, capability("nexthop-fdb", libc ? await tryNexthopsHere(libc) : why), ...rest];
  }
  try {
    const vxlan = await makeDevices(trial.routing);
    return [
      events,
      capability("nexthop-fdb", await tryEntryByNexthop(trial.routing, vxlan)),
      capability("bulk-delete", await tryBulkDelete(trial.routing, vxlan)),
      capability("neigh-suppress", await tryNeighSuppress(trial.routing, vxlan)),
      capability("vrf", await tryVrf(trial.routing)),
      capability("nftables", await tryFilter(trial.filter)),
    ];
  } catch (cause) {
    const why = (cause as Error).message;
    return [
      events,
      ...Object.keys(DETAILS)
        .slice(1)
        .map((name) => capability(name, why)),
    ];
  } finally {
    trial.routing.close();
    trial.filter?.close();
  }
}

function capability(name: string, missing: string | undefined): Capability {
  const { present = "", absent = "" } = DETAILS[name] ?? {};
  return { name, present: missing === undefined, detail: missing === undefined ? present : `${absent} (${missing})` };
}

const BRIDGE = "ovprobeb";
const VXLAN = "ovprobex";
const VTEP = ipFromOctets(Uint8Array.of(192, 0, 2, 1));
const OTHER = ipFromOctets(Uint8Array.of(192, 0, 2, 2));
const MAC = macFromNumbers(0x020000, 1);
/** Far from those that the agent gives to its own. */
const IDS = { nexthop: 0x4ffffffe, group: 0x4fffffff };

/** Makes a bridge and a vxlan device on it; the ifindex of the second. */
async function makeDevices(routing: Connection): Promise<number> {
  const create = k.NLM_F_CREATE | k.NLM_F_EXCL;
  const vxlan = { vni: 1, local: VTEP, learning: false, udpPort: 4789 };
  await need(routing, link(create, { index: 0, name: BRIDGE, kind: "bridge" }));
  await need(routing, link(create, { index: 0, name: VXLAN, kind: "vxlan", vxlan }));
  const [bridge, device] = [await indexOf(routing, BRIDGE), await indexOf(routing, VXLAN)];
  await need(routing, link(0, { index: device, master: bridge, up: true }));
  return device;
}

async function tryEntryByNexthop(routing: Connection, index: number): Promise<string | undefined> {
  const refusal = (await makeGroup(routing)) ?? (await tryRequest(routing, entry(index, { nexthop: IDS.group })));
  await routing.transact([deleteNexthop(IDS.nexthop)]);
  return refusal;
}

async function tryNexthopsHere(libc: Libc): Promise<string | undefined> {
  const routing = connect({ libc, netns: undefined }, "messages");
  try {
    const refusal = await makeGroup(routing);
    await routing.transact([deleteNexthop(IDS.nexthop)]);
    return refusal;
  } finally {
    routing.close();
  }
}

async function makeGroup(routing: Connection): Promise<string | undefined> {
  const protocol = NEIGHBOUR_PROTOCOL;
  const nexthop = addNexthop({ id: IDS.nexthop, protocol, gateway: OTHER, group: undefined });
  const group = addNexthop({ id: IDS.group, protocol, gateway: undefined, group: [IDS.nexthop] });
  return (await tryRequest(routing, nexthop)) ?? (await tryRequest(routing, group));
}

/** Older kernels take the flag for NLM_F_EXCL and look for one entry, which has no MAC. */
async function tryBulkDelete(routing: Connection, index: number): Promise<string | undefined> {
  await need(routing, entry(index, { dst: OTHER }));
  return await tryRequest(routing, {
    type: k.RTM_DELNEIGH,
    flags: k.NLM_F_BULK,
    write: (writer, request) =>
      writeNeighbour(writer, request, {
        family: k.AF_BRIDGE,
        index,
        state: 0,
        flags: k.NTF_SELF,
        mac: undefined,
        dst: OTHER,
      }),
  });
}

async function tryNeighSuppress(routing: Connection, index: number): Promise<string | undefined> {
  return await tryRequest(routing, link(0, { index, port: { learning: false, neighSuppress: true } }));
}

async function tryVrf(routing: Connection): Promise<string | undefined> {
  return await tryRequest(routing, {
    type: k.RTM_NEWLINK,
    flags: k.NLM_F_CREATE | k.NLM_F_EXCL,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      writer.fixed(16);
      writer.text(k.IFLA_IFNAME, "ovprobev");
      writer.nest(k.IFLA_LINKINFO, () => {
        writer.text(k.IFLA_INFO_KIND, "vrf");
        writer.nest(k.IFLA_INFO_DATA, () => writer.u32(1, 1000));
      });
      writer.end();
    },
  });
}

const NETLINK_NETFILTER = 12;
/** NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN (linux/netfilter/nfnetlink.h, nf_tables.h). */
const NFT_GETGEN = (10 << 8) | 16;

function openFilter(libc: Libc): Connection | undefined {
  try {
    return connect({ libc, netns: undefined, protocol: NETLINK_NETFILTER }, "messages");
  } catch {
    return undefined;
  }
}

async function tryFilter(filter: Connection | undefined): Promise<string | undefined> {
  if (!filter) return "the kernel has no netfilter";
  return await tryRequest(filter, {
    type: NFT_GETGEN,
    flags: 0,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      writer.fixed(4);
      writer.end();
    },
  });
}

/** What the kernel says against it; undefined if nothing. */
async function tryRequest(connection: Connection, request: WireRequest): Promise<string | undefined> {
  const refusal = await connection.ask(request, () => undefined);
  return refusal && (refusal.text ?? `errno ${refusal.errno}`);
}

async function need(connection: Connection, request: WireRequest): Promise<void> {
  const refusal = await tryRequest(connection, request);
  if (refusal !== undefined) throw new Error(refusal);
}

async function indexOf(connection: Connection, name: string): Promise<number> {
  let index = 0;
  await connection.ask(oneNamedLink(name), ({ type, payload }) => {
    if (type === k.RTM_NEWLINK) ({ index } = parseLink(payload));
  });
  return index;
}

function link(flags: number, what: LinkChange): WireRequest {
  return { type: k.RTM_NEWLINK, flags, write: (writer, request) => writeLink(writer, request, what) };
}

function entry(index: number, where: { readonly dst: typeof OTHER } | { readonly nexthop: number }): WireRequest {
  const whole = { family: k.AF_BRIDGE, index, state: k.NUD_REACHABLE, flags: k.NTF_SELF, mac: MAC, ...where };
  return {
    type: k.RTM_NEWNEIGH,
    flags: k.NLM_F_CREATE | k.NLM_F_REPLACE,
    write: (writer, request) => writeNeighbour(writer, request, whole),
  };
}
