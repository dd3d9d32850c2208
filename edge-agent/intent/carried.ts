// Which channels a host is to hold: its own, and those of the networks and routers that its own names.

import { type Channel, hostChannel, networkChannel, parseRecordKey, routerChannel } from "../../shared/model/record.ts";
import type { IntentEffect, IntentState } from "./intent.ts";

/** The channels of the networks and routers that the host channel names. */
export function carriedChannels(state: IntentState): ReadonlySet<Channel> {
  const own = hostChannel(state.host);
  const carried = new Set<Channel>();
  for (const key of state.channels.get(own)?.records.keys() ?? []) {
    const parsed = parseRecordKey(own, key);
    if (parsed?.kind === "carried-network") carried.add(networkChannel(parsed.network));
    if (parsed?.kind === "carried-router") carried.add(routerChannel(parsed.router));
  }
  return carried;
}

/** Forgets a channel and everything that was on its way. */
export function drop(state: IntentState, channel: Channel): IntentEffect[] {
  for (const of of [state.partial, state.early, state.offers, state.owed]) of.delete(channel);
  state.suspect.delete(channel);
  state.coming.delete(channel);
  return state.channels.delete(channel) ? [{ kind: "dropped", channel }] : [];
}
