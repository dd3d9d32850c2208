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
  {
    name: "skip the digest check",
    file: "edge-agent/intent/replica.ts",
    find: "if (computed !== entry.digest) return",
    put: "if (false && computed !== entry.digest) return",
  },
  {
    name: "publish before the commit",
    file: "functions/publish/drive.ts",
    find: 'networkStepWrites(step, deps.now()))) === "conflict"',
    put: 'networkStepWrites(step, deps.now()))) === ("committed anyway" as never)',
  },
  {
    name: "move a log that others moved",
    file: "functions/publish/step-items.ts",
    find: 'return { expression: "#seq = :seq", names: { "#seq": "seq" }, values: { ":seq": seq } };',
    put: 'return { expression: "attribute_exists(pk)" };',
  },
  {
    name: "receipts from desired instead of actual",
    file: "edge-agent/report/report.ts",
    find: "...(kernel && { kernel }),",
    put: "kernel: intent.channels.get(channel)?.forwarding ?? digest,",
  },
  {
    name: "forget the tombstone",
    file: "functions/domain/plan.ts",
    find: 'held.state === "absent" ? 1 : held.version + 1',
    put: "1",
  },
  {
    name: "ignore the fence",
    file: "functions/store/transaction.ts",
    find: "    isNotDeleted,\n    isNotBeingDeleted,\n    ...(tenant",
    put: "    isNotDeleted,\n    ...(tenant",
  },
];
