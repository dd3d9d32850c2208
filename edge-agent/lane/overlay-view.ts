// The picture of all networks as `show` wants it, made from what the lane keeps, when somebody asks.

import type { NetworkState } from "../dataplane/state.ts";
import { type Overlay, localOf, type OverlayNetwork, remoteOf } from "../overlay.ts";
import type { Network } from "./network.ts";

export function overlayOf(networks: Iterable<Network>): Overlay {
  const viewed: OverlayNetwork[] = [];
  const announced = [];
  for (const network of networks) {
    const view = viewNetwork(network);
    if (!view) continue;
    viewed.push(view);
    announced.push(...network.announcements());
  }
  return {
    networks: viewed,
    desired: { networks: viewed.map(({ state }) => state) },
    exports: announced.flatMap(({ route, reason }) => (reason ? [] : [route])),
    refusedExports: announced.flatMap(({ route, reason }) => (reason ? [{ route, reason }] : [])),
    imports: new Set(viewed.flatMap(({ imports }) => [...imports])),
  };
}

function viewNetwork({ id, records, table, settings, frame }: Network): OverlayNetwork | undefined {
  if (!records.definition || !settings || !frame) return undefined;
  const entries = [...table.entries()];
  const state: NetworkState = {
    ...frame,
    local: entries.flatMap(localOf),
    remote: entries.flatMap((entry) => (entry.port === undefined ? [remoteOf(entry)] : [])),
    neighbours: Array.from(table.neighbours(), ([ip, mac]) => ({ ip, mac })),
  };
  const { tenant } = records.definition;
  const { rd, imports } = settings;
  const conflicts = [...table.conflicts.values()];
  return { id, tenant, rd, imports, table: { entries, flood: table.flood, conflicts }, state };
}
