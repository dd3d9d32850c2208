// Drives a channel through its changes: read facts, step, commit, again until all are in the log. What the log had
// already (a batch that is delivered again) is read from it, so that it can be published again.

import type { LogEntry } from "../../shared/message/inbox.ts";
import { type Channel, channelNetwork, hostChannel } from "../../shared/model/record.ts";
import { advanceHost, isMarked, marksOf, reroutes, routerOf } from "./advance.ts";
import {
  headKey,
  rerouteItem,
  type LoggedEntry,
  logKey,
  type Mark,
  markItem,
  parseHead,
  parseLog,
  vtepRecordKey,
} from "./channel-items.ts";
import { readHostLane, readNetworkFacts } from "./facts.ts";
import type { Refused } from "./poison.ts";
import { changedKey, type HostChange, type NetworkChange } from "./resource-change.ts";
import type { NetworkFacts } from "./step.ts";
import { channelStepWrites, largestStep, MAX_STEP_CHANGES, networkStepWrites } from "./step-items.ts";
import { batchGet, getItem, putItem, type Table, transact } from "./table.ts";
import { placedHosts } from "./vtep.ts";

export type DriveDeps = {
  readonly table: Table;
  /** ms since the epoch. */
  readonly now: () => number;
  /** Waits before the `attempt`-th retry (from 1) of a commit that met another writer. */
  readonly pause: (attempt: number) => Promise<void>;
};

/** An entry of a network's log, with those of the hosts that joined or left by it. */
export type NetworkCommit = {
  readonly entry: LogEntry;
  readonly memberships: readonly { readonly host: string; readonly joined: boolean; readonly entry: LogEntry }[];
};

export type NetworkOutcome = {
  /** In the log, newly or since an earlier delivery, in order. */
  readonly commits: readonly NetworkCommit[];
  /** Endpoints on hosts of which nothing is known: they have to wait for them. */
  readonly orphans: readonly NetworkChange[];
  /** Changes of which no step can be made. */
  readonly refused: readonly Refused[];
  /** The network had a router before, or some of the changes. */
  readonly routed: boolean;
  /** Some of it was in the log before. */
  readonly again: boolean;
};

/** Rivals in a batch and in other consumers: each round of them lets at least one pass. */
export const MAX_CONFLICTS = 24;

/** Brings `changes` (collapsed) into a network's log. @throws if the store fails or other writers keep moving the log. */
export async function driveNetwork(
  deps: DriveDeps,
  channel: Channel,
  changes: readonly NetworkChange[],
): Promise<NetworkOutcome> {
  const commits: NetworkCommit[] = [];
  const orphans: NetworkChange[] = [];
  const refused: Refused[] = [];
  let remaining = changes;
  let routed = false;
  let again = false;
  let conflicts = 0;
  while (remaining.length > 0) {
    const window = remaining.slice(0, MAX_STEP_CHANGES);
    const facts = await readNetworkFacts(deps.table, channel, window, Math.floor(deps.now() / 1000));
    const { marked, lost, fresh } = sift(facts, window);
    await keepReroute(deps, facts, fresh);
    if (routerOf(facts.records.get("network")?.body) !== undefined) routed = true;
    const { taken, step, unfit, unmarked } = stepOf(facts, fresh);
    // What is refused, is refused for good: so only by facts of one moment, and those were read while the log stood still.
    const isMoved = unfit.length > 0 && (await readHeadSeq(deps.table, channel)) !== facts.head.seq;
    if (isMoved || (step && (await transact(deps.table, networkStepWrites(step, deps.now()))) === "conflict")) {
      if (++conflicts > MAX_CONFLICTS) throw new Error(`${channel} was moved by others ${conflicts} times in a row`);
      await deps.pause(conflicts);
      continue;
    }
    conflicts = 0;
    commits.push(...(await recall(deps, facts, marked)));
    // A host's refresh has no consequences beyond this channel.
    if (marked.some(({ kind }) => kind !== "vtep")) again = true;
    if (step) {
      const memberships = step.memberships.map(({ host, joined, step: own }) => ({ host, joined, entry: own.entry }));
      commits.push({ entry: step.entry, memberships });
    }
    orphans.push(...lost);
    refused.push(...unfit);
    const done = new Set([...marked, ...lost, ...taken, ...unfit.map(({ change }) => change)]);
    // Those come once more, are found in the log, and have their other marks made good.
    remaining = remaining.filter((change) => !done.has(change) || unmarked.has(change));
  }
  return { commits: inOrder(commits), orphans, refused, routed, again };
}

