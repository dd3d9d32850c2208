// The answer to "this is what I hold": what the host lacks, channel by channel, then what it should not hold, then
// `in-sync` with the whole of what it should (of the range that it asked about). Only after that may an agent delete, so
// it is sent only when the host is known: a host of which no log speaks gets no answer, lest a mistake of ours empties it.

import { type LogEntry, MAX_PAYLOAD_BYTES } from "../../shared/message/inbox.ts";
import { type ChannelRange, inRange } from "../../shared/message/range.ts";
import type { SyncRequest } from "../../shared/message/sync.ts";
import { PROTOCOL_VERSION, type ProtocolVersion } from "../../shared/message/version.ts";
import { type Channel, hostChannel, networkChannel, parseRecordKey, routerChannel } from "../../shared/model/record.ts";
import { mapBounded } from "../publish/bounded.ts";
import { channelPk, type Head, headKey, logSk, parseHead, parseLog } from "../publish/channel-items.ts";
import { deltaMessages } from "../publish/outbox.ts";
import { parseResource } from "../publish/resource-image.ts";
import { batchGet, getItem, keyText, queryAll, type Table } from "../publish/table.ts";
import type { Telemetry } from "../publish/telemetry.ts";
import { bundle, inSyncMessages, leaveMessages, offerMessage, retryMessage } from "./messages.ts";
import { channelsToLeave, entriesAfter, type Held, MAX_ENTRIES, planChannel, usableEntries } from "./plan.ts";
import { type SharedSnapshotDeps, sharedSnapshot, smallSnapshot } from "./shared-snapshot.ts";
import { readSnapshot, type Snapshot, snapshotBytes, snapshotMessages } from "./snapshot.ts";
import { SnapshotCache } from "./snapshot-cache.ts";

/** What makes large channels files; without it they go in messages, however many. */
export type SnapshotFiles = Pick<SharedSnapshotDeps, "objects" | "wait" | "newId"> & {
  /** Small snapshots that this process has read, by channel and seq; undefined for one that is not small. */
  readonly cache: SnapshotCache<Snapshot | undefined>;
};

export type AnswerDeps = {
  readonly table: Table;
  readonly telemetry: Telemetry;
  readonly now: () => number;
  readonly files?: SnapshotFiles;
};

/** A cache for `SnapshotFiles`, of at most so many octets. */
export function createSnapshotCache(maxBytes: number): SnapshotFiles["cache"] {
  return new SnapshotCache(maxBytes, (snapshot) => (snapshot ? snapshotBytes(snapshot) : 0) + 200);
}

export type Answer =
  | { readonly kind: "answer"; readonly messages: readonly string[] }
  /** Nothing is certain about this host: say nothing. */
  | { readonly kind: "silence"; readonly reason: string };

/** How many channels of an answer are worked on at once. */
const CHANNELS_AT_ONCE = 8;
/** How long a signed URL is good for: an agent fetches one file after the other. */
const OFFER_SEC = 300;
/** When a host asks again that has to wait for a snapshot that another one makes; the agent adds jitter. */
const RETRY_MS = 3_000;

/** What is sent of one channel: entries are gathered into as few messages as they fit in. */
type Part = { readonly entry: string } | { readonly message: string };
type CaughtUp = { readonly parts: readonly Part[]; readonly head: Head };

type Asked = Pick<SyncRequest, "v" | "have" | "request" | keyof ChannelRange>;

