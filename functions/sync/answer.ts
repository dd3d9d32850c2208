// The answer to "this is what I hold": what the host lacks, channel by channel, then what it should not hold, then
// `in-sync` with the whole of what it should. Only after that last message may an agent delete, so it is sent only when
// the host is known: a host of which no log speaks gets no answer, lest a mistake of ours empties it.

import { type InSyncMessage, type LeaveMessage, MAX_PAYLOAD_BYTES } from "../../shared/message/inbox.ts";
import { FIRST_VERSION } from "../../shared/message/version.ts";
import { type Channel, hostChannel, networkChannel } from "../../shared/model/record.ts";
import { channelPk, type Head, headKey, logSk, parseHead, parseLog } from "../publish/channel-items.ts";
import { deltaMessages, packTexts } from "../publish/outbox.ts";
import { parseResource } from "../publish/resource-image.ts";
import { ENVELOPE_BYTES } from "../publish/step-items.ts";
import { batchGet, getItem, keyText, queryAll, type Table } from "../publish/table.ts";
import type { Telemetry } from "../publish/telemetry.ts";
import { channelsToLeave, type Held, planChannel, usableEntries } from "./plan.ts";
import { readSnapshot, type Snapshot, snapshotMessages } from "./snapshot.ts";

export type AnswerDeps = { readonly table: Table; readonly telemetry: Telemetry; readonly now: () => number };

export type Answer =
  | { readonly kind: "answer"; readonly messages: readonly string[] }
  /** Nothing is certain about this host: say nothing. */
  | { readonly kind: "silence"; readonly reason: string };

/** The messages for a host that holds `have`, in the order to send them. @throws if the store fails. */
export async function answerHost(deps: AnswerDeps, host: string, have: readonly Held[]): Promise<Answer> {
  const channel = hostChannel(host);
  if (parseHead(await getItem(deps.table, headKey(channel))).seq === 0) {
    return { kind: "silence", reason: "no log speaks of this host" };
  }
  const own = await readSnapshot(deps.table, channel, nowSec(deps));
  if (own.records.length === 0) return farewell(deps, host, have);

  const networks = own.records.flatMap(({ key }) => (key.startsWith("network/") ? [key.slice("network/".length)] : []));
  const channels = [channel, ...networks.map(networkChannel)];
  const heads = await readHeads(deps.table, channels);
  heads.set(channel, own.head);
  const held = new Map(have.map((each) => [each.channel, each]));
  const messages: string[] = [];
  const now: InSyncMessage["channels"] = [];
  for (const each of channels) {
    const head = heads.get(each) as Head;
    const lacking = await catchUp(deps, host, { channel: each, head, held: held.get(each), own });
    messages.push(...lacking.messages);
    now.push({ channel: each, seq: lacking.head.seq, digest: lacking.head.digest });
  }
  messages.push(...leave(host, channelsToLeave(have, new Set(channels))), ...inSync(deps, host, now));
  return { kind: "answer", messages };
}

type Lagging = {
  readonly channel: Channel;
  readonly head: Head;
  readonly held: Held | undefined;
  /** The host's own channel, already read. */
  readonly own: Snapshot;
};

/** The messages that bring a host to a channel's head, and the head they bring it to. */
async function catchUp(deps: AnswerDeps, host: string, lagging: Lagging): Promise<{ messages: string[]; head: Head }> {
  const { channel, head, held, own } = lagging;
  const plan = planChannel(head, held);
  if (plan.kind === "equal") return { messages: [], head };
  if (plan.kind === "entries") {
    const range = { from: logSk(plan.from.seq), to: logSk(head.seq) };
    const log = (await queryAll(deps.table, channelPk(channel), range)).map((item) => parseLog(item).entry);
    const entries = usableEntries(head, plan.from, log);
    if (entries) {
      deps.telemetry.count("SyncedByEntries");
      return {
        messages: deltaMessages(
          host,
          entries.map((entry) => JSON.stringify(entry)),
        ),
        head,
      };
    }
  }
  if (plan.kind === "snapshot" && plan.diverged) {
    deps.telemetry.count("DivergedChannels");
    deps.telemetry.warn("a host's channel has diverged", { host, channel, seq: held?.seq ?? 0, head: head.seq });
  }
  deps.telemetry.count("SyncedBySnapshot");
  const snapshot = channel === own.channel ? own : await readSnapshot(deps.table, channel, nowSec(deps));
  return { messages: snapshotMessages(host, snapshot), head: snapshot.head };
}

/** A host whose log ended empty: deleted, if its resource says so too; else it is being made again and will hear. */
async function farewell(deps: AnswerDeps, host: string, have: readonly Held[]): Promise<Answer> {
  const item = await getItem(deps.table, { pk: "HOSTS", sk: host });
  const image = item ? parseResource("host", item) : undefined;
  const deleted = image === undefined || (typeof image !== "string" && image.deleted);
  if (!deleted) return { kind: "silence", reason: "the host is being created anew" };
  const channels = channelsToLeave(have, new Set());
  return { kind: "answer", messages: [...leave(host, channels), ...inSync(deps, host, [])] };
}

async function readHeads(table: Table, channels: readonly Channel[]): Promise<Map<Channel, Head>> {
  const items = await batchGet(table, channels.map(headKey));
  return new Map(channels.map((channel) => [channel, parseHead(items.get(keyText(headKey(channel))))]));
}

function leave(host: string, channels: readonly Channel[]): string[] {
  const packs = packTexts(
    channels.map((channel) => JSON.stringify(channel)),
    MAX_PAYLOAD_BYTES - ENVELOPE_BYTES,
  );
  return packs.map((pack) => {
    const message: LeaveMessage = { v: FIRST_VERSION, host, kind: "leave", channels: [] };
    return JSON.stringify(message).replace('"channels":[]', `"channels":[${pack.join(",")}]`);
  });
}

/** One message, since it is the whole. A host of more channels than fit (about 900) is not told, and deletes nothing. */
function inSync(deps: AnswerDeps, host: string, channels: InSyncMessage["channels"]): string[] {
  const message: InSyncMessage = { v: FIRST_VERSION, host, kind: "in-sync", channels };
  const text = JSON.stringify(message);
  if (Buffer.byteLength(text) <= MAX_PAYLOAD_BYTES) return [text];
  deps.telemetry.count("OversizedInSync");
  deps.telemetry.warn("a host carries more channels than in-sync can name", { host, channels: channels.length });
  return [];
}

function nowSec(deps: AnswerDeps): number {
  return Math.floor(deps.now() / 1000);
}
