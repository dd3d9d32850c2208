// Guards in memory: the Guards port for tests and for running without root. It looks at no frame. test/contract/guards.ts
// holds it to nftables.

import type { Mac } from "../../shared/address/mac.ts";
import type { DropCount, GuardChange, Guards, MacListKey, Sighting } from "./guards.ts";

/** The port, and the hands of everybody else on the machine. */
export type MemoryGuards = Guards & {
  /** Another hand changes a port's guard. */
  tamper(port: string): void;
  /** Another hand removes everything. */
  flush(): void;
  /** Makes changes that name the port fail until called with undefined. */
  refuse(port: string | undefined): void;
  /** What `read` finds. */
  see(reading: { drops?: readonly DropCount[]; sightings?: readonly Sighting[] }): void;
  /** Transactions so far, refused ones included. */
  readonly writes: () => number;
};

export function createMemoryGuards(lacks: Partial<Guards["lacks"]> = {}): MemoryGuards {
  const ports = new Map<string, string>();
  const macLists = new Map<MacListKey, Set<Mac>>();
  const mirrors = new Map<string, string>();
  const listeners = new Set<() => void>();
  let frame = false;
  let refused: string | undefined;
  let writes = 0;
  let reading: { drops: readonly DropCount[]; sightings: readonly Sighting[] } = { drops: [], sightings: [] };

  const tell = (): void => {
    for (const listener of listeners) queueMicrotask(listener);
  };

  function write(change: GuardChange): void {
    frame ||= change.frame;
    for (const guard of change.set) ports.set(guard.port, JSON.stringify(guard));
    for (const port of change.remove) ports.delete(port);
    for (const [key, edit] of change.macLists) {
      if (edit.kind === "drop") {
        macLists.delete(key);
        continue;
      }
      const list = edit.clear ? new Set<Mac>() : (macLists.get(key) ?? new Set<Mac>());
      for (const mac of edit.remove) list.delete(mac);
      for (const mac of edit.add) list.add(mac);
      macLists.set(key, list);
    }
    for (const [from, mirror] of change.mirrors) {
      if (mirror) mirrors.set(from, JSON.stringify(mirror));
      else mirrors.delete(from);
    }
  }

  return {
    lacks: { guards: undefined, mirrors: undefined, ...lacks },
    print: (guard) => JSON.stringify(guard),
    printMirror: (mirror) => JSON.stringify(mirror),
    dump: async (options) => ({
      ports: new Map(ports),
      macLists: new Map(Array.from(macLists, ([key, list]) => [key, options.macLists ? new Set(list) : undefined])),
      mirrors: new Map(mirrors),
      frame,
    }),
    apply: async (change) => {
      writes++;
      const names = [...change.set.map(({ port }) => port), ...change.remove];
      if (refused !== undefined && names.includes(refused)) throw new Error(`told to refuse ${refused}`);
      if (!frame && !change.frame && change.set.length > 0) throw new Error("No such file or directory");
      write(change);
    },
    removeAll: async () => {
      writes++;
      frame = false;
      for (const table of [ports, macLists, mirrors]) table.clear();
    },
    read: async () => reading,
    watch: (listener) => {
      listeners.add(listener);
      return { close: () => void listeners.delete(listener) };
    },
    close: async () => listeners.clear(),
    tamper: (port) => {
      ports.set(port, "another hand's");
      tell();
    },
    flush: () => {
      frame = false;
      for (const table of [ports, macLists, mirrors]) table.clear();
      tell();
    },
    refuse: (port) => {
      refused = port;
    },
    see: ({ drops = reading.drops, sightings = reading.sightings }) => {
      reading = { drops, sightings };
    },
    writes: () => writes,
  };
}
