// Which channels a host is to hold: its own, and those of the networks and routers that its own names.

import { type Channel, hostChannel, networkChannel, parseRecordKey, routerChannel } from "../../shared/model/record.ts";
import type { IntentEffect, IntentState } from "./intent.ts";

/** The channels of the networks and routers that the host channel names. */
export function carriedChannels(state: IntentState): ReadonlySet<Channel> {
  return new Set(carriedSteps(state).keys());
}

/** The same, with the version of the record that names each: it grows when the host leaves and joins again. */
export function carriedSteps(state: IntentState): ReadonlyMap<Channel, number> {
  const own = hostChannel(state.host);
  const carried = new Map<Channel, number>();
  for (const [key, { version }] of state.channels.get(own)?.records ?? []) {
    const parsed = parseRecordKey(own, key);
    if (parsed?.kind === "carried-network") carried.set(networkChannel(parsed.network), version);
    if (parsed?.kind === "carried-router") carried.set(routerChannel(parsed.router), version);
  }
  return carried;
}

/** Forgets a channel and everything that was on its way. */
export function drop(state: IntentState, channel: Channel): IntentEffect[] {
  for (const of of [state.partial, state.early, state.offers, state.owed, state.ahead]) of.delete(channel);
  state.suspect.delete(channel);
  state.coming.delete(channel);
  return state.channels.delete(channel) ? [{ kind: "dropped", channel }] : [];
}