/** Notes that the network is about to join or leave a router: once it has, only the note says which. */
async function keepReroute(deps: DriveDeps, facts: NetworkFacts, fresh: readonly NetworkChange[]): Promise<void> {
  const before = facts.records.get("network");
  const change = fresh.find((each) => reroutes(before, each));
  if (change) await putItem(deps.table, rerouteItem(facts.channel, change.version, routerOf(before?.body)));
}

type StepOf = ReturnType<typeof largestStep> & {
  readonly unfit: readonly Refused[];
  /** Those of `taken` that the step does not mark for all of their origins. */
  readonly unmarked: ReadonlySet<NetworkChange>;
};

/**
 * A record may be written as often in a batch as a batch has records, and each write has marks of its own: up to so many
 * leave room in a transaction for all else of one change.
 */
const MOST_ORIGINS = 20;

/** The largest step of the first changes, with no more marks for any of them than fit. */
function stepOf(facts: NetworkFacts, fresh: readonly NetworkChange[]): StepOf {
  const whole = new Map(fresh.map((change) => [withFewOrigins(change), change]));
  const original = (change: NetworkChange) => whole.get(change) ?? change;
  const { taken, step, unfit } = boundedStepOf(facts, [...whole.keys()]);
  const logged = new Set(step?.entry.changes.map(({ key }) => key));
  const unmarked = taken.filter((change) => original(change) !== change && logged.has(changedKey(change)));
  return {
    taken: taken.map(original),
    step,
    unfit: unfit.map(({ change, cause }) => ({ change: original(change as NetworkChange), cause })),
    unmarked: new Set(unmarked.map(original)),
  };
}

function withFewOrigins(change: NetworkChange): NetworkChange {
  return change.origins.length > MOST_ORIGINS ? { ...change, origins: change.origins.slice(-MOST_ORIGINS) } : change;
}

/**
 * What the pure core refuses it would refuse for ever: the changes that it refuses by themselves are left out, and if it is
 * none of them alone, all.
 */
function boundedStepOf(facts: NetworkFacts, fresh: readonly NetworkChange[]): Omit<StepOf, "unmarked"> {
  if (fresh.length === 0) return { taken: fresh, step: undefined, unfit: [] };
  try {
    return { ...largestStep(facts, fresh), unfit: [] };
  } catch (cause) {
    const alone = fresh.flatMap((change): Refused[] => {
      try {
        largestStep(facts, [change]);
        return [];
      } catch (error) {
        return [{ change, cause: error }];
      }
    });
    const unfit = alone.length > 0 ? alone : fresh.map((change) => ({ change, cause }));
    return { taken: [], step: undefined, unfit };
  }
}

async function readHeadSeq(table: Table, channel: Channel): Promise<number> {
  return parseHead(await getItem(table, headKey(channel))).seq;
}

/** What a host's change did to its own log. */
export type HostOutcome = {
  readonly entries: readonly LogEntry[];
  /** The seq with which the host was deleted; absent while it is there. */
  readonly deletedAt?: number;
};

/** Brings a host's own record into its log. Its mark is left to `markHost`, after the host's networks followed. */
export async function driveHost(deps: DriveDeps, change: HostChange): Promise<HostOutcome> {
  const channel = hostChannel(change.id);
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
    if (conflicts > 0) await deps.pause(conflicts);
    const lane = await readHostLane(deps.table, channel, Math.floor(deps.now() / 1000));
    if (lane.host && isMarked(lane.host, change)) {
      const { seq, body } = lane.host;
      const entries = await readEntries(deps.table, [{ channel, seq }]);
      return { entries, ...(body === null ? { deletedAt: seq } : {}) };
    }
    const step = advanceHost(channel, lane, change);
    if ((await transact(deps.table, channelStepWrites(step, deps.now()))) === "committed")
      return { entries: [step.entry], ...(change.body === null ? { deletedAt: step.after.seq } : {}) };
  }
  throw new Error(`${channel} was moved by others more than ${MAX_CONFLICTS} times in a row`);
}

