// What every write shares: its terms, its key for safe retries, its answer in the format asked for, and waiting for it.

import type { Terms } from "../functions/api/client.ts";
import type { Option, Options } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { usage } from "./failure.ts";
import { formatOne, formatValue } from "./output/print.ts";
import { awaitReceipt, exitOfWait, waitOf } from "./receipt.ts";
import type { Kind, Resource } from "./resource/kind.ts";
import type { Session } from "./session.ts";

export const WAIT_OPTIONS: readonly Option[] = [
  {
    name: "wait",
    value: "STATE",
    help: "live: in the kernel of every host concerned; seen: and at the ToRs",
    choices: ["live", "seen"],
  },
  { name: "timeout", value: "SEC", help: "how long to wait (default 60)" },
];
export const WRITE_OPTIONS: readonly Option[] = [
  { name: "plan", help: "write nothing: show what would change, on each host and ToR" },
  { name: "if-match", value: "VERSION", help: "only if it is at this version" },
  { name: "idempotency-key", value: "KEY", help: "a retry with the same key is not done twice; default: a new one" },
  ...WAIT_OPTIONS,
];

/** The terms that the options say, under a key of its own if none is given, so that a broken connection can be retried. */
export function termsOf(options: Options, { newKey }: { newKey: () => string }): Terms {
  const match = options.text("if-match");
  if (match !== undefined && !/^([1-9]\d{0,14}|\*)$/.test(match)) {
    throw usage(`--if-match takes a version, such as 3, not "${match}"`, "overspan get … -o wide shows it");
  }
  const ifMatch = match === undefined ? {} : { ifMatch: match === "*" ? ("*" as const) : Number(match) };
  return { idempotencyKey: options.text("idempotency-key") ?? newKey(), ...ifMatch };
}

/** What a write answered: the resource, or of a deletion the change. */
export type Written = Resource & { change?: string };

export type Told = {
  /** `endpoint/web/vm1`. */
  name: string;
  /** `created`. */
  verb: string;
  kind: Kind;
  /** What is worth saying besides, such as what was given out. */
  notes?: readonly string[];
};

/** Prints what was done and waits for it if that is asked. */
export async function tellWritten(
  session: Session,
  options: Options,
  written: Written,
  { name, verb, kind, notes = [] }: Told,
): Promise<ExitCode> {
  const { world, format, paint } = session;
  const { change } = written;
  if (format === "name") world.out.write(`${name}\n`);
  else if (format === "json" || format === "yaml") {
    const isWhole = written["id"] !== undefined;
    world.out.write(isWhole ? formatOne(written, kind, format) : (formatValue(written, format) ?? ""));
  } else {
    const ofChange = change === undefined ? "" : paint("dim", `  (change ${change})`);
    world.out.write(`${name} ${paint("green", verb)}${ofChange}\n`);
    for (const note of notes) world.out.write(`  ${note}\n`);
  }
  const wait = waitOf(options);
  if (!wait || change === undefined) return EXIT.done;
  const waited = await awaitReceipt(session, change, wait);
  world.err.write(`${waited.receipt.summary}\n`);
  return exitOfWait(waited);
}
