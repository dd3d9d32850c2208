// The driver of the guards: keeps in the kernel what is desired, mends what others change, and reads the counters. A guard
// that the kernel refuses stops no other one. Decides nothing about rules: guard-diff.ts and the adapter do.
//
//   change, event, interval, retry -> pass: [dump] -> diff -> apply -> dump -> report

import type { Mac } from "../../shared/address/mac.ts";
import type { Clock } from "../clock.ts";
import type { DesiredTrust } from "./desired.ts";
import { type DesiredGuards, diffGuards, type GuardDiffContext, heldPorts, isEmptyChange } from "./guard-diff.ts";
import { createGuardHold } from "./guard-hold.ts";
import type { PortGuard } from "./guard-state.ts";
import type { ActualGuards, GuardChange, GuardReading, Guards, MacListKey, Mirror } from "./guards.ts";
import { createPassLoop, type PassOutcome } from "./pass-loop.ts";

/** A change of the desired state; what is not named stays as it is, and undefined goes. */
export type GuardEdit = {
  readonly ports?: ReadonlyMap<string, PortGuard | undefined>;
  /** The list's members that come (true) and go; undefined: the list goes. */
  readonly macLists?: ReadonlyMap<MacListKey, ReadonlyMap<Mac, boolean> | undefined>;
  readonly mirrors?: ReadonlyMap<string, Mirror | undefined>;
};

export type GuardCounters = {
  readonly passes: number;
  readonly applied: number;
  readonly refused: number;
  /** Guards found otherwise than they were left, and of these, mended. */
  readonly drift: number;
  readonly repairs: number;
};

export type GuardReport = {
  /** Desired ports whose guard was read back whole. */
  readonly guarded: ReadonlySet<string>;
  /** Why others are not, by port. */
  readonly failures: ReadonlyMap<string, string>;
  /** Desired ports that keep the guard of an earlier process, which may be newer than what is desired. */
  readonly held: ReadonlySet<string>;
  /** All that is desired is in the kernel, lists and mirrors too, but for the failures. */
  readonly whole: boolean;
  readonly counters: GuardCounters;
  /** Why the kernel could not be read at all. */
  readonly error: string | undefined;
};

export type GuardKeeper = {
  readonly lacks: Guards["lacks"];
  change(edit: GuardEdit): void;
  /** How far the desired state can be relied on; nothing may be removed or turned before the first call. */
  setTrust(trust: DesiredTrust): void;
  /** Something that `isAttached` tells may have changed. */
  look(): void;
  /**
   * Waits until the kernel has taken a guard for these ports: theirs, or one that is held. Or until it was refused.
   * Read back it is a little later, as a report tells.
   */
  settled(ports: readonly string[]): Promise<void>;
  /** As of the last pass; not whole from the moment on in which something else is asked for. */
  latest(): GuardReport | undefined;
  /** What was counted and seen at the last reading. */
  reading(): GuardReading;
  onReport(listener: (report: GuardReport) => void): void;
  onReading(listener: (reading: GuardReading) => void): void;
  /** Ends; everything stays in the kernel. */
  close(): Promise<void>;
};

export type GuardKeeperOptions = {
  readonly guards: Guards;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly log: (level: "info" | "warn", text: string) => void;
  readonly isAttached: (port: string) => boolean;
  /** A full comparison at least so often. Default 30,000. */
  readonly compareEveryMs?: number;
  /** Counters and sightings are read so often. Default 5,000. */
  readonly readEveryMs?: number;
};

const NOTHING_READ: GuardReading = { drops: [], sightings: [] };

