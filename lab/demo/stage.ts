// Where the story is told: one line a step with its time, notes while a step takes long, a table at the end.

export type StepResult = {
  readonly title: string;
  readonly held: boolean;
  readonly detail: string;
  readonly tookMs: number;
};

export type StageOptions = {
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
  /** True on a terminal: colours, and the step under way is shown until its result replaces it. */
  readonly terminal: boolean;
  /** The last lines of a part's log, for the report of a failure. */
  readonly lastWords: (part: string) => Promise<readonly string[]>;
  readonly signal: AbortSignal;
};

export type Stage = {
  /** Stands before every line from now on. */
  label: string;
  /** An indented line that belongs to no step. */
  note(line: string): void;
  /**
   * Runs a step; what it returns is its detail. One that throws did not hold: its reason is shown with the last lines of
   * the parts concerned, and the story goes on unless the step is `needed` by those after it.
   */
  step(title: string, act: () => Promise<string>, about: StepAbout): Promise<void>;
  results(): readonly StepResult[];
  summary(): string;
};

export type StepAbout = {
  /** Parts whose logs tell why it did not hold. */
  readonly parts: readonly string[];
  /** True: without it the rest makes no sense, so its failure ends the story. */
  readonly needed?: boolean;
};

/** Ends the story; the step that failed is already shown. */
export class StoryEnded extends Error {
  override readonly name = "StoryEnded";
}

export function createStage(options: StageOptions): Stage {
  const { write, nowMs, terminal, signal } = options;
  const startedAt = nowMs();
  const results: StepResult[] = [];
  const colour = (code: number, text: string) => (terminal ? `\u001B[${code}m${text}\u001B[0m` : text);
  const line = (text: string) => {
    const at = `${((nowMs() - startedAt) / 1000).toFixed(1).padStart(5)} s`;
    write(`${terminal ? "\r\u001B[K" : ""}${colour(2, at)}  ${stage.label}${text}\n`);
  };

  const stage: Stage = {
    label: "",
    note: (text) => line(`   ${colour(2, text)}`),
    async step(title, act, { parts, needed = false }) {
      signal.throwIfAborted();
      if (terminal) write(`         ${stage.label}${colour(2, `…  ${title}`)}`);
      const from = nowMs();
      try {
        const detail = await untilAborted(act(), signal);
        results.push({ title, held: true, detail, tookMs: nowMs() - from });
        line(`${colour(32, "ok")} ${title}: ${detail} ${colour(2, `(${formatMs(nowMs() - from)})`)}`);
      } catch (error) {
        signal.throwIfAborted();
        const detail = error instanceof Error ? error.message : String(error);
        results.push({ title, held: false, detail, tookMs: nowMs() - from });
        line(`${colour(31, "NOT")} ${title}: ${detail} ${colour(2, `(${formatMs(nowMs() - from)})`)}`);
        for (const part of parts) {
          for (const words of await options.lastWords(part)) line(`      ${colour(2, `${part} | ${words}`)}`);
        }
        if (needed) throw new StoryEnded(`it ended at "${title}": ${detail}`, { cause: error });
      }
    },
    results: () => results,
    summary: () => formatSummary(results, stage.label, colour),
  };
  return stage;
}

/** 740 ms, 1.2 s. */
export function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function formatSummary(
  results: readonly StepResult[],
  label: string,
  colour: (code: number, text: string) => string,
): string {
  const width = Math.max(0, ...results.map(({ title }) => title.length));
  const rows = results.map(({ title, held, detail, tookMs }) => {
    const mark = held ? colour(32, "ok ") : colour(31, "NOT");
    return `${label}  ${mark}  ${title.padEnd(width)}  ${formatMs(tookMs).padStart(7)}  ${detail}`;
  });
  const held = results.filter((result) => result.held).length;
  return ["", ...rows, "", `${label}${held} of ${results.length} steps held`].join("\n");
}

/** A step that is under way when the user interrupts is left behind; closing the world ends what it waits for. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener("abort", stop);
  }
}
