// Parsed netlink messages -> ActualRouters, pure. Decides what is a router's of ours (alias and name together, or for what
// is left of a table, its number and protocol), and what of others stands in the way.

import type { IpAddress } from "../../shared/address/ip.ts";
import { prefixAddress, prefixLength } from "../../shared/address/prefix.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";
import type {
  ActualRoute,
  ActualRouter,
  ActualRouters,
  ForeignL3Device,
  RoutingRule,
  SysctlKey,
} from "../dataplane/router-kernel.ts";
import { type Gateway, ROUTE_PROTOCOL, routerTable, vrfName, vrfOfTable } from "../dataplane/router-state.ts";
import { bridgeName, ownerOf, vxlanName } from "../dataplane/state.ts";
import * as k from "./constants.ts";
import type { L3Link } from "./l3-link-message.ts";
import type { NeighbourMessage } from "./neighbour-message.ts";
import type { RouteMessage } from "./route-message.ts";

/** What one full dump yields. */
export type RouterTables = {
  readonly links: readonly L3Link[];
  readonly addresses: readonly (Gateway & { readonly index: number })[];
  readonly routes: readonly RouteMessage[];
  readonly rules: readonly RoutingRule[];
  /** AF_BRIDGE entries and IP neighbours alike. */
  readonly neighbours: readonly NeighbourMessage[];
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
};

/** What a link is to the routers; undefined for all that they leave alone. */
export function roleOf(link: L3Link): { readonly kind: "vrf" | "vxlan" | "bridge"; readonly vni: Vni } | undefined {
  const owner = ownerOf(link.alias);
  const vni = parseVni(Number(/^ov(?:r|x|br)(\d+)$/.exec(link.name)?.[1]));
  if (owner === undefined || vni === undefined) return undefined;
  if (owner === "network")
    return link.kind === "bridge" && link.name === bridgeName(vni) ? { kind: "bridge", vni } : undefined;
  if (link.kind === "vrf") return link.name === vrfName(vni) ? { kind: "vrf", vni } : undefined;
  return link.vxlan?.vni === vni && link.name === vxlanName(vni) ? { kind: "vxlan", vni } : undefined;
}

export function assembleRouters(tables: RouterTables): ActualRouters {
  const { links, rules, sysctls } = tables;
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const nameOf = (index: number | undefined): string | undefined =>
    index === undefined ? undefined : byIndex.get(index)?.name;
  const roles = new Map(links.flatMap((link) => roleEntry(link)));
  const vnis = new Set<Vni>();
  for (const role of roles.values()) if (role.kind !== "bridge") vnis.add(role.vni);
  const routes = new Map<Vni, ActualRoute[]>();
  for (const route of tables.routes) {
    const vni = vrfOfTable(route.table);
    if (vni === undefined || route.protocol === k.RTPROT_KERNEL) continue;
    if (route.protocol === ROUTE_PROTOCOL) vnis.add(vni);
    const list = routes.get(vni) ?? [];
    routes.set(vni, list);
    list.push(actualRoute(route, nameOf));
  }
  const device = (kind: "vrf" | "vxlan", vni: Vni): L3Link | undefined =>
    links.find((link) => roles.get(link.index)?.kind === kind && roles.get(link.index)?.vni === vni);
  const routers = [...vnis].map((vni): ActualRouter => {
    const vrf = device("vrf", vni);
    const vxlan = device("vxlan", vni);
    const own = tables.neighbours.filter((entry) => vxlan && entry.index === vxlan.index);
    return {
      vni,
      vrf: vrf && { name: vrf.name, owner: vrf.alias ?? "", table: vrf.table ?? 0, up: vrf.up },
      vxlan: vxlan && actualVxlan(vxlan, nameOf(vxlan.master)),
      // What others have put into our table is theirs; without our VRF their table is no concern of ours at all.
      routes: (routes.get(vni) ?? []).filter((route) => route.ours || vrf?.table === routerTable(vni)),
      neighbours: own.flatMap(({ family, state, dst: ip, mac }) =>
        family !== k.AF_BRIDGE && state & k.NUD_PERMANENT && ip !== undefined && mac !== undefined ? [{ ip, mac }] : [],
      ),
      entries: own.flatMap(({ family, flags, dst: vtep, mac, vni: other }) => {
        if (family !== k.AF_BRIDGE || !(flags & k.NTF_SELF) || vtep === undefined || mac === undefined) return [];
        // The kernel names a VNI only where it is not the device's own.
        const translated = other === undefined ? undefined : parseVni(other);
        return [{ mac, vtep, ...(translated !== undefined && { vni: translated }) }];
      }),
    };
  });
  const bridges = links.flatMap((link) => {
    const role = roles.get(link.index);
    if (role?.kind !== "bridge") return [];
    const mine = tables.addresses.filter(({ index }) => index === link.index);
    const addresses = mine.map(({ ip, length }) => ({ ip, length }));
    return [{ vni: role.vni, name: link.name, up: link.up, master: nameOf(link.master), addresses }];
  });
  return {
    routers,
    bridges,
    foreign: links.flatMap((link) => foreignDevice(link, roles.has(link.index))),
    rules,
    sysctls,
    addresses: underlay(tables, byIndex),
    advertisedDefault: tables.routes.some(isAdvertisedDefault),
  };
}

