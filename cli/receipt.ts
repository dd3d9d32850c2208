// Receipts: where a change is live, and waiting until it is, with progress.

import type { Receipt } from "./api.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { usage } from "./failure.ts";
import type { Options } from "./command.ts";
import { numberOption } from "./number-option.ts";
import type { Session } from "./session.ts";

/** How long one request waits at the API, so that progress is shown and Ctrl-C is heard. */
const SLICE_MS = 2000;
const DEFAULT_TIMEOUT_SEC = 60;

export type Wait = { until: "live" | "seen"; timeoutMs: number };

/** What `--wait` and `--timeout` say; undefined: do not wait. */
export function waitOf(options: Options): Wait | undefined {
  const until = options.text("wait");
  const timeoutSec = numberOption(options, "timeout", { from: 0, to: 999_999 });
  if (until === undefined) {
    if (timeoutSec !== undefined)
      throw usage("--timeout says how long to wait, but nothing is waited for", "add --wait live");
    return undefined;
  }
  return { until: until as Wait["until"], timeoutMs: (timeoutSec ?? DEFAULT_TIMEOUT_SEC) * 1000 };
}

/** Waits for a change and shows how far it is; `done` says when it is far enough, by default where it is asked to be. */
export async function awaitReceipt(
  session: Session,
  change: string,
  { until, timeoutMs }: Wait,
  done: (receipt: Receipt) => boolean = (receipt) => reached(receipt, until),
): Promise<{ receipt: Receipt; reached: boolean }> {
  const { world, progress } = session;
  const api = await session.client();
  const deadlineMs = world.nowMs() + timeoutMs;
  for (;;) {
    const leftMs = deadlineMs - world.nowMs();
    const receipt = await api.receipt(change, {
      wait: until,
      timeoutMs: Math.max(0, Math.min(SLICE_MS, leftMs)),
    });
    const far = done(receipt);
    if (far || leftMs <= 0 || world.interrupted.aborted) {
      progress.end();
      return { receipt, reached: far };
    }
    progress.show(receipt.summary);
    // An API that answers at once is not to be asked without pause.
    await world.sleep(Math.min(200, leftMs));
  }
}

/** As the API's own wait: a ToR of which nobody can show more than that it was told is waited for no longer. */
export function reached({ state, tors }: Receipt, until: Wait["until"]): boolean {
  if (state !== "live") return false;
  return until === "live" || (tors?.at ?? []).every((tor) => tor.state === "seen" || tor.state === "told");
}

/** The exit status of a wait. */
export function exitOfWait(waited: { reached: boolean }): ExitCode {
  return waited.reached ? EXIT.done : EXIT.timedOut;
}
