// One report of a host: rows for the receipts, a sign of life, and an answer if the host is behind or has diverged.
//
// The host is the one of the topic, whatever the payload says, and only channels that the host's own log names get rows:
// nobody can speak for another, or about a network that is not his.

import { decodeJson } from "../../shared/message/inbox.ts";
import { type ChannelReport, Report } from "../../shared/message/report.ts";
import { type Channel, hostChannel, networkChannel, routerChannel } from "../../shared/model/record.ts";
import { headKey, logKey, parseHead, parseLog } from "../publish/channel-items.ts";
import { readCarried } from "../publish/facts.ts";
import { batchGet, type Condition, getItem, keyText, putItem } from "../publish/table.ts";
import { type SyncDeps, sendAnswer } from "../sync/handler.ts";
import { retryMessage } from "../sync/messages.ts";
import { parseRuleEvent } from "../sync/rule-event.ts";
import { assessChannel, type ChannelFacts, GRACE_MS, isWorthWriting, needsAnswer, type Received } from "./assess.ts";
import { type LaggingChannel, laggingAfter, laggingChannel } from "./lagging.ts";
import { newEvents } from "./reported-events.ts";
import {
  type ChannelRow,
  channelRowItem,
  channelRowKey,
  type HostRow,
  hostRowItem,
  hostRowKey,
  isLaterThan,
  parseChannelRow,
  parseHostRow,
  type Stamp,
} from "./report-items.ts";

/** Events kept of a host, over its reports. */
const KEPT_EVENTS = 20;

/** Handles the event of the rule on `report`. @throws if the store or broker fails: the invocation is tried again. */
export async function handleReport(deps: SyncDeps, event: unknown): Promise<void> {
  const parsed = parseRuleEvent(event);
  if (typeof parsed === "string") {
    deps.telemetry.count("MalformedReports");
    deps.telemetry.warn("not an event of the report rule", { reason: parsed });
    return;
  }
  const { host, payload } = parsed;
  const report = decodeJson<Report>(payload, Report);
  if ("kind" in report) {
    deps.telemetry.count("MalformedReports");
    deps.telemetry.warn("malformed report", { host, reason: report.reason });
    return;
  }
  await takeReport(deps, host, report);
}

async function takeReport(deps: SyncDeps, host: string, report: Report): Promise<void> {
  const before = parseHostRow(await getItem(deps.table, hostRowKey(host)));
  // Parts of one report overtake each other; what is stale in them, each row refuses by itself.
  const stamp = { startedAtMs: report.agent.startedAtMs, number: report.number, sentMs: report.atMs };
  if (isLaterThan(before, stamp) && !report.partial) {
    deps.telemetry.count("StaleReports");
    return;
  }
  const expected = await expectedChannels(deps, host);
  if (expected.size === 0) {
    deps.telemetry.count("ReportsOfUnknownHosts");
    deps.telemetry.warn("a report of a host that no log speaks of", { host });
    return;
  }
  const byChannel = new Map(report.channels.map((each) => [each.channel, each]));
  const own = [...byChannel.values()].filter((each) => expected.has(each.channel));
  const foreign = [...byChannel.keys()].filter((channel) => !expected.has(channel));
  if (foreign.length > 0) deps.telemetry.count("ForeignChannelsReported", foreign.length);

  const nowMs = deps.now();
  const received: Received = { ...stamp, nowMs, bgp: report.bgp };
  const facts = await readFacts(deps, host, own);
  const ownSeq = byChannel.get(hostChannel(host))?.seq ?? ownSeqOf(facts.rows.get(hostChannel(host)), received);
  let lagging = false;
  let ahead = false;
  const wrong: LaggingChannel[] = [];
  for (const each of own) {
    const channelFacts = facts.channels.get(each.channel);
    if (!channelFacts) continue;
    const previous = facts.rows.get(each.channel);
    const { isRouted = false, site, step = 0 } = expected.get(each.channel) ?? {};
    const row = assessChannel(each, { ...channelFacts, isRouted, site, isStale: ownSeq < step }, received, previous);
    if (isWorthWriting(row, previous)) await writeRow(deps, host, each.channel, row);
    lagging ||= needsAnswer(row, channelFacts, nowMs);
    ahead ||= each.seq > channelFacts.head.seq;
    const lag = laggingChannel(each.channel, { row, facts: channelFacts, nowMs });
    if (lag) wrong.push(lag);
  }
  const looked = { looked: new Set<string>(byChannel.keys()), held: new Set<string>(expected.keys()) };
  const after = laggingAfter(before?.lagging ?? [], wrong, { ...looked, partial: report.partial === true });
  await writeHostRow(deps, host, { ...hostRow(report, before, nowMs), lagging: after });

  if (lagging && ahead) {
    // A later step than the log has: only from the answer to a request of its own can the host know that it is not late.
    deps.telemetry.count("ReportsAnswered");
    await deps.publisher.publish(host, retryMessage(host, 0, "a report shows steps that no log has"));
    return;
  }
  if (report.partial) {
    // It does not say what else the host holds, so that an answer would be of what it has: it is to ask.
    if (!lagging && foreign.length === 0) return;
    deps.telemetry.count("ReportsAnswered");
    await deps.publisher.publish(host, retryMessage(host, 0, "a report shows that this host is behind"));
    return;
  }
  const otherSet = foreign.length > 0 || own.length < expected.size;
  if (lagging || (otherSet && nowMs - facts.membershipSinceMs > GRACE_MS)) {
    deps.telemetry.count("ReportsAnswered");
    await sendAnswer(deps, host, { v: report.v, have: report.channels });
  }
}