/** The messages for a host, in the order to send them. @throws if the store fails. */
export async function answerHost(deps: AnswerDeps, host: string, asked: Asked): Promise<Answer> {
  const channel = hostChannel(host);
  const own = await readSnapshot(deps.table, channel, nowSec(deps));
  if (own.head.seq === 0) return { kind: "silence", reason: "no log speaks of this host" };
  const have = asked.have.filter((held) => inRange(asked, held.channel));
  if (own.records.length === 0) return farewell(deps, host, { asked, have, own });

  const should = [channel, ...carriedChannels(own)].filter((each) => inRange(asked, each)).toSorted();
  const heads = await readHeads(deps.table, should);
  heads.set(channel, own.head);
  const held = new Map(have.map((each) => [each.channel, each]));
  const caughtUp = await mapBounded(should, CHANNELS_AT_ONCE, (each) =>
    catchUp(deps, host, { channel: each, head: heads.get(each) as Head, held: held.get(each), own, v: asked.v }),
  );
  const parts = caughtUp.flatMap((one) => one?.parts ?? []);
  const leaving = leaveMessages(host, channelsToLeave(have, new Set(should)), own.head.seq);
  const messages = [...gather(host, parts), ...leaving];
  const news = asked.v === PROTOCOL_VERSION ? bundle(host, messages) : messages;
  const waiting = should.filter((_, index) => !caughtUp[index]);
  if (waiting.length > 0) {
    deps.telemetry.count("SyncRetriesAsked");
    const retry = retryMessage(host, RETRY_MS, `${waiting[0]} is not ready yet`);
    return { kind: "answer", messages: [...news, retry] };
  }
  const now = should.map((each, index) => {
    const { seq, digest } = (caughtUp[index] as CaughtUp).head;
    return { channel: each, seq, digest };
  });
  return { kind: "answer", messages: [...news, ...wholeOf(deps, host, { asked, channels: now, own: own.head.seq })] };
}

type Lagging = {
  readonly channel: Channel;
  readonly head: Head;
  readonly held: Held | undefined;
  /** The host's own channel, already read. */
  readonly own: Snapshot;
  readonly v: ProtocolVersion;
};

/** What brings a host to a channel's head, and the head it is brought to; undefined if that is not ready yet. */
async function catchUp(deps: AnswerDeps, host: string, lagging: Lagging): Promise<CaughtUp | undefined> {
  const { channel, head, held, own } = lagging;
  const plan = planChannel(head, held);
  if (plan.kind === "equal") return { parts: [], head };
  if (plan.kind === "entries") {
    const parts = await readEntries(deps, channel, head, plan.from);
    if (parts) {
      deps.telemetry.count("SyncedByEntries");
      return { parts, head };
    }
  }
  if (plan.kind === "snapshot" && plan.diverged) {
    deps.telemetry.count("DivergedChannels");
    deps.telemetry.warn("a host's channel has diverged", { host, channel, seq: held?.seq ?? 0, head: head.seq });
  }
  if (channel === own.channel) return inMessages(deps, host, own);
  const { files } = deps;
  if (!files || lagging.v !== PROTOCOL_VERSION)
    return inMessages(deps, host, await readSnapshot(deps.table, channel, nowSec(deps)));
  const small = await files.cache.get(`${channel} ${head.seq} ${head.digest}`, () =>
    smallSnapshot(deps.table, channel, nowSec(deps)),
  );
  if (small) return inMessages(deps, host, small);
  try {
    return await inFile(deps, files, host, { channel, head });
  } catch (error) {
    // The host asks again; what else it lacks must not wait for the object store.
    deps.telemetry.count("SnapshotFileFailures");
    deps.telemetry.error("no file of a channel", error, { channel });
    return undefined;
  }
}

function inMessages(deps: AnswerDeps, host: string, snapshot: Snapshot): CaughtUp {
  deps.telemetry.count("SyncedBySnapshot");
  return { parts: snapshotMessages(host, snapshot).map((message) => ({ message })), head: snapshot.head };
}

/** An offer of the shared file, and the entries since; undefined if another process is still making it. */
async function inFile(
  deps: AnswerDeps,
  files: SnapshotFiles,
  host: string,
  { channel, head }: { channel: Channel; head: Head },
): Promise<CaughtUp | undefined> {
  for (const mayBeBehind of [MAX_ENTRIES, 0]) {
    const file = await sharedSnapshot({ ...deps, ...files }, channel, { head, mayBeBehind });
    if (!file) return undefined;
    const entries = entriesAfter(head, file.seq, await readLog(deps, channel, file.seq, head));
    // The log forgets after 72 hours: then only a newer file helps.
    if (file.seq < head.seq && !entries) continue;
    deps.telemetry.count("SyncedByFile");
    const signed = await files.objects.sign(file.object, { host, grant: files.newId(), forSec: OFFER_SEC });
    const reached = file.seq < head.seq ? head : { seq: file.seq, digest: file.digest, forwarding: file.forwarding };
    return { parts: [{ message: offerMessage(host, file, signed) }, ...partsOf(entries ?? [])], head: reached };
  }
  throw new Error(`the log of ${channel} moves faster than a snapshot of it is made`);
}

