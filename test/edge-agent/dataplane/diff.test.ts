// The diff: properties over random states on the kernel in memory, and the rules that have a reason of their own.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diff, isDeletion } from "../../../edge-agent/dataplane/diff.ts";
import type { ActualState, Op } from "../../../edge-agent/dataplane/kernel.ts";
import { createMemoryKernel, type MemoryKernel } from "../../../edge-agent/dataplane/memory-kernel.ts";
import { readBack } from "../../../edge-agent/dataplane/read-back.ts";
import type { DesiredState, NetworkState } from "../../../edge-agent/dataplane/state.ts";
import { ip, mac, vni } from "../../contract/kernel.ts";
import { desiredStates, disorders, HOST, machine, tamperings } from "./arbitrary.ts";

const all = { mayDelete: true };

async function settle(kernel: MemoryKernel, desired: DesiredState, options = all): Promise<readonly Op[]> {
  const { ops } = diff(desired, await kernel.dump(), options);
  expect(await kernel.apply(ops)).toEqual([]);
  return ops;
}

describe("diff: properties", () => {
  it("any machine, any history: one application -> nothing is left, and it forwards as desired", async () => {
    await fc.assert(
      fc.asyncProperty(disorders, desiredStates, desiredStates, tamperings, async (disorder, first, second, hands) => {
        const kernel = machine(disorder);
        await settle(kernel, first);
        for (const op of hands) kernel.tamper(op);
        await settle(kernel, second);
        const actual = await kernel.dump();
        const after = diff(second, actual, all);
        expect(after.ops).toEqual([]);
        for (const network of second.networks) expectForwarding(network, actual, after.problems.length);
      }),
    );
  });

  it("never touches a device of others", async () => {
    await fc.assert(
      fc.asyncProperty(disorders, desiredStates, desiredStates, async (disorder, first, second) => {
        const kernel = machine(disorder);
        const before = (await kernel.dump()).foreign;
        const taken = new Set(disorder.interfaces.filter((each) => each.master).map((each) => each.name));
        for (const desired of [first, second, { networks: [] }]) {
          for (const op of await settle(kernel, desired)) {
            expect(before.map((device) => device.name)).not.toContain("name" in op ? op.name : undefined);
            expect(taken.has("port" in op ? op.port : "name" in op ? op.name : "")).toBe(false);
          }
        }
        expect((await kernel.dump()).foreign).toEqual(before);
      }),
    );
  });

  it("before it may delete: takes nothing away, and says what waits", async () => {
    await fc.assert(
      fc.asyncProperty(disorders, desiredStates, desiredStates, async (disorder, first, second) => {
        const kernel = machine(disorder);
        await settle(kernel, first);
        const ops = await settle(kernel, second, { mayDelete: false });
        expect(ops.filter(isDeletion)).toEqual([]);
        const waiting = diff(second, await kernel.dump(), { mayDelete: false });
        expect(waiting.ops).toEqual([]);
        const withheld = waiting.networks.flatMap((network) => network.withheld);
        const later = diff(second, await kernel.dump(), all).ops;
        expect(withheld.toSorted(byText)).toEqual([...later].toSorted(byText));
      }),
    );
  });

  it("nothing desired -> every device of ours is gone", async () => {
    await fc.assert(
      fc.asyncProperty(disorders, desiredStates, async (disorder, desired) => {
        const kernel = machine(disorder);
        await settle(kernel, desired);
        await settle(kernel, { networks: [] });
        expect((await kernel.dump()).networks).toEqual([]);
      }),
    );
  });
});

function byText(a: Op, b: Op): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

/** What is read back is what was desired, less what a reported problem explains. */
function expectForwarding(desired: NetworkState, actual: ActualState, problems: number): void {
  const have = actual.networks.find((network) => network.vni === desired.vni);
  const verified = have && readBack(have);
  if (!verified) return expect(problems).toBeGreaterThan(0);
  const here = new Set(desired.local.map((entry) => entry.mac));
  const ports = new Set(verified.ports.map((port) => port.name));
  expect(new Set(verified.flood)).toEqual(new Set(desired.flood));
  expect(new Set(verified.neighbours)).toEqual(new Set(desired.neighbours));
  expect(new Set(verified.remote)).toEqual(new Set(desired.remote.filter((entry) => !here.has(entry.mac))));
  expect(new Set(verified.local)).toEqual(new Set(desired.local.filter((entry) => ports.has(entry.port))));
  expect(verified).toMatchObject({ vtep: desired.vtep, owner: desired.owner, mtuBytes: desired.mtuBytes ?? 1450 });
}