/** In a part of a report that does not name the host's own channel, another part of the same process may have said. */
function ownSeqOf(row: ChannelRow | undefined, { startedAtMs }: Received): number {
  return row?.startedAtMs === startedAtMs ? row.appliedSeq : 0;
}

/** `step`: that of the host's own channel that named it. */
type Expected = Required<Pick<ChannelFacts, "isRouted" | "site">> & { readonly step: number };

/** The channels that a host is to hold, and whether it only routes there; none if no log speaks of it. */
async function expectedChannels(deps: SyncDeps, host: string): Promise<Map<Channel, Expected>> {
  const own = hostChannel(host);
  if (parseHead(await getItem(deps.table, headKey(own))).seq === 0) return new Map();
  const { site, networks, routed, routers, steps } = await readCarried(deps.table, host);
  const step = (key: string) => steps.get(key) ?? 0;
  const network = (isRouted: boolean) => (id: string) =>
    [networkChannel(id), { isRouted, site, step: step(`network/${id}`) }] as const;
  return new Map<Channel, Expected>([
    [own, { isRouted: false, site, step: 0 }],
    ...networks.map(network(false)),
    ...routed.map(network(true)),
    ...routers.map((id) => [routerChannel(id), { isRouted: false, site, step: step(`router/${id}`) }] as const),
  ]);
}

type ReportFacts = {
  readonly channels: ReadonlyMap<Channel, ChannelFacts>;
  readonly rows: ReadonlyMap<Channel, ChannelRow>;
  /** When the host's own log moved last; long ago if the log has forgotten. */
  readonly membershipSinceMs: number;
};

async function readFacts(deps: SyncDeps, host: string, reports: readonly ChannelReport[]): Promise<ReportFacts> {
  const own = hostChannel(host);
  const first = await batchGet(deps.table, [
    headKey(own),
    channelRowKey(own, host),
    ...reports.flatMap(({ channel }) => [headKey(channel), channelRowKey(channel, host)]),
  ]);
  const headOf = (channel: Channel) => parseHead(first.get(keyText(headKey(channel))));
  const behind = reports.filter(({ channel, seq }) => seq < headOf(channel).seq);
  const logs = await batchGet(deps.table, [
    logKey(own, headOf(own).seq),
    ...behind.flatMap(({ channel, seq }) => [logKey(channel, seq), logKey(channel, seq + 1)]),
  ]);
  const logged = (channel: Channel, seq: number) => {
    const item = logs.get(keyText(logKey(channel, seq)));
    return item && parseLog(item);
  };
  const channels = new Map<Channel, ChannelFacts>();
  const rows = new Map<Channel, ChannelRow>();
  const ownRow = parseChannelRow(first.get(keyText(channelRowKey(own, host))));
  if (ownRow) rows.set(own, ownRow);
  for (const { channel, seq } of reports) {
    const log = logged(channel, seq);
    const applied = log && { ...log.entry, ...(log.sites ? { sites: log.sites } : {}) };
    const lackingSinceMs = logged(channel, seq + 1)?.atMs;
    channels.set(channel, {
      head: headOf(channel),
      ...(applied ? { applied } : {}),
      ...(lackingSinceMs === undefined ? {} : { lackingSinceMs }),
    });
    const row = parseChannelRow(first.get(keyText(channelRowKey(channel, host))));
    if (row) rows.set(channel, row);
  }
  return { channels, rows, membershipSinceMs: logged(own, headOf(own).seq)?.atMs ?? 0 };
}

/** The named condition of every write here: the item there is of no later report of this agent process. */
function notLaterThan({ startedAtMs, number, sentMs }: Stamp): Condition {
  return {
    expression: "(attribute_not_exists(pk) OR startedAtMs <> :started OR #number <= :number OR sentMs < :sent)",
    names: { "#number": "number" },
    values: { ":started": startedAtMs, ":number": number, ":sent": sentMs ?? 0 },
  };
}

/** A condition that fails means that a newer report is there already: then this one has nothing to add. */
async function writeRow(deps: SyncDeps, host: string, channel: Channel, row: ChannelRow): Promise<void> {
  const newest = notLaterThan(row);
  await putItem(deps.table, channelRowItem(channel, host, row), {
    ...newest,
    expression: `${newest.expression} AND (attribute_not_exists(liveSeq) OR liveSeq <= :live)`,
    values: { ...newest.values, ":live": row.liveSeq },
  });
}

async function writeHostRow(deps: SyncDeps, host: string, row: HostRow): Promise<void> {
  await putItem(deps.table, hostRowItem(host, row), notLaterThan(row));
}

function hostRow(report: Report, before: HostRow | undefined, nowMs: number): Omit<HostRow, "lagging"> {
  const { agent, inSync, bgp, underlay, counters, number } = report;
  const { startedAtMs } = agent;
  const fresh = newEvents(before, { startedAtMs, events: report.events });
  const events = [...(before?.events ?? []), ...fresh].slice(-KEPT_EVENTS);
  return {
    lastSeenAt: new Date(nowMs).toISOString(),
    inSync,
    agent,
    bgp,
    ...(underlay && { underlay }),
    counters,
    events,
    startedAtMs,
    number,
    sentMs: report.atMs,
  };
}
