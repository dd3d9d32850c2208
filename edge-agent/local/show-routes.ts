// The views of EVPN routes, in the form of FRR's `show bgp l2vpn evpn route`: bracketed prefixes grouped by route
// distinguisher, with status codes, and each path of one route in full. This host's own routes are among them.

import { importsAny } from "../../shared/address/rt.ts";
import { colons, describePrefix } from "../../shared/text/evpn-route.ts";
import type { AgentView } from "../agent.ts";
import type { EvpnRoute, ExportedRoute, ReceivedRoute } from "../bgp/route.ts";
import type { OverlayNetwork } from "../overlay.ts";
import { describeCommunities, describePmsi, isReceived, namesOf } from "./route-text.ts";
import { counted, groupBy, type Shown } from "./text.ts";

/** A path as it is shown: one of the fabric's, or one of this host's. */
type Path = {
  readonly nlri: EvpnRoute;
  readonly nextHop: string;
  readonly peer: string | undefined;
  readonly internal: boolean;
  /** A network uses it now. */
  readonly best: boolean;
  readonly networks: readonly string[];
  readonly route: ReceivedRoute | ExportedRoute;
};

const LEGEND = [
  "Status codes: S stale, * valid, > in use, i - internal",
  "Origin codes: i - IGP, e - EGP, ? - incomplete",
  "EVPN type-1 prefix: [1]:[EthTag]:[ESI]",
  "EVPN type-2 prefix: [2]:[EthTag]:[MAClen]:[MAC]:[IPlen]:[IP]",
  "EVPN type-3 prefix: [3]:[EthTag]:[IPlen]:[OrigIP]",
  "EVPN type-4 prefix: [4]:[ESI]:[IPlen]:[OrigIP]",
  "EVPN type-5 prefix: [5]:[EthTag]:[IPlen]:[IP]",
  "EVPN type-9 prefix: [9]:[EthTag]:[Region]",
  "EVPN type-10 prefix: [10]:[EthTag]:[Source]:[Group]:[IPlen]:[OrigIP]",
  "EVPN type-11 prefix: [11]:[NLRI]:[IPlen]:[OrigIP]",
].join("\n");

/** The weight that FRR gives to what it originates. */
const OWN_WEIGHT = 32768;

/** `show bgp rib`. */
export function showBgpRib(view: AgentView): Shown {
  const paths = pathsOf(view);
  const data = paths.map(pathData);
  if (paths.length === 0) return { data, text: "no routes from the fabric, and none of this host" };
  const lines = [LEGEND, "", "    Network          Next Hop            Metric LocPrf Weight Path"];
  const byRd = groupBy(paths, ({ nlri }) => nlri.rd);
  for (const [rd, group] of [...byRd].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`Route Distinguisher: ${rd}`, ...group.flatMap(pathLines));
  }
  const prefixes = new Set(paths.map(({ nlri }) => `${nlri.rd} ${describePrefix(nlri)}`)).size;
  lines.push("", `Displayed ${prefixes} prefixes (${counted(paths.length, "path")})`);
  return { data, text: lines.join("\n") };
}

/** `show bgp route MAC|IP|PREFIX`. */
export function showBgpRoute(view: AgentView, [wanted = ""]: readonly string[]): Shown {
  const key = wanted.toLowerCase().replaceAll("-", ":");
  const paths = pathsOf(view).filter(({ nlri }) => namesOf(nlri).includes(key));
  const data = paths.map(pathData);
  if (paths.length === 0) {
    return { data, text: `no route for ${wanted}: neither imported from the fabric nor announced by this host` };
  }
  const byPrefix = groupBy(paths, ({ nlri }) => `${nlri.rd}:${describePrefix(nlri)}`);
  const blocks = Array.from(byPrefix, ([prefix, group]) => {
    const best = group.findIndex((path) => path.best);
    const used = best < 0 ? "no best path" : `best #${best + 1}`;
    return [
      `BGP routing table entry for ${prefix}`,
      `Paths: (${group.length} available, ${used})`,
      ...group.flatMap((path) => pathDetail(path, view)),
    ].join("\n");
  });
  return { data, text: blocks.join("\n\n") };
}

function pathsOf(view: AgentView): Path[] {
  const localAsn = view.hostIntent?.host.bgp?.asn;
  const uses = usageOf(view.overlay.networks);
  const own = view.overlay.exports.map(
    (route): Path => ({
      nlri: route.nlri,
      nextHop: route.nextHop,
      peer: undefined,
      internal: false,
      best: true,
      networks: exporters(view, route),
      route,
    }),
  );
  const received = view.fabric.map((route): Path => {
    const networks = view.overlay.networks.filter(({ imports }) => importsAny(imports, route.routeTargets));
    return {
      nlri: route.nlri,
      nextHop: route.nextHop,
      peer: route.peer,
      internal: route.peerAsn === localAsn,
      best: networks.some((network) => uses(network, route)),
      networks: networks.map(({ id }) => id),
      route,
    };
  });
  return [...own, ...received];
}

