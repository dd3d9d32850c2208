// A limit of how many run at once, as a function's reserved concurrency is; who comes when it is full waits in order.

/** Runs what it is given, at most `atOnce` at a time; undefined: all at once. */
export function waitingRoom(atOnce: number | undefined): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (atOnce !== undefined && running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      // The place goes to the next, or is free.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
