// The device half of the diff: one network's bridge, vxlan device and ports. Pure. Devices are changed in place;
// only a vxlan device with a foreign UDP port or address family, which the kernel cannot change, is rebuilt.

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import type { ActualNetwork, ActualState, ActualVxlan, Interface, Op } from "./kernel.ts";
import type { Problem } from "./problem.ts";
import { bridgeMac, bridgeName, encapsulationBytes, type NetworkState, VXLAN_PORT, vxlanName } from "./state.ts";

/** What most underlays carry; assumed while the way out of a VTEP address is not known. */
const USUAL_UNDERLAY_MTU_BYTES = 1500;

/** The devices that are not ours and stand in the network's way. */
export function foreignDevices(
  network: NetworkState,
  have: ActualNetwork | undefined,
  actual: ActualState,
): readonly Problem[] {
  const { vni } = network;
  return actual.foreign.flatMap((device): Problem[] => {
    if (device.name === bridgeName(vni) || device.name === vxlanName(vni)) {
      return [{ kind: "foreign-device", vni, device: device.name, clash: "name" }];
    }
    // The kernel allows one vxlan device per VNI and UDP port.
    if (!have?.vxlan && device.vni === vni && device.udpPort === VXLAN_PORT) {
      return [{ kind: "foreign-device", vni, device: device.name, clash: "vni" }];
    }
    return [];
  });
}

/** The tenants' MTU: what is asked for, as far as the underlay carries it. */
export function planMtu(network: NetworkState, actual: ActualState): { mtuBytes: number; problems: Problem[] } {
  const { vni, vtep, mtuBytes } = network;
  const overhead = encapsulationBytes(vtep);
  const underlay = actual.addresses.get(vtep);
  const problems: Problem[] = actual.addresses.has(vtep) ? [] : [{ kind: "vtep-missing", vni, vtep }];
  if (underlay === undefined) return { mtuBytes: mtuBytes ?? USUAL_UNDERLAY_MTU_BYTES - overhead, problems };
  const possibleBytes = underlay - overhead;
  if (mtuBytes === undefined || mtuBytes <= possibleBytes) return { mtuBytes: mtuBytes ?? possibleBytes, problems };
  problems.push({ kind: "mtu-too-large", vni, wantedBytes: mtuBytes, possibleBytes });
  return { mtuBytes: possibleBytes, problems };
}

/** True for a vxlan device that has to be rebuilt. */
export function isUnusable(vxlan: ActualVxlan, vtep: IpAddress): boolean {
  return vxlan.udpPort !== VXLAN_PORT || (vxlan.vtep !== undefined && isIpv4(vxlan.vtep) !== isIpv4(vtep));
}

/** Ops that make the two devices right. */
export function diffDevices(network: NetworkState, have: ActualNetwork | undefined, mtuBytes: number): Op[] {
  const { vni, owner, vtep } = network;
  const ops: Op[] = [];
  const bridge = have?.bridge;
  const vxlan = have?.vxlan;
  const mac = bridgeMac(vni, vtep);
  if (!bridge) ops.push({ kind: "add-bridge", vni, name: bridgeName(vni), mac, owner, mtuBytes });
  else ops.push(...linkChanges(network, bridge, mtuBytes));

  const attach: Op = { kind: "attach-port", vni, name: vxlanName(vni), bridge: bridgeName(vni), role: "vxlan" };
  if (!vxlan || isUnusable(vxlan, vtep)) {
    const kind = vxlan ? "rebuild-vxlan" : "add-vxlan";
    return [...ops, { kind, vni, name: vxlanName(vni), owner, mtuBytes, vtep }, attach];
  }
  if (vxlan.vtep !== vtep || vxlan.learning) ops.push({ kind: "set-vxlan", vni, name: vxlan.name, vtep });
  ops.push(...linkChanges(network, { ...vxlan, up: true }, mtuBytes));
  const attached = bridge !== undefined && vxlan.master === bridge.name && vxlan.up;
  if (!attached || vxlan.portLearning || !vxlan.neighSuppress) ops.push(attach);
  return ops;
}

/** Attaches what is wanted, releases the rest of what is on our bridge. */
export function diffPorts(
  network: NetworkState,
  have: ActualNetwork | undefined,
  wanted: ReadonlyMap<string, Interface>,
): Op[] {
  const { vni } = network;
  const bridge = bridgeName(vni);
  const ops: Op[] = [];
  for (const [name, at] of wanted) {
    if (at.master !== bridge || !at.up) ops.push({ kind: "attach-port", vni, name, bridge, role: "tenant" });
  }
  for (const { name } of have?.ports ?? []) {
    if (!wanted.has(name)) ops.push({ kind: "release-port", vni, name, bridge });
  }
  return ops;
}

function linkChanges(
  network: NetworkState,
  link: { readonly name: string; readonly owner: string; readonly mtuBytes: number; readonly up: boolean },
  mtuBytes: number,
): Op[] {
  const change = {
    ...(link.owner === network.owner ? {} : { owner: network.owner }),
    ...(link.mtuBytes === mtuBytes ? {} : { mtuBytes }),
    ...(link.up ? {} : { up: true as const }),
  };
  return Object.keys(change).length === 0 ? [] : [{ kind: "set-link", vni: network.vni, name: link.name, ...change }];
}
