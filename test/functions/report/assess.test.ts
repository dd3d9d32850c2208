import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Digest, EMPTY_DIGEST, hashText } from "../../../shared/message/digest.ts";
import type { LogEntry } from "../../../shared/message/inbox.ts";
import {
  assessChannel,
  GRACE_MS,
  isWorthWriting,
  needsAnswer,
  REWRITE_AFTER_MS,
} from "../../../functions/report/assess.ts";

const NOW = 1_000_000;
const digest = (seq: number): Digest => hashText(`digest ${seq}`);
const forwarding = (seq: number): Digest => hashText(`forwarding ${seq}`);
const head = { seq: 5, digest: digest(5), forwarding: forwarding(5) };
const applied = (seq: number): LogEntry => ({
  channel: "net:a",
  seq,
  prev: seq - 1,
  digest: digest(seq),
  forwarding: forwarding(seq),
  changes: [],
});
const received = { startedAtMs: 1, number: 2, nowMs: NOW, bgp: [] };
const report = (seq: number, kernel: Digest | undefined = forwarding(seq), held = digest(seq)) => ({
  channel: "net:a" as const,
  seq,
  digest: held,
  ...(kernel ? { kernel } : {}),
  problems: [],
});

describe("assessChannel", () => {
  test("assess: at the head, kernel equal -> live", () => {
    expect(assessChannel(report(5), { head }, received, undefined)).toMatchObject({
      live: true,
      liveSeq: 5,
      faithful: true,
    });
  });

  test("assess: at the head, kernel differs -> not live; what was live before stays so", () => {
    const before = assessChannel(report(3), { head, applied: applied(3) }, received, undefined);
    expect(before).toMatchObject({ live: false, liveSeq: 3 });
    expect(assessChannel(report(5, EMPTY_DIGEST), { head }, received, before)).toMatchObject({
      live: false,
      liveSeq: 3,
    });
  });

  test("assess: a host that only routes there -> live by its host routes alone, and not without their sum", () => {
    const routed = hashText("routed 5");
    const facts = { head: { ...head, routed }, isRouted: true };
    expect(assessChannel(report(5, routed), facts, received, undefined).live).toBe(true);
    expect(assessChannel(report(5), facts, received, undefined).live).toBe(false);
    expect(assessChannel(report(5), { head, isRouted: true }, received, undefined).live).toBe(false);
  });

  test("assess: held from before the host joined anew -> not live, however right the kernel is", () => {
    expect(assessChannel(report(5), { head, isStale: true }, received, undefined)).toMatchObject({
      live: false,
      liveSeq: 0,
      faithful: true,
    });
  });

  test("assess: a router's channel -> live by its static routes' digest, not by the lack of problems", () => {
    const channel = "rtr:r" as const;
    expect(assessChannel({ ...report(5), channel }, { head }, received, undefined).live).toBe(true);
    expect(assessChannel({ ...report(5, EMPTY_DIGEST), channel }, { head }, received, undefined).live).toBe(false);
  });

  test("assess: the kernel was not read back -> not live", () => {
    const { kernel: _, ...silent } = report(5);
    expect(assessChannel(silent, { head }, received, undefined)).toMatchObject({ live: false, liveSeq: 0 });
  });

  test("assess: equal seq, other content, even with the right kernel -> not live and to be answered", () => {
    const row = assessChannel(report(5, forwarding(5), EMPTY_DIGEST), { head }, received, undefined);
    expect(row).toMatchObject({ live: false, liveSeq: 0, faithful: false });
    expect(needsAnswer(row, { head }, NOW)).toBe(true);
  });

  test("assess: a host channel, applied -> live without a kernel digest, unless it has a problem", () => {
    const own = { channel: "host:h1" as const, seq: 5, digest: digest(5), problems: [] };
    expect(assessChannel(own, { head }, received, undefined).live).toBe(true);
    expect(assessChannel({ ...own, problems: ["no route"] }, { head }, received, undefined).live).toBe(false);
  });

  test("needsAnswer: behind -> only after the delta had time to arrive, or when nobody knows since when", () => {
    const row = assessChannel(report(3), { head, applied: applied(3) }, received, undefined);
    const facts = (lackingSinceMs: number) => ({ head, applied: applied(3), lackingSinceMs });
    expect(needsAnswer(row, facts(NOW - GRACE_MS), NOW)).toBe(false);
    expect(needsAnswer(row, facts(NOW - GRACE_MS - 1), NOW)).toBe(true);
    expect(needsAnswer(row, { head }, NOW)).toBe(true);
  });

  test("needsAnswer: at the head -> no", () => {
    expect(needsAnswer(assessChannel(report(5), { head }, received, undefined), { head }, NOW)).toBe(false);
  });

  test("needsAnswer: beyond the head -> yes", () => {
    expect(needsAnswer(assessChannel(report(6), { head }, received, undefined), { head }, NOW)).toBe(true);
  });

  test("isWorthWriting: the same again -> only after five minutes", () => {
    const row = assessChannel(report(5), { head }, received, undefined);
    expect(isWorthWriting(row, undefined)).toBe(true);
    expect(isWorthWriting({ ...row, number: 3, atMs: NOW + REWRITE_AFTER_MS - 1 }, row)).toBe(false);
    expect(isWorthWriting({ ...row, atMs: NOW + REWRITE_AFTER_MS }, row)).toBe(true);
    expect(isWorthWriting({ ...row, problems: ["mac 02:00:00:00:00:01 is missing"] }, row)).toBe(true);
  });

  test("assess: any row of reports -> liveSeq never falls and is never beyond what was proven", () => {
    const one = fc.record({ seq: fc.integer({ min: 1, max: 5 }), kernel: fc.boolean(), content: fc.boolean() });
    fc.assert(
      fc.property(fc.array(one), (reports) => {
        let row: ReturnType<typeof assessChannel> | undefined;
        let proven = 0;
        for (const { seq, kernel, content } of reports) {
          if (kernel && content) proven = Math.max(proven, seq);
          const what = report(seq, kernel ? forwarding(seq) : EMPTY_DIGEST, content ? digest(seq) : EMPTY_DIGEST);
          row = assessChannel(what, { head, applied: applied(seq) }, received, row);
          expect(row.liveSeq).toBe(proven);
        }
      }),
    );
  });
});
