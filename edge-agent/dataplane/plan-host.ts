// What the devices and ports of all networks need, over all networks at once, because names, VNIs and interfaces are the
// host's. Pure. Which entries go into the devices is diff-entries.ts's business.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { NetworkFrame } from "./desired.ts";
import { diffDevices, diffPorts, foreignDevices, isUnusable, planMtu } from "./diff-devices.ts";
import type { ActualDevices, ActualHost, Interface, Op } from "./kernel.ts";
import { planPorts } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { bridgeName, ownerNetwork } from "./state.ts";

/** A network as far as its devices are concerned. */
export type HostClaim = {
  readonly vni: Vni;
  readonly frame: NetworkFrame | undefined;
  /** The ports of the frame, and those that local endpoints name. */
  readonly ports: ReadonlySet<string>;
  /** Its devices were seen to be of this network: whatever their aliases say now, another hand did. */
  readonly isOwner: boolean;
};

export type HostPlan = {
  readonly vni: Vni;
  /** Nothing of it may be touched. */
  readonly blocked: boolean;
  readonly writes: readonly Op[];
  readonly deletions: readonly Op[];
  readonly usable: ReadonlySet<string>;
  readonly problems: readonly Problem[];
};

export type HostContext = {
  readonly host: ActualHost;
  /** The MTU of the underlay on the ways of a network; undefined: not known. */
  readonly underlayBytes: (frame: NetworkFrame) => number | undefined;
  readonly mayDelete: boolean;
  /** A port may be taken from another network's bridge. */
  readonly mayRetarget: boolean;
};

/** The order in which kinds are applied, over all networks. */
const PHASE: Readonly<Partial<Record<Op["kind"], number>>> = {
  "delete-link": -1,
  "rebuild-vxlan": 0,
  "add-bridge": 0,
  "add-vxlan": 0,
  "set-link": 1,
  "set-vxlan": 1,
};

/** Writes of all networks in the order to apply them. */
export function inPhases(plans: readonly HostPlan[]): Op[] {
  const phase = (op: Op) => PHASE[op.kind] ?? 2;
  return plans.flatMap((plan) => plan.writes).sort((a, b) => phase(a) - phase(b));
}

/** Plans every network, in the order of `claims`: of two that want a port the first has it. */
export function planHost(claims: readonly HostClaim[], context: HostContext): readonly HostPlan[] {
  const { host } = context;
  const devices = new Map(host.networks.map((each) => [each.vni, each]));
  const ports = planPorts(
    claims.filter((claim) => claim.frame),
    host,
    context.mayRetarget,
  );
  return claims.map(({ vni, frame, isOwner }) => {
    const have = devices.get(vni);
    if (!frame) return { vni, blocked: false, writes: [], deletions: removal(have), usable: NONE, problems: [] };
    const usable = ports.usable.get(vni) ?? new Map<string, Interface>();
    const problems = ports.problems.get(vni) ?? [];
    const others = isOwner ? undefined : othersDevice(frame, have);
    if (!others) return planNetwork(frame, have, { ...context, usable, problems });
    if (!context.mayDelete) return stop(vni, [{ kind: "device-unusable", vni, ...others }]);
    // Nothing of another network's is taken over: its machines would be on one bridge with ours, if only for a moment.
    const free = new Map(Array.from(usable, ([name, at]) => [name, without(at, bridgeName(vni))]));
    const plan = planNetwork(frame, undefined, { ...context, usable: free, problems });
    return { ...plan, writes: [...removal(have), ...plan.writes] };
  });
}

const NONE: ReadonlySet<string> = new Set();

function stop(vni: Vni, problems: readonly Problem[]): HostPlan {
  return { vni, blocked: true, writes: [], deletions: [], usable: NONE, problems };
}

/** A device that is of another network: a VNI that is free is given to the next who asks. */
function othersDevice(
  frame: NetworkFrame,
  have: ActualDevices | undefined,
): { readonly device: string; readonly owner: string } | undefined {
  const network = ownerNetwork(frame.owner);
  for (const device of [have?.bridge, have?.vxlan]) {
    const other = device && ownerNetwork(device.owner);
    if (device && other !== undefined && network !== undefined && other !== network)
      return { device: device.name, owner: other };
  }
  return undefined;
}

function without(at: Interface, master: string): Interface {
  return at.master === master ? { ...at, master: undefined } : at;
}

function planNetwork(
  frame: NetworkFrame,
  have: ActualDevices | undefined,
  context: HostContext & { readonly usable: ReadonlyMap<string, Interface>; readonly problems: readonly Problem[] },
): HostPlan {
  const { vni, vtep } = frame;
  const { host, mayDelete } = context;
  const foreign = foreignDevices(frame, have, host);
  if (foreign.length > 0) return stop(vni, foreign);
  const rebuild = have?.vxlan !== undefined && isUnusable(have.vxlan, frame);
  if (rebuild && !mayDelete) return stop(vni, [{ kind: "device-unusable", vni, device: have.vxlan.name }]);
  const mtu = planMtu(frame, context.underlayBytes(frame));
  const missing: Problem[] = host.addresses.has(vtep) ? [] : [{ kind: "vtep-missing", vni, vtep }];
  const portOps = diffPorts(frame, have, context.usable);
  const released = (op: Op) => op.kind === "release-port";
  return {
    vni,
    blocked: false,
    writes: [...diffDevices(frame, have, mtu.mtuBytes), ...portOps.filter((op) => !released(op))],
    deletions: portOps.filter(released),
    usable: new Set(context.usable.keys()),
    problems: [...missing, ...mtu.problems, ...context.problems],
  };
}

/** A bridge that goes lets go of its ports by itself. */
function removal(have: ActualDevices | undefined): Op[] {
  return [have?.vxlan, have?.bridge].flatMap((device): Op[] =>
    have && device ? [{ kind: "delete-link", vni: have.vni, name: device.name }] : [],
  );
}

/** Local addresses whose way out only the routes know. */
export function isRouted(host: ActualHost, vtep: IpAddress): boolean {
  return host.addresses.has(vtep) && host.addresses.get(vtep) === undefined;
}
