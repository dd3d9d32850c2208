// What a command is: words, arguments, options, examples and what it does. Parser, help, completion and docs/cli.md are
// all made of these; commands.ts has the rows.

import type { ExitCode } from "./exit-code.ts";
import type { KindName } from "./resource/kind.ts";
import type { Session } from "./session.ts";

/** What has names that can be completed. */
export type Named = KindName | "rollout";

export type Option = {
  /** Without the dashes. */
  name: string;
  short?: string;
  /** What stands for its value in help; absent: it takes none. */
  value?: string;
  /** It may be given several times. */
  many?: true;
  help: string;
  choices?: readonly string[];
  /** Its value is the id of such a resource. */
  kind?: Named;
};

export type Arg = {
  name: string;
  help: string;
  optional?: true;
  many?: true;
  choices?: readonly string[];
  /** It names such a resource. */
  kind?: Named;
};

/** `overspan` is left out of `line`; both are shown, and `line` is run by the tests. */
export type Example = { line: string; says: string };

export type Command = {
  words: readonly string[];
  summary: string;
  args: readonly Arg[];
  options: readonly Option[];
  /** It can be planned: `overspan plan …` and `--plan`. */
  plans?: true;
  /** More than the summary, for its help. */
  more?: string;
  examples: readonly Example[];
  run(call: Call, session: Session): Promise<ExitCode>;
};

/** A command line as parsed: options by name; of those that were not given there is nothing. */
export type Call = {
  command: Command;
  args: readonly string[];
  options: Options;
};

export type Options = {
  /** The last value given. */
  text(name: string): string | undefined;
  all(name: string): readonly string[];
  /** A flag stands there, or a value. */
  has(name: string): boolean;
};
