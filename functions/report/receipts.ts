// Receipts: how far a change has come, of the publisher's marks and the hosts' reports. A change of an endpoint, network,
// router or prefix is waited for on the hosts that held the channel at its step and still do, and, by their own channels, on those that it
// made leave. Hosts that joined later have it in their snapshot; hosts that are gone are waited for no more. A change of an
// endpoint or a prefix is looked for at the ToRs of the host where it is now, too (tors.ts).

import type { Receipt, Receipts } from "../api/receipts.ts";
import type { ChangeRecord } from "../domain/change.ts";
import { parseMark } from "../publish/channel-items.ts";
import { queryAll, type Table } from "../publish/table.ts";
import { convergenceOf } from "./convergence.ts";
import { dueOf, type HostState, readRows, statesOf } from "./due.ts";
import { countHosts, type HostCount, summarize } from "./liveness.ts";
import { liveTimes } from "./live-times.ts";
import { isSeenAtTors, readTors } from "./tor-reads.ts";
import { summarizeTors } from "./tors.ts";

/** Receipts from the table; `now` in ms since the epoch. */
export function tableReceipts(table: Table, now: () => number): Receipts {
  return {
    receipt: (change) => receiptOf(table, now(), change),
    convergence: (network, page) => convergenceOf(table, now(), { network, page }),
  };
}

async function receiptOf(table: Table, nowMs: number, change: ChangeRecord): Promise<Receipt> {
  const marks = (await queryAll(table, `CHANGE#${change.id}`, { prefix: "PUB#" })).map(parseMark);
  const base = {
    change: change.id,
    resource: change.resource,
    at: change.at,
    published: marks.map(({ channel, seq }) => ({ channel, seq })),
  };
  const nobody: HostCount = { total: 0, live: 0, waiting: [] };
  if (change.channels.length === 0) {
    return { ...base, state: "live", hosts: nobody, summary: "live; hosts need not know of it" };
  }
  // The mark on the change's own channel comes last, so until it is there, something may be missing.
  const published = change.channels.every((channel) => marks.some((mark) => mark.channel === channel));
  if (!published) return { ...base, state: "accepted", hosts: nobody, summary: "accepted; not published yet" };
  const read = await Promise.all(marks.map((mark) => dueOf(table, mark)));
  const due = read.flatMap((each) => each.due);
  const rows = await readRows(table, due);
  const states = await statesOf(table, nowMs, { due, rows });
  const hosts = countStates(states);
  if (hosts.total === 0) return { ...base, state: "live", hosts, summary: "published; no host needs it" };
  const own = marks.findIndex(({ channel, key }) => isSeenAtTors(key) && change.channels.includes(channel));
  const tors = await readTors(table, nowMs, {
    mark: marks[own],
    readers: read[own]?.readers,
    rows,
    has: (host) => states.has(host) && states.get(host)?.lag === undefined,
  });
  const atMs = [...states.values()].flatMap(({ lag, liveAtMs }) => (lag || liveAtMs === undefined ? [] : [liveAtMs]));
  const times = liveTimes(Date.parse(change.at), atMs);
  return {
    ...base,
    state: hosts.live === hosts.total ? "live" : "published",
    hosts,
    ...(times ? { times } : {}),
    ...(tors ? { tors } : {}),
    summary: tors ? `${summarize(hosts)}, ${summarizeTors(tors)}` : summarize(hosts),
  };
}

function countStates(states: ReadonlyMap<string, HostState>): HostCount {
  return countHosts(new Map(Array.from(states, ([host, { lag }]) => [host, lag])));
}
