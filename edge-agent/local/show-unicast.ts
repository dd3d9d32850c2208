// The views of the underlay: unicast routes in the form of FRR's `show bgp ipv4 unicast`, with what the decision process made of
// each path, and the routes that followed beside what the kernel was read back to hold.

import type { AgentView } from "../agent.ts";
import { FAMILIES, prefixFamily, type UnicastFamily } from "../bgp/family.ts";
import type { KernelRoute } from "../dataplane/route-kernel.ts";
import type { JudgedPath, PathUse } from "../underlay/best-path.ts";
import { hostPrefix } from "../underlay/policy.ts";
import { sameRoute } from "../underlay/route-diff.ts";
import { counted, type Shown, table } from "./text.ts";

const LEGEND = [
  "Status codes: * valid, > best, = multipath, i - internal, S stale",
  "Origin codes: i - IGP, e - EGP, ? - incomplete",
].join("\n");
const ORIGINS = { igp: "i", egp: "e", incomplete: "?" } as const;
/** The weight that FRR gives to what it originates. */
const OWN_WEIGHT = 32768;

/** `show bgp ipv4 unicast [IP|PREFIX]`, `show bgp ipv6 unicast [IP|PREFIX]`. */
export function showBgpUnicast(family: UnicastFamily): (view: AgentView, words: readonly string[]) => Shown {
  return (view, [only]) => {
    const wanted = (prefix: string) =>
      only === undefined || prefix === only || prefix === `${only}/${family === "ipv4-unicast" ? 32 : 128}`;
    const own = ownRoute(view, family).filter((prefix) => wanted(prefix));
    const decisions = (view.underlay.report?.decisions ?? []).filter(
      ({ prefix }) => prefixFamily(prefix) === family && wanted(prefix),
    );
    const data = { own, routes: decisions };
    const { title } = FAMILIES[family];
    const paths = own.length + decisions.reduce((sum, each) => sum + each.paths.length, 0);
    if (paths === 0) return { data, text: `no ${title} routes${only === undefined ? "" : ` for ${only}`}` };
    const rows = [
      ...own.map((prefix) => [" *>", prefix, "0.0.0.0 (this host)", "0", "", OWN_WEIGHT, "i"]),
      ...decisions.flatMap(({ prefix, paths: judged }) =>
        judged.map((path, i) => [codesOf(path), i === 0 ? prefix : "", ...columnsOf(path)]),
      ),
    ];
    const text = [
      LEGEND,
      "",
      table([["   ", "Network", "Next Hop", "Metric", "LocPrf", "Weight", "Path"], ...rows]),
      "",
      `Displayed ${counted(own.length + decisions.length, "route")} and ${counted(paths, "path")}`,
    ].join("\n");
    return { data, text };
  };
}

/** `show underlay`. */
export function showUnderlay(view: AgentView): Shown {
  const { config, report, told, whole } = view.underlay;
  const data = { config, told: [...told], whole, ...report };
  if (!config) return { data, text: "this host takes no part in the underlay: its bgp.underlay is not set" };
  const { announceVtep, accept, maximumPaths, multipathRelax } = config;
  const peers = [...told].filter(([, prefixes]) => prefixes.length > 0).map(([peer]) => peer);
  const settings = [
    announceVtep ? `the VTEP is announced to ${peers.join(", ") || "nobody yet"}` : "the VTEP is not announced",
    accept ? `${counted(accept.length, "prefix-list entry").replace("entrys", "entries")} accepted` : "no prefix list",
    `up to ${maximumPaths ?? 8} paths${multipathRelax ? ", relaxed" : ""}`,
  ].join("; ");
  if (!report) return { data, text: [settings, "the kernel was not read yet"].join("\n") };
  const installed = new Map(report.installed.map((route) => [route.prefix, route]));
  const rows = [
    ...report.desired.map((route) => [route.prefix, hopsOf(route), stateOf(route, installed.get(route.prefix))]),
    ...report.remaining.withheld.map((prefix) => {
      const route = installed.get(prefix);
      return [prefix, route ? hopsOf(route) : "", "left by an earlier process, until all tables are here"];
    }),
  ];
  const text = [
    settings,
    "",
    ...(rows.length > 0 ? [table([["Prefix", "Next hops", "Kernel"], ...rows])] : ["no routes"]),
    ...report.problems.map((problem) => `problem: ${problem}`),
    ...(report.counters.drift > 0 ? [`put right after another hand: ${report.counters.drift}`] : []),
  ].join("\n");
  return { data, text };
}

/** The VTEP, where it is announced. */
function ownRoute({ hostIntent, underlay }: AgentView, family: UnicastFamily): string[] {
  if (!hostIntent || !underlay.config?.announceVtep) return [];
  const prefix = hostPrefix(hostIntent.host.vtep);
  return prefixFamily(prefix) === family ? [prefix] : [];
}

const USE_CODE: { readonly [U in PathUse]: string } = {
  best: "*>",
  multipath: "*=",
  valid: "* ",
  "off-link": "  ",
  "link-down": "  ",
  "no-link": "  ",
};

function codesOf({ route, use }: JudgedPath): string {
  return `${route.stale ? "S" : " "}${USE_CODE[use]}${route.internal ? "i" : ""}`;
}

function columnsOf({ route, use, hop }: JudgedPath): (string | number)[] {
  const via = hop ? `${hop.via} dev ${hop.device}` : `${route.nextHop.address} (${use})`;
  const path = [...route.asPath, ORIGINS[route.origin]].join(" ");
  return [via, route.med ?? "", route.localPref ?? "", 0, path];
}

function hopsOf({ hops, source }: KernelRoute): string {
  const ways = hops.map(({ via, device }) => `${via} dev ${device}`).join(", ");
  return source === undefined ? ways : `${ways} src ${source}`;
}

function stateOf(route: KernelRoute, installed: KernelRoute | undefined): string {
  if (!installed) return "not installed";
  return sameRoute(route, installed) ? "installed" : `differs: ${hopsOf(installed)}`;
}
