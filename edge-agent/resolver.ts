// The overlay over time: builds it of intent and fabric, remembers which MACs moved and how far intent can be relied on,
// and says in the diary what the two disagree about. The pure parts are overlay.ts and evpn/; here are clock and diary.

import type { Mac } from "../shared/address/mac.ts";
import type { Prefix } from "../shared/address/prefix.ts";
import type { ReceivedRoute } from "./bgp/route.ts";
import type { Clock } from "./clock.ts";
import { DUPLICATE_LIMITS } from "./evpn/duplicate-mac.ts";
import type { Conflict, ConflictResponse, IntentTrust } from "./evpn/mac-table.ts";
import { createMobilityWatch, type MobilityEvent, type MovedMac } from "./evpn/mobility.ts";
import { nextHopList } from "./evpn/policy.ts";
import type { HostIntent } from "./intent/view.ts";
import type { Log } from "./log.ts";
import { buildOverlay, type Overlay } from "./overlay.ts";

/** Without a word of the cloud for so long, a higher sequence in the fabric counts for more than our copy of intent. */
export const INTENT_OLD_AFTER_MS = 30_000;

export type Resolver = {
  /** The overlay of now. */
  resolve(intent: HostIntent, fabric: readonly ReceivedRoute[]): Overlay;
  /** Whether the cloud is connected and has confirmed that intent is whole. */
  heard(current: boolean): void;
  /** MACs with moves of late, and frozen ones. */
  moved(): MovedMac[];
  /** Releases a frozen MAC; the networks where it was. */
  clear(mac: Mac): string[];
  close(): void;
};

const RESPONSES: Readonly<Record<ConflictResponse, string>> = {
  keep: "kept where it is declared",
  raise: "to be taken back with a higher sequence",
  follow: "followed, since the cloud is away",
  frozen: "frozen: it moved too often",
};

/** `again` is called when time alone has changed something, so that `resolve` is worth calling. */
export function createResolver(options: {
  clock: Clock;
  log: Log;
  /** VTEPs of the fabric that may be sent to; absent: any. */
  fabricVteps?: readonly Prefix[] | undefined;
  again: () => void;
}): Resolver {
  const { clock, log, again } = options;
  const mayUse = options.fabricVteps && nextHopList(options.fabricVteps);
  const mobility = createMobilityWatch(DUPLICATE_LIMITS);
  let said = new Set<string>();
  let current = false;
  let awaySinceMs = clock.nowMs();
  let cancelTimer = () => {};

  function trust(nowMs: number): IntentTrust {
    if (current) return "current";
    return nowMs - awaySinceMs < INTENT_OLD_AFTER_MS ? "recent" : "old";
  }

  function schedule(nowMs: number): void {
    cancelTimer();
    const oldAtMs = trust(nowMs) === "recent" ? awaySinceMs + INTENT_OLD_AFTER_MS : undefined;
    const due = Math.min(mobility.dueMs() ?? Number.POSITIVE_INFINITY, oldAtMs ?? Number.POSITIVE_INFINITY);
    cancelTimer = Number.isFinite(due) ? clock.setTimer(Math.max(0, due - nowMs), again) : () => {};
  }

  /** Each thing once, for as long as it lasts. */
  function say(overlay: Overlay): void {
    const now = new Map<string, "conflict" | "export-refused">();
    for (const { id, table } of overlay.networks) {
      for (const conflict of table.conflicts) now.set(describe(id, conflict), "conflict");
    }
    for (const { route, reason } of overlay.refusedExports) {
      now.set(`${reason}: ${JSON.stringify(route.nlri)}`, "export-refused");
    }
    for (const [text, kind] of now) if (!said.has(text)) log.warn(kind, text);
    said = new Set(now.keys());
  }

  return {
    resolve(intent, fabric) {
      const nowMs = clock.nowMs();
      const decisions = (network: string) => mobility.decisions(network);
      const context = { mayUse, trust: trust(nowMs), decisions };
      mobility.retain(new Set(intent.networks.map(({ id }) => id)));
      let overlay = buildOverlay(intent, fabric, context);
      const events = overlay.networks.flatMap(({ id, table }) => mobility.observe(id, table, intent.host.vtep, nowMs));
      if (events.length > 0) overlay = buildOverlay(intent, fabric, context);
      for (const event of events) report(event, log);
      say(overlay);
      schedule(nowMs);
      return overlay;
    },
    heard(now) {
      if (current && !now) awaySinceMs = clock.nowMs();
      current = now;
    },
    moved: () => mobility.moved(clock.nowMs()),
    clear(mac) {
      const networks = mobility.clear(mac);
      for (const network of networks) log.info("duplicate-mac-cleared", `${network}: ${mac} is released by command`);
      return networks;
    },
    close: () => cancelTimer(),
  };
}

function describe(network: string, conflict: Conflict): string {
  const { mac, declaredVtep, declaredMobility, fabricPlace, fabricMobility, fixed, response } = conflict;
  return (
    `${network}: ${mac} is declared at ${declaredVtep} (sequence ${declaredMobility}), the fabric says ` +
    `${fabricPlace} (${fixed ? "sticky" : `sequence ${fabricMobility}`}); ${RESPONSES[response]}`
  );
}

function report({ kind, network, mac, place, sequence }: MobilityEvent, log: Log): void {
  switch (kind) {
    case "duplicate-mac":
      log.warn(kind, `${network}: ${mac} moved too often and is frozen at ${place} (sequence ${sequence})`);
      break;
    case "duplicate-mac-released":
      log.info(kind, `${network}: ${mac} is followed again after its time of freeze`);
      break;
    case "mac-taken-back":
      log.warn(kind, `${network}: ${mac} is declared here; announced again with sequence ${sequence}`);
      break;
  }
}
