// The port through which the API reads the log of events (functions/events implements it), and a reader's wait as server-sent
// events (https://html.spec.whatwg.org/multipage/server-sent-events.html). A function's answer is sent when it is whole, so
// that this is a long poll: it ends with the first events, or after a while with none, and the client comes back by itself.

import { type Event, type EventFilter, formatPosition, type Position, wants } from "../events/event.ts";
import type { Clock } from "./execute.ts";
import { answerWithin, type Pauses } from "./wait.ts";

export type EventReader = {
  /** The number of the log's last item; 0 if there is none. */
  last(): Promise<number>;
  /** The events after a position, of at most `most` items; "gone" if some of them are kept no more. */
  read(
    after: Position,
    range: { last: number; most: number },
  ): Promise<{ events: readonly { position: Position; event: Event }[]; next: Position } | "gone">;
};

export const NO_EVENTS: EventReader = {
  last: () => Promise.resolve(0),
  read: () => Promise.resolve("gone"),
};

/** Between two looks at the log: one small read each. */
const LOOKS: Pauses = { first: 500, longest: 500 };
/** Items looked at in one answer: what a filter leaves out costs too. */
const MOST_ITEMS = 200;
const ITEMS_AT_ONCE = 20;
/** When the client is to come back: at once if there may be more, soon if nothing happened. */
const RETRY_MORE_MS = 100;
const RETRY_MS = 1000;

/**
 * The answer to a reader that has all up to `after` (undefined: nothing is known of him, and news begins now): the events
 * that he wants, once there are some, or none after `waitMs`. Each has the id to go on from.
 */
export async function eventStream(
  { reader, clock }: { readonly reader: EventReader; readonly clock: Clock },
  asked: { readonly after: Position | undefined; readonly filter: EventFilter; readonly waitMs: number },
): Promise<string> {
  let at = asked.after;
  let looked = 0;
  return answerWithin(clock, { withinMs: asked.waitMs, pauses: LOOKS }, async () => {
    const last = await reader.last();
    const end = { seq: last + 1, index: 0 };
    at ??= end;
    // An id from another life of the log: what was between is unknown.
    if (at.seq > end.seq) return { enough: true, answer: lost(end) };
    const texts: string[] = [];
    while (at.seq <= last && texts.length === 0 && looked < MOST_ITEMS) {
      const read = await reader.read(at, { last, most: ITEMS_AT_ONCE });
      if (read === "gone") return { enough: true, answer: lost(end) };
      texts.push(...read.events.filter(({ event }) => wants(asked.filter, event)).map(told));
      looked += ITEMS_AT_ONCE;
      at = read.next;
    }
    const enough = texts.length > 0 || looked >= MOST_ITEMS;
    return { enough, answer: stream(enough ? RETRY_MORE_MS : RETRY_MS, [...texts, place(at)]) };
  });
}

function told({ position, event }: { position: Position; event: Event }): string {
  return `id: ${formatPosition(position)}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n`;
}

/** An id without data moves the place to go on from, and is no event for the client. */
function place(at: Position): string {
  return `id: ${formatPosition(at)}\n`;
}

/** Events were lost to this reader: what he knows may be old. */
function lost(now: Position): string {
  const data = { reason: "events before this one are not kept any more: read anew what you follow" };
  return stream(RETRY_MORE_MS, [`id: ${formatPosition(now)}\nevent: reset\ndata: ${JSON.stringify(data)}\n`]);
}

function stream(retryMs: number, blocks: readonly string[]): string {
  return [`retry: ${retryMs}\n`, ...blocks].map((block) => `${block}\n`).join("");
}
