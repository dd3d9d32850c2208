// What the network lane says in the diary: where intent and fabric disagree, MACs that move too often, and routes that policy
// held back. Each thing once for as long as it lasts; of many at once the first few, and how many more there are.

import type { Conflict, ConflictResponse } from "../evpn/mac-table.ts";
import type { TableDelta } from "../evpn/mac-vrf-table.ts";
import type { MobilityEvent } from "../evpn/mobility.ts";
import type { Log } from "../log.ts";
import type { RefusedExport } from "../overlay.ts";

/** In one step of a network. */
const MOST_LINES = 20;

const RESPONSES: Readonly<Record<ConflictResponse, string>> = {
  keep: "kept where it is declared",
  raise: "to be taken back with a higher sequence",
  follow: "followed, since the cloud is away",
  frozen: "frozen: it moved too often",
};

export function sayConflicts(log: Log, network: string, conflicts: TableDelta["conflicts"]): void {
  const fresh: string[] = [];
  for (const { before, after } of conflicts) {
    const text = after && describe(network, after);
    if (text !== undefined && (!before || describe(network, before) !== text)) fresh.push(text);
  }
  say(log, "conflict", fresh, network);
}

export function sayRefused(log: Log, network: string, refused: readonly RefusedExport[]): void {
  const texts = refused.map(({ route, reason }) => `${reason}: ${JSON.stringify(route.nlri)}`);
  say(log, "export-refused", texts, network);
}

export function sayMobility(log: Log, { kind, network, mac, place, sequence }: MobilityEvent): void {
  switch (kind) {
    case "duplicate-mac":
      log.warn(kind, `${network}: ${mac} moved too often and is frozen at ${place} (sequence ${sequence})`);
      break;
    case "duplicate-mac-released":
      log.info(kind, `${network}: ${mac} is followed again after its time of freeze`);
      break;
    case "sequence-restored":
      log.info(kind, `${network}: ${mac} is announced with sequence ${sequence}, as before the restart`);
      break;
    case "mac-taken-back":
      log.warn(kind, `${network}: ${mac} is declared here; announced again with sequence ${sequence}`);
      break;
  }
}

function say(log: Log, kind: string, texts: readonly string[], network: string): void {
  for (const text of texts.slice(0, MOST_LINES)) log.warn(kind, text);
  if (texts.length > MOST_LINES) log.warn(kind, `${network}: and ${texts.length - MOST_LINES} more at once`);
}

function describe(network: string, conflict: Conflict): string {
  const { mac, declaredVtep, declaredMobility, fabricPlace, fabricMobility, fixed, response } = conflict;
  return (
    `${network}: ${mac} is declared at ${declaredVtep} (sequence ${declaredMobility}), the fabric says ` +
    `${fabricPlace} (${fixed ? "sticky" : `sequence ${fabricMobility}`}); ${RESPONSES[response]}`
  );
}
