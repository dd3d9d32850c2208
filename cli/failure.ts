// What ends a command before its end: an exit status, what is wrong, and what to do next. Thrown anywhere, caught once in
// run.ts, which is where it becomes text.

import { EXIT, type ExitCode } from "./exit-code.ts";

export class Failure extends Error {
  override readonly name = "Failure";
  readonly exit: ExitCode;
  /** What to do next, a line each. */
  readonly next: readonly string[];
  constructor(exit: ExitCode, message: string, next: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.exit = exit;
    this.next = next;
  }
}

/** The command line or a file is wrong. */
export function usage(message: string, ...next: string[]): Failure {
  return new Failure(EXIT.usage, message, next);
}
