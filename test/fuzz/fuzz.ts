// The search: inputs that reach a new block of code are kept, and new ones are made of them. Ends with the first input for
// which the target throws, or when the time is over. Coverage is read once for many inputs, since reading it costs as much
// as some hundred runs; only when there is news are some run again.

import type { Coverage } from "./coverage.ts";
import { type Chance, mutate } from "./mutate.ts";
import type { Target } from "./target.ts";

export type Finding = { readonly input: Uint8Array; readonly error: string };
export type Search = {
  readonly runs: number;
  readonly corpus: number;
  /** Characters of source that ran. */
  readonly covered: number;
  readonly finding: Finding | undefined;
};

const AT_A_TIME = 64;

/** `before` is told of each input before it runs, for whoever watches for one that never ends. */
export function search(
  target: Target,
  options: { coverage: Coverage; chance: Chance; isOver: () => boolean; before: (input: Uint8Array) => void },
): Search {
  const { coverage, chance, isOver, before } = options;
  const corpus: Uint8Array[] = target.seeds.map((seed) => seed.slice());
  const words = target.words ?? [];
  let runs = 0;
  const result = (finding?: Finding): Search => ({ runs, corpus: corpus.length, covered: coverage.size(), finding });
  const run = (input: Uint8Array): Finding | undefined => {
    runs++;
    before(input);
    try {
      target.run(input.slice());
      return undefined;
    } catch (error) {
      return { input, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };

  for (const seed of target.seeds) {
    const finding = run(seed);
    if (finding) return result(finding);
  }
  coverage.learn(coverage.take());
  while (!isOver()) {
    const inputs = Array.from({ length: AT_A_TIME }, () => mutate(corpus, words, chance));
    for (const input of inputs) {
      const finding = run(input);
      if (finding) return result(finding);
    }
    const taken = coverage.take();
    if (!coverage.isNew(taken)) continue;
    keepNew(inputs);
    // What does not come again when the inputs are run again would be news for ever.
    coverage.learn(taken);
  }
  return result();

  /** Finds the inputs that reach something new, by halves. */
  function keepNew(inputs: readonly Uint8Array[]): void {
    for (const input of inputs) run(input);
    const taken = coverage.take();
    if (!coverage.isNew(taken)) return;
    if (inputs.length > 1) {
      keepNew(inputs.slice(0, inputs.length >> 1));
      keepNew(inputs.slice(inputs.length >> 1));
    } else {
      coverage.learn(taken);
      corpus.push(...inputs);
    }
  }
}
