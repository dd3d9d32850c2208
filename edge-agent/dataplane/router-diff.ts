// diff(desired, actual) -> ops and problems of tenant routers, pure. Ops come in an order that opens no gap and no leak: a
// table has its last resort before a bridge is in its VRF, the rules of the host come first, and routes by a VTEP follow
// what they need; deletions come last. Deletes nothing that is not ours, and nothing at all before `mayDelete`.

import type { Vni } from "../../shared/address/vni.ts";
import { diffBridges, diffL3Devices, foreignL3Devices, isUnusableL3, othersL3Devices } from "./router-diff-devices.ts";
import { diffHost } from "./router-diff-host.ts";
import { diffRoutes, removeRoutes } from "./router-diff-routes.ts";
import type { ActualRouter, ActualRouters, RouterOp } from "./router-kernel.ts";
import type { RouterPlan, RouterProblem } from "./router-problem.ts";
import { type DesiredRouters, hasIpv6, type RouterState, vrfName } from "./router-state.ts";
import { exposedBy, ipv6Obstacle } from "./router-sysctl.ts";

export type RouterDiff = {
  /** Every router that is desired or exists, by L3 VNI. */
  readonly routers: readonly (RouterPlan & { readonly vni: Vni })[];
  /** Rules, and the switch that is the whole host's. */
  readonly host: RouterPlan;
  /** Everything in the order to apply it. */
  readonly ops: readonly RouterOp[];
};

const PHASE: Readonly<Record<RouterOp["kind"], number>> = {
  "add-rule": 0,
  "add-vrf": 1,
  "add-l3-vxlan": 2,
  "set-device": 3,
  "set-l3-vxlan": 3,
  "set-sysctl": 4,
  "replace-l3-entry": 5,
  "replace-l3-neighbour": 5,
  "replace-route": 6,
  "enslave-bridge": 7,
  "add-address": 8,
  "delete-route": 10,
  "delete-l3-neighbour": 11,
  "delete-l3-entry": 11,
  "delete-address": 12,
  "release-bridge": 13,
  "delete-device": 14,
  "delete-rule": 15,
};

const DELETIONS: ReadonlySet<RouterOp["kind"]> = new Set([
  "delete-route",
  "delete-l3-neighbour",
  "delete-l3-entry",
  "delete-address",
  "release-bridge",
  "delete-device",
] satisfies RouterOp["kind"][]);

/** True for an op that takes something away. A rule is only ever moved, never missed. */
export function isRouterDeletion(op: RouterOp): boolean {
  return DELETIONS.has(op.kind);
}

/** The last resort goes before everything that could need it, a route by a machine behind its bridge's addresses. */
function phaseOf(op: RouterOp): number {
  if (op.kind !== "replace-route") return PHASE[op.kind];
  if (op.route.type === "unreachable") return PHASE["add-vrf"] + 0.5;
  return op.route.hops.every((hop) => hop.device.startsWith("ovbr")) ? PHASE["add-address"] + 0.5 : PHASE[op.kind];
}

/** What may not be done yet. */
export type RouterDiffOptions = {
  /** The desired state is known to be complete. */
  readonly mayDelete: boolean;
  /** Routers of which what is there is not turned elsewhere yet: it may be newer than what is desired. */
  readonly held?: ReadonlySet<Vni>;
  /** Routers whose devices were seen to be theirs: whatever their aliases say now, another hand did. */
  readonly recognised?: ReadonlySet<Vni>;
};

/** Compares. */
export function diffRouters(desired: DesiredRouters, actual: ActualRouters, options: RouterDiffOptions): RouterDiff {
  const wanted = new Map<Vni, RouterState>();
  const twice = new Set<Vni>();
  for (const router of desired.routers) {
    if (wanted.has(router.vni)) twice.add(router.vni);
    else wanted.set(router.vni, router);
  }
  const existing = new Map(actual.routers.map((router) => [router.vni, router]));
  const host = diffHost([...wanted.values()], actual, options);
  const vnis = [...new Set([...wanted.keys(), ...existing.keys()])].sort((a, b) => a - b);
  const routers = vnis.map((vni) => {
    const router = wanted.get(vni);
    const have = existing.get(vni);
    const problems: RouterProblem[] = twice.has(vni) ? [{ kind: "vni-claimed-twice" }] : [];
    const mayEnslave = host.guarded;
    const plan = router
      ? diffRouter(router, have, { actual, ...options, mayEnslave })
      : {
          problems: [],
          ...withhold(removeRouter(vni, have, actual), options.mayDelete ? undefined : isRouterDeletion),
        };
    return { vni, ...plan, problems: [...problems, ...plan.problems] };
  });
  const ops = [...host.ops, ...routers.flatMap((router) => router.ops)].sort((a, b) => phaseOf(a) - phaseOf(b));
  return { routers, host, ops };
}

