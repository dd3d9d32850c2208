// The log of events as the API reads it.

import type { EventReader } from "../api/events.ts";
import type { Table } from "../publish/table.ts";
import { lastEvent, readEvents } from "./event-log.ts";

export function tableEvents(table: Table): EventReader {
  return { last: () => lastEvent(table), read: (after, range) => readEvents(table, after, range) };
}
