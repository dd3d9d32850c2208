// Which interface goes to which network's bridge, over all networks at once: an interface has one bridge. Pure.

import type { Vni } from "../../shared/address/vni.ts";
import type { ActualState, Interface } from "./kernel.ts";
import type { Problem } from "./problem.ts";
import { bridgeName, type NetworkState } from "./state.ts";

export type PortPlan = {
  /** Interfaces that exist and are this network's, by name. */
  readonly usable: ReadonlyMap<Vni, ReadonlyMap<string, Interface>>;
  readonly problems: ReadonlyMap<Vni, readonly Problem[]>;
};

/** Gives each interface to the first network, by VNI, that wants it; `networks` are in that order. */
export function planPorts(networks: readonly NetworkState[], actual: ActualState): PortPlan {
  const interfaces = new Map(actual.interfaces.map((each) => [each.name, each]));
  const ours = new Set(actual.networks.flatMap((network) => (network.bridge ? [network.bridge.name] : [])));
  const holders = new Map<string, Vni>();
  const usable = new Map<Vni, ReadonlyMap<string, Interface>>();
  const problems = new Map<Vni, readonly Problem[]>();
  for (const network of networks) {
    const { vni } = network;
    const mine = new Map<string, Interface>();
    const found: Problem[] = [];
    for (const port of portNames(network)) {
      const holder = holders.get(port);
      const at = interfaces.get(port);
      if (holder !== undefined) found.push({ kind: "port-claimed-twice", vni, port, holder });
      else if (!at) found.push({ kind: "port-missing", vni, port });
      else if (at.master !== undefined && at.master !== bridgeName(vni) && !ours.has(at.master)) {
        found.push({ kind: "port-taken", vni, port, master: at.master });
      } else if (at.addressed && at.master === undefined) {
        found.push({ kind: "port-addressed", vni, port });
      } else {
        holders.set(port, vni);
        mine.set(port, at);
      }
    }
    usable.set(vni, mine);
    problems.set(vni, found);
  }
  return { usable, problems };
}

/** The ports listed and those that local endpoints name. */
function portNames(network: NetworkState): ReadonlySet<string> {
  return new Set([...network.ports.map((port) => port.name), ...network.local.map((entry) => entry.port)]);
}
