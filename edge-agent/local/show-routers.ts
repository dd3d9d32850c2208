// The views of tenant routers: what each holds and why it is not live, and the routes of each with what the kernel was read
// back to hold, in the order in which `ip route` would sort them.

import type { IpAddress } from "../../shared/address/ip.ts";
import { prefixContains } from "../../shared/address/prefix.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { AgentView } from "../agent.ts";
import { type RouterHop, vrfName } from "../dataplane/router-state.ts";
import { bridgeName, vxlanName } from "../dataplane/state.ts";
import { type Shown, table } from "./text.ts";

type RouterRow = {
  readonly router: string;
  readonly tenant: string;
  readonly vni: number;
  readonly vrf: string;
  /** Networks with machines here, and those that are only routed to. */
  readonly networks: readonly string[];
  readonly routed: readonly string[];
  readonly gateways: readonly string[];
  readonly hosts: number;
  readonly statics: number;
  readonly fabric: number;
  readonly announced: readonly string[];
  readonly state: string;
  readonly problems: readonly string[];
};

type RouteRow = {
  readonly router: string;
  readonly prefix: string;
  readonly via: readonly string[];
  readonly source: string;
  /** The kernel was read back to hold it as it is here. */
  readonly inKernel: boolean;
};

/** All that the views are made of, for `--json`. */
export function routersView({ routers }: AgentView["routers"]): {
  readonly routers: readonly RouterRow[];
  readonly routes: readonly RouteRow[];
} {
  return {
    routers: routers.map((each) => {
      const { intent, state, table: routes, report, allProblems } = each;
      const count = (source: string): number => routes.routes.filter((route) => route.source === source).length;
      const clean = report?.verified && report.remaining.length + allProblems.length === 0;
      return {
        router: intent.id,
        tenant: intent.definition.tenant,
        vni: state.vni,
        vrf: vrfName(state.vni),
        networks: intent.networks.flatMap(({ id, here }) => (here ? [id] : [])),
        routed: intent.networks.flatMap(({ id, here }) => (here ? [] : [id])),
        gateways: intent.networks.flatMap(({ here, gateways }) =>
          here ? gateways.map(({ ip, length }) => `${ip}/${length}`) : [],
        ),
        hosts: count("intent"),
        statics: count("static"),
        fabric: count("fabric"),
        announced: each.announced.flatMap(({ route, reason }) =>
          !reason && route.nlri.type === "ip-prefix" ? [route.nlri.prefix] : [],
        ),
        state: clean ? "live" : allProblems.length > 0 ? "degraded" : "applying",
        problems: allProblems,
      };
    }),
    routes: routers.flatMap(({ intent, state, table: routes, report }) => {
      const answering = (vni: Vni): readonly IpAddress[] => report?.verified?.gateways.get(vni) ?? [];
      const connected = intent.networks.flatMap(({ vni, here, subnets }) =>
        here
          ? subnets.map((prefix) => ({
              router: intent.id,
              prefix,
              via: [bridgeName(vni)],
              source: "connected",
              inKernel: answering(vni).some((ip) => prefixContains(prefix, ip)),
            }))
          : [],
      );
      const others = routes.routes.map(({ prefix, source, hops }) => ({
        router: intent.id,
        prefix,
        via: hops.map((hop) => hopText(state.vni, hop)),
        source,
        inKernel: report?.verified?.routes.get(prefix)?.length === hops.length,
      }));
      return [...connected, ...others].sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
    }),
  };
}

/** `show router [ID]`. */
export function showRouters(view: AgentView, [only]: readonly string[]): Shown {
  const { support } = view.routers;
  const rows = routersView(view.routers).routers.filter((row) => only === undefined || row.router === only);
  const none = only ? `no router ${only} on this host` : "no routers on this host";
  const why = support.vrf ? "" : `\nthe kernel has no VRF: ${support.reason}`;
  if (rows.length === 0) return { data: rows, text: none + why };
  const lines = table([
    ["ROUTER", "TENANT", "L3 VNI", "VRF", "NETWORKS", "ROUTED", "HOSTS", "STATIC", "FABRIC", "STATE"],
    ...rows.map((row) => [
      row.router,
      row.tenant,
      row.vni,
      row.vrf,
      row.networks.join(",") || "-",
      row.routed.join(",") || "-",
      row.hosts,
      row.statics,
      row.fabric,
      row.state,
    ]),
  ]);
  const details = rows.flatMap((row) => [
    ...(only === undefined
      ? []
      : [`gateways: ${row.gateways.join(", ") || "none"}`, `announced: ${row.announced.join(", ") || "nothing"}`]),
    ...row.problems.map((problem) => `${row.router}: ${problem}`),
  ]);
  return { data: rows, text: [lines, ...details].join("\n") };
}

/** `show route [ROUTER]`. */
export function showRouterRoutes(view: AgentView, [only]: readonly string[]): Shown {
  const rows = routersView(view.routers).routes.filter((row) => only === undefined || row.router === only);
  if (rows.length === 0)
    return { data: rows, text: only ? `no routes of router ${only} here` : "no routes of routers here" };
  const lines = table([
    ["ROUTER", "PREFIX", "BY", "SOURCE", "IN THE KERNEL"],
    ...rows.map((row) => [row.router, row.prefix, row.via.join(", "), row.source, row.inKernel ? "yes" : "no"]),
  ]);
  return { data: rows, text: lines };
}

function hopText(vni: Parameters<typeof vxlanName>[0], hop: RouterHop): string {
  return hop.kind === "vtep" ? `${hop.vtep} dev ${vxlanName(vni)}` : `${hop.ip} dev ${bridgeName(hop.network)}`;
}
