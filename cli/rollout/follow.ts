// Watching a rollout until it is done, has stopped or is abandoned: asking for it takes it on.

import type { Client, Rollout } from "../api.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { formatValue } from "../output/print.ts";
import type { Session } from "../session.ts";
import { rolloutText } from "./show.ts";

/** How long one request waits at the API, so that progress is shown and Ctrl-C is heard. */
const SLICE_MS = 2000;

/** Shows how far it is, then the whole, and gives the exit status; without a timeout it waits as long as it takes. */
export async function followRollout(
  { session, client }: { session: Session; client: Client },
  id: string,
  timeoutSec: number | undefined,
): Promise<ExitCode> {
  const { world, progress, format, paint } = session;
  const deadlineMs = timeoutSec === undefined ? Number.POSITIVE_INFINITY : world.nowMs() + timeoutSec * 1000;
  for (;;) {
    const leftMs = deadlineMs - world.nowMs();
    const timeoutMs = Math.max(0, Math.min(SLICE_MS, leftMs));
    const rollout = await client.rollouts.get(id, { wait: "done", timeoutMs });
    const ended = exitOfState(rollout.state);
    if (ended !== undefined || leftMs <= 0 || world.interrupted.aborted) {
      progress.end();
      world.out.write(formatValue(rollout, format) ?? rolloutText(rollout, paint));
      if (rollout.state === "stopped") tellNext(session, id);
      return ended ?? EXIT.timedOut;
    }
    progress.show(`rollout/${id}: ${rollout.summary}`);
    // An API that answers at once is not to be asked without pause.
    await world.sleep(Math.min(200, leftMs));
  }
}

/** Undefined: it goes on. */
function exitOfState(state: Rollout["state"]): ExitCode | undefined {
  if (state === "done") return EXIT.done;
  return state === "stopped" || state === "abandoned" ? EXIT.failed : undefined;
}

function tellNext({ world }: Session, id: string): void {
  world.err.write(
    `it stopped: mend what it says, then overspan rollout resume ${id} (with --skip to leave that behind),\n` +
      `or overspan rollout abandon ${id}\n`,
  );
}
