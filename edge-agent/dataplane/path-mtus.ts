// What the underlay carries on the way to a network's other VTEPs, where the own VTEP is on no interface that says so: the
// kernel is asked, as `ip route get` does, and the answer is good for a while.

import type { Clock } from "../clock.ts";
import type { NetworkFrame } from "./desired.ts";
import type { ActualHost, Kernel } from "./kernel.ts";

/** Remote VTEPs whose ways are asked for the MTU, for each network. */
const MOST_PATHS = 32;
const KNOWN_FOR_MS = 5000;

export type PathMtus = {
  /** Asks, unless that was done of late. */
  learn(frame: NetworkFrame): Promise<void>;
  /** Octets that the underlay carries for the network; undefined: not known. */
  underlayBytes(host: ActualHost, frame: NetworkFrame): number | undefined;
};

export function createPathMtus(kernel: Pick<Kernel, "pathMtu">, clock: Pick<Clock, "nowMs">): PathMtus {
  const known = new Map<string, { readonly bytes: number | undefined; readonly atMs: number }>();
  return {
    learn: async (frame) => {
      const { vtep, flood } = frame;
      const key = keyOf(frame);
      const before = known.get(key);
      if (before && clock.nowMs() - before.atMs < KNOWN_FOR_MS) return;
      const to = flood.filter((other) => other !== vtep).slice(0, MOST_PATHS);
      known.set(key, { bytes: await kernel.pathMtu(vtep, to), atMs: clock.nowMs() });
    },
    underlayBytes: ({ addresses }, frame) => addresses.get(frame.vtep) ?? known.get(keyOf(frame))?.bytes,
  };
}

function keyOf({ vtep, flood }: NetworkFrame): string {
  return `${vtep} ${flood.slice(0, MOST_PATHS).join(" ")}`;
}
