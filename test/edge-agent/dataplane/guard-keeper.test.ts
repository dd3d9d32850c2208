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
    keeper.setComplete(true);
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
    keeper.setComplete(true);
    keeper.change({ ports: new Map([["tap1", undefined]]), macLists: new Map([[key, undefined]]) });
    await clock.advance(10);
    expect((await guards.dump({ macLists: true })).macLists.size).toBe(0);
  });

  it("settled: asked before the pass -> waits for it; a port that nobody guards -> at once", async () => {
    const { clock, keeper } = start();
    keeper.change({ ports: new Map([["tap1", guardOf("tap1")]]) });
    const order: string[] = [];
    const waiting = keeper.settled(["tap1"]).then(() => order.push([...(keeper.latest()?.guarded ?? [])].join()));
    await keeper.settled(["other"]);
    await clock.advance(10);
    await waiting;
    expect(order).toEqual(["tap1"]);
  });

  it("a host without nftables -> every port says why, nobody waits, nothing is written", async () => {
    const { guards, keeper, want } = start(createMemoryGuards({ guards: "nft is not installed" }));
    await want(guardOf("tap1"));
    await keeper.settled(["tap1"]);
    expect(keeper.latest()?.failures).toEqual(new Map([["tap1", "nft is not installed"]]));
    expect(guards.writes()).toBe(0);
  });
});