/** Marks a host's changes as published, once all its networks have them. */
export async function markHost(deps: DriveDeps, change: HostChange): Promise<void> {
  const channel = hostChannel(change.id);
  const { host } = await readHostLane(deps.table, channel, Math.floor(deps.now() / 1000));
  if (!host) return;
  const place = { channel, seq: host.seq, key: "host", deleted: change.body === null };
  await ensureMarks(deps, marksOf(change.origins, place));
}

type Sifted = {
  readonly marked: readonly NetworkChange[];
  readonly lost: readonly NetworkChange[];
  readonly fresh: readonly NetworkChange[];
};

function sift(facts: NetworkFacts, changes: readonly NetworkChange[]): Sifted {
  const marked: NetworkChange[] = [];
  const lost: NetworkChange[] = [];
  const fresh: NetworkChange[] = [];
  for (const change of changes) {
    if (isMarked(facts.records.get(changedKey(change)), change)) marked.push(change);
    else if (isOrphan(facts, change)) lost.push(change);
    else fresh.push(change);
  }
  return { marked, lost, fresh };
}

function isOrphan(facts: NetworkFacts, change: NetworkChange): boolean {
  if (change.kind !== "endpoint" || !change.body) return false;
  return placedHosts(change.body).some((host) => !facts.hosts.has(host) && !facts.records.has(vtepRecordKey(host)));
}

/** The commits that brought what is marked. Marks are made good where a newer version overtook an older one. */
async function recall(
  deps: DriveDeps,
  facts: NetworkFacts,
  marked: readonly NetworkChange[],
): Promise<NetworkCommit[]> {
  const { channel } = facts;
  const places = marked.flatMap((change) => {
    const record = facts.records.get(changedKey(change));
    return record ? [{ change, record }] : [];
  });
  const keys = [...new Set(places.map(({ record }) => record.seq))].map((seq) => logKey(channel, seq));
  const logs = [...(await batchGet(deps.table, keys)).values()].map(parseLog);
  for (const { change, record } of places) {
    // A network's is marked after its router (routers.ts).
    if (change.kind === "network") continue;
    const place = { channel, seq: record.seq, key: record.key, deleted: record.body === null };
    const log = logs.find(({ entry }) => entry.seq === record.seq);
    for (const mark of marksOf(change.origins, place)) await makeGood(deps, mark, log);
  }
  const commits = logs.map(async ({ entry, memberships }): Promise<NetworkCommit> => {
    const members = memberships.map(async ({ host, joined, seq }) => {
      const [own] = await readEntries(deps.table, [{ channel: hostChannel(host), seq }]);
      return own ? [{ host, joined, entry: own }] : [];
    });
    return { entry, memberships: (await Promise.all(members)).flat() };
  });
  return Promise.all(commits);
}

/**
 * Writes a mark that a newer version left no place for. Which hosts the overtaken change made leave is no longer known,
 * so all that left by the entry are waited for. They are marked first: the mark on the channel says that all are there.
 */
async function makeGood(deps: DriveDeps, mark: Mark, log: LoggedEntry | undefined): Promise<void> {
  if (await getItem(deps.table, markItem(mark, 0))) return;
  const left = (log?.memberships ?? []).filter(({ joined }) => !joined);
  const key = `network/${channelNetwork(mark.channel)}`;
  const marks = left.map(({ host, seq }) => ({ ...mark, channel: hostChannel(host), seq, key, deleted: true }));
  await ensureMarks(deps, [...marks, mark]);
}

export async function readEntries(
  table: Table,
  places: readonly { channel: Channel; seq: number }[],
): Promise<LogEntry[]> {
  const items = await batchGet(
    table,
    places.map(({ channel, seq }) => logKey(channel, seq)),
  );
  return [...items.values()].map((item) => parseLog(item).entry);
}

export async function ensureMarks(deps: DriveDeps, marks: readonly Mark[]): Promise<void> {
  for (const mark of marks) {
    await putItem(deps.table, markItem(mark, deps.now()), { expression: "attribute_not_exists(pk)" });
  }
}

function inOrder(commits: readonly NetworkCommit[]): NetworkCommit[] {
  const bySeq = new Map(commits.map((commit) => [commit.entry.seq, commit]));
  return [...bySeq.values()].sort((a, b) => a.entry.seq - b.entry.seq);
}
