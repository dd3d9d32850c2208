import { expect, it } from "vitest";
import { createCompleteness } from "../../../edge-agent/lane/completeness.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import { FakeClock } from "../bgp/fake-network.ts";

const [tor1, tor2] = ["192.0.2.1", "192.0.2.2"] as [IpAddress, IpAddress];

function host(peers: readonly IpAddress[]) {
  const clock = new FakeClock();
  const state = { inSync: false, busy: false };
  const heard: boolean[] = [];
  const retarget: boolean[] = [];
  const completeness = createCompleteness({
    clock,
    inSync: () => state.inSync,
    peers: () => peers,
    busy: () => state.busy,
    changed: (now) => {
      if (now !== (heard.at(-1) ?? false)) heard.push(now);
      retarget.push(completeness.mayRetarget);
    },
  });
  return { clock, state, heard, retarget, completeness };
}

it("completeness: the cloud's answer and End-of-RIB of every ToR -> only then complete", () => {
  const { state, heard, completeness } = host([tor1, tor2]);
  completeness.endOfRib(tor1);
  state.inSync = true;
  completeness.judge();
  expect(completeness.now).toBe(false);
  completeness.endOfRib(tor2);
  expect(heard).toEqual([true]);
});

it("completeness: told everything, but not worked off -> complete once it is; a later burst does not undo it", () => {
  const { state, heard, completeness } = host([]);
  Object.assign(state, { inSync: true, busy: true });
  completeness.judge();
  expect(completeness.now).toBe(false);
  state.busy = false;
  completeness.judge();
  state.busy = true;
  completeness.judge();
  expect(heard).toEqual([true]);
});

it("completeness: a session lost -> not complete until its next table ends; a ToR that never answers -> after a minute", () => {
  const { clock, state, heard, completeness } = host([tor1]);
  state.inSync = true;
  completeness.endOfRib(tor1);
  completeness.sessionLost(tor1);
  expect(heard).toEqual([true, false]);
  clock.advance(60_000, () => undefined);
  expect(completeness.now).toBe(true);
  completeness.sessionLost(tor1);
  expect(completeness.now).toBe(true);
  completeness.close();
  expect(clock.pending).toBe(0);
});

it("completeness: the cloud's answer, worked off -> what is there may be turned, whatever the ToRs have told", () => {
  const { state, retarget, completeness } = host([tor1]);
  Object.assign(state, { inSync: true, busy: true });
  completeness.judge();
  expect(completeness.mayRetarget).toBe(false);
  state.busy = false;
  completeness.judge();
  expect([completeness.mayRetarget, completeness.now, retarget]).toEqual([true, false, [true]]);
});

it("completeness: no word of the cloud for 30 s -> what is there may be turned, nothing deleted", () => {
  const { clock, retarget, completeness } = host([]);
  clock.advance(29_999, () => undefined);
  expect(completeness.mayRetarget).toBe(false);
  clock.advance(1, () => undefined);
  expect([completeness.mayRetarget, completeness.now, retarget]).toEqual([true, false, [true]]);
});
