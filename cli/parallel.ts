// Work on many things, some at a time.

/** Acts on each, in their order, at most so many at the same time; `stop` keeps more from being begun. */
export async function inParallel<T>(
  items: readonly T[],
  most: number,
  act: (item: T) => Promise<void>,
  stop: () => boolean = () => false,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length && !stop()) await act(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
}
