// The device half of the diff: one network's bridge, vxlan device and ports. Pure. Devices are changed in place;
// only a vxlan device whose UDP port, source ports or address family, which the kernel cannot change, are others is rebuilt.

import { isIpv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { NetworkFrame } from "./desired.ts";
import type { ActualBridge, ActualDevices, ActualHost, ActualVxlan, Interface, Op } from "./kernel.ts";
import type { Problem } from "./problem.ts";
import { bridgeMac, bridgeName, encapsulationBytes, VXLAN_PORT, vxlanName } from "./state.ts";

/** What most underlays carry; assumed while the way out of a VTEP address is not known. */
const USUAL_UNDERLAY_MTU_BYTES = 1500;

/** The devices that are not ours and stand in the network's way. */
export function foreignDevices(
  network: NetworkFrame,
  have: ActualDevices | undefined,
  actual: ActualHost,
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

/**
 * The tenants' MTU: what is asked for, as far as the underlay carries it. `underlayBytes` is the MTU of the way out;
 * undefined while it is not known.
 */
export function planMtu(
  network: NetworkFrame,
  underlayBytes: number | undefined,
): { readonly mtuBytes: number; readonly problems: readonly Problem[] } {
  const { vni, vtep, mtuBytes } = network;
  const overhead = encapsulationBytes(vtep);
  if (underlayBytes === undefined) return { mtuBytes: mtuBytes ?? USUAL_UNDERLAY_MTU_BYTES - overhead, problems: [] };
  const possibleBytes = underlayBytes - overhead;
  if (mtuBytes === undefined || mtuBytes <= possibleBytes) return { mtuBytes: mtuBytes ?? possibleBytes, problems: [] };
  return { mtuBytes: possibleBytes, problems: [{ kind: "mtu-too-large", vni, wantedBytes: mtuBytes, possibleBytes }] };
}

/** True for a vxlan device that has to be rebuilt. */
export function isUnusable(vxlan: ActualVxlan, { vtep, sourcePorts }: NetworkFrame): boolean {
  const { udpPort, vtep: has, sourcePorts: ports } = vxlan;
  // Both absent, as for every device that no range was asked for: nothing to do.
  const otherRange = ports?.low !== sourcePorts?.low || ports?.high !== sourcePorts?.high;
  return udpPort !== VXLAN_PORT || (has !== undefined && isIpv4(has) !== isIpv4(vtep)) || otherRange;
}

/** Ops that make the two devices right. */
export function diffDevices(network: NetworkFrame, have: ActualDevices | undefined, mtuBytes: number): Op[] {
  const { vni, owner, vtep, sourcePorts } = network;
  const ops: Op[] = [];
  const bridge = have?.bridge;
  const vxlan = have?.vxlan;
  const mac = network.bridgeMac ?? bridgeMac(vni, vtep);
  if (!bridge) ops.push({ kind: "add-bridge", vni, name: bridgeName(vni), mac, owner, mtuBytes });
  else ops.push(...linkChanges(network, bridge, mtuBytes, bridge.mac === mac ? undefined : mac));

  const attach: Op = { kind: "attach-port", vni, name: vxlanName(vni), bridge: bridgeName(vni), role: "vxlan" };
  if (!vxlan || isUnusable(vxlan, network)) {
    const kind = vxlan ? "rebuild-vxlan" : "add-vxlan";
    return [
      ...ops,
      { kind, vni, name: vxlanName(vni), owner, mtuBytes, vtep, ...(sourcePorts && { sourcePorts }) },
      attach,
    ];
  }
  if (vxlan.vtep !== vtep || vxlan.learning) ops.push({ kind: "set-vxlan", vni, name: vxlan.name, vtep });
  ops.push(...linkChanges(network, { ...vxlan, up: true }, mtuBytes));
  const attached = bridge !== undefined && vxlan.master === bridge.name && vxlan.up;
  if (!attached || vxlan.portLearning || !vxlan.neighSuppress) ops.push(attach);
  return ops;
}

/** Attaches what is wanted, releases the rest of what is on our bridge. */
export function diffPorts(
  network: NetworkFrame,
  have: ActualDevices | undefined,
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
  network: NetworkFrame,
  link: Pick<ActualBridge, "name" | "owner" | "mtuBytes" | "up">,
  mtuBytes: number,
  mac?: Mac,
): Op[] {
  const change = {
    ...(mac === undefined ? {} : { mac }),
    ...(link.owner === network.owner ? {} : { owner: network.owner }),
    ...(link.mtuBytes === mtuBytes ? {} : { mtuBytes }),
    ...(link.up ? {} : { up: true as const }),
  };
  return Object.keys(change).length === 0 ? [] : [{ kind: "set-link", vni: network.vni, name: link.name, ...change }];
}
