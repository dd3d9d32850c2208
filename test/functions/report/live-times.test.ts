// When hosts became live, from their reports to the receipt, over a table in memory.

import { beforeEach, describe, expect, test } from "vitest";
import { endpoint, hostsAtTwoTors, type TwoTors } from "./two-tors.ts";

let hosts: TwoTors["hosts"];
let says: TwoTors["says"];

beforeEach(async () => {
  ({ hosts, says } = await hostsAtTwoTors());
});

describe("live times", () => {
  test("times: hosts became live one after the other -> p50, p99 and the most, over those that are", async () => {
    const { world } = hosts;
    const from = world.nowMs;
    for (const host of ["h1", "h2", "h3"]) await says(host);
    await world.publish(endpoint(4, "h1"));
    for (const [host, ms] of [
      ["h1", 40],
      ["h2", 25],
    ] as const) {
      world.nowMs = from + ms;
      await says(host);
    }
    const receipt = await hosts.receipt("c4-1", "e4", from);
    expect(receipt.times).toEqual({ measured: 2, p50Ms: 25, p99Ms: 40, maxMs: 40 });
    expect(receipt.hosts.waiting).toMatchObject([{ host: "h3", state: "behind", reason: "behind by 1" }]);
  });

  test("times: a step from before the host was first heard of -> not measured", async () => {
    for (const host of ["h1", "h2", "h3"]) await says(host, { applied: false });
    expect((await hosts.receipt("c1-1")).times).toBeUndefined();
  });
});
