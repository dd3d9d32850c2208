// Flags of bridge ports over interfaces in memory: set where they are wrong, and those that an earlier process left only once
// intent is known not to be older.

import { expect, it } from "vitest";
import type { PortFlags } from "../../../edge-agent/dataplane/host-ports.ts";
import { createPortFlags } from "../../../edge-agent/lane/port-flags.ts";
import { createFakeClock } from "../dataplane/fake-clock.ts";

const PLAIN: PortFlags = { learning: false, isolated: false, flood: true };
const ISOLATED: PortFlags = { ...PLAIN, isolated: true };

function host(attached: Readonly<Record<string, PortFlags>>) {
  const clock = createFakeClock();
  const has = new Map(Object.entries(attached));
  const trust = { mayRetarget: false };
  const flags = createPortFlags({
    hostPorts: {
      list: () => Promise.resolve([]),
      set: (changes) => {
        for (const [port, next] of changes) has.set(port, next);
        return Promise.resolve(new Map());
      },
      watch: () => ({ close: () => undefined }),
      close: () => Promise.resolve(),
    },
    clock,
    log: { info: () => undefined, warn: () => undefined },
    ports: () =>
      new Map(
        Array.from(has, ([name, flagsNow]) => [
          name,
          {
            name,
            mac: undefined,
            permanentMac: undefined,
            alias: undefined,
            kind: "tun",
            loopback: false,
            ours: false,
            attached: flagsNow,
          },
        ]),
      ),
    mayRetarget: () => trust.mayRetarget,
  });
  return { clock, has, trust, flags };
}

it("port flags: another hand changes them -> set again at once, also before the cloud has answered", async () => {
  const { clock, has, flags } = host({ tap1: ISOLATED });
  flags.change(new Map([["tap1", ISOLATED]]));
  await clock.advance(0);
  has.set("tap1", PLAIN);
  flags.look();
  await clock.advance(0);
  expect(has.get("tap1")).toEqual(ISOLATED);
  await flags.close();
});

it("port flags: an earlier process left others -> they stay, and the port is not as it should; as new -> set", async () => {
  const { clock, has, trust, flags } = host({ tap1: ISOLATED });
  flags.change(new Map([["tap1", PLAIN]]));
  await clock.advance(60_000);
  expect([has.get("tap1"), flags.isSet("tap1")]).toEqual([ISOLATED, false]);
  trust.mayRetarget = true;
  flags.look();
  await clock.advance(0);
  expect([has.get("tap1"), flags.isSet("tap1")]).toEqual([PLAIN, true]);
  await flags.close();
});

it("port flags: as wanted once, then wanted otherwise -> set at once: what is wanted now is newer", async () => {
  const { clock, has, flags } = host({ tap1: ISOLATED });
  flags.change(new Map([["tap1", ISOLATED]]));
  await clock.advance(0);
  flags.change(new Map([["tap1", PLAIN]]));
  await clock.advance(0);
  expect(has.get("tap1")).toEqual(PLAIN);
  await flags.close();
});
