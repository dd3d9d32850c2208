// Logs and counters of the event-driven functions: a port, and its adapter that writes JSON lines. Counters are in
// CloudWatch's embedded metric format, so that an alarm needs no agent and no extra call.

export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export type Telemetry = {
  /** Raises the counter `name` by `by` (default 1). */
  count(name: string, by?: number): void;
  warn(message: string, fields?: LogFields): void;
  /** With the error that was caught. */
  error(message: string, cause: unknown, fields?: LogFields): void;
};

const NAMESPACE = "Overspan";

/** Writes to `write`, a line at a time; counters are summed and written by `flush`, once an invocation. */
export function lineTelemetry(write: (line: string) => void, now: () => number): Telemetry & { flush(): void } {
  const counters = new Map<string, number>();
  return {
    count(name, by = 1) {
      counters.set(name, (counters.get(name) ?? 0) + by);
    },
    warn(message, fields = {}) {
      write(JSON.stringify({ level: "warn", message, ...fields }));
    },
    error(message, cause, fields = {}) {
      write(JSON.stringify({ level: "error", message, ...fields, cause: describeError(cause) }));
    },
    flush() {
      if (counters.size === 0) return;
      const Metrics = [...counters.keys()].map((Name) => ({ Name, Unit: "Count" }));
      const CloudWatchMetrics = [{ Namespace: NAMESPACE, Dimensions: [[]], Metrics }];
      write(JSON.stringify({ _aws: { Timestamp: now(), CloudWatchMetrics }, ...Object.fromEntries(counters) }));
      counters.clear();
    },
  };
}

/** An error's name, message and causes in one line; its stack stays out, the message is what an operator acts on. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own} (${describeError(error.cause)})`;
}
