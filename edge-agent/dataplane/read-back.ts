// The kernel's state in the words of the overlay: what of a network really forwards. This is what receipts are made of,
// so an entry counts only if all its halves are there and its devices are up (verifiedMac in network.ts).

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { MacTarget } from "./desired.ts";
import { type Network, verifiedFlood, verifiedMac, verifiedNeighbour } from "./network.ts";
import type { NetworkState } from "./state.ts";
import type { VerifiedNetwork } from "./verified.ts";

/** What holds, always as of now; undefined unless both devices exist. */
export function viewVerified(network: Network): VerifiedNetwork | undefined {
  const { vni, devices, macs, ips } = network;
  const vtep = devices?.vxlan?.vtep;
  if (!devices?.bridge || vtep === undefined) return undefined;
  return {
    vni,
    vtep,
    get flood() {
      return verifiedFlood(network);
    },
    mac: (mac) => verifiedMac(network, macs.get(mac)),
    neighbour: (ip) => verifiedNeighbour(network, ips.get(ip)),
    macs: () => verifiedMacs(network),
    neighbours: () => verifiedNeighbours(network),
    get macCount() {
      return count(verifiedMacs(network));
    },
    get neighbourCount() {
      return count(verifiedNeighbours(network));
    },
    state: () => stateOf(network),
  };
}

function* verifiedMacs(network: Network): Generator<readonly [Mac, MacTarget]> {
  for (const [mac, row] of network.macs) {
    const target = verifiedMac(network, row);
    if (target) yield [mac, target];
  }
}

function* verifiedNeighbours(network: Network): Generator<readonly [IpAddress, Mac]> {
  for (const [ip, row] of network.ips) {
    const mac = verifiedNeighbour(network, row);
    if (mac !== undefined) yield [ip, mac];
  }
}

/** The lists are sorted, so equal states are equal texts. */
function stateOf(network: Network): NetworkState {
  const { vni, devices, upPorts } = network;
  const { bridge, vxlan } = devices ?? {};
  if (!bridge || vxlan?.vtep === undefined) throw new Error(`VNI ${vni} has no devices`);
  const local: NetworkState["local"][number][] = [];
  const remote: NetworkState["remote"][number][] = [];
  for (const [mac, target] of verifiedMacs(network)) {
    if (target.kind === "local") local.push({ mac, port: target.port });
    else {
      const { vteps, vni: other } = target;
      const more = { ...(vteps.length > 1 && { vteps }), ...(other !== undefined && { vni: other }) };
      remote.push({ mac, vtep: vteps[0] as IpAddress, ...more });
    }
  }
  return {
    vni,
    owner: bridge.owner,
    vtep: vxlan.vtep,
    mtuBytes: Math.min(bridge.mtuBytes, vxlan.mtuBytes),
    ports: [...upPorts].sort().map((name) => ({ name })),
    local: sorted(local, (entry) => entry.mac),
    remote: sorted(remote, (entry) => entry.mac),
    flood: verifiedFlood(network),
    neighbours: sorted(
      Array.from(verifiedNeighbours(network), ([ip, mac]) => ({ ip, mac })),
      (entry) => entry.ip,
    ),
  };
}

function count(items: Iterable<unknown>): number {
  let size = 0;
  for (const _ of items) size++;
  return size;
}

function sorted<T>(items: readonly T[], key: (item: T) => string): T[] {
  return items.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}
