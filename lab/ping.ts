// Ping as a measuring instrument: which requests had an answer, and the longest silence between two answers.
// parsePing is pure; runPing and startPing run iputils' ping in a namespace.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { commandEnvironment, start } from "./netns.ts";

export type PingResult = {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  /** Longest time between two answers, ms; 0 with fewer than two. It is never below the interval. */
  readonly longestGapMs: number;
};

export type PingTarget = {
  readonly namespace: string;
  readonly ip: string;
  /** The lab's mark, for its environment. */
  readonly mark: string;
  /** Default 100; ping(8) wants root for less than 200 and accepts no less than 2. */
  readonly intervalMs?: number | undefined;
  /** Octets of ICMP data; with `dontFragment` it probes the MTU. */
  readonly sizeBytes?: number | undefined;
  readonly dontFragment?: boolean | undefined;
};

export type RunningPing = {
  /** Ends it; a last request that may still be under way counts as neither sent nor lost. */
  stop(): Promise<PingResult>;
  /** How many answers there were up to now. */
  received(): number;
};

/** Sends `count` requests and waits for the answers, for the last one at most `waitMs` (default 1000). */
export async function runPing(
  target: PingTarget,
  options: { readonly count: number; readonly waitMs?: number | undefined },
): Promise<PingResult> {
  const waitSec = Math.max(1, Math.ceil((options.waitMs ?? 1000) / 1000));
  const ping = collect(spawnPing(target, ["-c", String(options.count), "-W", String(waitSec)]));
  await ping.ended;
  return parsePing(ping.text(), target.ip, "all");
}

/** Starts an endless ping; resolves once ping(8) runs. */
export async function startPing(target: PingTarget): Promise<RunningPing> {
  const child = spawnPing(target, []);
  const ping = collect(child);
  await once(child, "spawn");
  return {
    async stop() {
      child.kill("SIGINT");
      await ping.ended;
      return parsePing(ping.text(), target.ip, "but-last");
    },
    received: () => answers(ping.text()).size,
  };
}

/**
 * Reads what `ping -D` printed.
 * @param count whether a last request without an answer is lost (`all`) or perhaps still under way (`but-last`).
 * @throws Error if there is no summary in it: then ping did not run.
 */
export function parsePing(text: string, ip: string, count: "all" | "but-last"): PingResult {
  const summary = /^(\d+) packets transmitted/m.exec(text);
  if (!summary) throw new Error(`ping ${ip} failed: ${text.trim() || "it said nothing"}`);
  const transmitted = Number(summary[1]);
  const answered = answers(text);
  const lastIsOpen = count === "but-last" && transmitted > 0 && !answered.has(transmitted);
  const sent = lastIsOpen ? transmitted - 1 : transmitted;
  const times = [...answered.values()].sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
  return {
    sent,
    received: answered.size,
    lost: sent - answered.size,
    longestGapMs: Math.round(Math.max(0, ...gaps) * 1000),
  };
}

/** The time of the first answer to each request, s since the epoch, by sequence number from 1. */
function answers(text: string): Map<number, number> {
  const first = new Map<number, number>();
  for (const [, time, seq] of text.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from .*icmp_seq=(\d+) /gm)) {
    if (!first.has(Number(seq))) first.set(Number(seq), Number(time));
  }
  return first;
}

function spawnPing(target: PingTarget, more: readonly string[]): ChildProcess {
  const interval = ["-i", String((target.intervalMs ?? 100) / 1000)];
  const size = target.sizeBytes === undefined ? [] : ["-s", String(target.sizeBytes)];
  const fragment = target.dontFragment ? ["-M", "do"] : [];
  const argv = ["ping", "-n", "-D", ...interval, ...size, ...fragment, ...more, target.ip];
  return start(target.namespace, argv, { output: "pipe", env: commandEnvironment(target.mark) });
}

function collect(child: ChildProcess): { text: () => string; ended: Promise<unknown> } {
  const said = [child.stdout, child.stderr].map((stream) => {
    const chunks: string[] = [];
    stream?.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
    return chunks;
  });
  return { text: () => said.map((chunks) => chunks.join("")).join("\n"), ended: once(child, "close") };
}
