// The ToRs of the in-memory world: one table for the fabric, a BGP session to each host spoken by the agent's own
// speaker over memory, and the bare metal's routes. It reflects what each host announced to the others, next hop kept.

import type { Clock, Random } from "../../edge-agent/clock.ts";
import { createSpeaker, type Speaker } from "../../edge-agent/bgp/speaker.ts";
import { type ExportedRoute, type ReceivedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { parseRouteDistinguisher, type RouteDistinguisher } from "../../shared/address/rd.ts";
import { autoRouteTarget } from "../../shared/address/rt.ts";
import type { LabHost, LabSite, Topology } from "../topology.ts";
import type { MemoryNetwork } from "./memory-network.ts";

export type MemoryTors = {
  /** Behind which VTEP the fabric believes a MAC to be. */
  locate(mac: Mac): IpAddress | undefined;
  /** In the form of FRR's `show bgp l2vpn evpn`. */
  show(): string;
  close(): Promise<void>;
};

/** Starts a session's end for each host; sessions come up when the agents connect. */
export function startMemoryTors(
  topology: Topology,
  network: MemoryNetwork,
  deps: { readonly clock: Clock; readonly random: Random },
): MemoryTors {
  const own = topology.sites.flatMap((site) => bareMetalRoutes(topology, site));
  const sessions = new Map<string, Speaker>();
  const learned = (except?: Speaker) =>
    [...sessions.values()].flatMap((speaker) => (speaker === except ? [] : speaker.ribIn().map(passedOn)));
  const reflect = () => {
    for (const speaker of sessions.values()) speaker.setExports([...own, ...learned(speaker)]);
  };
  const start = (site: LabSite, host: LabHost) => {
    const silent = () => undefined;
    const listener = { routes: reflect, session: reflect, endOfRib: silent, error: silent };
    const transport = network.at(host.torAddress);
    const speaker = createSpeaker({ ...deps, transport, staleMs: 0, listen: { port: 179 } }, listener);
    sessions.set(host.id, speaker);
    speaker.setImports(() => true);
    const peers = [{ address: host.underlayAddress, asn: host.asn, passive: true }];
    speaker.configure({ asn: site.tor.asn, routerId: site.tor.loopback, peers });
  };
  for (const site of topology.sites) for (const host of site.hosts) start(site, host);
  reflect();
  return {
    locate: (mac) => best([...own, ...learned()].filter(({ nlri }) => nlri.type === "mac-ip" && nlri.mac === mac)),
    show: () => [...own, ...learned()].map(formatRoute).join("\n"),
    async close() {
      for (const speaker of sessions.values()) await speaker.close();
    },
  };
}

/** The higher sequence wins (RFC 7432 section 15.1). */
function best(routes: readonly ExportedRoute[]): IpAddress | undefined {
  const sequence = (route: ExportedRoute) => route.mobility?.sequence ?? 0;
  return routes.toSorted((a, b) => sequence(b) - sequence(a))[0]?.nextHop;
}

/** A route as a reflector announces it: the next hop stays. */
export function passedOn({ nlri, nextHop, routeTargets, mobility, pmsi, routerMac }: ReceivedRoute): ExportedRoute {
  return {
    nlri,
    nextHop,
    routeTargets,
    ...(mobility && { mobility }),
    ...(pmsi && pmsi.vni !== 0 && { pmsi: { vni: pmsi.vni } }),
    ...(routerMac && { routerMac }),
  };
}

function bareMetalRoutes({ options: { vni } }: Topology, { tor, bareMetal }: LabSite): ExportedRoute[] {
  const rd = parseRouteDistinguisher(`${tor.loopback}:2`) as RouteDistinguisher;
  const shared = { nextHop: tor.loopback, routeTargets: [autoRouteTarget(tor.asn, vni)] };
  const mac = { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac: bareMetal.mac, vni } as const;
  return [
    { ...shared, nlri: { type: "imet", rd, ethernetTag: 0, originator: tor.loopback }, pmsi: { vni } },
    { ...shared, nlri: mac },
    { ...shared, nlri: { ...mac, ip: bareMetal.ip } },
  ];
}

function formatRoute({ nlri, nextHop, routeTargets }: ExportedRoute): string {
  const address = "ip" in nlri && nlri.ip !== undefined ? `:[32]:[${nlri.ip}]` : "";
  const prefix = nlri.type === "mac-ip" ? `[2]:[0]:[48]:[${nlri.mac}]${address}` : `[3]:[0]:[32]:[${nextHop}]`;
  return `*> ${prefix}\n                    ${nextHop} \n                    RT:${routeTargets.join(" RT:")}`;
}
