// Fabric peers: the ToRs of a site. No host refers to one by its id: a host's BGP peers are what its agent dials, and
// one that has a fabric peer's address is that one. So nothing is in the way of its deletion.

import type { IpAddress } from "../../shared/address/ip.ts";
import { FabricPeer, type HostBgp, type Site } from "../../shared/model/resource.ts";
import { type ChangeFabricPeer, type CreateFabricPeer, same, wanted } from "./command.ts";
import { parentRefusal, planChange, planCreate, planDelete, planNothing, requireLive } from "./plan.ts";
import type { Refusal } from "./refusal.ts";
import type { Held } from "./resource.ts";
import { type Context, type Decision, refuse, refuseAny, type Write } from "./write.ts";

type Facts = { peer: Held<FabricPeer> };

export function createFabricPeer(
  facts: Facts & { site: Held<Site> },
  command: CreateFabricPeer,
  context: Context,
): Decision<FabricPeer> {
  const ref = { kind: "fabric-peer", id: command.id } as const;
  if (facts.peer.state === "live") return refuse({ kind: "id-taken", ref });
  const site = { kind: "site", id: command.site } as const;
  const refused = refuseAny([parentRefusal("site", site, facts.site), ...duplicates(command.addresses)]);
  if (refused) return refused;
  const writes: Write[] = [
    { write: "require", ref: site },
    ...command.addresses.map((ip) => addressWrite("claim", command, ip)),
    { write: "link", index: { kind: "site-fabric-peer", site: command.site, peer: command.id } },
  ];
  return planCreate({ ref, held: facts.peer, content: command }, writes, context);
}

export function changeFabricPeer(facts: Facts, command: ChangeFabricPeer, context: Context): Decision<FabricPeer> {
  const ref = { kind: "fabric-peer", id: command.id } as const;
  const live = requireLive(ref, facts.peer);
  if ("refusals" in live) return live;
  const before = live.resource;
  const change = wanted(before, command, { schema: FabricPeer, fixed: ["site"] });
  if ("refusals" in change) return change;
  const { after } = change;
  const refused = refuseAny(duplicates(after.addresses));
  if (refused) return refused;
  if (same(after, before)) return planNothing(before);
  const added = after.addresses.filter((ip) => !before.addresses.includes(ip));
  const removed = before.addresses.filter((ip) => !after.addresses.includes(ip));
  const writes: Write[] = [
    ...added.map((ip) => addressWrite("claim", before, ip)),
    ...removed.map((ip) => addressWrite("release", before, ip)),
  ];
  return planChange({ ref, live, content: after }, writes, context);
}

export function deleteFabricPeer(facts: Facts, command: { id: string }, context: Context): Decision<FabricPeer> {
  const ref = { kind: "fabric-peer", id: command.id } as const;
  const live = requireLive(ref, facts.peer);
  if ("refusals" in live) return live;
  const { id, site, addresses } = live.resource;
  const writes: Write[] = [
    ...addresses.map((ip) => addressWrite("release", { id, site }, ip)),
    { write: "unlink", index: { kind: "site-fabric-peer", site, peer: id } },
  ];
  return planDelete({ ref, live }, writes, context);
}

/** Peers of a host that have a fabric peer's address and say another AS number. */
export function asnRefusals(bgp: HostBgp | undefined, fabric: readonly FabricPeer[]): Refusal[] {
  return (bgp?.peers ?? []).flatMap(({ address, asn }, index): Refusal[] => {
    const peer = address && fabric.find(({ addresses }) => addresses.includes(address));
    // "external" and "internal" say less than a number, and nothing that a fabric peer could contradict here.
    if (!peer || typeof asn !== "number" || peer.asn === asn) return [];
    return [{ kind: "asn-mismatch", field: `bgp.peers.${index}.asn`, asn, expected: peer.asn, peer: peer.id }];
  });
}

function duplicates(addresses: readonly IpAddress[]): Refusal[] {
  return addresses.flatMap((ip, index): Refusal[] =>
    addresses.indexOf(ip) < index ? [{ kind: "duplicate", field: `addresses.${index}`, value: ip }] : [],
  );
}

function addressWrite(write: "claim" | "release", { id, site }: { id: string; site: string }, ip: IpAddress): Write {
  return { write, guard: { kind: "peer-address", site, ip }, owner: id };
}
