// Ping in the in-memory world: a request is answered if the entries of the in-memory kernels and the ToRs' table lead
// there and back. Nothing is flooded, so a ping that is answered is one that the control plane alone made possible.

import type { MemoryKernel } from "../../edge-agent/dataplane/memory-kernel.ts";
import { bridgeName, vxlanName } from "../../edge-agent/dataplane/state.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { PingResult, RunningPing } from "../ping.ts";

/** Something with an address: a machine at a port of a host, or bare metal behind a ToR. */
export type Station = {
  readonly mac: Mac;
  readonly ip: IpAddress;
  readonly at:
    | { readonly kind: "host"; readonly vtep: IpAddress; readonly port: string }
    | { readonly kind: "tor"; readonly vtep: IpAddress };
};

export type MemoryFabric = {
  readonly vni: Vni;
  readonly kernels: ReadonlyMap<IpAddress, MemoryKernel>;
  readonly locate: (mac: Mac) => IpAddress | undefined;
  /** Where it is now; undefined while it is plugged in nowhere. */
  readonly station: (nameOrIp: string) => Station | undefined;
};

/** True if a request of `sizeBytes` ICMP data gets there and its answer back. */
export async function isAnswered(fabric: MemoryFabric, from: string, ip: string, sizeBytes: number): Promise<boolean> {
  const [source, target] = [fabric.station(from), fabric.station(ip)];
  if (!source || !target) return false;
  const packetBytes = sizeBytes + 28;
  return (await arrives(fabric, source, target, packetBytes)) && (await arrives(fabric, target, source, packetBytes));
}

/** Sends requests one after the other, as long as `more` says so. */
export function startMemoryPing(
  answered: () => Promise<boolean>,
  options: {
    readonly intervalMs: number;
    readonly nowMs: () => number;
    readonly sleep: (ms: number) => Promise<void>;
    /** Ends by itself after so many. */
    readonly count?: number;
  },
): RunningPing {
  const { intervalMs, nowMs, sleep, count = Number.POSITIVE_INFINITY } = options;
  let sent = 0;
  let last = count;
  const times: number[] = [];
  const send = async () => {
    while (sent < last) {
      sent++;
      if (await answered()) times.push(nowMs());
      if (sent < last) await sleep(intervalMs);
    }
  };
  const sending = send();
  return {
    received: () => times.length,
    async stop(): Promise<PingResult> {
      if (count === Number.POSITIVE_INFINITY) last = sent;
      await sending;
      const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
      const received = times.length;
      return { sent, received, lost: sent - received, longestGapMs: Math.round(Math.max(0, ...gaps)) };
    },
  };
}

async function arrives(fabric: MemoryFabric, from: Station, to: Station, packetBytes: number): Promise<boolean> {
  if (from.at.kind === "tor") {
    const vtep = fabric.locate(to.mac);
    return vtep !== undefined && isAt(fabric, vtep, to);
  }
  const network = await networkOf(fabric, from.at.vtep);
  const plugged = network?.ports.some(({ name, up }) => up && name === (from.at as { port: string }).port);
  if (!network || !plugged || (network.bridge?.mtuBytes ?? 0) < packetBytes) return false;
  const entry = network.bridgeEntries.find(({ mac }) => mac === to.mac);
  if (!entry) return false;
  if (entry.port !== vxlanName(fabric.vni)) return isAt(fabric, from.at.vtep, to);
  const remote = network.vxlanEntries.find(({ mac }) => mac === to.mac);
  const [vtep] = remote?.tunnel.vteps ?? [];
  return vtep !== undefined && isAt(fabric, vtep, to);
}

/** Does a frame for the station that comes to this VTEP reach it? */
async function isAt(fabric: MemoryFabric, vtep: IpAddress, to: Station): Promise<boolean> {
  if (to.at.vtep !== vtep) return false;
  if (to.at.kind === "tor") return true;
  const { port } = to.at;
  const network = await networkOf(fabric, vtep);
  const attached = network?.ports.some((one) => one.up && one.name === port) ?? false;
  return attached && (network?.bridgeEntries.some((entry) => entry.mac === to.mac && entry.port === port) ?? false);
}

async function networkOf({ kernels, vni }: MemoryFabric, vtep: IpAddress) {
  const state = await kernels.get(vtep)?.dump();
  return state?.networks.find((network) => network.vni === vni && network.bridge?.name === bridgeName(vni));
}
