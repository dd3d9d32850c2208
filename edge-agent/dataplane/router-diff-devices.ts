// The device half of a router's diff: its VRF, its L3 VNI, and the bridges of its networks with their gateways. Pure.

import type { ActualRouter, ActualRouters, RouterOp } from "./router-kernel.ts";
import type { RouterProblem } from "./router-problem.ts";
import { type Gateway, GATEWAY_LINK_LOCAL, type RouterState, routerMac, routerTable, vrfName } from "./router-state.ts";
import { isIpv4 } from "../../shared/address/ip.ts";
import { sysctlsOf } from "./router-sysctl.ts";
import { bridgeName, encapsulationBytes, ownerRouter, VXLAN_PORT, vxlanName } from "./state.ts";

type Found = { readonly ops: readonly RouterOp[]; readonly problems: readonly RouterProblem[] };

/** What most underlays carry; assumed while the way out of a VTEP address is not known. */
const USUAL_UNDERLAY_MTU_BYTES = 1500;

/** The devices that are not this router's and stand in its way. */
export function foreignL3Devices(
  { vni }: RouterState,
  have: ActualRouter | undefined,
  actual: ActualRouters,
): readonly RouterProblem[] {
  return actual.foreign.flatMap((device): RouterProblem[] => {
    const clash = (kind: "name" | "vni" | "table"): RouterProblem[] => [
      { kind: "foreign-device", device: device.name, clash: kind },
    ];
    if (device.name === vrfName(vni) || device.name === vxlanName(vni)) return clash("name");
    // The kernel allows one vxlan device per VNI and UDP port, and VRFs with a common table share all of it.
    if (!have?.vxlan && device.vni === vni && device.udpPort === VXLAN_PORT) return clash("vni");
    return device.table === routerTable(vni) ? clash("table") : [];
  });
}

/** Devices that are of another router: a VNI that is free is given to the next who asks. */
export function othersL3Devices({ owner }: RouterState, have: ActualRouter | undefined): readonly string[] {
  const router = ownerRouter(owner);
  return [have?.vrf, have?.vxlan].flatMap((device) => {
    const other = device && ownerRouter(device.owner);
    return device && router !== undefined && other !== undefined && other !== router ? [device.name] : [];
  });
}

/** Devices of ours that cannot be changed to what is wanted. */
export function isUnusableL3({ vni, vtep }: RouterState, have: ActualRouter | undefined): readonly string[] {
  const { vrf, vxlan } = have ?? {};
  const wrongFamily = vxlan?.vtep !== undefined && isIpv4(vxlan.vtep) !== isIpv4(vtep);
  return [
    ...(vrf && vrf.table !== routerTable(vni) ? [vrf.name] : []),
    ...(vxlan && (vxlan.udpPort !== VXLAN_PORT || wrongFamily) ? [vxlan.name] : []),
  ];
}

/** Ops that make VRF and L3 VNI right. */
export function diffL3Devices(router: RouterState, have: ActualRouter | undefined, actual: ActualRouters): Found {
  const { vni, owner, vtep } = router;
  const underlay = actual.addresses.get(vtep);
  const mtuBytes = (underlay ?? USUAL_UNDERLAY_MTU_BYTES) - encapsulationBytes(vtep);
  const problems: RouterProblem[] = actual.addresses.has(vtep) ? [] : [{ kind: "vtep-missing", vtep }];
  const mac = routerMac(vtep);
  const ops: RouterOp[] = [];
  const vrf = vrfName(vni);
  if (!have?.vrf) ops.push({ kind: "add-vrf", vni, name: vrf, owner, table: routerTable(vni) });
  else ops.push(...changes(vni, vrf, { owner: differs(have.vrf.owner, owner), up: have.vrf.up ? undefined : true }));
  const name = vxlanName(vni);
  const vxlan = have?.vxlan;
  if (!vxlan) ops.push({ kind: "add-l3-vxlan", vni, name, owner, mac, mtuBytes, vtep });
  else if (vxlan.vtep !== vtep || vxlan.learning) ops.push({ kind: "set-l3-vxlan", vni, name, vtep });
  ops.push(
    ...changes(vni, name, {
      owner: vxlan && differs(vxlan.owner, owner),
      mac: vxlan && differs(vxlan.mac, mac),
      mtuBytes: vxlan && differs(vxlan.mtuBytes, mtuBytes),
      master: differs(vxlan?.master, vrf),
      up: vxlan?.up && vxlan.master === vrf ? undefined : true,
    }),
    ...diffSysctls(router, vrf, "vrf", actual),
    ...diffSysctls(router, name, "vxlan", actual),
  );
  return { ops, problems };
}

