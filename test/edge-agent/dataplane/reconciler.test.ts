// The reconciler on the kernel in memory: what it does about failures, events and other hands, and what it reports.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MOST_KEYS } from "../../../edge-agent/dataplane/asked.ts";
import { type MacTarget, tablesOf } from "../../../edge-agent/dataplane/desired.ts";
import { createMemoryKernel, type MemoryKernel } from "../../../edge-agent/dataplane/memory-kernel.ts";
import { createReconciler, type Reconciler } from "../../../edge-agent/dataplane/reconciler.ts";
import type { DataplaneReport } from "../../../edge-agent/dataplane/report.ts";
import type { NetworkState } from "../../../edge-agent/dataplane/state.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import { ip, mac, vni } from "../../contract/kernel.ts";
import { desiredStates, disorders, HOST, machine } from "./arbitrary.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";

const BLUE: NetworkState = {
  vni: vni(100),
  owner: "overspan net=blue tenant=acme",
  vtep: HOST,
  mtuBytes: 1400,
  ports: [{ name: "tap1" }],
  local: [{ mac: mac("02:00:00:00:00:01"), port: "tap1" }],
  remote: [{ mac: mac("02:00:00:00:00:02"), vtep: ip("192.0.2.2") }],
  flood: [ip("192.0.2.2")],
  neighbours: [{ ip: ip("10.0.0.2"), mac: mac("02:00:00:00:00:02") }],
};
const GREEN: NetworkState = { ...BLUE, vni: vni(200), owner: "overspan net=green tenant=acme", ports: [], local: [] };
const REMOTE = { kind: "delete-bridge-entry", vni: vni(100), mac: mac("02:00:00:00:00:02"), port: "ovx100" } as const;

type Rig = {
  readonly kernel: MemoryKernel;
  readonly clock: FakeClock;
  readonly reconciler: Reconciler;
  readonly reports: readonly DataplaneReport[];
  readonly last: () => DataplaneReport;
};

function open(kernel: MemoryKernel = withPort()): Rig {
  const clock = createFakeClock();
  const reports: DataplaneReport[] = [];
  const reconciler = createReconciler({ kernel, clock, log: () => undefined });
  reconciler.onReport((report) => reports.push(report));
  const last = (): DataplaneReport => {
    const report = reports.at(-1);
    if (!report) throw new Error("no report yet");
    return report;
  };
  return { kernel, clock, reconciler, reports, last };
}

function withPort(): MemoryKernel {
  const kernel = createMemoryKernel({ vtep: HOST });
  kernel.addInterface("tap1");
  return kernel;
}

const inSync = { inSync: true };
const hexOctet = (n: number) => n.toString(16).padStart(2, "0");
const numbered = (n: number) => mac(`02:00:01:00:${hexOctet(n >> 8)}:${hexOctet(n & 255)}`);
const AT_VTEP: MacTarget = { kind: "remote", vteps: [ip("192.0.2.2")] };

