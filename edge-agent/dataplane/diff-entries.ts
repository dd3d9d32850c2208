// The entry half of the diff: what one network's rows need, as ops. Pure. Writes come before deletions, and one message
// moves a MAC between a port and the tunnel, so that no order of ops opens a gap.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type Op, sameTunnel } from "./kernel.ts";
import { type IpRow, isStray, type MacRow, type Network, wantedFlood, wantedPort, wantedTunnel } from "./network.ts";
import { bridgeName } from "./state.ts";

/** Where ops go: `deletions` are applied after all writes, or wait. */
export type OpLists = { readonly writes: Op[]; readonly deletions: Op[] };

/** What the row of a MAC needs. */
export function diffMac(network: Network, mac: Mac, row: MacRow, { writes, deletions }: OpLists): void {
  const { vni, vxlan } = network;
  const port = wantedPort(network, row);
  const tunnel = wantedTunnel(network, row);
  const bridgeWrong = port !== undefined && (row.port !== port || !row.pinned);
  if (tunnel && !sameTunnel(row.tunnel, tunnel)) {
    const kind = bridgeWrong ? "replace-remote-entry" : "replace-vxlan-entry";
    writes.push({ kind, vni, vxlan, mac, tunnel, before: row.tunnel });
  } else if (bridgeWrong) {
    writes.push({ kind: "replace-bridge-entry", vni, mac, port, origin: port === vxlan ? "extern" : "static" });
  }
  if (port === undefined && row.port !== undefined && isStray(network, row)) {
    deletions.push({ kind: "delete-bridge-entry", vni, mac, port: row.port });
  }
  if (!tunnel && row.tunnel) deletions.push({ kind: "delete-vxlan-entry", vni, vxlan, mac, tunnel: row.tunnel });
}

/** What the neighbour of an IP needs. */
export function diffIp(network: Network, ip: IpAddress, row: IpRow, { writes, deletions }: OpLists): void {
  const { vni } = network;
  const bridge = bridgeName(vni);
  if (row.want !== undefined) writes.push({ kind: "replace-neighbour", vni, bridge, ip, mac: row.want });
  else deletions.push({ kind: "delete-neighbour", vni, bridge, ip });
}

/** What the flood list needs. */
export function diffFlood(network: Network, { writes, deletions }: OpLists): void {
  const { vni, vxlan, flood } = network;
  const wanted = wantedFlood(network);
  for (const vtep of wanted) if (!flood.has(vtep)) writes.push({ kind: "add-flood", vni, vxlan, vtep });
  for (const vtep of flood) if (!wanted.has(vtep)) deletions.push({ kind: "delete-flood", vni, vxlan, vtep });
}
