// Networks: a tenant's L2 segments. A VNI belongs to one network; subnets do not overlap and keep their endpoints.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import { canonicalJson } from "../../shared/message/digest.ts";
import { Network, type Tenant } from "../../shared/model/resource.ts";
import { type ChangeNetwork, type CreateNetwork, mergePatch } from "./command.ts";
import {
  type Children,
  parentRefusal,
  planChange,
  planCreate,
  planDeleteOfParent,
  planNothing,
  requireLive,
} from "./plan.ts";
import type { Held, ResourceRef } from "./resource.ts";
import { addressRefusal, subnetRefusals, subnetsOnlyWiden } from "./subnet.ts";
import { type Context, type Decision, type Refused, refuse, type Write } from "./write.ts";

/** How many stranded endpoints a refusal names. */
const STRANDED_NAMED = 20;

export function createNetwork(
  facts: { network: Held<Network>; tenant: Held<Tenant> },
  command: CreateNetwork,
  context: Context,
): Decision<Network> {
  const ref = { kind: "network", id: command.id } as const;
  if (facts.network.state === "live") return refuse({ kind: "id-taken", ref });
  const tenant = { kind: "tenant", id: command.tenant } as const;
  const missing = parentRefusal("tenant", tenant, facts.tenant);
  const [first, ...more] = [...(missing ? [missing] : []), ...subnetRefusals(command.subnets)];
  if (first) return refuse(first, ...more);
  const writes: Write[] = [
    { write: "require", ref: tenant },
    { write: "claim", guard: { kind: "vni", vni: command.vni }, owner: command.id },
    { write: "link", index: { kind: "tenant-network", tenant: command.tenant, network: command.id } },
  ];
  return planCreate({ ref, held: facts.network, content: command }, writes, context);
}

/** Facts: the addresses in use, needed only if `narrowsSubnets`. */
export function changeNetwork(
  facts: { network: Held<Network>; addresses: readonly AddressInUse[] },
  command: ChangeNetwork,
  context: Context,
): Decision<Network> {
  const ref = { kind: "network", id: command.id } as const;
  const live = requireLive(ref, facts.network);
  if ("refusals" in live) return live;
  const merged = Network.safeParse(mergePatch(live.resource, command.patch));
  if (!merged.success) return refuse({ kind: "required", field: merged.error.issues[0]?.path.join(".") ?? "" });
  const network = merged.data;
  const [first, ...more] = subnetRefusals(network.subnets);
  if (first) return refuse(first, ...more);
  if (canonicalJson(network) === canonicalJson(live.resource)) return planNothing(live.resource);
  const plan = planChange({ ref, live, content: network }, [], context);
  if (subnetsOnlyWiden(live.resource.subnets, network.subnets)) return plan;
  const { version } = live.resource;
  const fence = { ref, version, why: { kind: "narrowing", subnets: network.subnets } } as const;
  return refuseStranded(facts.addresses, network.subnets) ?? { ...plan, fence };
}

/** True if addresses that are allowed now might not be after the patch: the addresses in use must be read then. */
export function narrowsSubnets(network: Held<Network>, patch: ChangeNetwork["patch"]): boolean {
  if (network.state !== "live" || patch.subnets === undefined) return false;
  return !subnetsOnlyWiden(network.resource.subnets, patch.subnets);
}

/** Refused while it has endpoints. */
export function deleteNetwork(
  facts: { network: Held<Network>; children: Children },
  command: { id: string },
  context: Context,
): Decision<Network> {
  const ref = { kind: "network", id: command.id } as const;
  const writes = (network: Network): Write[] => [
    { write: "release", guard: { kind: "vni", vni: network.vni }, owner: network.id },
    { write: "unlink", index: { kind: "tenant-network", tenant: network.tenant, network: network.id } },
  ];
  return planDeleteOfParent({ ref, held: facts.network, children: facts.children }, writes, context);
}

/** An address and the endpoint that has it. */
export type AddressInUse = { ref: ResourceRef; ip: IpAddress };

function refuseStranded(addresses: readonly AddressInUse[], subnets: readonly Prefix[]): Refused | undefined {
  const stranded = addresses.filter(({ ip }) => addressRefusal("", ip, subnets));
  if (stranded.length === 0) return undefined;
  const more = stranded.length > STRANDED_NAMED;
  return refuse({ kind: "subnet-change-strands-endpoints", stranded: stranded.slice(0, STRANDED_NAMED), more });
}
