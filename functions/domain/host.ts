// Hosts: hypervisors. A VTEP address belongs to one host, for the host's life.

import { canonicalJson } from "../../shared/message/digest.ts";
import { isIpv4 } from "../../shared/address/ip.ts";
import { Host, type Site } from "../../shared/model/resource.ts";
import { type ChangeHost, type CreateHost, mergePatch } from "./command.ts";
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
import { type Context, type Decision, refuse, type Write } from "./write.ts";

export function createHost(
  facts: { host: Held<Host>; site: Held<Site> },
  command: CreateHost,
  context: Context,
): Decision<Host> {
  const ref = { kind: "host", id: command.id } as const;
  if (facts.host.state === "live") return refuse({ kind: "id-taken", ref });
  const site = { kind: "site", id: command.site } as const;
  const [first, ...more] = [parentRefusal("site", site, facts.site), ...bgpRefusals(command)].filter(isRefusal);
  if (first) return refuse(first, ...more);
  const writes: Write[] = [
    { write: "require", ref: site },
    { write: "claim", guard: { kind: "vtep", vtep: command.vtep }, owner: command.id },
    { write: "link", index: { kind: "site-host", site: command.site, host: command.id } },
  ];
  return planCreate({ ref, held: facts.host, content: command }, writes, context);
}

export function changeHost(facts: { host: Held<Host> }, command: ChangeHost, context: Context): Decision<Host> {
  const ref = { kind: "host", id: command.id } as const;
  const live = requireLive(ref, facts.host);
  if ("refusals" in live) return live;
  const merged = Host.safeParse(mergePatch(live.resource, command.patch));
  if (!merged.success) return refuse({ kind: "required", field: merged.error.issues[0]?.path.join(".") ?? "bgp" });
  const host = merged.data;
  const [first, ...more] = bgpRefusals(host);
  if (first) return refuse(first, ...more);
  if (canonicalJson(host) === canonicalJson(live.resource)) return planNothing(live.resource);
  return planChange({ ref, live, content: host }, [], context);
}

/** Refused while endpoints are on it. */
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

function bgpRefusals(host: Pick<Host, "vtep" | "bgp">): Refusal[] {
  const { bgp, vtep } = host;
  if (!bgp) return [];
  const refusals: Refusal[] = [];
  if (bgp.routerId === undefined && !isIpv4(vtep)) refusals.push({ kind: "router-id-needed" });
  const seen = new Set<string>();
  bgp.peers.forEach(({ address }, index) => {
    if (seen.has(address)) refusals.push({ kind: "duplicate", field: `bgp.peers.${index}.address`, value: address });
    seen.add(address);
  });
  return refusals;
}

function isRefusal(refusal: Refusal | undefined): refusal is Refusal {
  return refusal !== undefined;
}
