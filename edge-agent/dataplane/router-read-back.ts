// A router's kernel state in the words of the overlay: what really routes. Receipts are made of it, so a route counts only
// if all that it needs is there: devices up and in the VRF, and for a way by a VTEP its neighbour and its entry. Pure.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { ActualHop, ActualRouter, ActualRouters } from "./router-kernel.ts";
import { GATEWAY_LINK_LOCAL, gatewayVtep, type RouterHop, vrfName } from "./router-state.ts";

export type VerifiedRouter = {
  readonly vni: Vni;
  /** The gateway addresses that answer, by network. */
  readonly gateways: ReadonlyMap<Vni, readonly IpAddress[]>;
  readonly routes: ReadonlyMap<Prefix, readonly RouterHop[]>;
};

/** What holds; undefined unless the VRF and the L3 VNI are there, up, and belong together. */
export function readBackRouter(router: ActualRouter, actual: ActualRouters): VerifiedRouter | undefined {
  const { vni, vrf, vxlan } = router;
  if (!vrf?.up || !vxlan?.up || vxlan.master !== vrf.name || vxlan.vtep === undefined) return undefined;
  const inside = actual.bridges.filter((bridge) => bridge.up && bridge.master === vrfName(vni));
  const bridges = new Map(inside.map((bridge) => [bridge.name, bridge.vni]));
  const neighbours = new Map(router.neighbours.map(({ ip, mac }) => [ip, mac]));
  const entries = new Map(router.entries.map(({ mac, vtep }) => [mac, vtep]));
  const hopOf = ({ device, via }: ActualHop): RouterHop | undefined => {
    if (via === undefined) return undefined;
    const network = bridges.get(device);
    if (network !== undefined) return { kind: "machine", network, ip: via };
    const vtep = gatewayVtep(via);
    const mac = neighbours.get(via);
    return device === vxlan.name && mac && entries.get(mac) === vtep ? { kind: "vtep", vtep } : undefined;
  };
  const routes = new Map<Prefix, readonly RouterHop[]>();
  for (const { prefix, ours, type, hops } of router.routes) {
    const ways = hops.flatMap((hop) => hopOf(hop) ?? []);
    if (ours && type === "unicast" && ways.length > 0) routes.set(prefix, ways);
  }
  const gateways = inside.map(({ vni: network, addresses }): [Vni, IpAddress[]] => [
    network,
    addresses.flatMap(({ ip }) => (ip === GATEWAY_LINK_LOCAL ? [] : [ip])),
  ]);
  return { vni, gateways: new Map(gateways), routes };
}
