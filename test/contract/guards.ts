// What every implementation of the Guards port must do, run against the guards in memory and against nftables. A rig gives
// the hands of others on the same machine.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostPrefix, type PortGuard, portGuard } from "../../edge-agent/dataplane/guard-state.ts";
import type { GuardChange, Guards, MacListKey, Mirror } from "../../edge-agent/dataplane/guards.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { ip, mac, vni } from "./kernel.ts";

export type GuardsRig = {
  readonly guards: Guards;
  /** Another process on the same machine, as a restarted agent is. */
  again(): Promise<Guards>;
  tamper(port: string): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
};

const MAC = mac("02:00:00:00:00:01");
const OTHER = mac("02:00:00:00:00:02");

const guardOf = (port: string, over: Partial<PortGuard> = {}): PortGuard =>
  portGuard({
    port,
    vni: vni(100),
    mode: "enforce",
    sources: [{ mac: MAC, prefixes: [hostPrefix(ip("10.0.0.1")), hostPrefix(ip("fd00::1"))] }],
    stormPacketsPerSec: 100,
    ...over,
  });

const change = (over: Partial<GuardChange>): GuardChange => ({
  frame: false,
  set: [],
  remove: [],
  macLists: new Map(),
  mirrors: new Map(),
  ...over,
});

const edit = (add: readonly Mac[], remove: readonly Mac[] = [], clear = false) => ({
  kind: "edit" as const,
  clear,
  add,
  remove,
});

