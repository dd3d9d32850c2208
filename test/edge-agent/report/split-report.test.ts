import { describe, expect, it } from "vitest";
import { splitReport } from "../../../edge-agent/report/split-report.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { decodeJson, MAX_PAYLOAD_BYTES } from "../../../shared/message/inbox.ts";
import { Report } from "../../../shared/message/report.ts";
import { hostChannel, networkChannel } from "../../../shared/model/record.ts";

function report(channels: number): Report {
  return {
    v: 2,
    atMs: 1,
    number: 7,
    agent: { version: "1", startedAtMs: 1, kernel: "6" },
    inSync: true,
    channels: Array.from({ length: channels }, (_, at) => ({
      channel: networkChannel(`network-${at}`),
      seq: 1,
      digest: EMPTY_DIGEST,
      kernel: EMPTY_DIGEST,
      problems: [],
    })),
    bgp: [],
    counters: {},
    events: [{ atMs: 1, kind: "x", detail: "y" }],
  };
}

const parse = (text: string) => decodeJson<Report>(Buffer.from(text), Report) as Report;

describe("split report", () => {
  it("split report: it fits -> one, as it is", () => {
    expect(splitReport(report(10)).map(parse)).toEqual([report(10)]);
  });

  it("split report: 5,000 channels -> parts that fit, numbered, each channel once and the host's own in all", () => {
    const own = { channel: hostChannel("h1"), seq: 9, digest: EMPTY_DIGEST, problems: [] };
    const whole = report(5_000);
    const texts = splitReport({ ...whole, channels: [...whole.channels, own] });
    expect(texts.length).toBeGreaterThan(4);
    for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    const parts = texts.map(parse);
    expect(parts.map(({ number }) => number)).toEqual(parts.map((_, at) => 7 + at));
    expect(parts.every(({ partial }) => partial)).toBe(true);
    expect(parts.every(({ channels }) => channels[0]?.channel === "host:h1")).toBe(true);
    expect(parts.flatMap(({ channels }) => channels.slice(1))).toEqual(whole.channels);
    expect(parts.flatMap(({ events }) => events)).toHaveLength(1);
  });
});
