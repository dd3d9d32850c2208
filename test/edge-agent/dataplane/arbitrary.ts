// Random desired states and random disorder for the dataplane's properties: few names, so that they collide often.

import fc from "fast-check";
import type { Op, Tunnel } from "../../../edge-agent/dataplane/kernel.ts";
import { createMemoryKernel, type MemoryKernel } from "../../../edge-agent/dataplane/memory-kernel.ts";
import type { DesiredState, NetworkState } from "../../../edge-agent/dataplane/state.ts";
import { ip, mac, vni } from "../../contract/kernel.ts";

export const HOST = ip("192.0.2.1");
const VNIS = [100, 200, 300].map(vni);
const MACS = [1, 2, 3, 4, 5].map((n) => mac(`02:00:00:00:00:0${n}`));
const VTEPS = ["192.0.2.2", "192.0.2.3", "192.0.2.4"].map(ip);
const IPS = ["10.0.0.1", "10.0.0.2", "fd00::1"].map(ip);
const PORTS = ["tap1", "tap2", "tap3", "tap4"];

const macs = fc.constantFrom(...MACS);
const vteps = fc.constantFrom(...VTEPS);

function network(id: (typeof VNIS)[number]): fc.Arbitrary<NetworkState> {
  return fc.record({
    vni: fc.constant(id),
    owner: fc.constantFrom("overspan net=blue tenant=acme", "overspan net=green tenant=acme"),
    vtep: fc.constant(HOST),
    mtuBytes: fc.constantFrom(1300, 1450, undefined),
    ports: fc.uniqueArray(fc.constantFrom(...PORTS), { maxLength: 2 }).map((names) => names.map((name) => ({ name }))),
    local: fc.uniqueArray(fc.record({ mac: macs, port: fc.constantFrom(...PORTS) }), { selector: (each) => each.mac }),
    remote: fc.uniqueArray(fc.record({ mac: macs, vtep: vteps }), { selector: (each) => each.mac }),
    flood: fc.uniqueArray(vteps),
    neighbours: fc.uniqueArray(fc.record({ ip: fc.constantFrom(...IPS), mac: macs }), { selector: (each) => each.ip }),
  });
}

export const desiredStates: fc.Arbitrary<DesiredState> = fc
  .subarray(VNIS)
  .chain((ids) => fc.tuple(...ids.map(network)))
  .map((networks) => ({ networks }));

/** What happened on the machine before: interfaces, a device of others, entries of another hand. */
export type Disorder = {
  readonly interfaces: readonly { readonly name: string; readonly up: boolean; readonly master: string | undefined }[];
  readonly foreign: readonly { readonly name: string; readonly kind: string; readonly vni: number | undefined }[];
};

export const disorders: fc.Arbitrary<Disorder> = fc.record({
  interfaces: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(...PORTS),
      up: fc.boolean(),
      master: fc.constantFrom(undefined, undefined, undefined, "br-theirs"),
    }),
    { selector: (each) => each.name },
  ),
  foreign: fc.uniqueArray(
    fc.constantFrom(
      { name: "ovbr200", kind: "bridge", vni: undefined },
      { name: "ovx300", kind: "dummy", vni: undefined },
      { name: "theirs", kind: "vxlan", vni: 300 },
      { name: "elsewhere", kind: "vxlan", vni: 999 },
    ),
    { maxLength: 2, selector: (each) => each.name },
  ),
});

export const tamperings: fc.Arbitrary<readonly Op[]> = fc
  .array(
    fc.constantFrom<readonly Op[]>(
      [{ kind: "delete-bridge-entry", vni: vni(100), mac: mac("02:00:00:00:00:01"), port: "ovx100" }],
      [{ kind: "replace-bridge-entry", vni: vni(100), mac: mac("02:00:00:00:00:02"), port: "tap1", origin: "static" }],
      [{ kind: "add-flood", vni: vni(100), vxlan: "ovx100", vtep: ip("192.0.2.99") }],
      [{ kind: "delete-link", vni: vni(100), name: "ovx100" }],
      [{ kind: "delete-link", vni: vni(200), name: "ovbr200" }],
      [{ kind: "delete-neighbour", vni: vni(100), bridge: "ovbr100", ip: ip("10.0.0.1") }],
      [{ kind: "release-port", vni: vni(100), name: "tap1", bridge: "ovbr100" }],
      [{ kind: "set-link", vni: vni(100), name: "ovbr100", mtuBytes: 900 }],
    ),
  )
  .map((all) => all.flat());

/** A machine as the disorder describes it. */
export function machine(disorder: Disorder, tunnelForm: Tunnel["form"] = "nexthop"): MemoryKernel {
  const kernel = createMemoryKernel({ vtep: HOST, tunnelForm });
  for (const { name, ...options } of disorder.interfaces) {
    kernel.addInterface(name, { up: options.up, ...(options.master === undefined ? {} : { master: options.master }) });
  }
  for (const device of disorder.foreign) {
    const id = device.vni === undefined ? undefined : vni(device.vni);
    kernel.addForeign({ name: device.name, kind: device.kind, vni: id, udpPort: id === undefined ? undefined : 4789 });
  }
  return kernel;
}
