// Tells another hand's changes from what merely looks like one: what was right, became wrong without a change of intent,
// and still is wrong when the pass begins. A port that left took its entries along, and nobody is to blame.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { describeDeviceOp, describeFlood, describeNeighbour, describeRow } from "./describe.ts";
import type { DriftLog } from "./drift.ts";
import type { Op } from "./kernel.ts";
import { isIpRight, isMacRight, type Network, type Suspect, wantedFlood } from "./network.ts";

type Context = {
  readonly drift: DriftLog;
  readonly atMs: number;
  readonly counters: { drift: number; missed: number };
};

/** Looks at a network's suspects: those that are still wrong are drift. */
export function confirmDrift(network: Network, context: Context): void {
  for (const [key, suspect] of network.suspects) {
    network.suspects.delete(key);
    if (network.frame && !isKeyRight(network, key)) note(network, key, suspect, context);
  }
}

/** Device ops that no change of the frame asked for. An interface that appears is no drift, one that left our bridge is. */
export function confirmDeviceDrift(network: Network, writes: readonly Op[], context: Context): void {
  if (!network.settled || !network.frame) return;
  for (const op of writes) {
    if (op.kind === "attach-port" && op.role === "tenant" && !network.attached.has(op.name)) continue;
    const { before, after } = describeDeviceOp(op, network.devices);
    const repaired = context.drift.note({ atMs: context.atMs, vni: network.vni, before, after, foundBy: "event" });
    context.counters.drift++;
    network.repairs.set(`device ${op.kind} ${"name" in op ? op.name : ""}`, repaired);
  }
}

/** Looks at what was found wrong before: what is right by now was mended. */
export function settleRepairs(network: Network, counters: { repairs: number }): void {
  for (const [key, repaired] of network.repairs) {
    const right = key.startsWith("device ") ? network.remaining === 0 : isKeyRight(network, key);
    if (!right) continue;
    network.repairs.delete(key);
    repaired();
    counters.repairs++;
  }
}

function note(network: Network, key: string, { before, foundBy }: Suspect, context: Context): void {
  const { drift, atMs, counters } = context;
  counters.drift++;
  if (foundBy === "comparison") counters.missed++;
  network.repairs.set(key, drift.note({ atMs, vni: network.vni, before, after: describeKey(network, key), foundBy }));
}

function isKeyRight(network: Network, key: string): boolean {
  const [kind, name] = key.split(" ") as [string, string];
  if (kind === "flood") return wantedFlood(network).has(name as IpAddress) === network.flood.has(name as IpAddress);
  if (kind === "ip") {
    const row = network.ips.get(name as IpAddress);
    return !row || isIpRight(network, row);
  }
  const row = network.macs.get(name as Mac);
  return !row || isMacRight(network, row);
}

function describeKey(network: Network, key: string): string | undefined {
  const { vni } = network;
  const [kind, name] = key.split(" ") as [string, string];
  if (kind === "flood") {
    return network.flood.has(name as IpAddress) ? describeFlood(vni, name as IpAddress) : undefined;
  }
  if (kind === "ip") return describeNeighbour(vni, name as IpAddress, network.ips.get(name as IpAddress)?.have);
  const row = network.macs.get(name as Mac);
  return row && describeRow(vni, name as Mac, row);
}
