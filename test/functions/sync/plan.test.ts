import { describe, expect, test } from "vitest";
import { type Digest, EMPTY_DIGEST, hashText } from "../../../shared/message/digest.ts";
import type { LogEntry } from "../../../shared/message/inbox.ts";
import type { Channel } from "../../../shared/model/record.ts";
import { channelsToLeave, planChannel, usableEntries } from "../../../functions/sync/plan.ts";

const channel: Channel = "net:a";
const digestAt = (seq: number): Digest => (seq === 0 ? EMPTY_DIGEST : hashText(String(seq)));
const head = (seq: number) => ({ seq, digest: digestAt(seq), forwarding: EMPTY_DIGEST });
const held = (seq: number, digest = digestAt(seq)) => ({ channel, seq, digest });
const entry = (seq: number): LogEntry => ({ ...head(seq), channel, prev: seq - 1, changes: [] });
const log = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => entry(from + at));

describe("planChannel", () => {
  test.each([
    ["nothing held", undefined, { kind: "snapshot", diverged: false }],
    ["equal", held(100), { kind: "equal" }],
    ["equal seq, other digest", held(100, EMPTY_DIGEST), { kind: "snapshot", diverged: true }],
    ["later than the head", held(101), { kind: "snapshot", diverged: true }],
    ["50 behind", held(50), { kind: "entries", from: held(50) }],
    ["51 behind", held(49), { kind: "snapshot", diverged: false }],
  ])("planChannel: %s", (_, have, plan) => {
    expect(planChannel(head(100), have)).toEqual(plan);
  });
});

describe("usableEntries", () => {
  test("entries: the log is whole -> those after the host's", () => {
    expect(usableEntries(head(5), held(3), log(3, 5))?.map(({ seq }) => seq)).toEqual([4, 5]);
  });
  test("entries: from nothing -> all", () => {
    expect(usableEntries(head(2), held(0), log(1, 2))?.length).toBe(2);
  });
  test("entries: the log moved on since the head was read -> up to the head only", () => {
    expect(usableEntries(head(4), held(3), log(3, 9))?.map(({ seq }) => seq)).toEqual([4]);
  });
  test.each([
    ["the host's own digest differs", held(3, EMPTY_DIGEST), log(3, 5)],
    ["nothing held, yet a digest", held(0, digestAt(7)), log(1, 5)],
    ["the host's entry has run out", held(3), log(4, 5)],
    ["an entry is missing", held(3), [entry(3), entry(5)]],
    ["the last is missing", held(3), log(3, 4)],
  ])("entries: %s -> a snapshot is needed", (_, from, entries) => {
    expect(usableEntries(head(5), from, entries)).toBeUndefined();
  });
});

test("channelsToLeave: held but not to be held -> named once", () => {
  const have = [held(1), held(2), { ...held(1), channel: "net:b" as const }];
  expect(channelsToLeave(have, new Set<Channel>(["net:b", "net:c"]))).toEqual(["net:a"]);
});