const BLUE: NetworkState = {
  vni: vni(100),
  owner: "overspan net=blue tenant=acme",
  vtep: HOST,
  mtuBytes: 1400,
  ports: [{ name: "tap1" }],
  local: [{ mac: mac("02:00:00:00:00:01"), port: "tap1" }],
  remote: [{ mac: mac("02:00:00:00:00:02"), vtep: ip("192.0.2.2") }],
  flood: [ip("192.0.2.2")],
  neighbours: [],
};

describe("diff: rules", () => {
  const kinds = (ops: readonly Op[]): string[] => ops.map((op) => op.kind);
  const prepared = async (): Promise<MemoryKernel> => {
    const kernel = createMemoryKernel({ vtep: HOST });
    kernel.addInterface("tap1");
    await settle(kernel, { networks: [BLUE] });
    return kernel;
  };
  const after = async (kernel: MemoryKernel, change: Partial<NetworkState>, options = all) =>
    diff({ networks: [{ ...BLUE, ...change }] }, await kernel.dump(), options);

  it("an endpoint moves away -> tunnel entry first, then one replace of the bridge entry", async () => {
    const moved = { mac: mac("02:00:00:00:00:01"), vtep: ip("192.0.2.3") };
    const { ops } = await after(await prepared(), { local: [], ports: [], remote: [...BLUE.remote, moved] });
    expect(kinds(ops)).toEqual(["replace-vxlan-entry", "replace-bridge-entry", "release-port"]);
  });

  it("an endpoint arrives -> the bridge entry is replaced before the tunnel entry goes", async () => {
    const arrived = { mac: mac("02:00:00:00:00:02"), port: "tap1" };
    const { ops } = await after(await prepared(), { local: [...BLUE.local, arrived], remote: [] });
    expect(kinds(ops)).toEqual(["replace-bridge-entry", "delete-vxlan-entry"]);
  });

  it("an endpoint arrives before deletions are allowed -> it is local all the same, the rest waits", async () => {
    const arrived = { mac: mac("02:00:00:00:00:02"), port: "tap1" };
    const found = await after(await prepared(), { local: [...BLUE.local, arrived], remote: [] }, { mayDelete: false });
    expect(kinds(found.ops)).toEqual(["replace-bridge-entry"]);
    expect(found.networks.map((network) => kinds(network.withheld))).toEqual([["delete-vxlan-entry"]]);
  });

  it("a port is not there yet -> a problem, no op; when it is there -> attach and entry", async () => {
    const kernel = await prepared();
    const wanted = { local: [...BLUE.local, { mac: mac("02:00:00:00:00:07"), port: "tap7" }] };
    const before = await after(kernel, wanted);
    expect(before.ops).toEqual([]);
    expect(before.problems).toEqual([{ kind: "port-missing", vni: 100, port: "tap7" }]);
    kernel.addInterface("tap7");
    expect(kinds((await after(kernel, wanted)).ops)).toEqual(["attach-port", "replace-bridge-entry"]);
  });

  it("what the bridge learned stays, unless it is a declared MAC on the wrong port", async () => {
    const kernel = await prepared();
    kernel.learn("ovbr100", mac("02:00:00:00:00:55"), "tap1");
    expect((await after(kernel, {})).ops).toEqual([]);
    kernel.learn("ovbr100", mac("02:00:00:00:00:02"), "tap1");
    expect(kinds((await after(kernel, {})).ops)).toEqual(["replace-bridge-entry"]);
  });

  it("a device of others has the VNI -> that network waits, others go on", async () => {
    const kernel = createMemoryKernel({ vtep: HOST });
    kernel.addForeign({ name: "theirs", kind: "vxlan", vni: vni(100), udpPort: 4789 });
    const green = { ...BLUE, vni: vni(200), ports: [], local: [] };
    const found = diff({ networks: [BLUE, green] }, await kernel.dump(), all);
    expect(found.problems).toEqual([{ kind: "foreign-device", vni: 100, device: "theirs", clash: "vni" }]);
    expect(new Set(found.ops.map((op) => op.vni))).toEqual(new Set([200]));
  });

  it("two networks want one port -> the lower VNI has it", async () => {
    const kernel = createMemoryKernel({ vtep: HOST });
    kernel.addInterface("tap1");
    const found = diff({ networks: [{ ...BLUE, vni: vni(200) }, BLUE] }, await kernel.dump(), all);
    expect(found.problems).toEqual([{ kind: "port-claimed-twice", vni: 200, port: "tap1", holder: 100 }]);
    expect(found.ops.filter((op) => op.kind === "attach-port" && op.role === "tenant")).toMatchObject([{ vni: 100 }]);
  });

  it("a port belongs to another's bridge -> left there", async () => {
    const kernel = createMemoryKernel({ vtep: HOST });
    kernel.addInterface("tap1", { master: "docker0" });
    const found = diff({ networks: [BLUE] }, await kernel.dump(), all);
    expect(found.problems).toEqual([{ kind: "port-taken", vni: 100, port: "tap1", master: "docker0" }]);
    expect(kinds(found.ops)).not.toContain("replace-neighbour");
    expect(found.ops.some((op) => "port" in op && op.port === "tap1")).toBe(false);
  });

  it("a port is the host's own uplink -> never attached", async () => {
    const kernel = createMemoryKernel({ vtep: HOST });
    kernel.addInterface("tap1", { addressed: true });
    const found = diff({ networks: [BLUE] }, await kernel.dump(), all);
    expect(found.problems).toEqual([{ kind: "port-addressed", vni: 100, port: "tap1" }]);
    expect(found.ops.some((op) => op.kind === "attach-port" && op.role === "tenant")).toBe(false);
  });

  it("a port changes its network -> attached to the other bridge in one step", async () => {
    const kernel = await prepared();
    const green = { ...BLUE, vni: vni(200) };
    const emptied = { ...BLUE, ports: [], local: [] };
    await settle(kernel, { networks: [emptied, green] });
    const actual = await kernel.dump();
    expect(actual.interfaces).toMatchObject([{ name: "tap1", master: "ovbr200" }]);
    expect(diff({ networks: [emptied, green] }, actual, all).ops).toEqual([]);
  });

  it("the own VTEP among the remote ones -> nothing is tunnelled to ourselves", async () => {
    const toOurselves = { mac: mac("02:00:00:00:00:09"), vtep: HOST };
    const found = await after(await prepared(), {
      flood: [...BLUE.flood, HOST],
      remote: [...BLUE.remote, toOurselves],
    });
    expect(found.ops).toEqual([]);
  });

  it("MTU: absent -> the underlay's less 50 (IPv4) or 70 (IPv6); too large -> clamped and told", async () => {
    const kernel = createMemoryKernel({ vtep: HOST });
    const six = ip("2001:db8::1");
    kernel.setAddress(six, 9000);
    const mtuOf = async (network: Partial<NetworkState>) => {
      const found = diff({ networks: [{ ...BLUE, ports: [], local: [], ...network }] }, await kernel.dump(), all);
      const added = found.ops.find((op) => op.kind === "add-vxlan");
      return { mtuBytes: added?.mtuBytes, problems: found.problems };
    };
    expect(await mtuOf({ mtuBytes: undefined })).toEqual({ mtuBytes: 1450, problems: [] });
    expect(await mtuOf({ mtuBytes: undefined, vtep: six })).toEqual({ mtuBytes: 8930, problems: [] });
    expect(await mtuOf({ mtuBytes: 1500 })).toEqual({
      mtuBytes: 1450,
      problems: [{ kind: "mtu-too-large", vni: 100, wantedBytes: 1500, possibleBytes: 1450 }],
    });
    const missing = ip("192.0.2.77");
    expect(await mtuOf({ mtuBytes: 1500, vtep: missing })).toEqual({
      mtuBytes: 1500,
      problems: [{ kind: "vtep-missing", vni: 100, vtep: missing }],
    });
  });

  it("the VTEP changes its family -> the network waits until it may delete, then the device is rebuilt", async () => {
    const kernel = await prepared();
    const six = ip("2001:db8::1");
    kernel.setAddress(six, 1500);
    const waiting = await after(kernel, { vtep: six }, { mayDelete: false });
    expect(waiting.ops).toEqual([]);
    expect(waiting.problems).toEqual([{ kind: "device-unusable", vni: 100, device: "ovx100" }]);
    await settle(kernel, { networks: [{ ...BLUE, vtep: six }] });
    expect((await after(kernel, { vtep: six })).ops).toEqual([]);
  });

  it("a VNI desired twice -> the first counts, and it is told", async () => {
    const kernel = await prepared();
    const found = diff({ networks: [BLUE, { ...BLUE, remote: [] }] }, await kernel.dump(), all);
    expect(found.ops).toEqual([]);
    expect(found.problems).toEqual([{ kind: "vni-claimed-twice", vni: 100 }]);
  });
});
