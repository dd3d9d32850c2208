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
  /** What an earlier process left and may have known better: it is not replaced, and nothing is taken from its lists. */
  readonly held: HeldGuards;
};

/** By port, by the device that is copied from, and by list. */
export type HeldGuards = {
  readonly ports: ReadonlySet<string>;
  readonly mirrors: ReadonlySet<string>;
  readonly macLists: ReadonlySet<MacListKey>;
};

export function diffGuards(desired: DesiredGuards, actual: ActualGuards, context: GuardDiffContext): GuardChange {
  const { guards, mayDelete, isAttached, held } = context;
  const set = [...desired.ports.values()].filter(
    ({ port }) => isWrong(desired, actual, context, port) && !held.ports.has(port),
  );
  const surplus = [...actual.ports.keys()].filter((port) => !desired.ports.has(port));
  const remove = mayDelete ? surplus.filter((port) => !isAttached(port)) : [];
  const macLists = new Map<MacListKey, MacListChange>();
  for (const [key, wanted] of desired.macLists) {
    const change = listChange(
      wanted,
      { exists: actual.macLists.has(key), have: actual.macLists.get(key) },
      held.macLists.has(key),
    );
    if (change) macLists.set(key, change);
  }
  // A guard that stays may name a list that is not wanted any more.
  if (mayDelete && remove.length === surplus.length) {
    for (const key of actual.macLists.keys()) if (!desired.macLists.has(key)) macLists.set(key, { kind: "drop" });
  }
  const mirrors = new Map<string, Mirror | undefined>();
  for (const [from, mirror] of desired.mirrors) {
    if (actual.mirrors.get(from) !== guards.printMirror(mirror) && !held.mirrors.has(from)) mirrors.set(from, mirror);
  }
  if (mayDelete) {
    for (const from of actual.mirrors.keys()) if (!desired.mirrors.has(from)) mirrors.set(from, undefined);
  }
  // Without a port to guard there is nothing to be in the kernel for.
  const frame = !actual.frame && desired.ports.size > 0;
  return { frame, set, remove, macLists, mirrors };
}

/** The ports whose guard is another than the desired one, and stays for now. */
export function heldPorts(desired: DesiredGuards, actual: ActualGuards, context: GuardDiffContext): string[] {
  return [...context.held.ports].filter((port) => isWrong(desired, actual, context, port));
}

function isWrong(
  desired: DesiredGuards,
  actual: ActualGuards,
  { guards }: Pick<GuardDiffContext, "guards">,
  port: string,
): boolean {
  const guard = desired.ports.get(port);
  return guard !== undefined && actual.ports.get(port) !== guards.print(guard);
}

export function isEmptyChange({ frame, set, remove, macLists, mirrors }: GuardChange): boolean {
  return !frame && set.length + remove.length + macLists.size + mirrors.size === 0;
}

/** `have`: undefined if what is in the list was not asked for. */
function listChange(
  wanted: ReadonlySet<Mac>,
  { exists, have }: { readonly exists: boolean; readonly have: ReadonlySet<Mac> | undefined },
  held: boolean,
): MacListChange | undefined {
  if (!exists) return { kind: "edit", clear: true, add: [...wanted], remove: [] };
  if (!have) return undefined;
  const add = [...wanted].filter((mac) => !have.has(mac));
  const remove = held ? [] : [...have].filter((mac) => !wanted.has(mac));
  return add.length + remove.length > 0 ? { kind: "edit", clear: false, add, remove } : undefined;
}
