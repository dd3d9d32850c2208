// What is told of machines that nobody declared: each once, and never so many that they fill the diary.

import { expect, it } from "vitest";
import { createSightingLog } from "../../../edge-agent/lane/sightings.ts";
import { mac } from "../../contract/kernel.ts";

const MINUTE_MS = 60_000;
const seen = (number: number, more: { kind?: "unknown" | "moved"; port?: string } = {}) => ({
  network: "blue",
  port: "tap1",
  mac: mac(`02:00:00:00:01:${number.toString(16).padStart(2, "0")}`),
  kind: "unknown" as const,
  declaredAt: undefined,
  ...more,
});

it("sightings: the same machine again and again -> told once in ten minutes, first and last kept", () => {
  const log = createSightingLog();
  expect(log.see([seen(1)], 0)).toHaveLength(1);
  for (let at = 1; at < 10; at++) expect(log.see([seen(1)], at * MINUTE_MS)).toEqual([]);
  expect(log.strangers()).toMatchObject([{ firstMs: 0, lastMs: 9 * MINUTE_MS }]);
  expect(log.see([seen(1)], 10 * MINUTE_MS)).toHaveLength(1);
});

it("sightings: an unknown machine is declared elsewhere meanwhile -> told again", () => {
  const log = createSightingLog();
  log.see([seen(1)], 0);
  expect(log.see([seen(1, { kind: "moved" })], 1000)).toMatchObject([{ kind: "moved" }]);
});

it("sightings: a machine makes up a hundred MACs -> five are told of in a minute, the rest counted; other ports are heard", () => {
  const log = createSightingLog();
  const many = Array.from({ length: 100 }, (_, number) => seen(number));
  expect(log.see(many, 0)).toHaveLength(5);
  expect(log.quiet).toBe(95);
  expect(log.see([seen(200, { port: "tap2" })], 1000)).toHaveLength(1);
  expect(log.see(many, 2 * MINUTE_MS)).toHaveLength(5);
  expect(log.quiet).toBe(95);
});

it("sightings: not seen for a quarter of an hour -> forgotten", () => {
  const log = createSightingLog();
  log.see([seen(1)], 0);
  log.see([seen(2)], 16 * MINUTE_MS);
  expect(log.strangers().map((stranger) => stranger.mac)).toEqual([seen(2).mac]);
});
