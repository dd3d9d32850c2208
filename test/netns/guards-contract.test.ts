// The Guards port's contract on the nftables of a namespace's kernel.

import { describe } from "vitest";
import { createNftGuards } from "../../edge-agent/nftables/guards.ts";
import { guardsContract } from "../contract/guards.ts";
import { makeNamespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

describe.runIf(requireKernel("root", "bridge"))("guards: nftables", () => {
  guardsContract(async () => {
    const namespace = makeNamespace("guards");
    const open = async () => await createNftGuards({ netns: namespace.name, log: console.warn });
    const guards = await open();
    return {
      guards,
      again: open,
      tamper: async (port) => void namespace.run(`nft add rule bridge overspan guard-${port} accept`),
      flush: async () => void namespace.run("nft flush ruleset"),
      close: async () => {
        await guards.close();
        namespace.remove();
      },
    };
  });
});