/** The entries from what is held to the head; undefined if the log does not lead there. */
async function readEntries(deps: AnswerDeps, channel: Channel, head: Head, from: Held): Promise<Part[] | undefined> {
  const entries = usableEntries(head, from, await readLog(deps, channel, from.seq, head));
  return entries && partsOf(entries);
}

async function readLog(deps: AnswerDeps, channel: Channel, fromSeq: number, head: Head): Promise<LogEntry[]> {
  if (fromSeq > head.seq) return [];
  const range = { from: logSk(fromSeq), to: logSk(head.seq) };
  return (await queryAll(deps.table, channelPk(channel), range)).map((item) => parseLog(item).entry);
}

function partsOf(entries: readonly LogEntry[]): Part[] {
  return entries.map((entry) => ({ entry: JSON.stringify(entry) }));
}

/** The messages of all parts in their order; entries that follow each other share messages. */
function gather(host: string, parts: readonly Part[]): string[] {
  const messages: string[] = [];
  let entries: string[] = [];
  const flush = () => {
    messages.push(...deltaMessages(host, entries));
    entries = [];
  };
  for (const part of parts) {
    if ("entry" in part) entries.push(part.entry);
    else {
      flush();
      messages.push(part.message);
    }
  }
  flush();
  return messages;
}

/** A host whose log ended empty: deleted, if its resource says so too; else it is being made again and will hear. */
async function farewell(
  deps: AnswerDeps,
  host: string,
  { asked, have, own }: { asked: Asked; have: readonly Held[]; own: Snapshot },
): Promise<Answer> {
  const item = await getItem(deps.table, { pk: "HOSTS", sk: host });
  const image = item ? parseResource("host", item) : undefined;
  const deleted = image === undefined || (typeof image !== "string" && image.deleted);
  if (!deleted) return { kind: "silence", reason: "the host is being created anew" };
  const leaving = leaveMessages(host, channelsToLeave(have, new Set()), own.head.seq);
  // In any other range the agent would wait for a channel of its own that it has just left.
  const end = inRange(asked, own.channel) ? { asked, channels: [], own: own.head.seq } : { asked, channels: [] };
  return { kind: "answer", messages: [...leaving, ...wholeOf(deps, host, end)] };
}

type Whole = {
  readonly asked: Asked;
  readonly channels: Parameters<typeof inSyncMessages>[1]["channels"];
  own?: number;
};

/** A host of version 1 that carries more channels than fit in one message (about 900) is not told, and deletes nothing. */
function wholeOf(deps: AnswerDeps, host: string, whole: Whole): string[] {
  const messages = inSyncMessages(host, { ...whole, asked: whole.asked });
  const fits = messages.every((message) => Buffer.byteLength(message) <= MAX_PAYLOAD_BYTES);
  if (fits) return messages;
  deps.telemetry.count("OversizedInSync");
  deps.telemetry.warn("a host of version 1 carries more channels than in-sync can name", { host });
  return [];
}

/** The channels of the networks and routers that a host's own channel names. */
function carriedChannels({ channel, records }: Snapshot): Channel[] {
  return records.flatMap(({ key }) => {
    const parsed = parseRecordKey(channel, key);
    if (parsed?.kind === "carried-network") return [networkChannel(parsed.network)];
    return parsed?.kind === "carried-router" ? [routerChannel(parsed.router)] : [];
  });
}

async function readHeads(table: Table, channels: readonly Channel[]): Promise<Map<Channel, Head>> {
  const items = await batchGet(table, channels.map(headKey));
  return new Map(channels.map((channel) => [channel, parseHead(items.get(keyText(headKey(channel))))]));
}

function nowSec(deps: AnswerDeps): number {
  return Math.floor(deps.now() / 1000);
}
