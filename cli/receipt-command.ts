// `receipt`: where one change is live.

import type { Command } from "./command.ts";
import { usage } from "./failure.ts";
import { formatValue } from "./output/print.ts";
import { awaitReceipt, exitOfWait, waitOf } from "./receipt.ts";
import { receiptText } from "./receipt-text.ts";
import { WAIT_OPTIONS } from "./write.ts";

export const receiptCommand: Command = {
  words: ["receipt"],
  summary: "where a change is live, and which hosts are waited for",
  args: [{ name: "CHANGE", help: "the change that a write answered with" }],
  options: WAIT_OPTIONS,
  examples: [
    { line: "receipt CHANGE", says: "as it is now" },
    {
      line: "receipt CHANGE --wait live --timeout 30",
      says: "wait until it is in every kernel; exit status 5 if it is not",
    },
  ],
  run: async ({ args, options }, session) => {
    const change = args[0] as string;
    if (!CHANGE.test(change)) {
      throw usage(`"${change}" is no change`, "a write tells its change; so does overspan get … -o json");
    }
    const wait = waitOf(options);
    const client = await session.client();
    const waited = wait
      ? await awaitReceipt(session, change, wait)
      : { receipt: await client.receipt(change), reached: true };
    const { format, world, paint } = session;
    world.out.write(formatValue(waited.receipt, format) ?? receiptText(waited.receipt, paint));
    return exitOfWait(waited);
  },
};

/** As the API gives them: 26 characters of Crockford's base 32. */
const CHANGE = /^[0-9a-hjkmnp-tv-z]{26}$/;
