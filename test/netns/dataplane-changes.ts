// A thousand random changes of three networks, the same for every process that asks: what a change is depends on its number
// alone. Two machines, one here and one elsewhere, are never touched.

import type { DesiredChange, MacTarget } from "../../edge-agent/dataplane/desired.ts";
import type { DesiredState, NetworkState } from "../../edge-agent/dataplane/state.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import { type Mac, macFromNumbers } from "../../shared/address/mac.ts";
import { ip, mac, vni } from "../contract/kernel.ts";

export const HERE = { mac: mac("02:00:00:00:00:01"), ip: ip("10.10.0.1"), port: "tap1" };
export const THERE = { mac: mac("02:00:00:00:00:02"), ip: ip("10.10.0.2"), vtep: ip("192.0.2.2") };
const LOCAL = ip("192.0.2.1");
const VNIS = [100, 200, 300] as const;
const VTEPS = [THERE.vtep, ip("192.0.2.3"), ip("192.0.2.4"), ip("192.0.2.5")] as const;
const MACS = 40;

type Tables = { readonly macs: Map<Mac, MacTarget>; readonly neighbours: Map<IpAddress, Mac>; flood: IpAddress[] };

/** A number below `below`, the same for the same arguments. */
function dice(number: number, salt: number, below: number): number {
  let x = Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return ((x ^ (x >>> 15)) >>> 0) % below;
}

function frame(network: number, flood: readonly IpAddress[]): Omit<NetworkState, "local" | "remote" | "neighbours"> {
  return {
    vni: vni(network),
    owner: `overspan net=n${network} tenant=acme`,
    vtep: LOCAL,
    mtuBytes: 1450,
    ports: network === 100 ? [{ name: HERE.port }] : [],
    flood,
  };
}

/** What change `number` asks for. Networks 200 and 300 come and go; 100 stays. */
export function changesOf(number: number): DesiredChange[] {
  const network = VNIS[dice(number, 0, VNIS.length)] as number;
  const roll = dice(number, 1, 20);
  if (network !== 100 && roll === 0) return [{ vni: vni(network), remove: true }];
  const macs = new Map<Mac, MacTarget | undefined>();
  const neighbours = new Map<IpAddress, Mac | undefined>();
  for (let i = 0; i <= dice(number, 2, 6); i++) {
    const which = dice(number, 10 + i, MACS);
    const key = macFromNumbers(0x020001, which);
    const address = ip(`10.10.1.${which}`);
    const goes = dice(number, 30 + i, 3) === 0;
    const several = dice(number, 70 + i, 4) === 0;
    const first = dice(number, 50 + i, VTEPS.length);
    const vteps = [VTEPS[first], ...(several ? [VTEPS[(first + 1) % VTEPS.length]] : [])] as IpAddress[];
    macs.set(key, goes ? undefined : { kind: "remote", vteps });
    neighbours.set(address, goes ? undefined : key);
  }
  const flood = VTEPS.filter((vtep, index) => vtep === THERE.vtep || dice(number, 90 + index, 2) === 0);
  return [{ vni: vni(network), frame: frame(network, flood), macs, neighbours }];
}

/** What is desired once the changes before `number` were asked for. */
export function stateAfter(number: number): DesiredState {
  const networks = new Map<number, Tables>();
  const tables = (network: number): Tables => {
    const made: Tables = networks.get(network) ?? { macs: new Map(), neighbours: new Map(), flood: [THERE.vtep] };
    networks.set(network, made);
    return made;
  };
  tables(100).macs.set(HERE.mac, { kind: "local", port: HERE.port });
  tables(100).macs.set(THERE.mac, { kind: "remote", vteps: [THERE.vtep] });
  tables(100).neighbours.set(HERE.ip, HERE.mac).set(THERE.ip, THERE.mac);
  for (let at = 0; at < number; at++) {
    for (const change of changesOf(at)) {
      if ("remove" in change) {
        networks.delete(change.vni);
        continue;
      }
      const into = tables(change.vni);
      into.flood = [...(change.frame?.flood ?? into.flood)];
      for (const [key, target] of change.macs ?? []) {
        if (target) into.macs.set(key, target);
        else into.macs.delete(key);
      }
      for (const [key, value] of change.neighbours ?? []) {
        if (value) into.neighbours.set(key, value);
        else into.neighbours.delete(key);
      }
    }
  }
  return { networks: Array.from(networks, ([network, held]) => networkOf(network, held)) };
}

function networkOf(network: number, { macs, neighbours, flood }: Tables): NetworkState {
  const local: NetworkState["local"][number][] = [];
  const remote: NetworkState["remote"][number][] = [];
  for (const [key, target] of [...macs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (target.kind === "local") local.push({ mac: key, port: target.port });
    else {
      const vteps = target.vteps.toSorted();
      remote.push({ mac: key, vtep: vteps[0] as IpAddress, ...(vteps.length > 1 && { vteps }) });
    }
  }
  const entries = Array.from(neighbours, ([address, key]) => ({ ip: address, mac: key }));
  return {
    ...frame(network, flood.toSorted()),
    local,
    remote,
    neighbours: entries.sort((a, b) => (a.ip < b.ip ? -1 : 1)),
  };
}