describe("reconciler", () => {
  it("a desired state -> applied, read back and verified in one pass", async () => {
    const { reconciler, clock, reports, last } = open();
    const generation = reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    expect(reports).toHaveLength(1);
    expect(last()).toMatchObject({ generation, inSync: true, error: undefined });
    expect(last().networks).toEqual([
      { vni: 100, desired: true, verified: { ...BLUE }, remaining: 0, unfinished: false, withheld: 0, problems: [] },
    ]);
    expect(last().counters).toMatchObject({ passes: 1, refused: 0, drift: 0, repairs: 0, retries: 0 });
  });

  it("10,000 machines, each op 50 us of the kernel's time -> the event loop turns at least every 15 ms", async () => {
    const memory = withPort();
    let ms = 0;
    const slow: MemoryKernel = {
      ...memory,
      apply: async (ops) => {
        ms += ops.length * 0.05;
        return await memory.apply(ops);
      },
    };
    const clock = { nowMs: () => ms, setTimer: () => () => undefined };
    const reconciler = createReconciler({ kernel: slow, clock, log: () => undefined });
    let longestMs = 0;
    let turnedMs = ms;
    let done = false;
    const turn = (): void => {
      longestMs = Math.max(longestMs, ms - turnedMs);
      turnedMs = ms;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const remote = Array.from({ length: 10_000 }, (_, n) => ({ mac: numbered(n), vtep: ip("192.0.2.2") }));
    const finished = new Promise<DataplaneReport>((resolve) => void reconciler.onReport(resolve));
    reconciler.setDesired({ networks: [{ ...BLUE, remote }] }, inSync);
    const report = await finished;
    done = true;
    expect(report.networks[0]?.verified?.remote).toHaveLength(10_000);
    expect(ms).toBeGreaterThan(500);
    expect(longestMs).toBeLessThan(15);
  });

  it("10,000 keys in 40 changes -> taken in a few thousand a pass, so that no report is large, and told as they come", async () => {
    const { reconciler, clock, reports, last } = open();
    const { frame } = tablesOf(BLUE);
    reconciler.change([{ vni: BLUE.vni, frame }], inSync);
    await clock.advance(0);
    const before = reports.length;
    let generation = 0;
    for (let part = 0; part < 40; part++) {
      const macs = new Map(Array.from({ length: 250 }, (_, n) => [numbered(part * 250 + n), AT_VTEP]));
      generation = reconciler.change([{ vni: BLUE.vni, macs }], inSync);
    }
    await clock.advance(0);
    const sizes = reports.slice(before).map((report) => report.changed.get(BLUE.vni)?.macs.size ?? 0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(10_000);
    expect(Math.max(...sizes)).toBeLessThan(MOST_KEYS + 500);
    expect(last().generation).toBe(generation);
    expect(reports.map((report) => report.generation)).toEqual(
      reports.map((report) => report.generation).toSorted((a, b) => a - b),
    );
  });

  it("in sync by a change that waits for its pass -> nothing goes before that change is taken in", async () => {
    const { kernel, reconciler, clock, last } = open();
    const { frame } = tablesOf(BLUE);
    const macs = new Map(Array.from({ length: 5000 }, (_, n) => [numbered(n), AT_VTEP]));
    reconciler.change([{ vni: BLUE.vni, frame, macs }], inSync);
    await clock.advance(0);
    await reconciler.close();
    const ops: string[] = [];
    const watched: MemoryKernel = {
      ...kernel,
      apply: async (some) => {
        ops.push(...some.map(({ kind }) => kind));
        return await kernel.apply(some);
      },
    };
    const second = createReconciler({ kernel: watched, clock, log: () => undefined });
    const [early, late] = [[...macs].slice(0, 4500), [...macs].slice(4500)];
    second.change([{ vni: BLUE.vni, frame, macs: new Map(early) }], { inSync: false });
    second.change([{ vni: BLUE.vni, macs: new Map(late) }], inSync);
    await clock.advance(0);
    expect(ops).toEqual([]);
    expect(second.latest()).toMatchObject({ inSync: true, error: undefined });
    expect(second.verified(BLUE.vni)?.macCount).toBe(5000);
    expect(last().error).toBeUndefined();
  });

  it("many desired states in one turn -> one pass, the last counts", async () => {
    const { reconciler, clock, reports, last } = open();
    for (const networks of [[BLUE], [], [GREEN], [BLUE, GREEN]]) reconciler.setDesired({ networks }, inSync);
    await clock.advance(0);
    expect(reports.map((report) => report.generation)).toEqual([4]);
    expect(last().networks.map((network) => network.vni)).toEqual([100, 200]);
  });

  it("changes by key -> applied; the report says what was verified before, the accessors what is now", async () => {
    const { reconciler, clock, last } = open();
    const { local, remote, neighbours: _neighbours, ...frame } = BLUE;
    const [here, there] = [local[0]?.mac, remote[0]?.mac] as [Mac, Mac];
    const far: MacTarget = { kind: "remote", vteps: [ip("192.0.2.2")] };
    const macs = new Map<Mac, MacTarget>([
      [here, { kind: "local", port: "tap1" }],
      [there, far],
    ]);
    reconciler.change([{ vni: BLUE.vni, frame, macs, neighbours: new Map([[ip("10.0.0.2"), there]]) }], inSync);
    await clock.advance(0);
    expect(last().networks[0]?.verified).toEqual(BLUE);
    expect(last().changed.get(BLUE.vni)).toMatchObject({ whole: true });
    const now = reconciler.verified(BLUE.vni);
    expect([now?.mac(here), now?.mac(there), now?.macCount]).toEqual([{ kind: "local", port: "tap1" }, far, 2]);
    expect([now?.neighbour(ip("10.0.0.2")), now?.neighbourCount, now?.flood]).toEqual([there, 1, [ip("192.0.2.2")]]);

    const moved: MacTarget = { kind: "remote", vteps: [ip("192.0.2.3")] };
    const generation = reconciler.change(
      [{ vni: BLUE.vni, macs: new Map([[there, moved]]), neighbours: new Map([[ip("10.0.0.2"), undefined]]) }],
      inSync,
    );
    await clock.advance(0);
    expect(last().generation).toBe(generation);
    expect(last().changed).toEqual(
      new Map([
        [
          BLUE.vni,
          {
            whole: false,
            macs: new Map([[there, far]]),
            neighbours: new Map([[ip("10.0.0.2"), there]]),
            flood: undefined,
          },
        ],
      ]),
    );
    expect(reconciler.verified(BLUE.vni)?.mac(there)).toEqual(moved);
    reconciler.change([{ vni: BLUE.vni, remove: true }], inSync);
    await clock.advance(0);
    expect(reconciler.verified(BLUE.vni)).toBeUndefined();
    expect(last().networks).toEqual([]);
  });

  it("tables of a network before its frame -> kept until the frame comes", async () => {
    const { reconciler, clock, last } = open();
    const { local, remote, neighbours, ...frame } = GREEN;
    const far: MacTarget = { kind: "remote", vteps: [ip("192.0.2.2")] };
    reconciler.change([{ vni: GREEN.vni, macs: new Map(remote.map(({ mac: key }) => [key, far])) }], inSync);
    reconciler.change([{ vni: GREEN.vni, neighbours: new Map(neighbours.map((each) => [each.ip, each.mac])) }], inSync);
    await clock.advance(0);
    expect(last().networks).toEqual([]);
    reconciler.change([{ vni: GREEN.vni, frame }], inSync);
    await clock.advance(0);
    expect(last().networks[0]?.verified).toEqual({ ...GREEN, local });
  });

  it("a second reconciler on the same kernel -> adopts with no write", async () => {
    const first = open();
    first.reconciler.setDesired({ networks: [BLUE, GREEN] }, inSync);
    await first.clock.advance(0);
    await first.reconciler.close();
    const writes = first.kernel.writes();
    const second = open(first.kernel);
    second.reconciler.setDesired({ networks: [BLUE, GREEN] }, { inSync: false });
    await second.clock.advance(0);
    second.reconciler.setDesired({ networks: [BLUE, GREEN] }, inSync);
    await second.clock.advance(120_000);
    expect(first.kernel.writes()).toBe(writes);
    expect(second.last().networks.every((network) => network.verified !== undefined)).toBe(true);
  });

  it("a network is no longer desired, not in sync -> kept and told; in sync -> removed", async () => {
    const { reconciler, clock, last, kernel } = open();
    reconciler.setDesired({ networks: [BLUE, GREEN] }, inSync);
    await clock.advance(0);
    reconciler.setDesired({ networks: [BLUE] }, { inSync: false });
    await clock.advance(60_000);
    expect(last().networks[1]).toMatchObject({ vni: 200, desired: false, remaining: 0, withheld: 2, problems: [] });
    expect((await kernel.dump()).networks).toHaveLength(2);
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    expect(last().networks.map((network) => network.vni)).toEqual([100]);
  });

  it("the kernel refuses one network's ops -> the other is verified, the one is retried with growing delay", async () => {
    const { reconciler, clock, kernel, last, reports } = open();
    kernel.setFault((op) => (op.vni === 200 && op.kind === "add-flood" ? "ENOMEM" : undefined));
    reconciler.setDesired({ networks: [BLUE, GREEN] }, inSync);
    await clock.advance(0);
    const [blue, green] = last().networks;
    expect(blue).toMatchObject({ remaining: 0, problems: [] });
    expect(green?.remaining).toBe(1);
    expect(green?.problems).toMatchObject([{ kind: "op-failed", failure: { code: "ENOMEM" }, more: 0 }]);
    expect(green?.verified?.flood).toEqual([]);
    await clock.advance(200 + 400 + 800);
    expect(reports).toHaveLength(4);
    kernel.setFault(undefined);
    await clock.advance(1600);
    expect(last().networks.flatMap((network) => network.problems)).toEqual([]);
    expect(last().counters).toMatchObject({ refused: 4, retries: 4, drift: 0 });
  });

  it("the kernel does not answer -> told, nothing verified, retried from a fresh dump", async () => {
    const { reconciler, clock, kernel, last } = open();
    kernel.failNext("dump", 2);
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    expect(last().error).toContain("told to fail this dump");
    expect(last().networks).toMatchObject([{ vni: 100, verified: undefined }]);
    await clock.advance(600);
    expect(last()).toMatchObject({ error: undefined, networks: [{ verified: BLUE }] });
    kernel.failNext("apply", 1);
    reconciler.setDesired({ networks: [BLUE, GREEN] }, inSync);
    await clock.advance(0);
    expect(last().error).toContain("told to fail this apply");
    await clock.advance(200);
    expect(last().networks).toHaveLength(2);
  });

  it("another hand deletes an entry -> back after the event, counted as drift and repair", async () => {
    const { reconciler, clock, kernel, last } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    kernel.tamper(REMOTE);
    await clock.advance(50);
    expect(last().networks[0]?.verified).toEqual(BLUE);
    expect(last().counters).toMatchObject({ drift: 1, repairs: 1 });
  });

  it("a storm of events -> one pass in each settle time", async () => {
    const { reconciler, clock, kernel, reports } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    for (let i = 0; i < 100; i++) {
      kernel.tamper(REMOTE);
      await clock.advance(1);
    }
    await clock.advance(50);
    expect(reports.length).toBeLessThanOrEqual(4);
    const settled = reports.length;
    await clock.advance(29_000);
    expect(reports).toHaveLength(settled);
  });

  it("a change that no event told -> found by the periodic comparison", async () => {
    const { reconciler, clock, last, kernel } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    kernel.setDeaf(true);
    kernel.tamper({ kind: "delete-link", vni: vni(100), name: "ovx100" });
    kernel.setDeaf(false);
    await clock.advance(29_999);
    expect(last().counters.repairs).toBe(0);
    await clock.advance(1);
    expect(last().networks[0]?.verified).toEqual(BLUE);
    expect(last().counters.repairs).toBeGreaterThan(0);
  });

  it("events were lost -> everything is compared", async () => {
    const { reconciler, clock, kernel, last } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    kernel.overrun();
    await clock.advance(50);
    expect(last().counters).toMatchObject({ overruns: 1, passes: 2 });
  });

  it("a port comes later -> a problem until then, attached by the event, and that is no drift", async () => {
    const kernel = createMemoryKernel({ vtep: HOST });
    const { reconciler, clock, last } = open(kernel);
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    expect(last().networks[0]).toMatchObject({
      remaining: 0,
      problems: [{ kind: "port-missing", port: "tap1" }],
      verified: { local: [], ports: [] },
    });
    kernel.addInterface("tap1");
    await clock.advance(50);
    expect(last().networks[0]).toMatchObject({ problems: [], verified: BLUE });
    kernel.removeLink("tap1");
    await clock.advance(50);
    kernel.addInterface("tap1");
    await clock.advance(50);
    expect(last().networks[0]?.verified).toEqual(BLUE);
    expect(last().counters.drift).toBe(0);
  });

  it("closed during a pass -> the pass ends, nothing follows, the kernel keeps its state", async () => {
    const { reconciler, clock, kernel, reports } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await reconciler.close();
    const seen = reports.length;
    kernel.tamper(REMOTE);
    reconciler.setDesired({ networks: [] }, inSync);
    await clock.advance(60_000);
    expect(reports).toHaveLength(seen);
  });

  it("any machine, ops refused at random for a while -> ends as desired", async () => {
    await fc.assert(
      fc.asyncProperty(
        disorders,
        desiredStates,
        desiredStates,
        fc.infiniteStream(fc.boolean()),
        async (disorder, first, second, coin) => {
          const kernel = machine(disorder);
          const { reconciler, clock, last } = open(kernel);
          kernel.setFault(() => (coin.next().value ? "EBUSY" : undefined));
          reconciler.setDesired(first, inSync);
          await clock.advance(3000);
          reconciler.setDesired(second, inSync);
          await clock.advance(3000);
          kernel.setFault(undefined);
          await clock.advance(20_000);
          expect(
            last()
              .networks.map((network) => network.remaining)
              .filter((left) => left > 0),
          ).toEqual([]);
          await reconciler.close();
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("reconciler: faults at every operation", () => {
  const after: NetworkState = {
    ...BLUE,
    mtuBytes: 1300,
    local: [],
    remote: [
      { mac: mac("02:00:00:00:00:01"), vtep: ip("192.0.2.3") },
      { mac: mac("02:00:00:00:00:05"), vtep: ip("192.0.2.2"), vteps: [ip("192.0.2.2"), ip("192.0.2.3")] },
    ],
    flood: [ip("192.0.2.3")],
    neighbours: [{ ip: ip("10.0.0.2"), mac: mac("02:00:00:00:00:05") }],
  };

  it.each(["refused", "unanswered"] as const)(
    "each single op %s once -> the other network whole at once, both in the end",
    async (how) => {
      for (let at = 0; ; at++) {
        const kernel = withPort();
        let count = 0;
        let hit = false;
        const { reconciler, clock, last } = open({
          ...kernel,
          apply: async (ops) => {
            const from = count;
            count += ops.length;
            if (how === "unanswered" && from <= at && at < count && !hit) {
              hit = true;
              // Some of it is done, then nobody answers.
              await kernel.apply(ops.slice(0, at - from));
              throw new Error("the kernel did not answer");
            }
            return kernel.apply(ops);
          },
        });
        if (how === "refused") {
          let number = 0;
          kernel.setFault(() => {
            if (number++ !== at) return undefined;
            hit = true;
            return "ENOMEM";
          });
        }
        for (const networks of [[BLUE, GREEN], [after, GREEN], [GREEN]]) {
          reconciler.setDesired({ networks }, inSync);
          await clock.advance(0);
          const green = last().networks.find((network) => network.vni === 200);
          if (how === "refused" && !hit) expect(green?.problems).toEqual([]);
          await clock.advance(3000);
          expect(last().networks.map((network) => [network.verified, network.remaining, network.problems])).toEqual(
            networks.map((network) => [network, 0, []]),
          );
          expect(last().counters.drift).toBe(0);
        }
        await reconciler.close();
        if (!hit) break;
        expect(at).toBeLessThan(200);
      }
    },
  );
});

describe("reconciler: what an earlier process left may be newer than our copy of intent", () => {
  const SECOND = mac("02:00:00:00:00:02");
  const WITHHELD = { inSync: false, mayRetarget: false };
  /** As an older copy has it: the one machine still elsewhere, the other still at home, its address another's. */
  const OLDER: NetworkState = {
    ...BLUE,
    local: [{ mac: SECOND, port: "tap1" }],
    remote: [{ mac: mac("02:00:00:00:00:01"), vtep: ip("192.0.2.3") }],
    neighbours: [{ ip: ip("10.0.0.2"), mac: mac("02:00:00:00:00:01") }],
  };

  async function left(networks: readonly NetworkState[]): Promise<MemoryKernel> {
    const first = open();
    first.reconciler.setDesired({ networks }, inSync);
    await first.clock.advance(0);
    await first.reconciler.close();
    return first.kernel;
  }

  it("not known to be as new -> nothing is turned, and that is told; what is missing is added", async () => {
    const { reconciler, clock, kernel, last } = open(await left([BLUE]));
    const flood = [...BLUE.flood, ip("192.0.2.3")];
    const added = { mac: mac("02:00:00:00:00:03"), vtep: ip("192.0.2.3") };
    reconciler.setDesired({ networks: [{ ...OLDER, flood, remote: [...OLDER.remote, added] }] }, WITHHELD);
    await clock.advance(60_000);
    const held = last().networks[0];
    expect(held?.verified).toEqual({ ...BLUE, flood, remote: [...BLUE.remote, added] });
    expect(held).toMatchObject({ remaining: 0, withheld: 3, problems: [] });
    expect(last().counters).toMatchObject({ drift: 0, retries: 0 });
    const writes = kernel.writes();
    reconciler.change([], WITHHELD);
    await clock.advance(0);
    expect(kernel.writes()).toBe(writes);
    reconciler.change([], { inSync: false, mayRetarget: true });
    await clock.advance(0);
    // The tunnel's half of what came to a port is a deletion, and waits on.
    expect(last().networks[0]).toMatchObject({ remaining: 0, withheld: 1 });
    expect(last().networks[0]?.verified).toEqual({ ...OLDER, flood, remote: [...OLDER.remote, added] });
  });

  it("the copy comes to what the kernel holds -> not one write", async () => {
    const { reconciler, clock, kernel, last } = open(await left([BLUE]));
    const writes = kernel.writes();
    reconciler.setDesired({ networks: [OLDER] }, WITHHELD);
    await clock.advance(1_000);
    reconciler.setDesired({ networks: [BLUE] }, WITHHELD);
    reconciler.change([], inSync);
    await clock.advance(0);
    expect(kernel.writes()).toBe(writes);
    expect(last().networks[0]?.verified).toEqual(BLUE);
  });

  it("another hand turns an entry meanwhile -> mended at once, for it was right", async () => {
    const { reconciler, clock, kernel, last } = open(await left([BLUE]));
    reconciler.setDesired({ networks: [BLUE] }, WITHHELD);
    await clock.advance(0);
    const before = { form: "dst", vteps: [ip("192.0.2.2")], vni: undefined } as const;
    const tunnel = { ...before, vteps: [ip("192.0.2.9")] };
    kernel.tamper({ kind: "replace-vxlan-entry", vni: vni(100), vxlan: "ovx100", mac: SECOND, tunnel, before });
    await clock.advance(50);
    expect(last().networks[0]?.verified).toEqual(BLUE);
    expect(last().counters).toMatchObject({ drift: 1, repairs: 1 });
  });

  it("nothing was left of a network -> what this process wrote may be turned at once", async () => {
    const { reconciler, clock, last } = open(await left([GREEN]));
    reconciler.setDesired({ networks: [BLUE, GREEN] }, WITHHELD);
    await clock.advance(0);
    reconciler.setDesired({ networks: [OLDER, GREEN] }, WITHHELD);
    await clock.advance(0);
    expect(last().networks[0]?.verified).toEqual(OLDER);
  });

  it("a port on another network's bridge -> stays there until it may be taken", async () => {
    const { reconciler, clock, last } = open(await left([BLUE, GREEN]));
    const networks = [
      { ...BLUE, ports: [], local: [] },
      { ...GREEN, ports: BLUE.ports, local: BLUE.local },
    ];
    reconciler.setDesired({ networks }, WITHHELD);
    await clock.advance(1_000);
    expect(last().networks.map(({ problems }) => problems)).toEqual([
      [],
      [{ kind: "port-taken", vni: 200, port: "tap1", master: "ovbr100" }],
    ]);
    expect(last().networks[0]?.verified?.local).toEqual(BLUE.local);
    reconciler.change([], inSync);
    await clock.advance(1_000);
    expect(last().networks.map(({ verified }) => verified)).toEqual(networks);
  });
});

describe("reconciler: what the bridge learns", () => {
  const STRANGER = mac("02:00:00:00:00:09");
  const remote = { kind: "remote", vteps: [ip("192.0.2.2")], yields: true } as const;

  it("a machine that nobody declared, heard on a port -> told with its port, and when it is forgotten", async () => {
    const { reconciler, clock, kernel, reports } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    kernel.learn("ovbr100", STRANGER, "tap1");
    await clock.advance(50);
    expect(reconciler.learned(vni(100))).toEqual(new Map([[STRANGER, "tap1"]]));
    kernel.tamper({ kind: "delete-bridge-entry", vni: vni(100), mac: STRANGER, port: "tap1" });
    await clock.advance(50);
    expect(reconciler.learned(vni(100)).size).toBe(0);
    expect(reports.flatMap(({ learned }) => [...learned])).toEqual([
      [100, new Set([STRANGER])],
      [100, new Set([STRANGER])],
    ]);
    expect(reports.at(-1)?.counters).toMatchObject({ drift: 0 });
  });

  it("learned before the agent started, and forgotten while no event told -> seen by reading", async () => {
    const first = open();
    first.reconciler.setDesired({ networks: [BLUE] }, inSync);
    await first.clock.advance(0);
    await first.reconciler.close();
    first.kernel.learn("ovbr100", STRANGER, "tap1");
    const { reconciler, clock, kernel } = open(first.kernel);
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    expect(reconciler.learned(vni(100))).toEqual(new Map([[STRANGER, "tap1"]]));
    kernel.setDeaf(true);
    kernel.tamper({ kind: "delete-bridge-entry", vni: vni(100), mac: STRANGER, port: "tap1" });
    kernel.setDeaf(false);
    await clock.advance(60_000);
    expect(reconciler.learned(vni(100)).size).toBe(0);
  });

  it("an entry that yields, heard on a port -> stays there and is no drift; wanted elsewhere anew -> goes there", async () => {
    const { reconciler, clock, kernel, last } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    reconciler.change([{ vni: vni(100), macs: new Map([[STRANGER, remote]]) }], inSync);
    await clock.advance(0);
    expect(reconciler.verified(vni(100))?.mac(STRANGER)).toEqual({ kind: "remote", vteps: remote.vteps });
    kernel.learn("ovbr100", STRANGER, "tap1");
    await clock.advance(50);
    const portOf = async () =>
      (await kernel.dump()).networks[0]?.bridgeEntries.find((entry) => entry.mac === STRANGER)?.port;
    expect([await portOf(), reconciler.learned(vni(100)).get(STRANGER)]).toEqual(["tap1", "tap1"]);
    expect(last().counters).toMatchObject({ drift: 0, retries: 0 });
    const moved = { ...remote, vteps: [ip("192.0.2.3")] };
    reconciler.change([{ vni: vni(100), macs: new Map([[STRANGER, moved]]) }], inSync);
    await clock.advance(0);
    expect([await portOf(), reconciler.learned(vni(100)).size]).toEqual(["ovx100", 0]);
  });

  it("a declared entry, heard on a port -> put back, and drift", async () => {
    const { reconciler, clock, kernel, last } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    kernel.learn("ovbr100", mac("02:00:00:00:00:02"), "tap1");
    await clock.advance(50);
    expect(last().networks[0]?.verified).toEqual(BLUE);
    expect(last().counters).toMatchObject({ drift: 1, repairs: 1 });
    expect(reconciler.learned(vni(100)).size).toBe(0);
  });
});

describe("reconciler: drift", () => {
  it("what another hand changed -> kept with before and after, counted by network", async () => {
    const { reconciler, clock, kernel } = open();
    reconciler.setDesired({ networks: [BLUE] }, inSync);
    await clock.advance(0);
    const far = { form: "nexthop", vteps: [ip("192.0.2.9")], vni: undefined } as const;
    const there = { kind: "replace-vxlan-entry", vni: vni(100), vxlan: "ovx100", mac: REMOTE.mac } as const;
    kernel.tamper({ ...there, tunnel: far, before: undefined });
    kernel.tamper({ kind: "add-flood", vni: vni(100), vxlan: "ovx100", vtep: ip("192.0.2.99") });
    kernel.tamper({ kind: "delete-neighbour", vni: vni(100), bridge: "ovbr100", ip: ip("10.0.0.2") });
    kernel.tamper({ kind: "set-link", vni: vni(100), name: "ovbr100", mtuBytes: 900 });
    await clock.advance(100);
    const { recent, byNetwork } = reconciler.drift();
    const bridge = "02:00:00:00:00:02 dev ovx100 master ovbr100 extern_learn";
    expect(new Set(recent.map(({ before, after }) => [before, after]))).toEqual(
      new Set([
        [
          `${bridge}; 02:00:00:00:00:02 dev ovx100 dst 192.0.2.2 self extern_learn`,
          `${bridge}; 02:00:00:00:00:02 dev ovx100 dst 192.0.2.9 self extern_learn`,
        ],
        [undefined, "00:00:00:00:00:00 dev ovx100 dst 192.0.2.99 self permanent"],
        ["10.0.0.2 dev ovbr100 lladdr 02:00:00:00:00:02 PERMANENT proto 79", undefined],
        ["ovbr100 mtu 1400", "ovbr100 mtu 900"],
      ]),
    );
    expect(recent.every(({ repaired, foundBy }) => repaired && foundBy === "event")).toBe(true);
    expect(byNetwork.get(vni(100))).toMatchObject({ found: 4, repaired: 4 });
    expect(reconciler.latest()?.networks[0]?.verified).toEqual(BLUE);
  });

  it("events lost while another hand was at it -> found by reading anew, counted, nothing lost", async () => {
    const { reconciler, clock, kernel, last } = open();
    reconciler.setDesired({ networks: [BLUE, GREEN] }, inSync);
    await clock.advance(0);
    kernel.setDeaf(true);
    kernel.tamper(REMOTE);
    kernel.tamper({ ...REMOTE, vni: vni(200), port: "ovx200" });
    kernel.setDeaf(false);
    kernel.overrun();
    await clock.advance(100);
    expect(last().counters).toMatchObject({ drift: 2, repairs: 2, missed: 0, overruns: 1 });
    expect(last().networks.map((network) => network.verified)).toEqual([BLUE, GREEN]);
  });

  it("the kernel keeps silent -> found by the comparison, one network after the other, and counted as missed", async () => {
    const { reconciler, clock, kernel, last } = open();
    reconciler.setDesired({ networks: [BLUE, GREEN] }, inSync);
    await clock.advance(0);
    kernel.setDeaf(true);
    kernel.tamper(REMOTE);
    kernel.setDeaf(false);
    expect(reconciler.verified(vni(100))?.mac(REMOTE.mac)).toBeDefined();
    await clock.advance(60_000);
    expect(last().counters).toMatchObject({ drift: 1, repairs: 1, missed: 1 });
    expect(last().networks[0]?.verified).toEqual(BLUE);
  });
});
