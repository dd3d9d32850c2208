// The driver of the guards over guards in memory: what is wanted gets there, what others change is mended, one refusal stops
// no other port, and nothing is removed too early.

import { afterEach, describe, expect, it } from "vitest";
import { createGuardKeeper, type GuardKeeper } from "../../../edge-agent/dataplane/guard-keeper.ts";
import { type PortGuard, portGuard } from "../../../edge-agent/dataplane/guard-state.ts";
import { createMemoryGuards, type MemoryGuards } from "../../../edge-agent/dataplane/memory-guards.ts";
import { mac, vni } from "../../contract/kernel.ts";
import { createFakeClock } from "./fake-clock.ts";

const guardOf = (port: string, more: Partial<PortGuard> = {}): PortGuard =>
  portGuard({
    port,
    vni: vni(100),
    mode: "enforce",
    sources: [{ mac: mac("02:00:00:00:00:01"), prefixes: undefined }],
    stormPacketsPerSec: undefined,
    ...more,
  });

describe("guard keeper", () => {
  const open: GuardKeeper[] = [];
  afterEach(async () => {
    for (const keeper of open.splice(0)) await keeper.close();
  });

  const start = (guards: MemoryGuards = createMemoryGuards()) => {
    const clock = createFakeClock();
    const attached = new Set<string>();
    const said: string[] = [];
    const keeper = createGuardKeeper({
      guards,
      clock,
      log: (_, text) => said.push(text),
      isAttached: (port) => attached.has(port),
    });
    open.push(keeper);
    const want = async (...all: PortGuard[]) => {
      keeper.change({ ports: new Map(all.map((guard) => [guard.port, guard])) });
      await clock.advance(0);
    };
    const shown = async () => [...(await guards.dump({ macLists: false })).ports.keys()].toSorted();
    return { clock, guards, keeper, attached, said, want, shown };
  };

  it("guards are wanted -> in one transaction; wanted again -> no write", async () => {
    const { guards, keeper, want } = start();
    await want(guardOf("tap1"), guardOf("tap2"));
    expect([...(keeper.latest()?.guarded ?? [])]).toEqual(["tap1", "tap2"]);
    expect(guards.writes()).toBe(1);
    await want(guardOf("tap1"));
    expect(guards.writes()).toBe(1);
  });

  it("a port is refused -> the others are guarded, the reason is kept, and it is tried again", async () => {
    const { clock, guards, keeper, want } = start();
    guards.refuse("tap2");
    await want(guardOf("tap1"), guardOf("tap2"), guardOf("tap3"));
    expect([...(keeper.latest()?.guarded ?? [])]).toEqual(["tap1", "tap3"]);
    expect(keeper.latest()?.failures).toEqual(new Map([["tap2", "told to refuse tap2"]]));
    expect(keeper.latest()?.whole).toBe(true);
    guards.refuse(undefined);
    await clock.advance(1000);
    expect(keeper.latest()?.failures.size).toBe(0);
    expect(keeper.latest()?.guarded.has("tap2")).toBe(true);
  });

  it("another hand changes one guard, then removes all -> mended each time and counted", async () => {
    const { clock, guards, keeper, want, shown } = start();
    await want(guardOf("tap1"), guardOf("tap2"));
    guards.tamper("tap1");
    await clock.advance(100);
    expect(keeper.latest()?.counters).toMatchObject({ drift: 1, repairs: 1 });
    guards.flush();
    await clock.advance(100);
    expect(await shown()).toEqual(["tap1", "tap2"]);
    expect(keeper.latest()?.counters.repairs).toBe(keeper.latest()?.counters.drift);
  });

  it("a guard is not wanted any more -> removed once that is certain and the port is off the bridge", async () => {
    const { clock, keeper, attached, want, shown } = start();
    await want(guardOf("tap1"), guardOf("tap2"));
    attached.add("tap1");
    keeper.change({ ports: new Map([["tap1", undefined]]) });
    await clock.advance(10);
    expect(await shown()).toEqual(["tap1", "tap2"]);
    keeper.setTrust({ inSync: true });
    await clock.advance(10);
    expect(await shown()).toEqual(["tap1", "tap2"]);
    attached.delete("tap1");
    keeper.look();
    await clock.advance(10);
    expect(await shown()).toEqual(["tap2"]);
  });

  it("a restarted keeper before it is told all -> takes over what is there and removes nothing", async () => {
    const guards = createMemoryGuards();
    await start(guards).want(guardOf("tap1"), guardOf("tap2"));
    const second = start(guards);
    await second.want(guardOf("tap1"));
    expect(await second.shown()).toEqual(["tap1", "tap2"]);
    expect(guards.writes()).toBe(1);
    expect(second.keeper.latest()?.guarded.has("tap1")).toBe(true);
  });

  describe("an earlier process left what may be newer than what is desired", () => {
    const WITHHELD = { inSync: false, mayRetarget: false };
    const NEWER = guardOf("tap1", { sources: [{ mac: mac("02:00:00:00:00:09"), prefixes: undefined }] });
    const key = `declared-${vni(100)}` as const;
    const newMac = mac("02:00:00:00:00:09");

    const left = async () => {
      const guards = createMemoryGuards();
      const first = start(guards);
      first.keeper.change({
        macLists: new Map([[key, new Map([[newMac, true]])]]),
        mirrors: new Map([["ovx100", { from: "ovx100", to: [{ port: "tap1", macs: [newMac] }] }]]),
      });
      await first.want(NEWER);
      await first.keeper.close();
      const again = start(guards);
      again.keeper.setTrust(WITHHELD);
      const guardOfTap1 = async () => (await guards.dump({ macLists: false })).ports.get("tap1");
      return { ...again, guardOfTap1, print: (guard: PortGuard) => guards.print(guard) };
    };

    it("not known to be as new -> it stays and that is told, what is missing is added; as new -> it is replaced", async () => {
      const { keeper, guards, clock, want, guardOfTap1, print } = await left();
      const older = { from: "ovx100", to: [] };
      keeper.change({
        macLists: new Map([[key, new Map([[mac("02:00:00:00:00:01"), true]])]]),
        mirrors: new Map([["ovx100", older]]),
      });
      await want(guardOf("tap1"), guardOf("tap2"));
      await clock.advance(60_000);
      expect(await guardOfTap1()).toBe(print(NEWER));
      const report = keeper.latest();
      expect([report?.held, report?.guarded, report?.whole]).toEqual([new Set(["tap1"]), new Set(["tap2"]), false]);
      const { macLists, mirrors } = await guards.dump({ macLists: true });
      expect(macLists.get(key)).toEqual(new Set([newMac, mac("02:00:00:00:00:01")]));
      expect(mirrors.get("ovx100")).toContain(newMac);
      expect(report?.counters).toMatchObject({ drift: 0, refused: 0 });
      keeper.setTrust({ inSync: false, mayRetarget: true });
      await clock.advance(0);
      expect(await guardOfTap1()).toBe(print(guardOf("tap1")));
      const after = await guards.dump({ macLists: true });
      expect(after.macLists.get(key)).toEqual(new Set([mac("02:00:00:00:00:01")]));
      expect(after.mirrors.get("ovx100")).not.toContain(newMac);
      expect([keeper.latest()?.held.size, keeper.latest()?.whole]).toEqual([0, true]);
    });

    it("its port is about to be attached -> nobody waits: it is guarded", async () => {
      const { keeper, clock, want } = await left();
      await want(guardOf("tap1"));
      let settled = false;
      void keeper.settled(["tap1"]).then(() => (settled = true));
      await clock.advance(0);
      expect(settled).toBe(true);
    });

    it("the copy comes to what the kernel holds -> not one write; what is desired after that is newer", async () => {
      const { keeper, guards, clock, want, guardOfTap1, print } = await left();
      const writes = guards.writes();
      await want(guardOf("tap1"));
      await want(NEWER);
      expect([guards.writes(), keeper.latest()?.guarded]).toEqual([writes, new Set(["tap1"])]);
      await want(guardOf("tap1"));
      await clock.advance(0);
      expect(await guardOfTap1()).toBe(print(guardOf("tap1")));
    });

    it("another hand removes it meanwhile -> the port gets the desired one at once", async () => {
      const { guards, clock, want, guardOfTap1, print } = await left();
      await want(guardOf("tap1"));
      guards.flush();
      await clock.advance(100);
      expect(await guardOfTap1()).toBe(print(guardOf("tap1")));
    });
  });

  it("lists of MACs -> made, edited, and gone with the last guard that names them", async () => {
    const { clock, guards, keeper, want } = start();
    const key = `known-${vni(100)}` as const;
    const [one, two] = [mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")];
    keeper.change({ macLists: new Map([[key, new Map([[one, true]])]]) });
    await want(guardOf("tap1", { stormPacketsPerSec: 10 }));
    keeper.change({
      macLists: new Map([
        [
          key,
          new Map([
            [two, true],
            [one, false],
          ]),
        ],
      ]),
    });
    await clock.advance(10);
    expect((await guards.dump({ macLists: true })).macLists).toEqual(new Map([[key, new Set([two])]]));
    keeper.setTrust({ inSync: true });
    keeper.change({ ports: new Map([["tap1", undefined]]), macLists: new Map([[key, undefined]]) });
    await clock.advance(10);
    expect((await guards.dump({ macLists: true })).macLists.size).toBe(0);
  });

  it("a guard changes -> what was read back before is not whole until the new one is", async () => {
    const { clock, keeper, want } = start();
    await want(guardOf("tap1"));
    expect(keeper.latest()?.whole).toBe(true);
    keeper.change({ ports: new Map([["tap1", guardOf("tap1", { mode: "observe" })]]) });
    expect(keeper.latest()?.whole).toBe(false);
    await clock.advance(0);
    expect(keeper.latest()?.whole).toBe(true);
  });

  it("another hand is at it while a change is read back -> mended at once, not with the next comparison", async () => {
    const guards = createMemoryGuards();
    let meddle = (): void => {};
    const watched: MemoryGuards = {
      ...guards,
      dump: async (options) => {
        const found = await guards.dump(options);
        if (guards.writes() > 1) meddle();
        meddle = guards.writes() > 1 ? () => {} : meddle;
        await Promise.resolve();
        return found;
      },
    };
    const { clock, keeper, want } = start(watched);
    await want(guardOf("tap1"));
    meddle = () => guards.tamper("tap1");
    await want(guardOf("tap2"));
    await clock.advance(1000);
    expect((await guards.dump({ macLists: false })).ports.get("tap1")).toBe(guards.print(guardOf("tap1")));
    expect(keeper.latest()?.counters).toMatchObject({ drift: 1, repairs: 1 });
  });

  it("the edit of a list is refused, alone as well -> not whole, and written when it can be", async () => {
    const guards = createMemoryGuards();
    let refuses = false;
    const moody: MemoryGuards = {
      ...guards,
      apply: async (change) => {
        if (refuses && change.macLists.size > 0) throw new Error("told to refuse lists");
        await guards.apply(change);
      },
    };
    const { clock, keeper, want } = start(moody);
    const key = `known-${vni(100)}` as const;
    const [one, two] = [mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")];
    await want(guardOf("tap1"));
    keeper.change({ macLists: new Map([[key, new Map([[one, true]])]]) });
    await clock.advance(0);
    refuses = true;
    keeper.change({ macLists: new Map([[key, new Map([[two, true]])]]) });
    await clock.advance(0);
    expect(keeper.latest()?.whole).toBe(false);
    refuses = false;
    await clock.advance(1000);
    expect((await guards.dump({ macLists: true })).macLists).toEqual(new Map([[key, new Set([one, two])]]));
    expect(keeper.latest()?.whole).toBe(true);
  });

  it("settled: asked before the pass -> waits for it; a port that nobody guards -> at once", async () => {
    const { clock, keeper, shown } = start();
    keeper.change({ ports: new Map([["tap1", guardOf("tap1")]]) });
    const order: string[] = [];
    const waiting = keeper.settled(["tap1"]).then(async () => order.push((await shown()).join()));
    await keeper.settled(["other"]);
    await clock.advance(10);
    await waiting;
    expect(order).toEqual(["tap1"]);
  });

  it("settled: the kernel took the guard -> at once, not after the proof; refused -> after the refusal", async () => {
    const guards = createMemoryGuards();
    let answer = (): void => {};
    const slow: MemoryGuards = {
      ...guards,
      dump: async (options) => {
        if (guards.writes() > 0) await new Promise<void>((resolve) => (answer = resolve));
        return guards.dump(options);
      },
    };
    const { clock, keeper } = start(slow);
    const order: string[] = [];
    keeper.change({ ports: new Map([["tap1", guardOf("tap1")]]) });
    void keeper.settled(["tap1"]).then(() => order.push("settled"));
    keeper.onReport(({ guarded }) => order.push(`report ${guarded.size}`));
    await clock.advance(0);
    expect(order).toEqual(["settled"]);
    answer();
    await clock.advance(0);
    expect(order).toEqual(["settled", "report 1"]);
    guards.refuse("tap2");
    keeper.change({ ports: new Map([["tap2", guardOf("tap2")]]) });
    void keeper.settled(["tap2"]).then(() => order.push("refused"));
    for (let i = 0; i < 3; i++) {
      await clock.advance(0);
      answer();
    }
    await clock.advance(0);
    expect(order).toEqual(["settled", "report 1", "report 1", "refused"]);
  });

  it("a host without nftables -> every port says why, nobody waits, nothing is written", async () => {
    const { guards, keeper, want } = start(createMemoryGuards({ guards: "nft is not installed" }));
    await want(guardOf("tap1"));
    await keeper.settled(["tap1"]);
    expect(keeper.latest()?.failures).toEqual(new Map([["tap1", "nft is not installed"]]));
    expect(guards.writes()).toBe(0);
  });
});
