// What the routers of a host share: the order of its routing rules, and IPv6 forwarding. Pure.
//
// The kernel asks the table of the host's own addresses first (rule 0), before any VRF's: a tenant could reach the host by
// its VTEP, and an address of a tenant that the host has too would never leave it. So VRFs are asked first (vrf.rst):
//
//   before   0: lookup local                            1000: lookup [l3mdev-table]   32766: lookup main
//   after    1: lookup [l3mdev-table]  2: lookup local  1000: lookup [l3mdev-table]   32766: lookup main
//
// The rule that goes is deleted only after the others have been read back: without one the host would answer to nobody.

import type { ActualRouters, IpFamily, RouterOp, RoutingRule } from "./router-kernel.ts";
import type { RouterPlan } from "./router-problem.ts";
import { hasIpv6, type RouterState, vrfName } from "./router-state.ts";
import { IPV6_FORWARDING, needsIpv6Forwarding } from "./router-sysctl.ts";

type Place = Pick<RoutingRule, "lookup" | "priority">;

const VRF_FIRST: Place = { lookup: "vrf", priority: 1 };
const LOCAL_SECOND: Place = { lookup: "local", priority: 2 };
const LOCAL_FIRST: Place = { lookup: "local", priority: 0 };

/** `guarded`: the rules are in order, so a bridge may join a VRF. */
export function diffHost(
  routers: readonly RouterState[],
  actual: ActualRouters,
  options: { readonly mayDelete: boolean },
): RouterPlan & { readonly guarded: boolean } {
  const families: readonly IpFamily[] = actual.sysctls.has(IPV6_FORWARDING) ? ["ipv4", "ipv6"] : ["ipv4"];
  const needed = routers.length > 0;
  const moves = families.flatMap((family) => (needed ? tenantsFirst(family, actual) : hostFirst(family, actual)));
  // While a router is still there, or may not go yet, its tenants must not meet the host's addresses.
  const ops = needed || (options.mayDelete && actual.routers.length === 0) ? moves : [];
  const router = routers.find((each) => hasIpv6(each) && needsIpv6Forwarding(actual, vrfName(each.vni)));
  const forwarding: RouterOp[] = router
    ? [{ kind: "set-sysctl", vni: undefined, key: IPV6_FORWARDING, value: "1" }]
    : [];
  return { ops: [...ops, ...forwarding], withheld: [], problems: [], guarded: needed && moves.length === 0 };
}

function tenantsFirst(family: IpFamily, { rules }: ActualRouters): RouterOp[] {
  const missing = [VRF_FIRST, LOCAL_SECOND].filter((place) => !has(rules, family, place));
  if (missing.length > 0)
    return missing.map((place) => ({ kind: "add-rule", vni: undefined, rule: { family, ...place } }));
  return has(rules, family, LOCAL_FIRST) ? [remove(family, LOCAL_FIRST)] : [];
}

/** As the kernel had it; what somebody else arranged in the meantime stays. */
function hostFirst(family: IpFamily, { rules }: ActualRouters): RouterOp[] {
  const ours = rules.filter((rule) => rule.family === family && rule.ours);
  if (ours.length === 0) return [];
  const others = rules.some((rule) => rule.family === family && rule.lookup === "local" && !rule.ours);
  if (!others) return [{ kind: "add-rule", vni: undefined, rule: { family, ...LOCAL_FIRST } }];
  return ours.map(({ lookup, priority }) => remove(family, { lookup, priority }));
}

function has(rules: readonly RoutingRule[], family: IpFamily, { lookup, priority }: Place): boolean {
  return rules.some((rule) => rule.family === family && rule.lookup === lookup && rule.priority === priority);
}

function remove(family: IpFamily, place: Place): RouterOp {
  return { kind: "delete-rule", vni: undefined, rule: { family, ...place } };
}