export function createGuardKeeper(options: GuardKeeperOptions): GuardKeeper {
  const { guards, clock, log, isAttached, compareEveryMs = 30_000, readEveryMs = 5_000 } = options;
  const desired = {
    ports: new Map<string, PortGuard>(),
    macLists: new Map<MacListKey, Set<Mac>>(),
    mirrors: new Map<string, Mirror>(),
  } satisfies DesiredGuards;
  /** Edits of lists that are not in the kernel yet. */
  const pending = new Map<MacListKey, Map<Mac, boolean>>();
  const counters = { passes: 0, applied: 0, refused: 0, drift: 0, repairs: 0 };
  const reportListeners = new Set<(report: GuardReport) => void>();
  const readingListeners = new Set<(reading: GuardReading) => void>();
  const waiting = new Set<{ readonly ports: readonly string[]; readonly done: () => void }>();
  /** Guards that were in the kernel as desired: if they are not and nobody here changed them, another hand did. */
  const clean = new Map<string, PortGuard>();
  const hold = createGuardHold(guards);
  let mayDelete = false;
  let known: ActualGuards | undefined;
  let wholeDue = true;
  let whole = true;
  let latest: GuardReport | undefined;
  let reading = NOTHING_READ;
  let cancelRead = (): void => {};
  let closed = false;

  const loop = createPassLoop({
    clock,
    settleMs: 20,
    pass,
    onError: (cause) => {
      known = undefined;
      wholeDue = true;
      log("warn", cause.message);
      publish(new Map(), cause.message);
    },
    background: {
      everyMs: () => compareEveryMs,
      step: async () => {
        known = undefined;
        wholeDue = true;
        loop.ask();
      },
    },
  });
  const watch = guards.watch(() => {
    known = undefined;
    wholeDue = true;
    loop.notice();
  });

  async function pass(): Promise<PassOutcome> {
    if (desired.ports.size === 0 && !mayDelete && known === undefined && clean.size === 0) {
      publish(new Map(), undefined);
      return "done";
    }
    counters.passes++;
    if (guards.lacks.guards !== undefined) return settle(refusals(guards.lacks.guards));
    let actual = known !== undefined && !wholeDue ? known : await readKernel();
    hold.see(actual, desired);
    const drifted = noteDrift(actual);
    const change = withPending(diffGuards(desired, actual, context()));
    let failures: ReadonlyMap<string, string> = new Map();
    if (!isEmptyChange(change)) {
      known = undefined;
      failures = await write(change);
      // The kernel took it: whoever waits to put the port on its bridge need not wait for the proof as well.
      wake(written(change, failures));
      actual = await guards.dump({ macLists: false });
      if (drifted > 0 && failures.size === 0) counters.repairs += drifted;
    }
    known = actual;
    const left = diffGuards(desired, actual, context());
    // What was asked for meanwhile has its turn in the next pass.
    for (const guard of left.set) {
      if (!failures.has(guard.port) && change.set.includes(guard)) {
        failures = new Map([...failures, [guard.port, "the kernel does not show it as it was written"]]);
      }
    }
    const { mirrors } = left;
    const waits = hold.held.mirrors.size > 0 || heldPorts(desired, actual, context()).length > 0;
    const isWritten = left.set.every(({ port }) => failures.has(port)) && pending.size === 0 && !wholeDue;
    whole = !waits && mirrors.size === 0 && isWritten;
    return settle(failures);
  }

  /** What is told of while it is read has its turn in the next pass. */
  async function readKernel(): Promise<ActualGuards> {
    const macLists = wholeDue;
    wholeDue = false;
    return await guards.dump({ macLists });
  }

  function context(): GuardDiffContext {
    return { guards, mayDelete, isAttached, held: hold.held };
  }

  /** With the edits of lists that were asked for meanwhile; lists that were compared as a whole have them already. */
  function withPending(change: GuardChange): GuardChange {
    const macLists = new Map(change.macLists);
    for (const [key, edits] of pending) {
      if (macLists.has(key) || !desired.macLists.has(key)) continue;
      const add = [...edits].flatMap(([mac, present]) => (present ? [mac] : []));
      const remove = [...edits].flatMap(([mac, present]) => (present ? [] : [mac]));
      macLists.set(key, { kind: "edit", clear: false, add, remove });
    }
    pending.clear();
    return { ...change, macLists };
  }

  /** All at once; if that is refused, each port by itself, so that one cannot keep the others from their guards. */
  async function write(change: GuardChange): Promise<Map<string, string>> {
    const failures = new Map<string, string>();
    const attempt = async (part: GuardChange, ports: readonly string[]): Promise<string | undefined> => {
      try {
        await guards.apply(part);
        counters.applied += part.set.length + part.remove.length;
        return undefined;
      } catch (cause) {
        counters.refused++;
        const reason = (cause as Error).message;
        for (const port of ports) failures.set(port, reason);
        return reason;
      }
    };
    if ((await attempt(change, [])) === undefined) return failures;
    await guards.dump({ macLists: false });
    const none = { frame: false, set: [], remove: [], macLists: new Map(), mirrors: new Map() };
    const shared = { ...none, frame: change.frame, macLists: editsOnly(change) };
    const refusal = await attempt(shared, change.frame ? [...desired.ports.keys()] : []);
    if (refusal !== undefined) {
      // Which edits of lists came to nothing is not known any more.
      wholeDue = true;
      log("warn", `what ports share: ${refusal}`);
    }
    for (const guard of change.set) await attempt({ ...none, set: [guard] }, [guard.port]);
    for (const port of change.remove) await attempt({ ...none, remove: [port] }, []);
    for (const mirror of change.mirrors) await attempt({ ...none, mirrors: new Map([mirror]) }, [mirror[0]]);
    for (const [port, reason] of failures) log("warn", `port ${port}: ${reason}`);
    return failures;
  }

  function noteDrift(actual: ActualGuards): number {
    let found = 0;
    for (const [port, guard] of clean) {
      if (desired.ports.get(port) === guard && actual.ports.get(port) !== guards.print(guard)) found++;
    }
    const frame = clean.size > 0 && !actual.frame;
    if (frame) found++;
    if (found > 0) {
      counters.drift += found;
      log("warn", `another hand changed ${found} guards (${frame ? "those of all ports" : "of single ports"}); mended`);
    }
    return found;
  }

  function refusals(reason: string): Map<string, string> {
    return new Map(Array.from(desired.ports.keys(), (port) => [port, reason]));
  }

  function settle(failures: ReadonlyMap<string, string>): PassOutcome {
    publish(failures, undefined);
    return (failures.size > 0 || wholeDue) && guards.lacks.guards === undefined ? "again" : "done";
  }

  function publish(failures: ReadonlyMap<string, string>, error: string | undefined): void {
    clean.clear();
    const guarded = new Set<string>();
    for (const [port, guard] of desired.ports) {
      if (known?.ports.get(port) !== guards.print(guard) || failures.has(port) || !known.frame) continue;
      guarded.add(port);
      clean.set(port, guard);
    }
    const held = new Set(known ? heldPorts(desired, known, context()) : []);
    latest = { guarded, failures, held, whole: whole && error === undefined, counters: { ...counters }, error };
    // A desired port that is in none of these was asked for during the pass: its turn comes.
    wake((port) => guarded.has(port) || held.has(port) || failures.has(port));
    for (const listener of reportListeners) listener(latest);
  }

  function wake(isSettled: (port: string) => boolean): void {
    for (const entry of waiting) {
      if (!entry.ports.every((port) => isSettled(port) || !desired.ports.has(port))) continue;
      waiting.delete(entry);
      entry.done();
    }
  }

  /** Ports that have what is desired of them by now: written just now, or in the kernel before. */
  function written(change: GuardChange, failures: ReadonlyMap<string, string>): (port: string) => boolean {
    const guards = new Map(change.set.map((guard) => [guard.port, guard]));
    return (port) => {
      const wanted = desired.ports.get(port);
      return wanted !== undefined && !failures.has(port) && (guards.get(port) ?? clean.get(port)) === wanted;
    };
  }

  function armRead(): void {
    if (closed || guards.lacks.guards !== undefined) return;
    cancelRead = clock.setTimer(readEveryMs, () => {
      if (clean.size === 0) return armRead();
      guards
        .read()
        .then((now) => {
          reading = now;
          for (const listener of readingListeners) listener(now);
        })
        .catch((cause: unknown) => log("warn", `the counters cannot be read: ${(cause as Error).message}`))
        .finally(armRead);
    });
  }
  armRead();

  return {
    lacks: guards.lacks,
    change: ({ ports, macLists, mirrors }) => {
      whole = false;
      for (const [port, guard] of ports ?? []) replace(desired.ports, port, guard);
      for (const [from, mirror] of mirrors ?? []) replace(desired.mirrors, from, mirror);
      for (const [key, edits] of macLists ?? []) {
        if (!edits) {
          desired.macLists.delete(key);
          pending.delete(key);
          continue;
        }
        const list = desired.macLists.get(key) ?? new Set();
        desired.macLists.set(key, list);
        const later = pending.get(key) ?? new Map<Mac, boolean>();
        pending.set(key, later);
        for (const [mac, present] of edits) {
          later.set(mac, present);
          if (present) list.add(mac);
          else list.delete(mac);
        }
      }
      loop.ask();
    },
    setTrust: ({ inSync, mayRetarget = true }) => {
      mayDelete = inSync;
      if (inSync || mayRetarget) {
        hold.release();
        // What the lists hold is looked at again.
        known = undefined;
        wholeDue = true;
      }
      loop.ask();
    },
    look: () => loop.ask(),
    settled: (ports) =>
      new Promise((resolve) => {
        const missing = ports.filter(
          (port) =>
            desired.ports.has(port) &&
            clean.get(port) !== desired.ports.get(port) &&
            !latest?.held.has(port) &&
            !latest?.failures.has(port),
        );
        if (missing.length === 0) return resolve();
        waiting.add({ ports: missing, done: resolve });
        loop.ask();
      }),
    // What is asked for since is not in it.
    latest: () => (latest?.whole && !whole ? { ...latest, whole } : latest),
    reading: () => reading,
    onReport: (listener) => void reportListeners.add(listener),
    onReading: (listener) => void readingListeners.add(listener),
    close: async () => {
      closed = true;
      cancelRead();
      watch.close();
      await loop.close();
      for (const { done } of waiting) done();
      await guards.close();
    },
  };
}

function replace<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/** Lists are dropped only together with the guards that name them. */
function editsOnly(change: GuardChange): GuardChange["macLists"] {
  return new Map([...change.macLists].filter(([, edit]) => edit.kind === "edit"));
}
