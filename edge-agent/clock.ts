// Time and chance as parameters: only main.ts makes the real ones.

/** Wall time in ms since the epoch, and one-shot timers. */
export type Clock = {
  now(): number;
  /** Runs `act` once after `ms`; the answer cancels it. */
  after(ms: number, act: () => void): () => void;
};

/** A number in [0, 1). */
export type Random = () => number;

/** Gathers triggers: `act` runs once, `ms` after the first of a group. */
export function debounce(clock: Clock, ms: number, act: () => void): { trigger(): void; cancel(): void } {
  let cancel: (() => void) | undefined;
  return {
    trigger() {
      cancel ??= clock.after(ms, () => {
        cancel = undefined;
        act();
      });
    },
    cancel() {
      cancel?.();
      cancel = undefined;
    },
  };
}
