// diff(desired, actual) -> one change of the guards, pure. Guards are added at once; what is taken away waits until the
// desired state is known to be whole, and a port's guard until the port has left our bridge.

import type { Mac } from "../../shared/address/mac.ts";
import type { PortGuard } from "./guard-state.ts";
import type { ActualGuards, GuardChange, Guards, MacListChange, MacListKey, Mirror } from "./guards.ts";

export type DesiredGuards = {
  readonly ports: ReadonlyMap<string, PortGuard>;
  readonly macLists: ReadonlyMap<MacListKey, ReadonlySet<Mac>>;
  /** By the device that is copied from. */
  readonly mirrors: ReadonlyMap<string, Mirror>;
};

export type GuardDiffContext = {
  readonly guards: Pick<Guards, "print" | "printMirror">;
  readonly mayDelete: boolean;
  /** The port is on a bridge of ours, so that without its guard anything could be sent from it. */
  readonly isAttached: (port: string) => boolean;
};

export function diffGuards(desired: DesiredGuards, actual: ActualGuards, context: GuardDiffContext): GuardChange {
  const { guards, mayDelete, isAttached } = context;
  const set = [...desired.ports.values()].filter((guard) => actual.ports.get(guard.port) !== guards.print(guard));
  const surplus = [...actual.ports.keys()].filter((port) => !desired.ports.has(port));
  const remove = mayDelete ? surplus.filter((port) => !isAttached(port)) : [];
  const macLists = new Map<MacListKey, MacListChange>();
  for (const [key, wanted] of desired.macLists) {
    const change = listChange(wanted, actual.macLists.has(key), actual.macLists.get(key));
    if (change) macLists.set(key, change);
  }
  // A guard that stays may name a list that is not wanted any more.
  if (mayDelete && remove.length === surplus.length) {
    for (const key of actual.macLists.keys()) if (!desired.macLists.has(key)) macLists.set(key, { kind: "drop" });
  }
  const mirrors = new Map<string, Mirror | undefined>();
  for (const [from, mirror] of desired.mirrors) {
    if (actual.mirrors.get(from) !== guards.printMirror(mirror)) mirrors.set(from, mirror);
  }
  if (mayDelete) {
    for (const from of actual.mirrors.keys()) if (!desired.mirrors.has(from)) mirrors.set(from, undefined);
  }
  // Without a port to guard there is nothing to be in the kernel for.
  const frame = !actual.frame && desired.ports.size > 0;
  return { frame, set, remove, macLists, mirrors };
}

export function isEmptyChange({ frame, set, remove, macLists, mirrors }: GuardChange): boolean {
  return !frame && set.length + remove.length + macLists.size + mirrors.size === 0;
}

/** `have`: undefined if what is in the list was not asked for. */
function listChange(
  wanted: ReadonlySet<Mac>,
  exists: boolean,
  have: ReadonlySet<Mac> | undefined,
): MacListChange | undefined {
  if (!exists) return { kind: "edit", clear: true, add: [...wanted], remove: [] };
  if (!have) return undefined;
  const add = [...wanted].filter((mac) => !have.has(mac));
  const remove = [...have].filter((mac) => !wanted.has(mac));
  return add.length + remove.length > 0 ? { kind: "edit", clear: false, add, remove } : undefined;
}
