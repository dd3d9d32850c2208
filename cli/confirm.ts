// Asking before what cannot be taken back: a person at a terminal, else `--yes` must say it.

import type { Options } from "./command.ts";
import { usage } from "./failure.ts";
import type { Session } from "./session.ts";

/** True if it is to be done. Without anybody to ask and without `--yes` the command line is wrong. */
export async function confirm({ world, paintErr }: Session, question: string, options: Options): Promise<boolean> {
  if (options.has("yes")) return true;
  if (!world.ask) throw usage(`nobody is here to be asked: ${question}`, "say --yes");
  const answer = await world.ask(`${paintErr("yellow", question)} [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return true;
  world.err.write("nothing was done\n");
  return false;
}
