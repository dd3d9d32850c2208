// Machines that were seen on a port without being declared there, over time: which to tell of and which to keep quiet about,
// since a machine that makes up addresses must not fill the diary. Pure but for its memory; time is passed in.

import type { Sighting } from "../dataplane/guards.ts";

/** `moved`: it is declared elsewhere, at `declaredAt`. */
export type Stranger = Sighting & {
  readonly network: string;
  readonly kind: "unknown" | "moved";
  readonly declaredAt: string | undefined;
  readonly firstMs: number;
  readonly lastMs: number;
};

export type SightingLog = {
  /** Takes what is seen now; returns what is worth telling. */
  see(
    seen: readonly Pick<Stranger, "network" | "port" | "mac" | "kind" | "declaredAt">[],
    nowMs: number,
  ): readonly Stranger[];
  /** Seen within the last minutes, the newest first. */
  strangers(): readonly Stranger[];
  /** Sightings that were not told of, for being too many. */
  readonly quiet: number;
};

/** The same machine on the same port is told of so often at most. */
const TELL_AGAIN_MS = 10 * 60_000;
const FORGET_MS = 15 * 60_000;
/** New machines of one port that are told of in a minute. */
const MOST_A_MINUTE = 5;
const MOST_KEPT = 1000;

export function createSightingLog(): SightingLog {
  const known = new Map<string, { stranger: Stranger; toldMs: number | undefined }>();
  const told = new Map<string, number[]>();
  let quiet = 0;

  function mayTell(port: string, nowMs: number): boolean {
    const recent = (told.get(port) ?? []).filter((atMs) => nowMs - atMs < 60_000);
    told.set(port, recent);
    if (recent.length >= MOST_A_MINUTE) return false;
    recent.push(nowMs);
    return true;
  }

  return {
    see(seen, nowMs) {
      const tell: Stranger[] = [];
      for (const each of seen) {
        const key = `${each.port} ${each.mac}`;
        const before = known.get(key);
        const stranger = { ...each, firstMs: before?.stranger.firstMs ?? nowMs, lastMs: nowMs };
        const due = before?.toldMs === undefined || nowMs - before.toldMs >= TELL_AGAIN_MS;
        const changed = before !== undefined && before.stranger.kind !== each.kind;
        let toldMs = before?.toldMs;
        if (due || changed) {
          if (mayTell(each.port, nowMs)) {
            tell.push(stranger);
            toldMs = nowMs;
          } else if (!before) quiet++;
        }
        known.delete(key);
        known.set(key, { stranger, toldMs });
      }
      for (const [key, { stranger }] of known) {
        if (nowMs - stranger.lastMs < FORGET_MS && known.size <= MOST_KEPT) break;
        known.delete(key);
      }
      return tell;
    },
    strangers: () => Array.from(known.values(), ({ stranger }) => stranger).toReversed(),
    get quiet() {
      return quiet;
    },
  };
}
