// Networks as text that an operator knows: the form of `bridge fdb show` and `ip neigh show`, in a stable order.
// Pure; made from what was read back, or from what is desired, to be compared side by side.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { floodEntryLine, learnedLine, localLine, neighbourLine, tunnelLine } from "../../shared/text/fdb.ts";
import type { ActualDevices, Op, Tunnel } from "./kernel.ts";
import { bridgeName, type NetworkState, vxlanName } from "./state.ts";

/** The network's lines, without the last newline. Ports first, then entries by kind. */
export function describeNetwork(network: NetworkState): string {
  const bridge = bridgeName(network.vni);
  const mtu = network.mtuBytes === undefined ? "" : ` mtu ${network.mtuBytes}`;
  const lines = [
    `vni ${network.vni} (${network.owner}) local ${network.vtep}${mtu}`,
    ...byText(network.ports.map((port) => `port ${port.name} master ${bridge}`)),
    ...byText(network.local.map((entry) => localLine(network.vni, entry.mac, entry.port))),
    ...byText(
      network.remote.flatMap((entry) => [
        learnedLine(network.vni, entry.mac),
        tunnelLine(network.vni, entry.mac, entry.vteps ?? [entry.vtep], entry.vni),
      ]),
    ),
    ...byText(network.flood.map((vtep) => describeFlood(network.vni, vtep))),
    ...byText(network.neighbours.flatMap(({ ip, mac }) => describeNeighbour(network.vni, ip, mac) ?? [])),
  ];
  return lines.join("\n");
}

/** All networks by VNI, with an empty line between them. */
export function describeNetworks(networks: readonly NetworkState[]): string {
  return networks
    .toSorted((a, b) => a.vni - b.vni)
    .map(describeNetwork)
    .join("\n\n");
}

/** The bridge's and the vxlan device's half of a MAC, in one line; undefined if neither is there. */
export function describeRow(
  vni: Vni,
  mac: Mac,
  row: { readonly port: string | undefined; readonly pinned: boolean; readonly tunnel: Tunnel | undefined },
): string | undefined {
  const origin = row.port === vxlanName(vni) ? " extern_learn" : row.pinned ? " static" : "";
  const halves = [
    ...(row.port === undefined ? [] : [`${mac} dev ${row.port} master ${bridgeName(vni)}${row.pinned ? origin : ""}`]),
    ...(row.tunnel ? [tunnelLine(vni, mac, row.tunnel.vteps, row.tunnel.vni)] : []),
  ];
  return halves.length > 0 ? halves.join("; ") : undefined;
}

export function describeFlood(vni: Vni, vtep: IpAddress): string {
  return floodEntryLine(vni, vtep);
}

export function describeNeighbour(vni: Vni, ip: IpAddress, mac: Mac | undefined): string | undefined {
  if (mac === undefined) return undefined;
  return neighbourLine(vni, ip, mac);
}

/** What a device op puts right, as it should be and as it is. */
export function describeDeviceOp(
  op: Op,
  devices: ActualDevices | undefined,
): { readonly before: string | undefined; readonly after: string | undefined } {
  const { bridge, vxlan } = devices ?? {};
  const link = "name" in op ? [bridge, vxlan].find((each) => each?.name === op.name) : undefined;
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
      return { before: `${op.name} mtu ${op.mtuBytes} alias "${op.owner}"`, after: undefined };
    case "set-link": {
      const parts = (mac?: string, mtuBytes?: number, owner?: string, up?: boolean) =>
        [
          op.name,
          ...(op.mac === undefined ? [] : [`address ${mac}`]),
          ...(op.mtuBytes === undefined ? [] : [`mtu ${mtuBytes}`]),
          ...(op.owner === undefined ? [] : [`alias "${owner}"`]),
          ...(op.up === undefined ? [] : [up ? "up" : "down"]),
        ].join(" ");
      const mac = link && "mac" in link ? link.mac : undefined;
      return {
        before: parts(op.mac, op.mtuBytes, op.owner, op.up),
        after: parts(mac, link?.mtuBytes, link?.owner, link?.up),
      };
    }
    case "set-vxlan":
      return {
        before: `${op.name} local ${op.vtep} nolearning`,
        after: vxlan && `${op.name} local ${vxlan.vtep} ${vxlan.learning ? "learning" : "nolearning"}`,
      };
    case "attach-port": {
      const master = op.role === "vxlan" ? vxlan?.master : undefined;
      const flags = (learning: boolean, suppress: boolean) =>
        ` learning ${learning ? "on" : "off"} neigh_suppress ${suppress ? "on" : "off"}`;
      if (op.role === "tenant")
        return { before: `${op.name} master ${op.bridge}`, after: `${op.name} without it, or down` };
      return {
        before: `${op.name} master ${op.bridge} up${flags(false, true)}`,
        after:
          vxlan &&
          `${op.name} ${master ? `master ${master}` : "without master"} ${vxlan.up ? "up" : "down"}${flags(vxlan.portLearning, vxlan.neighSuppress)}`,
      };
    }
    default:
      return { before: op.kind, after: undefined };
  }
}

function byText(lines: readonly string[]): string[] {
  return lines.toSorted();
}
