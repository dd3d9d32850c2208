// Writes what the tables' dirty rows need, in chunks, so that nothing of the size of a table is ever made at once: first
// everything that adds or replaces, then what goes. What was written is right when the kernel says so, not before.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Clock } from "../clock.ts";
import { createBreath } from "./breath.ts";
import { diffFlood, diffIp, diffMac, type OpLists } from "./diff-entries.ts";
import type { Kernel, Op, OpFailure, Tunnel } from "./kernel.ts";
import { checkIp, checkMac, isIpRetarget, isIpRight, isRetarget, type Network, wantedFlood } from "./network.ts";
import type { Tables } from "./tables.ts";

export type EntryWriter = {
  /** Brings the rows of these networks right, as far as it may. */
  write(networks: readonly Network[], rights: WriteRights): Promise<void>;
  /** Deletes the nexthop groups that no MAC is wanted at any more. */
  sweepTunnels(): Promise<void>;
};

/** What may be done before intent is known to be whole: anything may be added. */
export type WriteRights = {
  /** What nobody wants may go. */
  readonly mayDelete: boolean;
  /** What an earlier process left may be turned elsewhere: it may have known better than our copy of intent. */
  readonly mayRetarget: boolean;
};

/** Ops that are made and applied at a time: one batch of the kernel's, a few milliseconds. */
const CHUNK = 128;
/** From so many entries on, one message for all of a VTEP is better than one for each. */
const BULK_FROM = 32;

