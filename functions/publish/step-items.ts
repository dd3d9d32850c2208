// A step as the writes of one transaction, and how much of a step fits in one. Pure.

import { MAX_PAYLOAD_BYTES } from "../../shared/message/inbox.ts";
import { advanceNetwork } from "./advance.ts";
import type { Channel } from "../../shared/model/record.ts";
import {
  followHostItem,
  headItem,
  headKey,
  logItem,
  type Mark,
  markItem,
  readerItem,
  readerKey,
  recordItem,
  recordKey,
} from "./channel-items.ts";
import type { NetworkChange } from "./resource-change.ts";
import type { NetworkFacts, NetworkStep, Step } from "./step.ts";
import {
  type Condition,
  type Item,
  itemBytes,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_ITEMS,
  type Write,
} from "./table.ts";

/** Room in a message around its entries: the envelope, with a host's id. */
export const ENVELOPE_BYTES = 256;
/** The most changes that a step can hold: each has a record and a mark. */
export const MAX_STEP_CHANGES = (MAX_TRANSACTION_ITEMS - 2) / 2;

/** The writes of a network's step, those of its hosts' channels included. */
export function networkStepWrites(step: NetworkStep, atMs: number): Write[] {
  const memberships = step.memberships.map(({ host, joined, seq }) => ({ host, joined, seq }));
  const { sites } = step.after;
  const log = logItem({ entry: step.entry, memberships, atMs, ...(sites ? { sites } : {}) });
  const own = stepWrites(step, log, atMs);
  const hosts = step.memberships.flatMap((member) => [
    ...channelStepWrites(member.step, atMs),
    ...readerWrites(step.channel, member, step.after.seq),
  ]);
  const marks = new Map(step.marks.map((mark) => [`${mark.change}\n${mark.channel}`, mark]));
  return [...own, ...hosts, ...[...marks.values()].map((mark: Mark) => ({ put: markItem(mark, atMs) }))];
}

/** The writes of a step that is of one channel alone, such as a host's. */
export function channelStepWrites(step: Step, atMs: number): Write[] {
  return stepWrites(step, logItem({ entry: step.entry, memberships: [], atMs }), atMs);
}

/** A routed host that gets an endpoint is a member in its place; one that loses its last routes on. */
function readerWrites(
  channel: Channel,
  { host, reader, followed }: NetworkStep["memberships"][number],
  since: number,
): Write[] {
  const writes: Write[] = followed ? [{ put: followHostItem(channel, host) }] : [];
  if (reader === "kept") writes.push({ put: readerItem(channel, { host, since }) });
  if (reader === "gone") writes.push({ delete: readerKey(channel, host) });
  return writes;
}

function stepWrites(step: Step, log: Item, atMs: number): Write[] {
  return [
    { put: headItem(step.channel, step.after), condition: headIs(step.before.seq) },
    { put: log },
    ...step.kept.map((record) => ({ put: recordItem(step.channel, record, atMs) })),
    ...step.removed.map((key) => ({ delete: recordKey(step.channel, key) })),
  ];
}

/** The named condition of every step: nobody else moved the log since the facts were read. */
export function headIs(seq: number): Condition {
  if (seq === 0) return { expression: "attribute_not_exists(pk)" };
  return { expression: "#seq = :seq", names: { "#seq": "seq" }, values: { ":seq": seq } };
}

/** The step of as many of the first `changes` as fit in a transaction and their entry in a message. */
export function largestStep(
  facts: NetworkFacts,
  changes: readonly NetworkChange[],
): { taken: readonly NetworkChange[]; step: NetworkStep | undefined } {
  let count = Math.min(changes.length, MAX_STEP_CHANGES);
  for (;;) {
    const taken = changes.slice(0, count);
    const step = advanceNetwork(facts, taken);
    if (!step) return { taken, step };
    const writes = networkStepWrites(step, 0);
    const bytes = writes.reduce((sum, write) => sum + itemBytes(contentOf(write)), 0);
    const entryBytes = Buffer.byteLength(JSON.stringify(step.entry));
    const over = writes.length - MAX_TRANSACTION_ITEMS;
    const fits = over <= 0 && bytes <= MAX_TRANSACTION_BYTES && entryBytes <= MAX_PAYLOAD_BYTES - ENVELOPE_BYTES;
    if (fits) return { taken, step };
    if (count === 1)
      throw new Error(`one change of ${facts.channel} ${headKey(facts.channel).sk} is too large for a step`);
    // A change saves two items at least, and some save many more: one is left to try.
    count = Math.max(1, over > 0 ? count - Math.max(1, Math.floor(over / 6)) : Math.floor(count / 2));
  }
}

function contentOf(write: Write): Parameters<typeof itemBytes>[0] {
  if ("put" in write) return write.put;
  return "delete" in write ? write.delete : write.check;
}