/** Ops that put the networks' bridges into the VRF with their gateways, and take out what does not belong there. */
export function diffBridges(router: RouterState, actual: ActualRouters, mayEnslave: boolean): Found {
  const { vni } = router;
  const vrf = vrfName(vni);
  const ops: RouterOp[] = [];
  const problems: RouterProblem[] = [];
  const wanted = new Map(router.networks.map((network) => [bridgeName(network.vni), network]));
  const there = new Map(actual.bridges.map((bridge) => [bridge.name, bridge]));
  for (const [name, { vni: network, gateways }] of wanted) {
    const bridge = there.get(name);
    if (!bridge) {
      problems.push({ kind: "bridge-missing", network });
      continue;
    }
    ops.push(...diffSysctls(router, name, "bridge", actual));
    const inside = bridge.master === vrf;
    if (!inside && mayEnslave) ops.push({ kind: "enslave-bridge", vni, name, vrf });
    if (!inside && !mayEnslave) continue;
    const addresses = withLinkLocal(gateways);
    for (const gateway of addresses) {
      if (!bridge.addresses.some((each) => sameGateway(each, gateway)))
        ops.push({ kind: "add-address", vni, name, gateway });
    }
    for (const gateway of bridge.addresses) {
      if (!addresses.some((each) => sameGateway(each, gateway)))
        ops.push({ kind: "delete-address", vni, name, gateway });
    }
  }
  for (const { name, addresses } of actual.bridges.filter(
    (bridge) => bridge.master === vrf && !wanted.has(bridge.name),
  )) {
    ops.push(...addresses.map((gateway): RouterOp => ({ kind: "delete-address", vni, name, gateway })));
    ops.push({ kind: "release-bridge", vni, name, vrf });
  }
  return { ops, problems };
}

/** IPv6 machines know their gateway by its link-local address, and it asks for theirs from that one (RFC 4861 7.2.2). */
function withLinkLocal(gateways: readonly Gateway[]): readonly Gateway[] {
  if (gateways.every(({ ip }) => isIpv4(ip))) return gateways;
  return [...gateways, { ip: GATEWAY_LINK_LOCAL, length: 64 }];
}

function sameGateway(a: Gateway, b: Gateway): boolean {
  return a.ip === b.ip && a.length === b.length;
}

function diffSysctls(
  { vni }: RouterState,
  device: string,
  role: Parameters<typeof sysctlsOf>[1],
  { sysctls }: ActualRouters,
): RouterOp[] {
  return Array.from(sysctlsOf(device, role)).flatMap(([key, value]): RouterOp[] => {
    const is = sysctls.get(key);
    return is === undefined || is === value ? [] : [{ kind: "set-sysctl", vni, key, value }];
  });
}

type Changes = { readonly [K in "owner" | "mac" | "mtuBytes" | "master" | "up"]?: SetDevice[K] | undefined };
type SetDevice = Extract<RouterOp, { kind: "set-device" }>;

function changes(vni: SetDevice["vni"], name: string, wanted: Changes): RouterOp[] {
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? []
    : [{ kind: "set-device", vni, name, ...(Object.fromEntries(given) as Partial<SetDevice>) }];
}

function differs<T>(is: T | undefined, wanted: T): T | undefined {
  return is === wanted ? undefined : wanted;
}