function exporters(view: AgentView, { nlri }: ExportedRoute): string[] {
  const vni = "vni" in nlri ? nlri.vni : undefined;
  const named = view.overlay.networks.filter(
    ({ state, rd }) => rd === nlri.rd || (rd === undefined && state.vni === vni),
  );
  return named.map(({ id }) => id);
}

/** Whether a network's table follows a route; one index per network, since a fabric has many routes. */
function usageOf(networks: readonly OverlayNetwork[]): (network: OverlayNetwork, route: ReceivedRoute) => boolean {
  const inUse = new Map(
    networks.map(({ id, table }) => {
      const keys = new Set(table.flood.map(({ vtep }) => `flood ${vtep}`));
      for (const { mac, vtep, segment } of table.entries) {
        for (const way of segment?.vteps ?? [vtep]) keys.add(`${mac} ${way}`);
        for (const way of segment?.vteps ?? []) keys.add(`${segment?.esi} ${way}`);
      }
      return [id, keys];
    }),
  );
  return ({ id }, { nlri, nextHop, pmsi }) => {
    const used = inUse.get(id);
    if (nlri.type === "mac-ip") return used?.has(`${nlri.mac} ${nextHop}`) ?? false;
    if (nlri.type === "imet") return used?.has(`flood ${pmsi?.endpoint ?? nlri.originator}`) ?? false;
    if (nlri.type === "ethernet-ad") return used?.has(`${nlri.esi} ${nextHop}`) ?? false;
    return false;
  };
}

function pathLines(path: Path): string[] {
  const { nlri, nextHop, best, internal } = path;
  const blank = " ".repeat(20);
  return [
    `${isReceived(path.route) && path.route.stale ? "S" : " "}*${best ? ">" : " "}${internal ? "i" : " "}${describePrefix(nlri)}`,
    `${blank}${nextHop.padEnd(19)} ${attributeColumns(path)}`,
    `${blank}${describeCommunities(path.route)}`,
  ];
}

/** Metric, LocPrf and Weight under their headings, then the AS path and the origin code. */
function attributeColumns({ route }: Path): string {
  const columns = (metric: string, localPref: string, weight: number) =>
    `${metric.padStart(6)} ${localPref.padStart(6)} ${String(weight).padStart(6)}`;
  if (!isReceived(route)) return `${columns("", "", OWN_WEIGHT)} i`;
  const code = { igp: "i", egp: "e", incomplete: "?" }[route.origin];
  return `${columns(text(route.med), text(route.localPref), 0)} ${[...route.asPath, code].join(" ")}`;
}

function pathDetail(path: Path, view: AgentView): string[] {
  const { route, nlri, nextHop, networks, best } = path;
  const carried = networks.length > 0 ? `in ${networks.join(", ")}` : "in no network";
  const label = "vni" in nlri ? `VNI ${nlri.vni}${"l3Vni" in nlri && nlri.l3Vni ? `/${nlri.l3Vni}` : ""}, ` : "";
  const segment = "esi" in nlri && !/^0+$/.test(nlri.esi) ? `ESI ${colons(nlri.esi)}, ` : "";
  const where = `      ${label}${segment}${carried}`;
  const communities = `      Extended Community: ${describeCommunities(route)}`;
  if (!isReceived(route)) {
    return [
      "  Local",
      `    ${nextHop} (this host)`,
      "      Origin IGP, valid, sourced, local, best",
      communities,
      where,
    ];
  }
  const { asPath, origin, med, localPref, peer } = route;
  const origins = { igp: "IGP", egp: "EGP", incomplete: "incomplete" };
  const attributes = [
    `Origin ${origins[origin]}`,
    ...(med === undefined ? [] : [`metric ${med}`]),
    ...(localPref === undefined ? [] : [`localpref ${localPref}`]),
    "valid",
    path.internal ? "internal" : "external",
    ...(route.stale ? ["stale"] : []),
    ...(best ? ["best"] : []),
  ];
  const from = view.peers.find((it) => it.peer === peer)?.peerRouterId ?? "session down";
  return [
    `  ${asPath.join(" ") || "Local"}`,
    `    ${nextHop} from ${peer} (${from})`,
    `      ${attributes.join(", ")}`,
    ...(route.originatorId ? [`      Originator: ${route.originatorId}`] : []),
    communities,
    ...(route.pmsi ? [`      PMSI Tunnel Type: ${describePmsi(route.pmsi)}`] : []),
    where,
  ];
}

function pathData({ nlri, peer, best, networks, route }: Path) {
  // Through JSON, where a route that is held shows all its fields.
  const fields = JSON.parse(JSON.stringify(route)) as Path["route"];
  return { prefix: describePrefix(nlri), from: peer ?? "local", best, networks, ...fields };
}

function text(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}
