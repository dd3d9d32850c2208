// What the replica says, in the terms of the overlay: this host's own settings, and each network it carries. Records
// were parsed when they were applied; a network whose definition has not arrived yet is left out and named.

import type {
  CarriedNetworkRecord,
  EndpointRecord,
  HostRecord,
  NetworkRecord,
  VtepRecord,
} from "../../shared/model/record.ts";
import { hostChannel, networkChannel, parseRecordKey } from "../../shared/model/record.ts";
import type { IntentState } from "./intent.ts";

export type NetworkIntent = {
  readonly id: string;
  readonly definition: NetworkRecord;
  /** Member hosts by id, this one included. */
  readonly vteps: ReadonlyMap<string, VtepRecord>;
  readonly endpoints: readonly { readonly id: string; readonly record: EndpointRecord }[];
};

export type HostIntent = {
  readonly id: string;
  readonly host: HostRecord;
  readonly networks: readonly NetworkIntent[];
  /** Networks this host should carry but knows nothing of yet. */
  readonly pending: readonly string[];
};

/** The view; undefined until the host's own record is held. */
export function viewIntent(state: IntentState): HostIntent | undefined {
  const own = state.channels.get(hostChannel(state.host))?.records.get("host")?.body as HostRecord | null | undefined;
  if (!own) return undefined;
  const networks: NetworkIntent[] = [];
  const pending: string[] = [];
  for (const id of l2Networks(state)) {
    const network = viewNetwork(state, id);
    if (network) networks.push(network);
    else pending.push(id);
  }
  return { id: state.host, host: own, networks, pending };
}

/** The networks that this host takes part in: not those that it carries for their router's sake alone. */
export function l2Networks(state: IntentState): ReadonlySet<string> {
  const own = hostChannel(state.host);
  const networks = new Set<string>();
  for (const [key, { body }] of state.channels.get(own)?.records ?? []) {
    const parsed = parseRecordKey(own, key);
    if (parsed?.kind !== "carried-network" || body === null) continue;
    if (!(body as CarriedNetworkRecord).routed) networks.add(parsed.network);
  }
  return networks;
}

function viewNetwork(state: IntentState, id: string): NetworkIntent | undefined {
  const channel = networkChannel(id);
  let definition: NetworkRecord | undefined;
  const vteps = new Map<string, VtepRecord>();
  const endpoints: { id: string; record: EndpointRecord }[] = [];
  for (const [key, { body }] of state.channels.get(channel)?.records ?? []) {
    const parsed = parseRecordKey(channel, key);
    if (body === null || !parsed) continue;
    if (parsed.kind === "network") definition = body as NetworkRecord;
    else if (parsed.kind === "vtep") vteps.set(parsed.host, body as VtepRecord);
    else if (parsed.kind === "endpoint") endpoints.push({ id: parsed.id, record: body as EndpointRecord });
  }
  return definition && { id, definition, vteps, endpoints };
}
