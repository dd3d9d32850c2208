// Downloads over HTTPS, for fetch-snapshot.ts. Plain HTTP is taken only where the config allows it,
// which is for trying things on one machine. Redirects are not followed: a signed URL leads where it says.

import { get as getPlain, type IncomingMessage } from "node:http";
import { get as getSecure } from "node:https";
import type { SnapshotSource } from "./fetch-snapshot.ts";

/** Without an answer, or from one piece to the next, for so long: given up. */
const PATIENCE_MS = 30_000;

export function httpSnapshots(settings: {
  /** For the local runtime, whose store has no certificate. */
  readonly allowPlain: boolean;
  readonly setTimer: (afterMs: number, callback: () => void) => () => void;
}): SnapshotSource {
  const { allowPlain, setTimer } = settings;
  return {
    async *open({ url, headers }, signal) {
      const { protocol } = new URL(url);
      if (protocol !== "https:" && !(protocol === "http:" && allowPlain))
        throw new Error(`an offer over ${protocol} is not taken`);
      const patience = new AbortController();
      let cancel = () => {};
      const wait = () => {
        cancel();
        cancel = setTimer(PATIENCE_MS, () => patience.abort());
      };
      wait();
      try {
        const options = { headers, signal: AbortSignal.any([signal, patience.signal]) };
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          const get = protocol === "https:" ? getSecure : getPlain;
          const request = get(url, options, resolve);
          request.on("error", reject);
        });
        if (response.statusCode !== 200) {
          response.destroy();
          throw new Error(`the store of snapshots answered with status ${response.statusCode}`);
        }
        for await (const chunk of response as AsyncIterable<Uint8Array>) {
          wait();
          yield chunk;
        }
      } catch (cause) {
        if (patience.signal.aborted) throw new Error(`nothing came for ${PATIENCE_MS / 1000} s`, { cause });
        throw cause;
      } finally {
        cancel();
      }
    },
  };
}
