// What every implementation of the Kernel port must do, run against the kernel in memory and against the real one.
// A rig gives the hands of others on the same machine: interfaces that come and go, foreign devices, tampering.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ActualNetwork, ActualState, Kernel, KernelEvent, Op } from "../../edge-agent/dataplane/kernel.ts";
import { ownerMark } from "../../edge-agent/dataplane/state.ts";
import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import { type Mac, parseMac } from "../../shared/address/mac.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";

export type KernelRig = {
  readonly kernel: Kernel;
  addInterface(name: string): Promise<void>;
  removeInterface(name: string): Promise<void>;
  /** An interface with an address of the host. */
  addAddressed(name: string): Promise<void>;
  /** A vxlan device that is not ours, with UDP port 4789. */
  addForeignVxlan(name: string, vni: number): Promise<void>;
  addForeignBridge(name: string): Promise<void>;
  deleteBridgeEntryByHand(mac: string, port: string, vni: number): Promise<void>;
  close(): Promise<void>;
};

export const VTEP = ip("192.0.2.1");
const VNI = vni(100);
const MAC = mac("02:00:00:00:00:01");
const OTHER = ip("192.0.2.2");
const OWNER = ownerMark("blue", "acme");

export function ip(text: string): IpAddress {
  return parsed(parseIp(text), text);
}

export function mac(text: string): Mac {
  return parsed(parseMac(text), text);
}

export function vni(value: number): Vni {
  return parsed(parseVni(value), String(value));
}

function parsed<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new Error(`bad test value ${text}`);
  return value;
}

