// diff(desired, actual) -> ops and problems, pure. Ops come in an order that never opens a gap: devices, ports, vxlan
// entries, bridge entries (one replace moves a MAC between a port and the tunnel), neighbours; deletions last.
// Deletes nothing that is not ours, and nothing at all before `mayDelete`.

import type { Vni } from "../../shared/address/vni.ts";
import { diffDevices, diffPorts, foreignDevices, isUnusable, planMtu } from "./diff-devices.ts";
import { diffEntries } from "./diff-entries.ts";
import type { ActualNetwork, ActualState, Interface, Op } from "./kernel.ts";
import { type PortPlan, planPorts } from "./ports.ts";
import type { Problem } from "./problem.ts";
import type { DesiredState, NetworkState } from "./state.ts";

export type NetworkDiff = {
  readonly vni: Vni;
  /** What is missing or wrong and may be mended now. */
  readonly ops: readonly Op[];
  /** Deletions that wait for `mayDelete`. */
  readonly withheld: readonly Op[];
  readonly problems: readonly Problem[];
};

export type Diff = {
  /** Every network that is desired or exists, by VNI. */
  readonly networks: readonly NetworkDiff[];
  /** All networks' ops in the order to apply them. */
  readonly ops: readonly Op[];
  readonly problems: readonly Problem[];
};

/** When each kind is applied, over all networks: what others need comes first, and entries come in long batches. */
const PHASE: Readonly<Record<Op["kind"], number>> = {
  "rebuild-vxlan": 0,
  "add-bridge": 0,
  "add-vxlan": 0,
  "set-link": 1,
  "set-vxlan": 1,
  "attach-port": 2,
  "replace-vxlan-entry": 3,
  "add-flood": 3,
  "replace-bridge-entry": 4,
  "replace-neighbour": 5,
  "delete-bridge-entry": 6,
  "delete-vxlan-entry": 6,
  "delete-flood": 6,
  "delete-neighbour": 6,
  "release-port": 7,
  "delete-link": 8,
};

const DELETIONS: ReadonlySet<Op["kind"]> = new Set([
  "rebuild-vxlan",
  "delete-bridge-entry",
  "delete-vxlan-entry",
  "delete-flood",
  "delete-neighbour",
  "release-port",
  "delete-link",
] satisfies Op["kind"][]);

/** True for an op that takes something away. */
export function isDeletion(op: Op): boolean {
  return DELETIONS.has(op.kind);
}

/** Compares; `mayDelete` says that the desired state is known to be complete. */
export function diff(desired: DesiredState, actual: ActualState, options: { readonly mayDelete: boolean }): Diff {
  const wanted = new Map<Vni, NetworkState>();
  const twice = new Set<Vni>();
  for (const network of desired.networks) {
    if (wanted.has(network.vni)) twice.add(network.vni);
    else wanted.set(network.vni, network);
  }
  const existing = new Map(actual.networks.map((network) => [network.vni, network]));
  const vnis = [...new Set([...wanted.keys(), ...existing.keys()])].sort((a, b) => a - b);
  const inOrder = vnis.flatMap((vni) => wanted.get(vni) ?? []);
  const ports = planPorts(inOrder, actual);

  const networks = vnis.map((vni): NetworkDiff => {
    const network = wanted.get(vni);
    const have = existing.get(vni);
    const problems: Problem[] = twice.has(vni) ? [{ kind: "vni-claimed-twice", vni }] : [];
    if (!network) return { vni, problems, ...withhold(removeNetwork(vni, have), options.mayDelete) };
    const found = diffNetwork(network, have, { actual, ports, mayDelete: options.mayDelete });
    return { ...found, problems: [...problems, ...found.problems] };
  });
  const ops = networks.flatMap((network) => network.ops).sort((a, b) => PHASE[a.kind] - PHASE[b.kind]);
  return { networks, ops, problems: networks.flatMap((network) => network.problems) };
}

function diffNetwork(
  network: NetworkState,
  have: ActualNetwork | undefined,
  context: { readonly actual: ActualState; readonly ports: PortPlan; readonly mayDelete: boolean },
): NetworkDiff {
  const { vni, vtep } = network;
  const { actual, ports, mayDelete } = context;
  const foreign = foreignDevices(network, have, actual);
  if (foreign.length > 0) return { vni, ops: [], withheld: [], problems: foreign };
  const rebuild = have?.vxlan !== undefined && isUnusable(have.vxlan, vtep);
  if (rebuild && !mayDelete) {
    const device = have.vxlan.name;
    return { vni, ops: [], withheld: [], problems: [{ kind: "device-unusable", vni, device }] };
  }
  const mtu = planMtu(network, actual);
  const usable = ports.usable.get(vni) ?? new Map<string, Interface>();
  // A new vxlan device is empty, and the bridge forgets the entries of the port that the old one was.
  const left = rebuild ? withoutVxlan(have) : have;
  const all = [
    ...diffDevices(network, have, mtu.mtuBytes),
    ...diffPorts(network, have, usable),
    ...diffEntries(network, left, new Set(usable.keys())),
  ];
  return { vni, ...withhold(all, mayDelete), problems: [...mtu.problems, ...(ports.problems.get(vni) ?? [])] };
}

/** A bridge that goes lets go of its ports by itself. */
function removeNetwork(vni: Vni, have: ActualNetwork | undefined): Op[] {
  const devices = [have?.vxlan?.name, have?.bridge?.name];
  return devices.flatMap((name): Op[] => (name === undefined ? [] : [{ kind: "delete-link", vni, name }]));
}

function withoutVxlan(have: ActualNetwork): ActualNetwork {
  const bridgeEntries = have.bridgeEntries.filter((entry) => entry.port !== have.vxlan?.name);
  return { ...have, vxlanEntries: [], flood: [], bridgeEntries };
}

function withhold(all: readonly Op[], mayDelete: boolean): { ops: readonly Op[]; withheld: readonly Op[] } {
  if (mayDelete) return { ops: all, withheld: [] };
  return { ops: all.filter((op) => !isDeletion(op)), withheld: all.filter(isDeletion) };
}