function diffRouter(
  router: RouterState,
  have: ActualRouter | undefined,
  context: RouterDiffOptions & { readonly actual: ActualRouters; readonly mayEnslave: boolean },
): RouterPlan {
  const { actual, mayDelete, mayEnslave, held, recognised } = context;
  const foreign = foreignL3Devices(router, have, actual);
  if (foreign.length > 0) return { ops: [], withheld: [], problems: foreign };
  const others = recognised?.has(router.vni) ? [] : othersL3Devices(router, have);
  if (others.length > 0) {
    // Nothing of another router's is taken over: its networks would be in one VRF with ours, if only for a moment.
    const problems = others.map((device): RouterProblem => ({ kind: "device-unusable", device }));
    const removal = removeRouter(router.vni, have, actual);
    return { ...withhold(removal, mayDelete ? undefined : isRouterDeletion), problems: mayDelete ? [] : problems };
  }
  const unusable = isUnusableL3(router, have);
  if (unusable.length > 0) {
    // What is in the way goes, and the next pass finds it missing.
    const drop = unusable.map((name): RouterOp => ({ kind: "delete-device", vni: router.vni, name }));
    const problems = unusable.map((device): RouterProblem => ({ kind: "device-unusable", device }));
    return { ...withhold(drop, mayDelete ? undefined : isRouterDeletion), problems: mayDelete ? [] : problems };
  }
  const ipv6 = ipv6Obstacle(actual, vrfName(router.vni));
  const reachable = ipv6 === "absent" ? withoutIpv6(router) : router;
  const devices = diffL3Devices(reachable, have, actual);
  const bridges = diffBridges(reachable, actual, mayEnslave);
  const all = [...devices.ops, ...bridges.ops, ...diffRoutes(reachable, have, actual)];
  const problems: RouterProblem[] = [...devices.problems, ...bridges.problems];
  if (ipv6 && hasIpv6(router)) problems.push({ kind: ipv6 === "absent" ? "no-ipv6" : "ipv6-would-cut-off" });
  problems.push(...exposedBy(actual).map((key): RouterProblem => ({ kind: "host-exposed", key })));
  const waits = (op: RouterOp) =>
    (!mayDelete && isRouterDeletion(op)) || (held?.has(router.vni) && isRetarget(op, have));
  return { ...withhold(all, waits), problems };
}

/** Bridges leave before the VRF does, so that their gateways do not answer as the host's own addresses. */
function removeRouter(vni: Vni, have: ActualRouter | undefined, actual: ActualRouters): RouterOp[] {
  if (!have) return [];
  const vrf = vrfName(vni);
  const leaving = actual.bridges.filter((bridge) => bridge.master === vrf);
  return [
    ...leaving.flatMap(({ name, addresses }): RouterOp[] => [
      ...addresses.map((gateway): RouterOp => ({ kind: "delete-address", vni, name, gateway })),
      { kind: "release-bridge", vni, name, vrf },
    ]),
    ...removeRoutes(have),
    ...[have.vxlan, have.vrf].flatMap((device): RouterOp[] =>
      device ? [{ kind: "delete-device", vni, name: device.name }] : [],
    ),
  ];
}

function withoutIpv6(router: RouterState): RouterState {
  const networks = router.networks.map(({ vni, gateways }) => ({
    vni,
    gateways: gateways.filter(({ ip }) => !ip.includes(":")),
  }));
  return { ...router, networks, routes: router.routes.filter(({ prefix }) => !prefix.includes(":")) };
}

/** True for what the table has and the op would lead elsewhere. */
function isRetarget(op: RouterOp, have: ActualRouter | undefined): boolean {
  switch (op.kind) {
    case "replace-route":
      return (have?.routes ?? []).some(
        (is) => is.ours && is.prefix === op.route.prefix && is.metric === op.route.metric && is.type === op.route.type,
      );
    case "replace-l3-neighbour":
      return (have?.neighbours ?? []).some(({ ip }) => ip === op.ip);
    case "replace-l3-entry":
      return (have?.entries ?? []).some(({ mac }) => mac === op.peer.mac);
    default:
      return false;
  }
}

function withhold(
  all: readonly RouterOp[],
  waits: ((op: RouterOp) => boolean | undefined) | undefined,
): Pick<RouterPlan, "ops" | "withheld"> {
  if (!waits) return { ops: all, withheld: [] };
  return { ops: all.filter((op) => !waits(op)), withheld: all.filter((op) => waits(op)) };
}
