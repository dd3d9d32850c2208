// Server-sent events as the client reads them: the answer of GET /v1/events, whole. Pure.

import { Event } from "../events/event.ts";

/** An event with the id to go on from; or that some were lost: then what is followed has to be read anew. */
export type Watched = { id: string; event: Event } | { id: string; reset: true };

/** What an answer says: its events, and where to go on. */
export function parseEventStream(text: string): { watched: Watched[]; id: string | undefined } {
  const watched: Watched[] = [];
  let id: string | undefined;
  for (const block of text.split("\n\n")) {
    const fields = new Map(
      block.split("\n").map((line): [string, string] => {
        const colon = line.indexOf(": ");
        return colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 2)];
      }),
    );
    id = fields.get("id") ?? id;
    const data = fields.get("data");
    if (data === undefined || id === undefined) continue;
    if (fields.get("event") === "reset") watched.push({ id, reset: true });
    else watched.push({ id, event: Event.parse(JSON.parse(data)) });
  }
  return { watched, id };
}
