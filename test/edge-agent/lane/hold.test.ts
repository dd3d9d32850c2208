import { expect, it } from "vitest";
import { createHold } from "../../../edge-agent/lane/hold.ts";

it("hold: one lane lags -> nothing is read until it has caught up; two -> until both have", () => {
  const heard: boolean[] = [];
  const waiting = createHold({ hold: (on) => void heard.push(on) });
  waiting("networks", 16_384);
  expect(heard).toEqual([]);
  waiting("networks", 16_385);
  waiting("networks", 10_000);
  waiting("routers", 20_000);
  waiting("networks", 0);
  expect(heard).toEqual([true]);
  waiting("routers", 4_095);
  expect(heard).toEqual([true, false]);
});