function roleEntry(link: L3Link): [number, NonNullable<ReturnType<typeof roleOf>>][] {
  const role = roleOf(link);
  return role ? [[link.index, role]] : [];
}

function actualRoute(route: RouteMessage, nameOf: (index: number) => string | undefined): ActualRoute {
  const { prefix, metric, type, protocol, hops } = route;
  return {
    prefix,
    metric,
    ours: protocol === ROUTE_PROTOCOL,
    type,
    hops: hops.map(({ index, via }) => ({ device: nameOf(index) ?? `#${index}`, ...(via !== undefined && { via }) })),
  };
}

function actualVxlan(link: L3Link, master: string | undefined): NonNullable<ActualRouter["vxlan"]> {
  const { name, alias = "", mtuBytes, up, vxlan } = link;
  return {
    name,
    owner: alias,
    // A vxlan device is Ethernet, so it has one.
    mac: link.mac as NonNullable<L3Link["mac"]>,
    mtuBytes,
    up,
    vtep: vxlan?.local,
    udpPort: vxlan?.udpPort ?? 0,
    learning: vxlan?.learning ?? false,
    master,
  };
}

/** A device that could stand in a router's way: by name, as a vxlan device, or as a VRF. */
function foreignDevice(link: L3Link, ours: boolean): ForeignL3Device[] {
  const { name, kind, vxlan, table } = link;
  if (ours || (!vxlan && table === undefined && !/^ov(r|x)\d+$/.test(name))) return [];
  return [{ name, kind, vni: vxlan && parseVni(vxlan.vni), udpPort: vxlan?.udpPort, table }];
}

function isAdvertisedDefault({ prefix, table, protocol }: RouteMessage): boolean {
  return (
    table === k.RT_TABLE_MAIN &&
    protocol === k.RTPROT_RA &&
    prefixLength(prefix) === 0 &&
    prefixAddress(prefix).includes(":")
  );
}

/** As the other part of the dataplane has it: the interface's MTU, or for a loopback's address that of the ways out. */
function underlay(
  { addresses, routes }: RouterTables,
  byIndex: ReadonlyMap<number, L3Link>,
): ReadonlyMap<IpAddress, number | undefined> {
  const mtus = new Map<IpAddress, number | undefined>();
  for (const { ip, index } of addresses) {
    const link = byIndex.get(index);
    if (link) mtus.set(ip, link.loopback ? gatewayMtu(routes, ip.includes(":"), byIndex) : link.mtuBytes);
  }
  return mtus;
}

function gatewayMtu(
  routes: readonly RouteMessage[],
  ipv6: boolean,
  byIndex: ReadonlyMap<number, L3Link>,
): number | undefined {
  const mtus = routes
    .filter(({ table, prefix }) => table === k.RT_TABLE_MAIN && prefix.includes(":") === ipv6)
    .flatMap(({ hops }) => hops.filter((hop) => hop.via !== undefined))
    .flatMap(({ index }) => {
      const link = byIndex.get(index);
      return link?.up && !link.loopback ? [link.mtuBytes] : [];
    });
  return mtus.length === 0 ? undefined : Math.min(...mtus);
}
