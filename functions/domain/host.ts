// Hosts: hypervisors. A VTEP address belongs to one host, for the host's life.

import { isIpv4 } from "../../shared/address/ip.ts";
import { type FabricPeer, Host, type Site } from "../../shared/model/resource.ts";
import { type ChangeHost, type CreateHost, same, wanted } from "./command.ts";
import { asnRefusals } from "./fabric-peer.ts";
import {
  type Children,
  parentRefusal,
  planChange,
  planCreate,
  planDeleteOfParent,
  planNothing,
  requireLive,
} from "./plan.ts";
import type { Refusal } from "./refusal.ts";
import type { Held } from "./resource.ts";
import { type Context, type Decision, refuse, refuseAny, type Write } from "./write.ts";

/** The ToRs of the host's site. */
type Fabric = { fabric: readonly FabricPeer[] };

export function createHost(
  facts: { host: Held<Host>; site: Held<Site> } & Fabric,
  command: CreateHost,
  context: Context,
): Decision<Host> {
  const ref = { kind: "host", id: command.id } as const;
  if (facts.host.state === "live") return refuse({ kind: "id-taken", ref });
  const site = { kind: "site", id: command.site } as const;
  const refused = refuseAny([parentRefusal("site", site, facts.site), ...bgpRefusals(command, facts)]);
  if (refused) return refused;
  const writes: Write[] = [
    { write: "require", ref: site },
    { write: "claim", guard: { kind: "vtep", vtep: command.vtep }, owner: command.id },
    { write: "link", index: { kind: "site-host", site: command.site, host: command.id } },
  ];
  return planCreate({ ref, held: facts.host, content: command }, writes, context);
}

export function changeHost(
  facts: { host: Held<Host> } & Fabric,
  command: ChangeHost,
  context: Context,
): Decision<Host> {
  const ref = { kind: "host", id: command.id } as const;
  const live = requireLive(ref, facts.host);
  if ("refusals" in live) return live;
  const change = wanted(live.resource, command, { schema: Host, fixed: ["site", "vtep"] });
  if ("refusals" in change) return change;
  const host = change.after;
  const refused = refuseAny(bgpRefusals(host, facts));
  if (refused) return refused;
  if (same(host, live.resource)) return planNothing(live.resource);
  return planChange({ ref, live, content: host }, [], context);
}

/** Refused while endpoints are on it, or about to move to it. */
export function deleteHost(
  facts: { host: Held<Host>; children: Children },
  command: { id: string },
  context: Context,
): Decision<Host> {
  const ref = { kind: "host", id: command.id } as const;
  const writes = (host: Host): Write[] => [
    { write: "release", guard: { kind: "vtep", vtep: host.vtep }, owner: host.id },
    { write: "unlink", index: { kind: "site-host", site: host.site, host: host.id } },
  ];
  return planDeleteOfParent({ ref, held: facts.host, children: facts.children }, writes, context);
}

function bgpRefusals(host: Pick<Host, "vtep" | "bgp">, { fabric }: Fabric): Refusal[] {
  const { bgp, vtep } = host;
  if (!bgp) return [];
  const refusals: Refusal[] = [];
  if (bgp.routerId === undefined && !isIpv4(vtep)) refusals.push({ kind: "router-id-needed" });
  const seen = new Set<string>();
  bgp.peers.forEach(({ address = "", interface: link }, index) => {
    // On a link there is one peer, and its address may be that of another peer on another link.
    const [field, value] = link === undefined ? (["address", address] as const) : (["interface", link] as const);
    if (seen.has(value)) refusals.push({ kind: "duplicate", field: `bgp.peers.${index}.${field}`, value });
    seen.add(value);
  });
  return [...refusals, ...asnRefusals(bgp, fabric)];
}
