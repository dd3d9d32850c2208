// The lane of port security over guards and interfaces in memory: when it calls a network's part of the proof done.

import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { createMemoryGuards } from "../../../edge-agent/dataplane/memory-guards.ts";
import { createMemoryHostPorts } from "../../../edge-agent/dataplane/memory-host-ports.ts";
import { createIntent } from "../../../edge-agent/intent/intent.ts";
import { createGuardsLane } from "../../../edge-agent/lane/guards.ts";
import type { LaneContext } from "../../../edge-agent/lane/lane.ts";
import { createPace } from "../../../edge-agent/lane/pace.ts";
import { createPortFinder } from "../../../edge-agent/lane/port-finder.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { networkChannel } from "../../../shared/model/record.ts";
import { FakeClock } from "../bgp/fake-network.ts";

const BLUE = networkChannel("blue");
const MACHINE = { host: "h1", mac: "02:00:00:00:00:01", ips: ["10.0.0.1"], port: "tap1", mobility: 0 };

function world() {
  const clock = new FakeClock();
  const diary = createDiary(clock.wallMs, () => undefined);
  const intent = createIntent("h1", []);
  const guards = createMemoryGuards();
  const hostPorts = createMemoryHostPorts();
  const finder = createPortFinder({ host: "h1", hostPorts, clock, log: diary });
  const context: Partial<LaneContext> = {
    host: "h1",
    clock,
    diary,
    intent,
    pace: createPace(clock, () => undefined),
    reconciler: { verified: () => undefined, learned: () => new Map() } as never,
    trust: () => ({ inSync: true }),
    reportChanged: () => undefined,
  };
  const lane = createGuardsLane(context as LaneContext, { guards, hostPorts, finder });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) {
      clock.advance(20, () => undefined);
      await setImmediate();
    }
  };
  /** The cloud changes a record; nothing is worked off yet. */
  const put = (key: string, body: object): void => {
    const replica = intent.channels.get(BLUE) ?? {
      channel: BLUE,
      seq: 1,
      digest: EMPTY_DIGEST,
      forwarding: EMPTY_DIGEST,
      records: new Map(),
    };
    intent.channels.set(BLUE, replica);
    replica.records.set(key, { version: 1, raw: body, body, hash: EMPTY_DIGEST });
    lane.intent?.(new Map([[BLUE, new Set([key])]]));
  };
  /** The host lets go of the network. */
  const drop = (): void => {
    intent.channels.delete(BLUE);
    lane.intent?.(new Map([[BLUE, "whole"]]));
  };
  const isProven = () => lane.channel?.(BLUE)?.kernel !== undefined;
  return { clock, guards, hostPorts, finder, lane, put, drop, settle, isProven };
}

it("guards lane: what may be sent from a port changes -> not proven before the new guard is read back", async () => {
  const { clock, guards, lane, put, settle, isProven } = world();
  put("network", { tenant: "acme", name: "blue", vni: 100, subnets: [] });
  put("endpoint/e1", MACHINE);
  await settle();
  expect(isProven()).toBe(true);
  const before = guards.writes();
  put("endpoint/e1", { ...MACHINE, allowedAddresses: [{ ip: "10.0.0.9/32" }] });
  expect(isProven()).toBe(false);
  // Worked off; the kernel is told in the next turn.
  clock.advance(0, () => undefined);
  expect([isProven(), guards.writes()]).toEqual([false, before]);
  await settle();
  expect([isProven(), guards.writes()]).toEqual([true, before + 1]);
  await lane.close?.();
});

it("guards lane: the first endpoint comes to a network -> not proven while nobody has looked at it", async () => {
  const { lane, put, settle, isProven } = world();
  put("network", { tenant: "acme", name: "blue", vni: 100, subnets: [] });
  await settle();
  expect(lane.channel?.(BLUE)).toBeUndefined();
  put("endpoint/e1", MACHINE);
  expect(lane.channel?.(BLUE)).toEqual({ kernel: undefined, problems: [] });
  await settle();
  expect(isProven()).toBe(true);
  await lane.close?.();
});

it("guards lane: the network is let go of with an endpoint that found no port -> nothing is said of that any more", async () => {
  const { hostPorts, finder, lane, put, drop, settle } = world();
  const { port: _, ...nameless } = MACHINE;
  for (const name of ["tap1", "tap2"]) hostPorts.put({ name, mac: MACHINE.mac as never });
  put("network", { tenant: "acme", name: "blue", vni: 100, subnets: [] });
  put("endpoint/e1", nameless);
  await settle();
  expect(finder.problems("blue")).toEqual([expect.stringContaining("tap1, tap2 all could be the one")]);
  drop();
  await settle();
  expect(finder.problems("blue")).toEqual([]);
  put("network", { tenant: "acme", name: "blue", vni: 100, subnets: [] });
  await settle();
  expect(finder.problems("blue")).toEqual([]);
  await lane.close?.();
});
