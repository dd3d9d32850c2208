import { expect, it } from "vitest";
import { startSchedules } from "../../local/schedules.ts";

it("schedules: each function is invoked by its own clock, until they are ended", async () => {
  const clocks: { ms: number; call: () => void; stopped: boolean }[] = [];
  const invoked: string[] = [];
  const end = startSchedules(
    [
      { name: "Often", everyMs: 60_000, function: "F" },
      { name: "Seldom", everyMs: 300_000, function: "G" },
    ],
    (ms, call) => {
      const clock = { ms, call, stopped: false };
      clocks.push(clock);
      return { stop: () => void (clock.stopped = true) };
    },
    (name, event) => void invoked.push(`${name} ${JSON.stringify(event)}`),
  );
  expect(clocks.map(({ ms }) => ms)).toEqual([60_000, 300_000]);
  clocks[1]?.call();
  expect(invoked).toEqual(['G {"source":"aws.events","resources":["Seldom"]}']);
  await end();
  expect(clocks.every(({ stopped }) => stopped)).toBe(true);
});
