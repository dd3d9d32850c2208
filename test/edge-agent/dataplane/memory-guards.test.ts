// The Guards port's contract on the guards in memory.

import { describe } from "vitest";
import { createMemoryGuards } from "../../../edge-agent/dataplane/memory-guards.ts";
import { guardsContract } from "../../contract/guards.ts";

describe("guards: in memory", () => {
  guardsContract(async () => {
    const guards = createMemoryGuards();
    return {
      guards,
      // What is in the kernel outlives a process; a test's close is not the kernel's end.
      again: async () => guards,
      tamper: async (port) => guards.tamper(port),
      flush: async () => guards.flush(),
      close: () => guards.close(),
    };
  });
});
