// Whether tenants stay apart after a write: no route target that two tenants share, no VNI of two, no subnets of one
// router that overlap. The domain refuses the last two; they are looked at once more on what would be there, so that a
// plan says what was looked at.

import { prefixesOverlap } from "../../shared/address/prefix.ts";
import { anyAsOf, type RouteTarget } from "../../shared/address/rt.ts";
import type { Asn } from "../../shared/address/vni.ts";
import { exportTargets, importTargets } from "../../shared/evpn/mac-vrf.ts";
import type { HostBgp, Network, Router } from "../../shared/model/resource.ts";
import { all } from "../api/facts.ts";
import { vtepBody } from "../publish/resource-change.ts";
import type { Store } from "../store/store.ts";
import type { Changed, World } from "./world.ts";

export type IsolationCheck = {
  readonly check: "route-targets" | "vnis" | "subnets";
  readonly ok: boolean;
  /** What was found, in words; none if it is ok. */
  readonly findings: readonly string[];
};

const MOST_FINDINGS = 20;
/** Of chosen targets it does not matter whose they are. */
const ANY_ASN = 1 as Asn;

/** `after` reads as it would be. `tenant`: who asks is bound to it, and hears no names of others. */
export async function checkIsolation(
  after: Store,
  { changes, world, tenant }: { changes: readonly Changed[]; world: World; tenant?: string | undefined },
): Promise<IsolationCheck[]> {
  const owners = changes.flatMap(({ ref, after: now }): Owner[] => {
    if (ref.kind === "network" && now) return [ownerOf("network", now as Network)];
    return ref.kind === "router" && now ? [ownerOf("router", now as Router)] : [];
  });
  const [targets, vnis] = await Promise.all([sharedTargets(after, owners, tenant), clashingVnis(after, owners)]);
  return [checked("route-targets", targets), checked("vnis", vnis), checked("subnets", overlappingSubnets(world))];
}

function checked(check: IsolationCheck["check"], found: readonly string[]): IsolationCheck {
  const more = found.length - MOST_FINDINGS;
  const findings = more > 0 ? [...found.slice(0, MOST_FINDINGS), `and ${more} more`] : found;
  return { check, ok: found.length === 0, findings };
}

/** A network or router, as far as its route targets are concerned. */
type Owner = { name: string; importAnyAs?: boolean | undefined } & Pick<
  Network | Router,
  "id" | "tenant" | "vni" | "routeTargets"
>;

function ownerOf(kind: "network" | "router", resource: Network | Router): Owner {
  const { id, tenant, vni, routeTargets } = resource;
  const importAnyAs = "importAnyAs" in resource ? resource.importAnyAs : undefined;
  return { name: `${kind} ${id}`, id, tenant, vni, routeTargets, importAnyAs };
}

/** What one tenant's networks and routers export and another's import. Those derived of a VNI are of one owner alone. */
async function sharedTargets(after: Store, owners: readonly Owner[], asker?: string): Promise<string[]> {
  const of = ({ name, tenant }: Owner) =>
    asker === undefined ? `${name} of tenant ${tenant}` : "something of another tenant";
  if (owners.length === 0) return [];
  const [networks, routers, hosts] = await Promise.all([
    all<"network">(after, { kind: "network" }),
    all<"router">(after, { kind: "router" }),
    all<"host">(after, { kind: "host" }),
  ]);
  const others: Owner[] = [
    ...networks.map((network) => ownerOf("network", network)),
    ...routers.map((router) => ownerOf("router", router)),
  ];
  // Only what somebody chose can be another's: without any, nothing can be shared.
  if (![...owners, ...others].some(({ routeTargets }) => routeTargets)) return [];
  const asns = [...new Set(hosts.flatMap((host) => vtepBody(host).asns))];
  const imports = new Map<string, Owner[]>();
  const exports = new Map<string, Owner[]>();
  for (const other of others) {
    const targets = targetsOf(other, asns);
    for (const target of targets.import) append(imports, target, other);
    for (const target of targets.export) for (const name of namesOf(target)) append(exports, name, other);
  }
  const found = new Set<string>();
  for (const owner of owners) {
    const targets = targetsOf(owner, asns);
    const meets = (target: string, map: Map<string, Owner[]>, words: (other: Owner) => string) => {
      for (const other of map.get(target) ?? []) if (other.tenant !== owner.tenant) found.add(words(other));
    };
    for (const target of targets.export) {
      for (const name of namesOf(target)) {
        meets(name, imports, (other) => `${owner.name} exports ${target}, which ${of(other)} imports`);
      }
    }
    for (const target of targets.import) {
      meets(target, exports, (other) => `${owner.name} imports ${target}, which ${of(other)} exports`);
    }
  }
  return [...found].sort();
}

/** What it is imported by: its own name, and that of any AS. */
function namesOf(target: RouteTarget): string[] {
  const anyAs = anyAsOf(target);
  return anyAs === undefined ? [target] : [target, anyAs];
}

/** As hosts of any of the AS numbers would derive them; without hosts, what was chosen all the same. */
function targetsOf({ vni, routeTargets, importAnyAs }: Owner, known: readonly Asn[]) {
  const asns = routeTargets && known.length === 0 ? [ANY_ASN] : known;
  const membership = { vni, routeTargets, importAnyAs, asns };
  const speakers = asns.map((asn): HostBgp => ({ asn, peers: [] }));
  return {
    import: [...new Set(speakers.flatMap((bgp) => [...importTargets(membership, bgp)]))],
    export: [...new Set(speakers.flatMap((bgp) => exportTargets(membership, bgp)))],
  };
}

async function clashingVnis(after: Store, owners: readonly Owner[]): Promise<string[]> {
  const found = await Promise.all(
    owners.map(async ({ name, id, vni }) => {
      const owner = await after.owner({ kind: "vni", vni });
      const mine = name.startsWith("router ") ? `router/${id}` : id;
      return owner === mine ? [] : [`VNI ${vni} of ${name} is ${owner ?? "nobody"}'s`];
    }),
  );
  return found.flat();
}

function overlappingSubnets({ networks, routers }: World): string[] {
  const found: string[] = [];
  for (const router of routers.keys()) {
    const routed = [...networks.values()].filter(({ definition }) => definition.router === router);
    for (const [at, { definition: one }] of routed.entries()) {
      for (const { definition: other } of routed.slice(at + 1)) {
        const clash = one.subnets.find((a) => other.subnets.some((b) => prefixesOverlap(a, b)));
        if (clash) found.push(`router ${router}: ${clash} of network ${one.id} overlaps network ${other.id}`);
      }
    }
  }
  return found;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
