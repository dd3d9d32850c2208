// Bugs that are put in on purpose, to show that the simulation sees them: each takes away one rule that holds the
// distribution together. A mutant's text must be found exactly once, so that it cannot rot unnoticed.

export type Mutant = {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly put: string;
};

export const MUTANTS: readonly Mutant[] = [
  {
    name: "drop the prev check",
    file: "edge-agent/intent/replica.ts",
    find: "if (entry.prev !== ",
    put: "if (false && entry.prev !== ",
  },
  {
    name: "skip the version check",
    file: "functions/publish/advance.ts",
    find: "return change.version <= (change.kind",
    put: "return change.version === (change.kind",
  },
  {
    name: "sweep before in-sync",
    file: "edge-agent/lane/completeness.ts",
    find: "const told = inSync() &&",
    put: "const told = (inSync() || true) &&",
  },
  {
    name: "trust the session",
    file: "edge-agent/intent/session.ts",
    find: "      askedAtMs = Number.NEGATIVE_INFINITY;\n      ask();",
    put: "      askedAtMs = Number.NEGATIVE_INFINITY;",
  },
];
