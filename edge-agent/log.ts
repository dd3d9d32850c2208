// The agent's diary: one line per event for people, a counter per kind for machines, and the last events for reports.

/** Where lines go; `detail` is what an operator needs to act. */
export type Log = {
  info(kind: string, detail: string): void;
  /** Counted, kept among the recent events, and reported to the cloud. */
  warn(kind: string, detail: string): void;
};

export type DiaryEvent = { readonly atMs: number; readonly kind: string; readonly detail: string };

export type Diary = Log & {
  readonly counters: ReadonlyMap<string, number>;
  /** The most recent warnings, oldest first. */
  recent(): readonly DiaryEvent[];
  count(kind: string, by?: number): void;
  onWarning(listener: () => void): void;
};

const KEEP = 50;

/** Makes a diary that writes lines to `write`. */
export function createDiary(wallMs: () => number, write: (line: string) => void): Diary {
  const counters = new Map<string, number>();
  const events: DiaryEvent[] = [];
  let listener: (() => void) | undefined;
  const line = (level: string, kind: string, detail: string) =>
    write(`${new Date(wallMs()).toISOString()} ${level} ${kind}: ${detail}`);
  const count = (kind: string, by = 1) => void counters.set(kind, (counters.get(kind) ?? 0) + by);
  return {
    counters,
    count,
    recent: () => events,
    onWarning(act) {
      listener = act;
    },
    info: (kind, detail) => line("info", kind, detail),
    warn(kind, detail) {
      count(kind);
      events.push({ atMs: wallMs(), kind, detail: detail.slice(0, 500) });
      if (events.length > KEEP) events.shift();
      line("warn", kind, detail);
      listener?.();
    },
  };
}
