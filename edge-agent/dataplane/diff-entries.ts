// The entry half of the diff: one network's forwarding entries, flood list and neighbours, each keyed as the kernel
// keys it. Pure.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { ActualNetwork, Op } from "./kernel.ts";
import { bridgeName, type NetworkState, vxlanName } from "./state.ts";

/**
 * Ops that make the entries right. `ports` are the names of the attached ports: a local endpoint whose port is not
 * there has no entry. A MAC that is both local and remote is local, and nothing is tunnelled to the own VTEP.
 */
export function diffEntries(network: NetworkState, have: ActualNetwork | undefined, ports: ReadonlySet<string>): Op[] {
  const local = new Map(network.local.filter((each) => ports.has(each.port)).map((each) => [each.mac, each.port]));
  const declaredHere = new Set(network.local.map((each) => each.mac));
  const remote = new Map(
    network.remote
      .filter((each) => !declaredHere.has(each.mac) && each.vtep !== network.vtep)
      .map((each) => [each.mac, each.vtep]),
  );
  return [
    ...diffVxlanEntries(network, have, remote),
    ...diffFlood(network, have),
    ...diffBridgeEntries(network, have, { local, remote, ports }),
    ...diffNeighbours(network, have),
  ];
}

function diffVxlanEntries(
  { vni }: NetworkState,
  have: ActualNetwork | undefined,
  remote: ReadonlyMap<Mac, IpAddress>,
): Op[] {
  const vxlan = vxlanName(vni);
  const ops: Op[] = [];
  const actual = new Map<Mac, IpAddress[]>();
  for (const { mac, vtep } of have?.vxlanEntries ?? []) actual.set(mac, [...(actual.get(mac) ?? []), vtep]);
  for (const [mac, vtep] of remote) {
    const vteps = actual.get(mac) ?? [];
    const right = vteps.includes(vtep);
    if (!right) ops.push({ kind: "replace-vxlan-entry", vni, vxlan, mac, vtep });
    // A replace takes the place of a single entry; more than one per MAC is somebody else's doing and is thinned out.
    if (!right && vteps.length === 1) continue;
    for (const other of vteps) {
      if (other !== vtep) ops.push({ kind: "delete-vxlan-entry", vni, vxlan, mac, vtep: other });
    }
  }
  for (const { mac, vtep } of have?.vxlanEntries ?? []) {
    if (!remote.has(mac)) ops.push({ kind: "delete-vxlan-entry", vni, vxlan, mac, vtep });
  }
  return ops;
}

function diffFlood(network: NetworkState, have: ActualNetwork | undefined): Op[] {
  const { vni } = network;
  const vxlan = vxlanName(vni);
  // A copy to ourselves would come back into the bridge, as if another host had sent it.
  const wanted = new Set(network.flood.filter((vtep) => vtep !== network.vtep));
  const actual = new Set(have?.flood);
  return [
    ...[...wanted].filter((vtep) => !actual.has(vtep)).map((vtep): Op => ({ kind: "add-flood", vni, vxlan, vtep })),
    ...[...actual].filter((vtep) => !wanted.has(vtep)).map((vtep): Op => ({ kind: "delete-flood", vni, vxlan, vtep })),
  ];
}

function diffBridgeEntries(
  { vni }: NetworkState,
  have: ActualNetwork | undefined,
  wanted: {
    readonly local: ReadonlyMap<Mac, string>;
    readonly remote: ReadonlyMap<Mac, IpAddress>;
    readonly ports: ReadonlySet<string>;
  },
): Op[] {
  const { local, remote, ports } = wanted;
  const vxlan = vxlanName(vni);
  const ops: Op[] = [];
  const actual = new Map(have?.bridgeEntries.map((entry) => [entry.mac, entry]));
  const want = (mac: Mac, port: string, origin: "static" | "extern"): void => {
    const entry = actual.get(mac);
    if (entry?.port !== port || !entry.pinned) ops.push({ kind: "replace-bridge-entry", vni, mac, port, origin });
  };
  for (const [mac, port] of local) want(mac, port, "static");
  for (const mac of remote.keys()) want(mac, vxlan, "extern");
  for (const { mac, port, pinned } of actual.values()) {
    // What the bridge learned from a tenant's frames ages by itself, and a port that leaves takes its entries along.
    // Deleting them by name would hit the entries of the bridge that the port is on by then.
    const stays = port === vxlan || ports.has(port);
    if (pinned && stays && !local.has(mac) && !remote.has(mac))
      ops.push({ kind: "delete-bridge-entry", vni, mac, port });
  }
  return ops;
}

function diffNeighbours(network: NetworkState, have: ActualNetwork | undefined): Op[] {
  const { vni } = network;
  const bridge = bridgeName(vni);
  const wanted = new Map(network.neighbours.map((each) => [each.ip, each.mac]));
  const actual = new Map(have?.neighbours.map((each) => [each.ip, each]));
  const ops: Op[] = [];
  for (const [ip, mac] of wanted) {
    const entry = actual.get(ip);
    if (entry?.mac !== mac || !entry.ours) ops.push({ kind: "replace-neighbour", vni, bridge, ip, mac });
  }
  for (const { ip, ours } of actual.values()) {
    if (ours && !wanted.has(ip)) ops.push({ kind: "delete-neighbour", vni, bridge, ip });
  }
  return ops;
}
