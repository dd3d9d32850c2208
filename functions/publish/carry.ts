// What a host's own channel says of one router: (what it says, the router's networks, where the host has endpoints) -> the
// records to bring. Pure. A host with an endpoint on any network of a router carries the router and all its networks.
//
//   router/<r>    the host carries the router
//   network/<n>   {routed: true} where it has no endpoint; where it has one, the network's own step says so (advance.ts)

import { canonicalJson } from "../../shared/message/digest.ts";
import type { CarriedNetworkRecord } from "../../shared/model/record.ts";
import type { StoredRecord } from "./channel-items.ts";

export type CarryFacts = {
  readonly router: string;
  /** The records of the host's channel, by key. */
  readonly records: ReadonlyMap<string, StoredRecord>;
  /** The networks that the router's channel names. */
  readonly networks: readonly string[];
  /** Those of them where the host has endpoints. */
  readonly member: ReadonlySet<string>;
  /** The entry to be. */
  readonly seq: number;
};

/**
 * The records to bring, in the order to bring them, some at a time if need be: a router comes first and goes last, so
 * that whoever carries anything for it can be found.
 */
export function carryRecords({ router, records, networks, member, seq }: CarryFacts): StoredRecord[] {
  const here = member.size > 0;
  const own = `router/${router}`;
  const come: StoredRecord[] = [];
  const gone: StoredRecord[] = [];
  if (here && !records.has(own)) come.push({ key: own, version: seq, body: {}, seq });
  const wanted = new Set(here ? networks.filter((id) => !member.has(id)).map((id) => `network/${id}`) : []);
  for (const key of wanted) {
    const held = records.get(key);
    const body = { routed: true };
    // Of a host that has an endpoint there by now: its own step moved the channel, and this one will be made anew.
    if (held && held.router === router && canonicalJson(held.body) === canonicalJson(body)) continue;
    come.push({ key, version: seq, body, seq, router });
  }
  for (const [key, held] of records) {
    if (held.router !== router || wanted.has(key)) continue;
    if ((held.body as CarriedNetworkRecord | null)?.routed) gone.push({ key, version: seq, body: null, seq });
  }
  if (!here && records.has(own)) gone.push({ key: own, version: seq, body: null, seq });
  return [...come, ...gone];
}
