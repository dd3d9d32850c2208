// `overspan-agent uninstall`: says what of ours is in the kernel, and leaves it there or removes it. Each part of the agent
// that owns kernel objects has an entry in the list of parts (parts.ts); what is ours is known by its marks, without a
// file and without a running agent.

/** Something that owns objects in the kernel. */
export type UninstallPart = {
  /** For people: `networks`. */
  readonly name: string;
  /** What of it is there, a line each; rejects if the kernel cannot be read. */
  find(): Promise<readonly string[]>;
  /** Removes all of that; returns what could not be removed, and why, a line each. */
  remove(): Promise<readonly string[]>;
  close(): Promise<void>;
};

export type UninstallMode = "keep-forwarding" | "remove";

/** Does it, telling each step; false if something is left that should be gone. */
export async function uninstall(
  mode: UninstallMode,
  parts: readonly UninstallPart[],
  say: (line: string) => void,
): Promise<boolean> {
  const found: { readonly part: UninstallPart; readonly lines: readonly string[] }[] = [];
  let whole = true;
  for (const part of parts) {
    try {
      const lines = await part.find();
      if (lines.length > 0) found.push({ part, lines });
    } catch (cause) {
      whole = false;
      say(`${part.name}: cannot be read: ${(cause as Error).message}`);
    }
  }
  if (found.length === 0) {
    say(whole ? "nothing of Overspan's is in the kernel" : "nothing else of Overspan's is in the kernel");
    return whole;
  }
  say(mode === "remove" ? "removing:" : "staying in the kernel, and forwarding on with nobody to keep it right:");
  for (const { part, lines } of found) for (const line of lines) say(`  ${part.name}: ${line}`);
  if (mode === "keep-forwarding") {
    say("an agent that is started again takes all of it over; `overspan-agent uninstall --remove` removes it");
    return whole;
  }
  for (const { part } of found) {
    try {
      for (const line of await part.remove()) {
        whole = false;
        say(`  ${part.name}: not removed: ${line}`);
      }
    } catch (cause) {
      whole = false;
      say(`  ${part.name}: not removed: ${(cause as Error).message}`);
    }
  }
  say(whole ? "removed; tenants' interfaces are left where they are, on no bridge" : "not all of it could be removed");
  return whole;
}
