import { describe, expect, test } from "vitest";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { countHosts, formatDuration, lagOf, summarize } from "../../../functions/report/liveness.ts";
import type { ChannelRow, HostRow } from "../../../functions/report/report-items.ts";

const NOW = Date.parse("2026-01-02T03:05:00Z");
const LACKING = "2026-01-02T03:04:59.000Z";
const row = (fields: Partial<ChannelRow> = {}): ChannelRow => ({
  appliedSeq: 7,
  digest: EMPTY_DIGEST,
  kernel: EMPTY_DIGEST,
  faithful: true,
  live: false,
  liveSeq: 3,
  lived: [],
  problems: [],
  atMs: NOW,
  startedAtMs: 1,
  number: 1,
  ...fields,
});
const host = (silentMs = 0): HostRow => ({
  lastSeenAt: new Date(NOW - silentMs).toISOString(),
  inSync: true,
  agent: { version: "1", startedAtMs: 1, kernel: "6.1" },
  bgp: [],
  counters: {},
  events: [],
  lagging: [],
  startedAtMs: 1,
  number: 1,
});

describe("lagOf", () => {
  test.each([
    ["never reported", {}, { state: "unreported", reason: "never reported", since: LACKING }],
    [
      "silent for 95 s",
      { row: row(), host: host(95_000) },
      { state: "silent", reason: "offline 95 s", since: "2026-01-02T03:03:25.000Z" },
    ],
    [
      "silent for 90 s",
      { row: row({ appliedSeq: 4 }), host: host(90_000) },
      { state: "behind", reason: "behind by 3", since: LACKING },
    ],
    ["no row yet", { host: host() }, { state: "pending", reason: "not applied yet", since: LACKING }],
    [
      "kernel differs",
      { row: row({ wrongSinceMs: NOW - 1000 }), host: host() },
      { state: "kernel", reason: "applied, kernel differs", since: LACKING },
    ],
    [
      "with a problem",
      { row: row({ problems: ["no mac"] }), host: host() },
      { state: "kernel", reason: "applied, kernel differs: no mac", problem: "no mac" },
    ],
    [
      "content differs",
      { row: row({ faithful: false }), host: host() },
      { state: "diverged", reason: "applied, content differs" },
    ],
    ["live", { row: row({ liveSeq: 7 }), host: host() }, undefined],
    ["live once, silent since", { row: row({ liveSeq: 7 }), host: host(500_000) }, undefined],
  ])("lag: %s -> what it lacks, why, and since when", (_, reported, lag) => {
    const known = { nowMs: NOW, lackingSinceMs: NOW - 1000 };
    expect(lagOf(7, { row: undefined, host: undefined, ...reported }, known)).toEqual(lag);
  });
});

describe("summarize", () => {
  const count = (entries: [string, string | undefined][]) =>
    countHosts(new Map(entries.map(([host, reason]) => [host, reason ? { state: "silent", reason } : undefined])));
  test("summary: all live", () => {
    expect(summarize(count([["h1", undefined]]))).toBe("live on 1 of 1 host");
  });
  test("summary: one waits", () => {
    const hosts = count([
      ["h17", "offline 95 s"],
      ["h1", undefined],
    ]);
    expect(summarize(hosts)).toBe("live on 1 of 2 hosts; waiting for h17 (offline 95 s)");
  });
  test("summary: many wait -> three are named", () => {
    const hosts = count(["h5", "h2", "h4", "h1", "h3"].map((id) => [id, "never reported"]));
    const named = "h1 (never reported), h2 (never reported), h3 (never reported) and 2 more";
    expect(summarize(hosts)).toBe(`live on 0 of 5 hosts; waiting for ${named}`);
  });
});

test.each([
  [0, "0 s"],
  [119_999, "119 s"],
  [120_000, "2 min"],
  [7_200_000, "2 h"],
  [172_800_000, "2 d"],
])("formatDuration: %i ms -> %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
