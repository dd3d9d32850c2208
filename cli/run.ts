// One run of the command line, from its words to its exit status. Every failure becomes text here and nowhere else.

import { ApiError } from "../functions/api/client.ts";
import type { Command } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { Failure } from "./failure.ts";
import { helpFor } from "./help.ts";
import { paintFor } from "./output/paint.ts";
import { parseCommandLine } from "./parse.ts";
import { failureOf } from "./problem-words.ts";
import { createSession, type Session } from "./session.ts";
import type { World } from "./world.ts";

/** Runs the words by the table of commands; a bug of ours throws. */
export async function run(
  args: readonly string[],
  commands: readonly Command[],
  version: string,
  world: World,
): Promise<ExitCode> {
  let session: Session | undefined;
  try {
    const parsed = parseCommandLine(args, commands);
    switch (parsed.kind) {
      case "version":
        world.out.write(`overspan ${version}\n`);
        return EXIT.done;
      case "help":
        world.out.write(helpFor(parsed.words, commands));
        return EXIT.done;
      case "call":
        session = createSession(world, parsed.call.options);
        return await parsed.call.command.run(parsed.call, session);
    }
  } catch (cause) {
    session?.progress.end();
    const failure = cause instanceof ApiError ? failureOf(cause.problem) : cause;
    if (!(failure instanceof Failure)) throw cause;
    const paint = paintFor(world.err, world.env);
    world.err.write(`${paint("red", "overspan:")} ${failure.message}\n`);
    for (const next of failure.next) world.err.write(`${paint("dim", "  ->")} ${next}\n`);
    return failure.exit;
  }
}
