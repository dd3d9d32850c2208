// The table's stream as events: changes as they are stored, receipts as they are published and become live, and what hosts
// report of conflicts, drift and their BGP sessions. Nothing else writes events, so that nothing is written twice by the API.
//
// The stream delivers at least once. A batch that comes again is known by its records and not told again; one that was split
// in between may be, with the same `key`.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import { type Channel, parseChannel } from "../../shared/model/record.ts";
import { parseMark, type WrittenMark } from "../publish/channel-items.ts";
import { batchGet, type Item, keyText, queryAll, transact } from "../publish/table.ts";
import type { Telemetry } from "../publish/telemetry.ts";
import { parseChannelRow, parseHostRow } from "../report/report-items.ts";
import type { Event } from "./event.ts";
import { appendEvents, type AppendDeps } from "./event-log.ts";
import { hostEvents } from "./host-events.ts";
import {
  createLook,
  forgetPending,
  isOwn,
  notePending,
  type Pending,
  pendingKeys,
  readPending,
  tellOnce,
  toldKey,
} from "./pending.ts";
import { changeEvent, ownerOf, publishedEvent, type Unowned, withOwners } from "./change-events.ts";

export type EventsDeps = AppendDeps & { readonly telemetry: Telemetry };

/** What live changes told in one transaction may write, besides the events. */
const WRITES_AT_ONCE = 80;

type Batch = {
  readonly events: Unowned[];
  readonly marks: WrittenMark[];
  /** Channels in which a host has caught up. */
  readonly channels: Set<Channel>;
};

/** Handles a batch of stream records. @throws if the store fails: the batch comes again. */
export async function handleEvents(deps: EventsDeps, records: readonly DynamoDBRecord[]): Promise<void> {
  const batch: Batch = { events: [], marks: [], channels: new Set() };
  for (const record of records) {
    try {
      sort(batch, record);
    } catch (cause) {
      // What cannot be read is no news, and must not hold up what is.
      deps.telemetry.count("UnreadableEventRecords");
      deps.telemetry.warn("a record that no event can be made of", {
        event: record.eventID ?? "",
        cause: String(cause),
      });
    }
  }
  const { table } = deps;
  const events = await withOwners(table, batch.events);
  const id = batchId(records);
  await appendEvents(deps, async () => ({ events, once: id }));
  for (const mark of batch.marks) {
    // All are there: the change's own comes last.
    const marks = (await queryAll(table, `CHANGE#${mark.change}`, { prefix: "PUB#" })).map(parseMark);
    await notePending(table, deps.now(), marks);
    batch.channels.add(mark.channel);
  }
  await tellLive(deps, [...batch.channels]);
}

function sort({ events, marks, channels }: Batch, record: DynamoDBRecord): void {
  const { NewImage, OldImage } = record.dynamodb ?? {};
  if (record.eventName === "REMOVE" || !NewImage) return;
  const after = plain(NewImage);
  const before = OldImage && plain(OldImage);
  const key = record.eventID ?? "";
  switch (after["type"]) {
    case "change":
      if (!before) events.push(changeEvent(key, after));
      return;
    case "published": {
      const mark = parseMark(after);
      if (before || !isOwn(mark)) return;
      marks.push(mark);
      events.push(publishedEvent(mark));
      return;
    }
    case "report": {
      const channel = parseChannel(String(after["channel"]));
      const [was, is] = [parseChannelRow(before)?.liveSeq ?? 0, parseChannelRow(after)?.liveSeq ?? 0];
      if (channel && is > was) channels.add(channel);
      return;
    }
    case "host-report": {
      const row = parseHostRow(after);
      const told = row ? hostEvents(String(after["host"]), parseHostRow(before), row) : [];
      events.push(...told.map((event, at) => ({ ...event, key: `${key}/${at}` })));
      return;
    }
  }
}

/** Tells which changes of these channels are live now, each once, however many look at the same time. */
async function tellLive(deps: EventsDeps, channels: readonly Channel[]): Promise<void> {
  const { table } = deps;
  const look = createLook(table);
  const found = new Map<string, Live>();
  for (const channel of channels) {
    for (const pending of await readPending(table, channel)) {
      if (found.has(pending.change)) continue;
      const hosts = await look(pending);
      if (hosts !== undefined) found.set(pending.change, { pending, hosts });
    }
  }
  for (const some of inTransactions([...found.values()])) {
    const owners = await ownerOf(
      table,
      some.map(({ pending }) => pending.own),
    );
    let again: readonly Live[] = [];
    await appendEvents(deps, async () => {
      const told = await batchGet(
        table,
        some.map(({ pending }) => toldKey(pending)),
      );
      const wasTold = ({ pending }: Live) => told.has(keyText(toldKey(pending)));
      again = some.filter(wasTold);
      const left = some.filter((each) => !wasTold(each));
      const events = left.map(({ pending, hosts }) =>
        liveEvent(deps.now(), { pending, hosts, owner: owners(pending.own) }),
      );
      return { events, also: left.flatMap(({ pending }) => tellOnce(pending, deps.now())) };
    });
    if (again.length > 0)
      await transact(
        table,
        again.flatMap(({ pending }) => forgetPending(pending)),
      );
  }
}

type Live = { pending: Pending; hosts: number };

function inTransactions(live: readonly Live[]): Live[][] {
  const groups: Live[][] = [];
  let left = 0;
  for (const each of live) {
    const writes = pendingKeys(each.pending).length + 1;
    if (writes > left) {
      groups.push([]);
      left = WRITES_AT_ONCE;
    }
    groups.at(-1)?.push(each);
    left -= writes;
  }
  return groups;
}

function liveEvent(
  nowMs: number,
  { pending, hosts, owner }: { pending: Pending; hosts: number; owner: Pick<Event, "tenant" | "resource"> },
): Event {
  const { change, own } = pending;
  const summary =
    hosts === 0 ? "published; no host needs it" : `live on ${hosts} of ${hosts} ${hosts === 1 ? "host" : "hosts"}`;
  const data = { change, state: "live", channel: own.channel, seq: own.seq, summary };
  return { key: `live/${change}`, kind: "receipt", at: new Date(nowMs).toISOString(), ...owner, data };
}

function batchId(records: readonly DynamoDBRecord[]): string {
  return `${records[0]?.eventID ?? "none"}-${records.at(-1)?.eventID ?? "none"}-${records.length}`;
}

function plain(image: NonNullable<NonNullable<DynamoDBRecord["dynamodb"]>["NewImage"]>): Item {
  return unmarshall(image as Record<string, AttributeValue>) as Item;
}
