// The kernel's state in the words of the overlay: what of a network really forwards. This is what receipts are made of,
// so an entry counts only if all its halves are there and its devices are up. Pure.

import type { ActualNetwork } from "./kernel.ts";
import type { NetworkState } from "./state.ts";

/** What holds; undefined unless both devices exist. The lists are sorted, so equal states are equal texts. */
export function readBack(network: ActualNetwork): NetworkState | undefined {
  const { vni, bridge, vxlan } = network;
  if (!bridge || vxlan?.vtep === undefined) return undefined;
  const tunnel = bridge.up && vxlan.up && vxlan.master === bridge.name;
  const ports = network.ports.filter((port) => bridge.up && port.up).map(({ name }) => ({ name }));
  const names = new Set(ports.map((port) => port.name));
  const pinned = network.bridgeEntries.filter((entry) => entry.pinned);
  const tunnelled = new Set(pinned.filter((entry) => entry.port === vxlan.name).map((entry) => entry.mac));
  return {
    vni,
    owner: bridge.owner,
    vtep: vxlan.vtep,
    mtuBytes: Math.min(bridge.mtuBytes, vxlan.mtuBytes),
    ports: sorted(ports, (port) => port.name),
    local: sorted(
      pinned.filter((entry) => names.has(entry.port)).map(({ mac, port }) => ({ mac, port })),
      (entry) => entry.mac,
    ),
    remote: tunnel
      ? sorted(
          network.vxlanEntries.filter((entry) => tunnelled.has(entry.mac)).map(({ mac, vtep }) => ({ mac, vtep })),
          (entry) => `${entry.mac} ${entry.vtep}`,
        )
      : [],
    flood: tunnel ? sorted(network.flood, (vtep) => vtep) : [],
    neighbours: sorted(
      network.neighbours.filter((entry) => entry.ours && bridge.up).map(({ ip, mac }) => ({ ip, mac })),
      (entry) => entry.ip,
    ),
  };
}

function sorted<T>(items: readonly T[], key: (item: T) => string): T[] {
  return items.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}
