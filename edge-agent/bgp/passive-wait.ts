// The wait for a peer that is to connect to us. What the kernel drops of it (a TCP MD5 signature that is wrong, missing or not
// expected, a TTL that is too low) never becomes a connection, so that nobody would hear of it: the reason is looked for
// in the kernel's counters from time to time. They are the host's, so it is a hint and no proof.

import type { Clock } from "../clock.ts";
import type { Transport } from "./ports.ts";

const LOOK_EVERY_MS = 2000;

export class PassiveWait {
  readonly #clock: Clock;
  readonly #transport: Pick<Transport, "silence">;
  readonly #heard: (hint: string) => void;
  #cancel: (() => void) | undefined;

  /** `heard` is told each hint once for a wait. */
  constructor(clock: Clock, transport: Pick<Transport, "silence">, heard: (hint: string) => void) {
    this.#clock = clock;
    this.#transport = transport;
    this.#heard = heard;
  }

  begin(): void {
    const silence = this.#transport.silence?.();
    if (silence && !this.#cancel) this.#look(silence, undefined);
  }

  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(silence: () => string | undefined, said: string | undefined): void {
    this.#cancel = this.#clock.setTimer(LOOK_EVERY_MS, () => {
      const hint = silence();
      this.#look(silence, hint ?? said);
      if (hint !== undefined && hint !== said) this.#heard(`the peer is waited for; ${hint}`);
    });
  }
}
