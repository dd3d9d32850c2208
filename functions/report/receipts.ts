// Receipts: how far a change has come, of the publisher's marks and the hosts' reports. A change of an endpoint, network,
// router or prefix is waited for on the hosts that held the channel at its step and still do, and, by their own channels, on those that it
// made leave. Hosts that joined later have it in their snapshot; hosts that are gone are waited for no more.

import { type Channel, channelNetwork, channelRouter, hostChannel, networkChannel } from "../../shared/model/record.ts";
import type { Convergence, Receipt, Receipts } from "../api/receipts.ts";
import type { ChangeRecord } from "../domain/change.ts";
import { headKey, type Mark, parseHead, parseMark, recordKey } from "../publish/channel-items.ts";
import { readReaders } from "../publish/facts.ts";
import { batchGet, getItem, keyText, queryAll, type Table } from "../publish/table.ts";
import { countHosts, type HostCount, reasonNotLive, summarize } from "./liveness.ts";
import { channelRowKey, hostRowKey, parseChannelRow, parseHostRow } from "./report-items.ts";

/** A step of a channel that a host has to have. */
type Due = { readonly host: string; readonly channel: Channel; readonly seq: number };

/** Receipts from the table; `now` in ms since the epoch. */
export function tableReceipts(table: Table, now: () => number): Receipts {
  return {
    receipt: (change) => receiptOf(table, now(), change),
    convergence: (network) => convergenceOf(table, now(), network),
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
  const due = await Promise.all(marks.map((mark) => dueOf(table, mark)));
  const hosts = await count(table, nowMs, due.flat());
  if (hosts.total === 0) return { ...base, state: "live", hosts, summary: "published; no host needs it" };
  const state = hosts.live === hosts.total ? "live" : "published";
  return { ...base, state, hosts, summary: summarize(hosts) };
}

async function convergenceOf(table: Table, nowMs: number, network: string): Promise<Convergence> {
  const channel = networkChannel(network);
  // Members first: one that joins after this read has a later seq, and is not asked for an earlier one.
  const members = await readReaders(table, channel);
  const { seq } = parseHead(await getItem(table, headKey(channel)));
  const hosts = await count(
    table,
    nowMs,
    [...members.keys()].map((host) => ({ host, channel, seq })),
  );
  const converged = seq > 0 && hosts.live === hosts.total;
  if (seq === 0) return { network, channel, seq, converged, hosts, summary: "not published yet" };
  const summary = hosts.total === 0 ? "published; no host needs it" : summarize(hosts);
  return { network, channel, seq, converged, hosts, summary };
}

/** What a mark asks of which hosts. */
async function dueOf(table: Table, mark: Mark): Promise<Due[]> {
  const { channel, seq } = mark;
  if (channelNetwork(channel) === undefined && channelRouter(channel) === undefined) return dueOfHost(table, mark);
  const members = await readReaders(table, channel);
  return [...members].filter(([, { since }]) => since <= seq).map(([host]) => ({ host, channel, seq }));
}

/** A host that is deleted, by this change or since, is nobody to wait for. */
async function dueOfHost(table: Table, { channel, seq }: Mark): Promise<Due[]> {
  const record = await getItem(table, recordKey(channel, "host"));
  const isThere = record !== undefined && record["deleted"] !== true;
  return isThere ? [{ host: channel.slice(hostChannel("").length), channel, seq }] : [];
}

/** A host counts once, and is live only if all that is due on it is. */
async function count(table: Table, nowMs: number, due: readonly Due[]): Promise<HostCount> {
  const items = await batchGet(
    table,
    due.flatMap(({ host, channel }) => [channelRowKey(channel, host), hostRowKey(host)]),
  );
  const reasons = new Map<string, string | undefined>();
  for (const { host, channel, seq } of due) {
    const row = parseChannelRow(items.get(keyText(channelRowKey(channel, host))));
    const reason = reasonNotLive(seq, { row, host: parseHostRow(items.get(keyText(hostRowKey(host)))) }, nowMs);
    reasons.set(host, reasons.get(host) ?? reason);
  }
  return countHosts(reasons);
}
