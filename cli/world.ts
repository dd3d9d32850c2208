// Everything outside that a command touches, as a parameter: main.ts gives the real ones, tests their own.

export type Screen = {
  write(text: string): void;
  isTerminal: boolean;
  /** Characters in a line; 80 where nobody knows. */
  columns: number;
};

/** What is known of a file that holds secrets. */
export type HeldFile = { text: string; mode: number; isRegular: boolean; isOwn: boolean };

export type World = {
  env: Readonly<Record<string, string | undefined>>;
  out: Screen;
  err: Screen;
  /** Asks a person and gives the answer; undefined if nobody is there. */
  ask: ((question: string) => Promise<string>) | undefined;
  fetch(request: Request): Promise<Response>;
  nowMs(): number;
  /** Until then, or until interrupted. */
  sleep(ms: number): Promise<void>;
  /** Aborted by Ctrl-C. */
  interrupted: AbortSignal;
  /** An Idempotency-Key that nobody else has. */
  newKey: () => string;
  /** `-` is the standard input. */
  readFile(path: string): Promise<string>;
  /** Undefined if there is none. */
  readHeld(path: string): Promise<HeldFile | undefined>;
  /** For its owner alone, whole or not at all. */
  writeHeld(path: string, text: string): Promise<void>;
  /** A program's standard output; its standard error goes to the user. No shell. */
  runProgram(words: readonly string[]): Promise<string>;
};
