// Networks as text that an operator knows: the form of `bridge fdb show` and `ip neigh show`, in a stable order.
// Pure; made from what was read back, or from what is desired, to be compared side by side.

import { ZERO_MAC } from "../../shared/address/mac.ts";
import { bridgeName, NEIGHBOUR_PROTOCOL, type NetworkState, vxlanName } from "./state.ts";

/** The network's lines, without the last newline. Ports first, then entries by kind. */
export function describeNetwork(network: NetworkState): string {
  const bridge = bridgeName(network.vni);
  const vxlan = vxlanName(network.vni);
  const mtu = network.mtuBytes === undefined ? "" : ` mtu ${network.mtuBytes}`;
  const lines = [
    `vni ${network.vni} (${network.owner}) local ${network.vtep}${mtu}`,
    ...byText(network.ports.map((port) => `port ${port.name} master ${bridge}`)),
    ...byText(network.local.map((entry) => `${entry.mac} dev ${entry.port} master ${bridge} static`)),
    ...byText(
      network.remote.flatMap((entry) => [
        `${entry.mac} dev ${vxlan} extern_learn master ${bridge}`,
        `${entry.mac} dev ${vxlan} dst ${entry.vtep} self extern_learn`,
      ]),
    ),
    ...byText(network.flood.map((vtep) => `${ZERO_MAC} dev ${vxlan} dst ${vtep} self permanent`)),
    ...byText(
      network.neighbours.map(
        (entry) => `${entry.ip} dev ${bridge} lladdr ${entry.mac} PERMANENT proto ${NEIGHBOUR_PROTOCOL}`,
      ),
    ),
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

function byText(lines: readonly string[]): string[] {
  return lines.toSorted();
}
