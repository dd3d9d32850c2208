// Downloads over HTTPS, for fetch-snapshot.ts. Plain HTTP is taken only where the broker itself is reached without TLS,
// which is for trying things on one machine. Redirects are not followed: a signed URL leads where it says.

import type { SnapshotSource } from "./fetch-snapshot.ts";

/** Without an answer, or from one piece to the next, for so long: given up. */
const PATIENCE_MS = 30_000;

export function httpSnapshots(settings: {
  /** From a broker without TLS a plain URL is no worse than the message that brought it. */
  readonly allowPlain: boolean;
  readonly setTimer: (afterMs: number, callback: () => void) => () => void;
}): SnapshotSource {
  return {
    async *open({ url, headers }, signal) {
      const { protocol } = new URL(url);
      if (protocol !== "https:" && !settings.allowPlain) throw new Error(`an offer over ${protocol} is not taken`);
      const patience = new AbortController();
      let cancel = () => {};
      const wait = () => {
        cancel();
        cancel = settings.setTimer(PATIENCE_MS, () => {
          patience.abort(new Error(`nothing came for ${PATIENCE_MS / 1000} s`));
        });
      };
      wait();
      try {
        const either = AbortSignal.any([signal, patience.signal]);
        const response = await fetch(url, { headers, redirect: "error", signal: either });
        if (!response.ok || !response.body) {
          await response.body?.cancel();
          throw new Error(`the store of snapshots answered with status ${response.status}`);
        }
        for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
          wait();
          yield chunk;
        }
      } finally {
        cancel();
      }
    },
  };
}