export function createEntryWriter(options: {
  readonly kernel: Kernel;
  readonly tables: Tables;
  readonly clock: Pick<Clock, "nowMs">;
  readonly onApplied: (count: number, failures: readonly OpFailure[]) => void;
}): EntryWriter {
  const { kernel, tables, clock, onApplied } = options;

  async function apply(ops: readonly Op[]): Promise<void> {
    const breath = createBreath(clock.nowMs, 1);
    for (let from = 0; from < ops.length; from += CHUNK) {
      const chunk = ops.slice(from, from + CHUNK);
      onApplied(chunk.length, await kernel.apply(chunk));
      tables.settleTunnels();
      if (breath.due()) await breath.rest();
    }
  }

  /** Applies the writes of one network's dirty rows as they are found; returns its deletions. */
  async function writeNetwork(network: Network, { mayRetarget }: WriteRights): Promise<Op[]> {
    const holds = !mayRetarget && network.adopted;
    const breath = createBreath(clock.nowMs);
    const lists: OpLists = { writes: [], deletions: [] };
    const flush = async (least: number): Promise<void> => {
      if (lists.writes.length < least) return;
      await apply(lists.writes.splice(0));
    };
    if (network.dirty.flood) diffFlood(network, lists);
    // What is written is no longer dirty when the kernel tells of it.
    for (const row of network.dirty.macs) {
      if (!(holds && isRetarget(network, row.mac, row))) diffMac(network, row.mac, row, lists);
      await flush(CHUNK);
      if (breath.due()) await breath.rest();
    }
    for (const row of network.dirty.ips) {
      const held = holds && isIpRetarget(network, row.ip, row);
      if (!held && !isIpRight(network, row)) diffIp(network, row.ip, row, lists);
      await flush(CHUNK);
      if (breath.due()) await breath.rest();
    }
    await flush(1);
    return lists.deletions;
  }

  /** Every row is looked at once; from then on the wrong ones are known by key. */
  async function findDirty(network: Network): Promise<void> {
    const { dirty } = network;
    const breath = createBreath(clock.nowMs);
    dirty.all = false;
    dirty.flood = true;
    for (const [mac, row] of network.macs) {
      checkMac(network, mac, row);
      if (breath.due()) await breath.rest();
    }
    for (const [ip, row] of network.ips) {
      checkIp(network, ip, row);
      if (breath.due()) await breath.rest();
    }
  }

  function checkFlood(network: Network): void {
    const wanted = wantedFlood(network);
    network.dirty.flood = wanted.size !== network.flood.size || [...wanted].some((vtep) => !network.flood.has(vtep));
  }

  /** Leaves what may not be done yet for later; a row that needs nothing else is no longer dirty. */
  function withhold(network: Network, { mayRetarget }: WriteRights): void {
    const { dirty, waiting } = network;
    const holds = !mayRetarget && network.adopted;
    for (const row of dirty.macs) {
      const lists: OpLists = { writes: [], deletions: [] };
      diffMac(network, row.mac, row, lists);
      const held = holds && isRetarget(network, row.mac, row);
      if (lists.writes.length > 0 && !held) continue;
      dirty.macs.delete(row);
      if (held || lists.deletions.length > 0) waiting.macs.add(row.mac);
    }
    for (const row of dirty.ips) {
      if (row.want !== undefined && !(holds && isIpRetarget(network, row.ip, row))) continue;
      dirty.ips.delete(row);
      waiting.ips.add(row.ip);
    }
    const wanted = wantedFlood(network);
    waiting.flood = [...network.flood].filter((vtep) => !wanted.has(vtep)).length;
    if (network.dirty.flood) network.dirty.flood = [...wanted].some((vtep) => !network.flood.has(vtep));
  }

  function releaseWaiting(network: Network): void {
    const { dirty, waiting } = network;
    for (const mac of waiting.macs) {
      const row = network.macs.get(mac);
      if (row) dirty.macs.add(row);
    }
    for (const ip of waiting.ips) {
      const row = network.ips.get(ip);
      if (row) dirty.ips.add(row);
    }
    if (waiting.flood > 0) dirty.flood = true;
    waiting.macs.clear();
    waiting.ips.clear();
    waiting.flood = 0;
  }

  /** What stands for many deletions: of a group of nexthops that nobody wants, or of a VTEP in one network. */
  function bulkOf(network: Network, deletions: readonly Op[]): Op[] {
    const groups = new Map<Tunnel, number>();
    for (const op of deletions) {
      if (op.kind === "delete-vxlan-entry") groups.set(op.tunnel, (groups.get(op.tunnel) ?? 0) + 1);
    }
    const bulk: Op[] = [];
    const vteps = new Map<IpAddress, { count: number; op: Op }>();
    for (const [tunnel, count] of groups) {
      if (tables.places.isWanted(tunnel)) continue;
      const [vtep] = tunnel.vteps;
      if (tunnel.form === "nexthop") bulk.push({ kind: "delete-tunnel", vni: undefined, tunnel });
      // It takes along what leads to the VTEP by another VNI.
      else if (kernel.bulkDelete && vtep !== undefined && !tables.places.isDestination(vtep)) {
        const { vni, vxlan } = network;
        const sum = (vteps.get(vtep)?.count ?? 0) + count;
        vteps.set(vtep, { count: sum, op: { kind: "flush-vtep", vni, vxlan, vtep } });
      }
    }
    const wanted = wantedFlood(network);
    for (const [vtep, { count, op }] of vteps) {
      if (count < BULK_FROM) continue;
      bulk.push(op);
      // Its entry of the flood list goes with it, by our own doing: one that is wanted is added again at once.
      network.dirty.flood = true;
      const { vni, vxlan } = network;
      if (wanted.has(vtep)) bulk.push({ kind: "add-flood", vni, vxlan, vtep });
    }
    return bulk;
  }

  return {
    write: async (networks, rights) => {
      const { mayDelete } = rights;
      const later: { readonly network: Network; readonly deletions: readonly Op[] }[] = [];
      for (const network of networks) {
        if (network.dirty.all) await findDirty(network);
        if (mayDelete || (rights.mayRetarget && network.adopted)) releaseWaiting(network);
        if (rights.mayRetarget) network.adopted = false;
        const { dirty } = network;
        if (dirty.macs.size + dirty.ips.size === 0 && !dirty.flood) continue;
        const deletions = await writeNetwork(network, rights);
        if (mayDelete) later.push({ network, deletions });
        else withhold(network, rights);
      }
      for (const { network, deletions } of later) {
        await apply(bulkOf(network, deletions));
        await apply(deletions.filter((op) => isStillThere(network, op)));
        checkFlood(network);
      }
    },
    sweepTunnels: async () => {
      const unwanted = kernel.tunnels().filter((tunnel) => !tables.places.isWanted(tunnel));
      await apply(unwanted.map((tunnel): Op => ({ kind: "delete-tunnel", vni: undefined, tunnel })));
    },
  };
}

/** False for what a bulk deletion took along. */
function isStillThere(network: Network, op: Op): boolean {
  switch (op.kind) {
    case "delete-vxlan-entry":
      return network.macs.get(op.mac)?.tunnel !== undefined;
    case "delete-bridge-entry":
      return network.macs.get(op.mac)?.port === op.port;
    case "delete-flood":
      return network.flood.has(op.vtep);
    default:
      return true;
  }
}
