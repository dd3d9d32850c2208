// How far one network is, host by host and a page at a time, and how long its last steps took.

import { type Channel, networkChannel } from "../../shared/model/record.ts";
import type { Convergence, ConvergencePage, HostConvergence } from "../api/receipts.ts";
import { headKey, logKey, parseHead, parseLog } from "../publish/channel-items.ts";
import { readReadersPage } from "../publish/facts.ts";
import { batchGet, getItem, keyText, type Table } from "../publish/table.ts";
import { type Due, readRows, type Rows, rowOf } from "./due.ts";
import { countHosts, type Lag, lagOf, silenceOf, summarize } from "./liveness.ts";
import { livedAt, liveTimes } from "./live-times.ts";
import { hostRowKey, parseHostRow } from "./report-items.ts";

/** Steps whose times are told: the last ones. An entry may be as large as a message, so they are few. */
const RECENT_STEPS = 8;

/** The hosts of a page; `position` as a page gave it. */
export async function convergenceOf(
  table: Table,
  nowMs: number,
  { network, page }: { readonly network: string; readonly page: ConvergencePage },
): Promise<Convergence> {
  const channel = networkChannel(network);
  // Members first: one that joins after this read has a later seq, and is not asked for an earlier one.
  const { readers, next } = await readReadersPage(table, channel, page);
  const head = parseHead(await getItem(table, headKey(channel)));
  const due = readers.map(({ host }): Due => ({ host, channel, seq: head.seq }));
  const rows = await readRows(table, due);
  const hosts = await hostsOf(table, nowMs, { due, rows });
  const lags = new Map(hosts.map(({ shown, lag }) => [shown.host, lag]));
  const count = countHosts(lags);
  const isWhole = page.position === undefined && next === undefined;
  const base = {
    network,
    channel,
    seq: head.seq,
    converged: head.seq > 0 && count.live === count.total,
    hosts: count,
    items: hosts.map(({ shown }) => shown),
    ...(next === undefined ? {} : { next }),
  };
  if (head.seq === 0) return { ...base, summary: "not published yet" };
  const recent = await recentTimes(table, { channel, seq: head.seq, due, rows });
  const summary = count.total === 0 ? "published; no host needs it" : summarize(count);
  return { ...base, ...(recent ? { recent } : {}), summary: isWhole ? summary : `${summary}; of one page` };
}

type Judged = { readonly shown: HostConvergence; readonly lag: Lag | undefined };

async function hostsOf(
  table: Table,
  nowMs: number,
  { due, rows }: { readonly due: readonly Due[]; readonly rows: Rows },
): Promise<Judged[]> {
  // When the first entry that a host lacks was published; of few different ones, since hosts lag together.
  const lacked = due.flatMap((each) => {
    const appliedSeq = rowOf(rows, each)?.appliedSeq ?? 0;
    return appliedSeq < each.seq ? [logKey(each.channel, appliedSeq + 1)] : [];
  });
  const [reports, logs] = await Promise.all([
    batchGet(
      table,
      due.map(({ host }) => hostRowKey(host)),
    ),
    batchGet(table, lacked),
  ]);
  return due.map((each) => {
    const row = rowOf(rows, each);
    const host = parseHostRow(reports.get(keyText(hostRowKey(each.host))));
    const appliedSeq = row?.appliedSeq ?? 0;
    const log = logs.get(keyText(logKey(each.channel, appliedSeq + 1)));
    const lag = lagOf(each.seq, { row, host }, { nowMs, lackingSinceMs: log && parseLog(log).atMs });
    const isSilent = host !== undefined && silenceOf(host, nowMs) !== undefined;
    const shown: HostConvergence = {
      host: each.host,
      // What it had when it was last heard is no news of now.
      state: lag?.state ?? (isSilent ? "silent" : "in-sync"),
      ...(lag ? { reason: lag.reason } : {}),
      ...(lag?.since === undefined ? (isSilent && host ? { since: host.lastSeenAt } : {}) : { since: lag.since }),
      appliedSeq,
      behindBy: Math.max(0, each.seq - appliedSeq),
      digestEqual: row?.faithful === true,
      kernelEqual: row !== undefined && row.liveSeq === row.appliedSeq && row.wrongSinceMs === undefined,
      ...(host ? { lastSeenAt: host.lastSeenAt } : {}),
      errors: row?.problems ?? [],
    };
    return { shown, lag };
  });
}

async function recentTimes(
  table: Table,
  { channel, seq, due, rows }: { channel: Channel; seq: number; due: readonly Due[]; rows: Rows },
): Promise<Convergence["recent"]> {
  const from = Math.max(1, seq - RECENT_STEPS + 1);
  const steps = Array.from({ length: seq - from + 1 }, (_, at) => from + at);
  const logs = await batchGet(
    table,
    steps.map((step) => logKey(channel, step)),
  );
  const took = [...logs.values()].flatMap((item) => {
    const { entry, atMs } = parseLog(item);
    return due.flatMap((each) => {
      const row = rowOf(rows, each);
      const lived = row && livedAt(entry.seq, row);
      return lived === undefined ? [] : [lived - atMs];
    });
  });
  const times = liveTimes(0, took);
  return times && { steps: logs.size, ...times };
}