export function guardsContract(open: () => Promise<GuardsRig>): void {
  let rig: GuardsRig;
  beforeEach(async () => {
    rig = await open();
    await rig.guards.dump({ macLists: false });
  });
  afterEach(() => rig.close());

  const shown = async (guards: Guards = rig.guards) => await guards.dump({ macLists: true });

  describe("guards of ports", () => {
    it("set: several at once -> shown as printed; the frame is there", async () => {
      const all = [
        guardOf("tap1"),
        guardOf("tap.2", { mode: "observe", stormPacketsPerSec: undefined }),
        guardOf('t"3;{', { mode: "learn" }),
        guardOf("tap4", { sources: [{ mac: MAC, prefixes: undefined }] }),
      ];
      await rig.guards.apply(change({ frame: true, set: all }));
      const actual = await shown();
      expect(actual.frame).toBe(true);
      expect(actual.ports).toEqual(new Map(all.map((guard) => [guard.port, rig.guards.print(guard)])));
    });

    it("set: again with other rights, back and forth -> only the last is there", async () => {
      const [narrow, wide] = [guardOf("tap1"), guardOf("tap1", { mode: "observe", stormPacketsPerSec: undefined })];
      await rig.guards.apply(change({ frame: true, set: [narrow] }));
      for (const guard of [wide, narrow, wide]) {
        await rig.guards.dump({ macLists: false });
        await rig.guards.apply(change({ set: [guard] }));
        expect((await shown()).ports).toEqual(new Map([["tap1", rig.guards.print(guard)]]));
      }
    });

    it("set: before the frame is -> refused, nothing is there", async () => {
      await expect(rig.guards.apply(change({ set: [guardOf("tap1")] }))).rejects.toThrow();
      expect((await shown()).ports.size).toBe(0);
    });

    it("remove: one of two -> the other stays", async () => {
      await rig.guards.apply(change({ frame: true, set: [guardOf("tap1"), guardOf("tap2")] }));
      await rig.guards.dump({ macLists: false });
      await rig.guards.apply(change({ remove: ["tap1"] }));
      expect([...(await shown()).ports.keys()]).toEqual(["tap2"]);
    });

    it("a restarted process -> finds the guards as it prints them itself", async () => {
      const guard = guardOf("tap1");
      await rig.guards.apply(change({ frame: true, set: [guard] }));
      const second = await rig.again();
      const actual = await shown(second);
      expect(actual.ports.get("tap1")).toBe(second.print(guard));
      expect(actual.frame).toBe(true);
      await second.close();
    });
  });

  describe("lists of MACs and mirrors", () => {
    const key: MacListKey = `known-${vni(100)}`;
    it("a list: made, edited, dropped -> as said", async () => {
      await rig.guards.apply(change({ frame: true, macLists: new Map([[key, edit([MAC, OTHER], [], true)]]) }));
      expect((await shown()).macLists).toEqual(new Map([[key, new Set([MAC, OTHER])]]));
      await rig.guards.apply(change({ macLists: new Map([[key, edit([], [OTHER])]]) }));
      expect((await shown()).macLists).toEqual(new Map([[key, new Set([MAC])]]));
      expect((await rig.guards.dump({ macLists: false })).macLists).toEqual(new Map([[key, undefined]]));
      await rig.guards.apply(change({ macLists: new Map([[key, { kind: "drop" }]]) }));
      expect((await shown()).macLists.size).toBe(0);
    });

    it("a mirror: set, changed, removed -> shown as printed", async () => {
      const mirror: Mirror = { from: "lo", to: [{ port: "lo", macs: [MAC] }] };
      await rig.guards.apply(change({ mirrors: new Map([["lo", mirror]]) }));
      expect((await shown()).mirrors).toEqual(new Map([["lo", rig.guards.printMirror(mirror)]]));
      const next: Mirror = { from: "lo", to: [{ port: "lo", macs: [MAC, OTHER] }] };
      await rig.guards.apply(change({ mirrors: new Map([["lo", next]]) }));
      expect((await shown()).mirrors).toEqual(new Map([["lo", rig.guards.printMirror(next)]]));
      await rig.guards.dump({ macLists: false });
      await rig.guards.apply(change({ mirrors: new Map([["lo", undefined]]) }));
      expect((await shown()).mirrors.size).toBe(0);
    });
  });

  describe("other hands", () => {
    it("a guard is changed, everything is flushed -> told and shown; our own changes -> not told", async () => {
      let told = 0;
      rig.guards.watch(() => told++);
      const guard = guardOf("tap1");
      // The watch begins a moment after it is asked for, so ask until it hears.
      await rig.guards.apply(change({ frame: true, set: [guard] }));
      await expect
        .poll(
          async () => {
            await rig.tamper("tap1");
            return told;
          },
          { timeout: 5000, interval: 50 },
        )
        .toBeGreaterThan(0);
      expect((await shown()).ports.get("tap1")).not.toBe(rig.guards.print(guard));
      const before = told;
      await rig.guards.apply(change({ frame: true, set: [guard] }));
      expect((await shown()).ports.get("tap1")).toBe(rig.guards.print(guard));
      expect(told).toBe(before);
      await rig.flush();
      await expect.poll(() => told, { timeout: 5000, interval: 10 }).toBeGreaterThan(before);
      expect(await shown()).toMatchObject({ frame: false, ports: new Map() });
    });
  });

  it("removeAll: with ports, lists and mirrors, and again -> nothing is left", async () => {
    await rig.guards.apply(
      change({
        frame: true,
        set: [guardOf("tap1")],
        macLists: new Map([[`known-${vni(100)}` as const, edit([MAC], [], true)]]),
        mirrors: new Map([["lo", { from: "lo", to: [{ port: "lo", macs: [MAC] }] }]]),
      }),
    );
    await rig.guards.removeAll();
    await rig.guards.removeAll();
    expect(await shown()).toEqual({ ports: new Map(), macLists: new Map(), mirrors: new Map(), frame: false });
  });

  it("read: nothing has been dropped -> no packets, no sightings", async () => {
    await rig.guards.apply(change({ frame: true, set: [guardOf("tap1")] }));
    const { drops, sightings } = await rig.guards.read();
    expect(drops.every(({ packets }) => packets === 0)).toBe(true);
    expect(sightings).toEqual([]);
  });
}
