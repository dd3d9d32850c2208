// Real faults between the real cloud's side and real kernels: after each, every receipt is live, every host's digest of its
// kernel is the cloud's, and the kernels' entries are what the API declares. One host's link is cut for two minutes, in which
// the others have the faults that follow.

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FaultWorld, openFaultWorld } from "./fault-hosts.ts";
import { requireKernel } from "./require-root.ts";

const LIMIT_MS = 480_000;
const ENDPOINTS = 12;
const CUT_MS = 120_000;

describe.runIf(requireKernel("root", "vxlan", "bridge"))("real faults", () => {
  let world: FaultWorld;
  let made = 0;
  let cutAtMs = 0;
  let away: readonly string[] = [];

  /** One machine comes, one moves to the next host, one goes: every host has something to do. */
  async function someChanges(rounds = 1): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const n = made++;
      const [at, then] = [world.hosts[n % 3], world.hosts[(n + 1) % 3]];
      const port = `tap${n % 4}`;
      const mac = `02:00:00:00:00:${(n % 256).toString(16).padStart(2, "0")}`;
      await world.write("POST", "/networks/blue/endpoints", { id: `e${n}`, host: at, mac, port });
      await world.write("POST", `/networks/blue/endpoints/e${n}:move`, { host: then, port });
      if (n >= ENDPOINTS) await world.write("DELETE", `/networks/blue/endpoints/e${n - ENDPOINTS}`);
    }
  }

  beforeAll(async () => {
    world = await openFaultWorld();
    for (const host of world.hosts) await world.start(host);
    await someChanges(ENDPOINTS);
    await world.allEqual();
  }, LIMIT_MS);
  afterAll(async () => {
    await world?.close();
  }, LIMIT_MS);

  test(
    "broker killed and restarted under changes -> all digests equal",
    async () => {
      await someChanges();
      await world.runtime.broker.stop();
      await someChanges(2);
      await world.runtime.broker.start();
      await someChanges();
      await world.allEqual();
    },
    LIMIT_MS,
  );

  test(
    "a host's link cut -> the others go on",
    async () => {
      world.link("h2", "down");
      cutAtMs = performance.now();
      away = ["h2"];
      await someChanges();
      await world.allEqual(away);
    },
    LIMIT_MS,
  );

  test(
    "consumer killed in the middle of batches -> all digests equal of who is there",
    async () => {
      let interrupted = 0;
      for (let tries = 0; interrupted < 3 && tries < 60; tries++) {
        const changing = someChanges();
        await delay(20 + 10 * (tries % 15));
        interrupted += world.runtime.killFunction("publish");
        await changing;
      }
      await world.allEqual(away);
      expect(interrupted).toBeGreaterThanOrEqual(3);
    },
    LIMIT_MS,
  );

  test(
    "store throttled, half of the refused calls done all the same -> all digests equal",
    async () => {
      world.store.throttle(0.3);
      await someChanges(2);
      await delay(1_000);
      world.store.throttle(0);
      expect(world.store.refused()).toBeGreaterThan(5);
      await world.allEqual(away);
    },
    LIMIT_MS,
  );

  test(
    "store killed and restarted from its disk under changes -> all digests equal",
    async () => {
      await someChanges();
      // At rest: DynamoDB's local engine forgets what it answered in the moment before a kill, as DynamoDB never does.
      await world.runtime.settled();
      const restarting = world.runtime.restartStore();
      await someChanges();
      await restarting;
      await world.allEqual(away);
    },
    LIMIT_MS,
  );

  test(
    "the link mended after two minutes -> the host catches up, all digests equal",
    async () => {
      await someChanges();
      await delay(Math.max(0, cutAtMs + CUT_MS - performance.now()));
      world.link("h2", "up");
      away = [];
      await world.allEqual();
    },
    LIMIT_MS,
  );

  test(
    "all agents killed with -9 under changes -> all digests equal",
    async () => {
      const changing = someChanges(2);
      for (const host of world.hosts) await world.kill(host);
      await changing;
      for (const host of world.hosts) await world.start(host);
      await world.allEqual();
    },
    LIMIT_MS,
  );

  test(
    "a host restored from an old disk image -> catches up, all digests equal",
    async () => {
      await world.keepImage("h3");
      await someChanges(4);
      await world.allEqual();
      await world.kill("h3");
      await world.restoreImage("h3");
      await world.start("h3");
      await someChanges();
      await world.allEqual();
    },
    LIMIT_MS,
  );
});
