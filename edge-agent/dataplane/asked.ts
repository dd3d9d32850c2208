// What is asked of the dataplane and not taken in yet, oldest first. A pass takes in as much as it can tell of at once, so that
// neither a report nor what is made of it grows with a burst. Pure.

import type { DesiredTrust } from "./desired.ts";
import type { DesiredInput } from "./tables.ts";
import type { WriteRights } from "./write-entries.ts";

export type Asked = {
  /** Returns its generation. */
  add(input: DesiredInput, trust: DesiredTrust): number;
  /** The next one of this pass; undefined: the pass has enough, or nothing is left. */
  next(): DesiredInput | undefined;
  /** A pass begins. */
  begin(): void;
  /** There is more than this pass takes. */
  readonly more: boolean;
  /** Of the last one that was taken. */
  readonly generation: number;
  /** What may be done about all that was taken: what its last one allowed, unless less has been allowed since. */
  readonly rights: WriteRights;
};

/** Keys that a pass takes in, or a few more: about a tenth of a second's work for the kernel. */
export const MOST_KEYS = 4096;

type Entry = { readonly input: DesiredInput; readonly generation: number; readonly rights: WriteRights };

export function createAsked(): Asked {
  const waiting: Entry[] = [];
  let taken: Omit<Entry, "input"> = { generation: 0, rights: { mayDelete: false, mayRetarget: false } };
  let newest = taken;
  let room = MOST_KEYS;
  return {
    add(input, { inSync, mayRetarget = true }) {
      const rights = { mayDelete: inSync, mayRetarget: mayRetarget || inSync };
      const entry = { input, generation: newest.generation + 1, rights };
      newest = entry;
      waiting.push(entry);
      return entry.generation;
    },
    begin() {
      room = MOST_KEYS;
    },
    next() {
      const entry = room > 0 ? waiting.shift() : undefined;
      if (!entry) return undefined;
      room -= keysOf(entry.input);
      taken = entry;
      return entry.input;
    },
    get more() {
      return waiting.length > 0;
    },
    get generation() {
      return taken.generation;
    },
    get rights() {
      return {
        mayDelete: taken.rights.mayDelete && newest.rights.mayDelete,
        mayRetarget: taken.rights.mayRetarget && newest.rights.mayRetarget,
      };
    },
  };
}

function keysOf(input: DesiredInput): number {
  if (!("networks" in input)) {
    return input.reduce(
      (sum, change) => sum + ("remove" in change ? 1 : (change.macs?.size ?? 0) + (change.neighbours?.size ?? 0)),
      1,
    );
  }
  return input.networks.reduce((sum, { local, remote, neighbours }) => {
    return sum + local.length + remote.length + neighbours.length;
  }, 1);
}
