// Long work in short pieces: whoever loops over a table of 100,000 asks now and then whether others should have a turn.

import { setImmediate } from "node:timers/promises";

export type Breath = {
  /** True once 5 ms have been worked without a rest; cheap enough to be asked for each entry. */
  due(): boolean;
  /** Lets the event loop turn. */
  rest(): Promise<void>;
};

const WORK_MS = 5;
/** `every`: how many entries go between two looks at the clock; default 64. */
export function createBreath(nowMs: () => number, every = 64): Breath {
  let since = nowMs();
  let count = 0;
  return {
    due: () => ++count % every === 0 && nowMs() - since >= WORK_MS,
    rest: async () => {
      await setImmediate();
      since = nowMs();
    },
  };
}
