// Runs nft(8) with JSON on both sides: no shell, a fixed path, a time limit. One call with commands is one transaction of
// the kernel: all of it or nothing. Knows nothing of what is said.

import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PLACES = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft"];
const TIMEOUT_MS = 20_000;
/** The listing of some ten thousand ports. */
const MOST_OUTPUT_BYTES = 256 * 1024 * 1024;

export type Nft = {
  /** Commands of one transaction; with `check` the kernel only says whether it would take them. */
  run(commands: readonly unknown[], options?: { readonly check: boolean }): Promise<void>;
  /** The objects that a listing command names; an empty list if there is nothing of the name. */
  list(words: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Process ids of calls that wrote, for as long as the kernel's news about them may be on its way. */
  readonly ownPids: ReadonlySet<number>;
};

/** Undefined if there is no nft on this machine. `netns`: a namespace in /run/netns to work in. */
export function findNft(netns: string | undefined): Nft | undefined {
  const path = PLACES.find(isExecutable);
  if (path === undefined) return undefined;
  const file = netns === undefined ? path : "nsenter";
  const first = netns === undefined ? [] : [`--net=/run/netns/${netns}`, path];
  const ownPids = new Set<number>();

  const call = (words: readonly string[], writes: boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { timeout: TIMEOUT_MS, maxBuffer: MOST_OUTPUT_BYTES, env: { LC_ALL: "C" } };
      const child = execFile(file, [...first, ...words], options, (error, stdout, stderr) => {
        if (error) reject(new NftError(firstLines(stderr) || error.message, { cause: error }));
        else resolve(stdout);
      });
      if (writes) remember(child.pid);
    });

  function remember(pid: number | undefined): void {
    if (pid === undefined) return;
    ownPids.add(pid);
    const [oldest] = ownPids;
    if (ownPids.size > 64 && oldest !== undefined) ownPids.delete(oldest);
  }

  return {
    ownPids,
    run: async (commands, { check } = { check: false }) => {
      if (commands.length === 0) return;
      // nft opens /dev/stdin by name, which a pipe of Node (a socket) refuses: so a file, in a folder of its own.
      const folder = await mkdtemp(join(tmpdir(), "overspan-nft-"));
      try {
        const path = join(folder, "transaction.json");
        await writeFile(path, JSON.stringify({ nftables: commands }), { mode: 0o600 });
        await call([...(check ? ["-c"] : []), "-j", "-f", path], true);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    list: async (words) => {
      try {
        const text = await call(["-j", ...words], false);
        return (JSON.parse(text) as { nftables: Readonly<Record<string, unknown>>[] }).nftables;
      } catch (cause) {
        if (cause instanceof NftError && /No such file or directory/.test(cause.message)) return [];
        throw cause;
      }
    },
  };
}

/** nft refused; the message is its own first words. */
export class NftError extends Error {}

function firstLines(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !/^\s*\^+/.test(line));
  // nft repeats the whole transaction, which may be long.
  return lines
    .filter((line) => /error/i.test(line))
    .slice(0, 2)
    .join("; ")
    .replace(/^internal:0:0-0: /, "")
    .slice(0, 300);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