const BRIDGE_MAC = mac("06:6f:00:00:64:01");
const bridge: Op = { kind: "add-bridge", vni: VNI, name: "ovbr100", mac: BRIDGE_MAC, owner: OWNER, mtuBytes: 1400 };
const vxlan: Op = { kind: "add-vxlan", vni: VNI, name: "ovx100", owner: OWNER, mtuBytes: 1400, vtep: VTEP };
const enslaved: Op = { kind: "attach-port", vni: VNI, name: "ovx100", bridge: "ovbr100", role: "vxlan" };
const attach = { kind: "attach-port", vni: VNI, name: "tap1", bridge: "ovbr100", role: "tenant" } satisfies Op;
const here: Op = { kind: "replace-bridge-entry", vni: VNI, mac: MAC, port: "tap1", origin: "static" };
const there: Op = { kind: "replace-bridge-entry", vni: VNI, mac: MAC, port: "ovx100", origin: "extern" };
const tunnel = { kind: "replace-vxlan-entry", vni: VNI, vxlan: "ovx100", mac: MAC, vtep: OTHER } satisfies Op;
const flood = { kind: "add-flood", vni: VNI, vxlan: "ovx100", vtep: OTHER } satisfies Op;
const neighbour = { kind: "replace-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("10.0.0.7"), mac: MAC } satisfies Op;
const neighbour6: Op = { kind: "replace-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("fd00::7"), mac: MAC };

export function kernelContract(open: () => Promise<KernelRig>): void {
  let rig: KernelRig;
  beforeEach(async () => {
    rig = await open();
  });
  afterEach(() => rig.close());

  const apply = async (...ops: Op[]): Promise<string[]> =>
    (await rig.kernel.apply(ops)).map((failure) => `${failure.op.kind} ${failure.code}`);
  const network = async (): Promise<ActualNetwork | undefined> =>
    (await rig.kernel.dump()).networks.find((each) => each.vni === VNI);

  describe("devices", () => {
    it("creation: bridge and vxlan device -> read back with mark, MTU, source, flags", async () => {
      expect(await apply(bridge, vxlan, enslaved)).toEqual([]);
      expect(await network()).toEqual({
        vni: VNI,
        bridge: { name: "ovbr100", owner: OWNER, mtuBytes: 1400, up: true },
        vxlan: {
          name: "ovx100",
          owner: OWNER,
          mtuBytes: 1400,
          up: true,
          vtep: VTEP,
          udpPort: 4789,
          learning: false,
          master: "ovbr100",
          portLearning: false,
          neighSuppress: true,
        },
        ports: [],
        bridgeEntries: [],
        vxlanEntries: [],
        flood: [],
        neighbours: [],
      } satisfies ActualNetwork);
    });

    it("creation: again -> success, nothing changes", async () => {
      await apply(bridge, vxlan, enslaved, flood);
      const before = await network();
      expect(await apply(bridge, vxlan, enslaved, flood)).toEqual([]);
      expect(await network()).toEqual(before);
    });

    it("creation: a device of others has the name -> EEXIST, it stays as it is, the rest goes on", async () => {
      await rig.addForeignBridge("ovbr100");
      const failures = await apply(bridge, vxlan);
      expect(failures).toEqual(["add-bridge EEXIST"]);
      const state = await rig.kernel.dump();
      expect(state.foreign).toContainEqual({ name: "ovbr100", kind: "bridge", vni: undefined, udpPort: undefined });
      expect((await network())?.bridge).toBeUndefined();
      expect((await network())?.vxlan?.owner).toBe(OWNER);
    });

    it("creation: a device of others has the VNI -> EEXIST, and the dump names it", async () => {
      await rig.addForeignVxlan("theirs", 100);
      expect(await apply(vxlan)).toEqual(["add-vxlan EEXIST"]);
      const state = await rig.kernel.dump();
      expect(state.foreign).toContainEqual({ name: "theirs", kind: "vxlan", vni: VNI, udpPort: 4789 });
    });

    it("set-link, set-vxlan: new mark, MTU and source -> read back", async () => {
      await apply(bridge, vxlan, enslaved);
      const owner = ownerMark("green", "acme");
      const changes: Op[] = [
        { kind: "set-link", vni: VNI, name: "ovbr100", owner, mtuBytes: 1300 },
        { kind: "set-link", vni: VNI, name: "ovx100", owner, mtuBytes: 1300 },
        { kind: "set-vxlan", vni: VNI, name: "ovx100", vtep: ip("192.0.2.9") },
      ];
      expect(await apply(...changes)).toEqual([]);
      const after = await network();
      expect(after?.bridge).toEqual({ name: "ovbr100", owner, mtuBytes: 1300, up: true });
      expect(after?.vxlan).toMatchObject({ owner, mtuBytes: 1300, vtep: "192.0.2.9", learning: false });
    });

    it("rebuild-vxlan: with entries -> a new, empty device with the new source", async () => {
      await apply(bridge, vxlan, enslaved, flood, tunnel, there);
      const owner = OWNER;
      const vtep = ip("2001:db8::1");
      expect(await apply({ kind: "rebuild-vxlan", vni: VNI, name: "ovx100", owner, mtuBytes: 1380, vtep })).toEqual([]);
      const after = await network();
      expect(after?.vxlan).toMatchObject({ vtep, owner, mtuBytes: 1380, master: undefined });
      expect([after?.flood, after?.vxlanEntries, after?.bridgeEntries]).toEqual([[], [], []]);
    });

    it("delete-link: devices with ports and entries -> gone, the port is free; again -> success", async () => {
      await rig.addInterface("tap1");
      await apply(bridge, vxlan, enslaved, attach, here, flood, neighbour);
      const deletions: Op[] = [
        { kind: "delete-link", vni: VNI, name: "ovx100" },
        { kind: "delete-link", vni: VNI, name: "ovbr100" },
      ];
      expect(await apply(...deletions)).toEqual([]);
      expect(await network()).toBeUndefined();
      expect(interfaceOf(await rig.kernel.dump(), "tap1")?.master).toBeUndefined();
      expect(await apply(...deletions)).toEqual([]);
    });
  });

  describe("ports", () => {
    it("attach-port: an interface -> on the bridge and up; release-port -> free, its entries gone", async () => {
      await rig.addInterface("tap1");
      expect(await apply(bridge, attach, here)).toEqual([]);
      expect((await network())?.ports).toEqual([{ name: "tap1", up: true }]);
      expect((await network())?.bridgeEntries).toEqual([{ mac: MAC, port: "tap1", pinned: true }]);
      expect(await apply({ kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" })).toEqual([]);
      expect((await network())?.ports).toEqual([]);
      expect((await network())?.bridgeEntries).toEqual([]);
      expect(interfaceOf(await rig.kernel.dump(), "tap1")).toMatchObject({ name: "tap1", master: undefined });
    });

    it("interfaces: the host's own are told from those without an address", async () => {
      await rig.addInterface("tap1");
      await rig.addAddressed("up0");
      const state = await rig.kernel.dump();
      expect(interfaceOf(state, "tap1")).toEqual({
        name: "tap1",
        mtuBytes: 1500,
        up: false,
        master: undefined,
        addressed: false,
      });
      expect(interfaceOf(state, "up0")).toMatchObject({ addressed: true });
    });

    it("attach-port: no such interface -> ENODEV, other ops go on", async () => {
      expect(await apply(bridge, attach, vxlan, enslaved, flood)).toEqual(["attach-port ENODEV"]);
      expect((await network())?.flood).toEqual([OTHER]);
    });

    it("release-port: it is on another network's bridge by now -> stays there", async () => {
      await rig.addInterface("tap1");
      const second = vni(200);
      const other: Op = {
        kind: "add-bridge",
        vni: second,
        name: "ovbr200",
        mac: BRIDGE_MAC,
        owner: OWNER,
        mtuBytes: 1400,
      };
      const moved: Op = { kind: "attach-port", vni: second, name: "tap1", bridge: "ovbr200", role: "tenant" };
      await apply(bridge, other, attach, moved);
      expect(await apply({ kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" })).toEqual([]);
      expect(interfaceOf(await rig.kernel.dump(), "tap1")?.master).toBe("ovbr200");
    });

    it("an entry on a port of no bridge of ours -> EINVAL", async () => {
      await rig.addInterface("tap1");
      expect(await apply(bridge, here)).toEqual(["replace-bridge-entry EINVAL"]);
    });
  });

  describe("entries", () => {
    it("a MAC moves port -> tunnel -> port by replacing -> one entry each time", async () => {
      await rig.addInterface("tap1");
      await apply(bridge, vxlan, enslaved, attach, here);
      expect(await apply(tunnel, there)).toEqual([]);
      expect((await network())?.bridgeEntries).toEqual([{ mac: MAC, port: "ovx100", pinned: true }]);
      expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, vtep: OTHER }]);
      const gone: Op = { kind: "delete-vxlan-entry", vni: VNI, vxlan: "ovx100", mac: MAC, vtep: OTHER };
      expect(await apply(here, gone)).toEqual([]);
      expect((await network())?.bridgeEntries).toEqual([{ mac: MAC, port: "tap1", pinned: true }]);
      expect((await network())?.vxlanEntries).toEqual([]);
    });

    it("replace-vxlan-entry: another VTEP -> replaced, not added", async () => {
      await apply(bridge, vxlan, enslaved, tunnel);
      expect(await apply({ ...tunnel, vtep: ip("192.0.2.3") })).toEqual([]);
      expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, vtep: "192.0.2.3" }]);
    });

    it("flood: two VTEPs -> both; one deleted -> the other stays", async () => {
      const third = { ...flood, vtep: ip("192.0.2.3") };
      await apply(bridge, vxlan, enslaved, flood, third, flood);
      expect((await network())?.flood.toSorted()).toEqual(["192.0.2.2", "192.0.2.3"]);
      expect(await apply({ ...third, kind: "delete-flood" })).toEqual([]);
      expect((await network())?.flood).toEqual(["192.0.2.2"]);
    });

    it("neighbours: of both families -> ours; replaced, deleted", async () => {
      await apply(bridge, neighbour, neighbour6);
      const sorted = async () => (await network())?.neighbours.toSorted((a, b) => (a.ip < b.ip ? -1 : 1));
      expect(await sorted()).toEqual([
        { ip: "10.0.0.7", mac: MAC, ours: true },
        { ip: "fd00::7", mac: MAC, ours: true },
      ]);
      const next = mac("02:00:00:00:00:09");
      await apply(
        { ...neighbour, mac: next },
        { kind: "delete-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("fd00::7") },
      );
      expect(await sorted()).toEqual([{ ip: "10.0.0.7", mac: next, ours: true }]);
    });

    it("neighbours: ports come and go -> they stay", async () => {
      for (const name of ["tap1", "tap2"]) await rig.addInterface(name);
      const second: Op = { ...attach, name: "tap2" };
      await apply(bridge, neighbour, vxlan, enslaved, attach, second);
      expect((await network())?.neighbours).toHaveLength(1);
      await apply(
        { kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" },
        { kind: "delete-link", vni: VNI, name: "ovx100" },
        { kind: "release-port", vni: VNI, name: "tap2", bridge: "ovbr100" },
      );
      expect((await network())?.neighbours).toHaveLength(1);
    });

    it("deletions of what is not there, on devices that are not there -> success", async () => {
      const deletions: Op[] = [
        { kind: "delete-bridge-entry", vni: VNI, mac: MAC, port: "ovx100" },
        { kind: "delete-vxlan-entry", vni: VNI, vxlan: "ovx100", mac: MAC, vtep: OTHER },
        { kind: "delete-flood", vni: VNI, vxlan: "ovx100", vtep: OTHER },
        { kind: "delete-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("10.0.0.7") },
        { kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" },
      ];
      expect(await apply(...deletions)).toEqual([]);
      await apply(bridge, vxlan, enslaved);
      expect(await apply(...deletions)).toEqual([]);
    });

    it("writes without the devices -> ENODEV each, by op", async () => {
      expect(await apply(tunnel, flood, there, neighbour)).toEqual([
        "replace-vxlan-entry ENODEV",
        "add-flood ENODEV",
        "replace-bridge-entry ENODEV",
        "replace-neighbour ENODEV",
      ]);
    });
  });

  describe("events", () => {
    it("an interface comes and goes -> link-appeared, link-gone", async () => {
      const events = watch();
      await rig.addInterface("tap1");
      await seen(events, (event) => event.kind === "link-appeared" && event.name === "tap1");
      await rig.removeInterface("tap1");
      await seen(events, (event) => event.kind === "link-gone" && event.name === "tap1");
    });

    it("another hand deletes an entry -> network-changed; our own entry writes -> nothing", async () => {
      await rig.addInterface("tap1");
      await apply(bridge, vxlan, enslaved, attach);
      await rig.kernel.dump();
      const events = watch();
      await apply(here, flood, tunnel, neighbour);
      await rig.deleteBridgeEntryByHand(MAC, "tap1", VNI);
      await seen(events, (event) => event.kind === "network-changed" && event.vni === VNI);
      // Events keep the order of what happened, so those of our own writes would be before it.
      expect(events).toHaveLength(1);
    });
  });

  function watch(): KernelEvent[] {
    const events: KernelEvent[] = [];
    rig.kernel.watch((event) => events.push(event));
    return events;
  }
}

async function seen(events: readonly KernelEvent[], is: (event: KernelEvent) => boolean): Promise<void> {
  await expect.poll(() => events.some(is), { timeout: 5000, interval: 10 }).toBe(true);
}

function interfaceOf(state: ActualState, name: string): ActualState["interfaces"][number] | undefined {
  return state.interfaces.find((each) => each.name === name);
}
