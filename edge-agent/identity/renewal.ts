// Renews the certificate long before it ends: asks with a new key over the connection that the old one made, connects with
// the answer, and confirms it, whereupon the cloud makes the old one useless. Until the new one has worked, nothing is lost
// by a crash: the old pair is on disk and still good.

import { type Clock, LONGEST_TIMER_MS, type Random } from "../clock.ts";
import type { Log } from "../log.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import type { Identity, IdentityFiles } from "./identity-files.ts";

/** What of its life a certificate is used for before the next one is asked for, and how far hosts are spread. */
const RENEW_AT = 2 / 3;
const SPREAD = 1 / 20;
/** An unanswered request is made again after so long, with jitter. */
const ASK_AGAIN_MS = 10 * 60_000;

export type Renewal = {
  /** The connection is there: a certificate that is new is confirmed. */
  connected(): void;
  /** The cloud's answer. */
  received(answer: { readonly certificate: string }): void;
  close(): void;
};

/** When to renew a certificate, ms since the epoch; `random` spreads a fleet that was enrolled in one go. */
export function renewAtMs({ notBeforeMs, notAfterMs }: Identity, random: Random): number {
  const lifeMs = notAfterMs - notBeforeMs;
  return notBeforeMs + lifeMs * (RENEW_AT - SPREAD * random());
}

export function startRenewal(options: {
  readonly host: string;
  readonly identity: Identity;
  readonly files: IdentityFiles;
  readonly makeRequest: (host: string) => Promise<{ readonly keyPem: string; readonly csrPem: string }>;
  readonly publish: (payload: string) => void;
  /** Connects anew with this identity. */
  readonly use: (identity: Identity) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): Renewal {
  const { host, files, publish, use, clock, random, log } = options;
  let identity = options.identity;
  let atMs = renewAtMs(identity, random);
  // Of a process that ended in between, nobody knows whether the cloud was told.
  let unconfirmed = true;
  let closed = false;
  let cancel = () => {};
  schedule();

  function schedule(): void {
    cancel();
    if (closed) return;
    cancel = clock.setTimer(Math.min(LONGEST_TIMER_MS, Math.max(0, atMs - clock.wallMs())), () => {
      if (clock.wallMs() >= atMs) void ask();
      else schedule();
    });
  }

  async function ask(): Promise<void> {
    atMs = clock.wallMs() + ASK_AGAIN_MS * (0.75 + random() / 2);
    schedule();
    try {
      const { keyPem, csrPem } = await options.makeRequest(host);
      if (closed) return;
      await files.keepRequestedKey(keyPem);
      publish(JSON.stringify({ v: PROTOCOL_VERSION, kind: "renew", csr: csrPem }));
      log.info("certificate-asked", `the certificate ends ${new Date(identity.notAfterMs).toISOString()}`);
    } catch (error) {
      log.warn("certificate-not-asked", (error as Error).message);
    }
  }

  async function accept(certificatePem: string): Promise<void> {
    try {
      identity = await files.accept({ certificatePem });
    } catch (error) {
      // Nothing of ours changes: an answer that came twice, or to a request that was made anew since.
      log.warn("certificate-refused", (error as Error).message);
      return;
    }
    if (closed) return;
    log.info("certificate-renewed", `good until ${new Date(identity.notAfterMs).toISOString()}`);
    unconfirmed = true;
    atMs = renewAtMs(identity, random);
    schedule();
    use(identity);
  }

  return {
    connected() {
      if (!unconfirmed) return;
      unconfirmed = false;
      const { certificateId } = identity;
      publish(JSON.stringify({ v: PROTOCOL_VERSION, kind: "confirm", certificateId }));
    },
    received: ({ certificate }) => void accept(certificate),
    close() {
      closed = true;
      cancel();
    },
  };
}
