// Which interface goes to which network's bridge, over all networks at once: an interface has one bridge. Pure.

import type { Vni } from "../../shared/address/vni.ts";
import type { ActualHost, Interface } from "./kernel.ts";
import type { Problem } from "./problem.ts";
import { bridgeName } from "./state.ts";

export type PortPlan = {
  /** Interfaces that exist and are this network's, by name. */
  readonly usable: ReadonlyMap<Vni, ReadonlyMap<string, Interface>>;
  readonly problems: ReadonlyMap<Vni, readonly Problem[]>;
};

/**
 * A network and the ports that it wants: those of its frame and those that local endpoints name. `frame`: which links are the
 * host's own.
 */
export type PortClaim = {
  readonly vni: Vni;
  readonly ports: ReadonlySet<string>;
  readonly frame?: { readonly uplinks?: readonly string[] | undefined } | undefined;
};

/**
 * Gives each interface to the first network, by VNI, that wants it; `claims` are in that order. Unless `mayRetarget`, one that
 * is on another network's bridge stays there.
 */
export function planPorts(claims: readonly PortClaim[], actual: ActualHost, mayRetarget: boolean): PortPlan {
  const interfaces = new Map(actual.interfaces.map((each) => [each.name, each]));
  const ours = new Set(actual.networks.flatMap((network) => (network.bridge ? [network.bridge.name] : [])));
  const holders = new Map<string, Vni>();
  const usable = new Map<Vni, ReadonlyMap<string, Interface>>();
  const problems = new Map<Vni, readonly Problem[]>();
  const uplinks = new Set(claims.flatMap(({ frame }) => frame?.uplinks ?? []));
  for (const { vni, ports } of claims) {
    const mine = new Map<string, Interface>();
    const found: Problem[] = [];
    for (const port of ports) {
      const holder = holders.get(port);
      const at = interfaces.get(port);
      if (holder !== undefined) found.push({ kind: "port-claimed-twice", vni, port, holder });
      else if (!at) found.push({ kind: "port-missing", vni, port });
      else if (uplinks.has(port)) found.push({ kind: "port-uplink", vni, port });
      else if (at.master !== undefined && at.master !== bridgeName(vni) && !(mayRetarget && ours.has(at.master))) {
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
