// The mobility sequences that this host raised above those of intent (RFC 7432 15.1), on disk: an agent that restarts must not
// announce a lower one than before, or the claim that it answered would win again. One small file, written anew whenever
// one of them changes, which is rare, and before the ToRs hear of it; put in place by a rename.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import * as z from "zod";
import { MacField, Slug } from "../../shared/model/fields.ts";
import type { RaisedMac } from "../evpn/mobility.ts";
import type { Log } from "../log.ts";

export type RaisedSequences = {
  /** As of the process before. */
  readonly known: readonly RaisedMac[];
  /** What is to be known to the next one; a file that cannot be written is reported, and the agent goes on. */
  keep(all: readonly RaisedMac[]): void;
};

const RaisedFile = z.object({
  format: z.literal(1),
  raised: z.array(z.object({ network: Slug, mac: MacField, sequence: z.number().int().min(0).max(0xffffffff) })),
});

/** Opens the file; one that is not there is empty, and one that cannot be read is reported and taken for empty. */
export function openRaisedSequences(path: string, log: Pick<Log, "warn">): RaisedSequences {
  return {
    known: read(path, log),
    keep(raised) {
      try {
        write(path, `${JSON.stringify({ format: 1, raised })}\n`);
      } catch (cause) {
        log.warn("raised-sequences-unwritten", `${path}: ${(cause as Error).message}`);
      }
    },
  };
}

function read(path: string, log: Pick<Log, "warn">): readonly RaisedMac[] {
  try {
    return RaisedFile.parse(JSON.parse(readFileSync(path, "utf8"))).raised;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    log.warn("raised-sequences-unread", `${path}: ${(cause as Error).message}`);
    return [];
  }
}

function write(path: string, text: string): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
