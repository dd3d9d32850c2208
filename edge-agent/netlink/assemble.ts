// Parsed netlink messages -> ActualState, pure. Decides what is ours (alias and name together), and which of the
// kernel's many entries concern us.

import type { IpAddress } from "../../shared/address/ip.ts";
import { ZERO_MAC } from "../../shared/address/mac.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";
import type { ActualNetwork, ActualState, BridgeEntry, ForeignDevice } from "../dataplane/kernel.ts";
import { bridgeName, isOwnerMark, NEIGHBOUR_PROTOCOL, vxlanName } from "../dataplane/state.ts";
import type { Address, Route } from "./address-message.ts";
import * as k from "./constants.ts";
import type { Link } from "./link-message.ts";
import { ipFamily, type NeighbourMessage } from "./neighbour-message.ts";

/** What one full dump yields. */
export type Tables = {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  /** AF_BRIDGE: bridges' and vxlan devices' entries. */
  readonly fdb: readonly NeighbourMessage[];
  readonly neighbours: readonly NeighbourMessage[];
};

type Draft = {
  readonly vni: Vni;
  bridge: Link | undefined;
  vxlan: Link | undefined;
  readonly ports: Link[];
  readonly bridgeEntries: BridgeEntry[];
  readonly vxlanEntries: ActualNetwork["vxlanEntries"][number][];
  readonly flood: IpAddress[];
  readonly neighbours: ActualNetwork["neighbours"][number][];
};

/** The VNI that a device of ours belongs to; undefined for all other devices. */
export function ownedVni(link: Link): Vni | undefined {
  if (!isOwnerMark(link.alias)) return undefined;
  const vni = parseVni(Number(/^ov(?:br|x)(\d+)$/.exec(link.name)?.[1]));
  if (vni === undefined) return undefined;
  if (link.kind === "bridge") return link.name === bridgeName(vni) ? vni : undefined;
  return link.vxlan?.vni === vni && link.name === vxlanName(vni) ? vni : undefined;
}

export function assembleState(tables: Tables): ActualState {
  const byIndex = new Map(tables.links.map((link) => [link.index, link]));
  const drafts = draftNetworks(tables.links);
  const devices = new Map<number, Draft>();
  for (const draft of drafts.values()) {
    for (const each of [draft.bridge, draft.vxlan]) if (each) devices.set(each.index, draft);
  }
  for (const link of tables.links) {
    const draft = link.master === undefined ? undefined : devices.get(link.master);
    if (draft && link !== draft.vxlan) draft.ports.push(link);
  }
  for (const entry of tables.fdb) addForwarding(entry, devices, byIndex);
  for (const entry of tables.neighbours) addNeighbour(entry, devices);
  const addressed = new Set(tables.addresses.filter(({ ip }) => !isLinkLocal(ip)).map(({ index }) => index));
  const others = tables.links.filter((link) => !devices.has(link.index));
  return {
    networks: [...drafts.values()].map((draft) => finish(draft, byIndex)),
    foreign: others.flatMap(foreignDevice),
    interfaces: others
      .filter((link) => !link.loopback)
      .map(({ index, name, mtuBytes, up, master }) => ({
        name,
        mtuBytes,
        up,
        master: nameOf(byIndex, master),
        addressed: addressed.has(index),
      })),
    addresses: underlay(tables, byIndex),
  };
}

function draftNetworks(links: readonly Link[]): ReadonlyMap<Vni, Draft> {
  const drafts = new Map<Vni, Draft>();
  for (const link of links) {
    const vni = ownedVni(link);
    if (vni === undefined) continue;
    const draft = drafts.get(vni) ?? {
      vni,
      bridge: undefined,
      vxlan: undefined,
      ports: [],
      bridgeEntries: [],
      vxlanEntries: [],
      flood: [],
      neighbours: [],
    };
    if (link.vxlan) draft.vxlan = link;
    else draft.bridge = link;
    drafts.set(vni, draft);
  }
  return drafts;
}

function addForwarding(
  entry: NeighbourMessage,
  devices: ReadonlyMap<number, Draft>,
  byIndex: ReadonlyMap<number, Link>,
): void {
  const { mac, dst } = entry;
  if (mac === undefined) return;
  if (entry.flags & k.NTF_SELF) {
    const draft = devices.get(entry.index);
    if (!draft || draft.vxlan?.index !== entry.index || dst === undefined) return;
    if (mac === ZERO_MAC) draft.flood.push(dst);
    else draft.vxlanEntries.push({ mac, vtep: dst });
    return;
  }
  const draft = entry.master === undefined ? undefined : devices.get(entry.master);
  const port = nameOf(byIndex, entry.index);
  if (!draft || port === undefined || isOwnAddress(entry)) return;
  draft.bridgeEntries.push({ mac, port, pinned: isPinned(entry) });
}

/** A bridge entry that the kernel made for a port's own address. */
export function isOwnAddress(entry: NeighbourMessage): boolean {
  return (entry.state & k.NUD_PERMANENT) !== 0;
}

/** A bridge entry that never ages. */
export function isPinned(entry: NeighbourMessage): boolean {
  return (entry.state & k.NUD_NOARP) !== 0 || (entry.flags & k.NTF_EXT_LEARNED) !== 0;
}

function addNeighbour(entry: NeighbourMessage, devices: ReadonlyMap<number, Draft>): void {
  const draft = devices.get(entry.index);
  const { mac, dst, state, protocol } = entry;
  if (!draft || draft.bridge?.index !== entry.index || mac === undefined || dst === undefined) return;
  if (state & k.NUD_PERMANENT) draft.neighbours.push({ ip: dst, mac, ours: protocol === NEIGHBOUR_PROTOCOL });
}

function finish(draft: Draft, byIndex: ReadonlyMap<number, Link>): ActualNetwork {
  const { bridge, vxlan, ports, ...rest } = draft;
  return {
    ...rest,
    bridge: bridge && device(bridge),
    vxlan: vxlan && {
      ...device(vxlan),
      vtep: vxlan.vxlan?.local,
      udpPort: vxlan.vxlan?.udpPort ?? 0,
      learning: vxlan.vxlan?.learning ?? false,
      master: nameOf(byIndex, vxlan.master),
      portLearning: vxlan.port?.learning ?? true,
      neighSuppress: vxlan.port?.neighSuppress ?? false,
    },
    ports: ports.map(({ name, up }) => ({ name, up })),
  };
}

function device({ name, alias = "", mtuBytes, up }: Link): NonNullable<ActualNetwork["bridge"]> {
  return { name, owner: alias, mtuBytes, up };
}

function foreignDevice({ name, kind, vxlan }: Link): ForeignDevice[] {
  if (!vxlan && !/^ov(br|x)\d+$/.test(name)) return [];
  return [{ name, kind, vni: vxlan && parseVni(vxlan.vni), udpPort: vxlan?.udpPort }];
}

function underlay(tables: Tables, byIndex: ReadonlyMap<number, Link>): ReadonlyMap<IpAddress, number | undefined> {
  const mtus = new Map<IpAddress, number | undefined>();
  for (const { ip, index } of tables.addresses) {
    const link = byIndex.get(index);
    if (link) mtus.set(ip, link.loopback ? gatewayMtu(tables.routes, ipFamily(ip), byIndex) : link.mtuBytes);
  }
  return mtus;
}

/** The smallest MTU of the links with routes by a gateway: what a VTEP on a loopback can be sure of. */
function gatewayMtu(routes: readonly Route[], family: number, byIndex: ReadonlyMap<number, Link>): number | undefined {
  const links = routes.filter((route) => route.gateway && route.family === family).flatMap((route) => route.links);
  const mtus = links.flatMap((index) => {
    const link = byIndex.get(index);
    return link?.up && !link.loopback ? [link.mtuBytes] : [];
  });
  return mtus.length === 0 ? undefined : Math.min(...mtus);
}

/** RFC 3927, RFC 4291 2.5.6: every interface may have one by itself. */
function isLinkLocal(ip: IpAddress): boolean {
  return ip.startsWith("169.254.") || /^fe[89ab]/.test(ip);
}

function nameOf(byIndex: ReadonlyMap<number, Link>, index: number | undefined): string | undefined {
  return index === undefined ? undefined : byIndex.get(index)?.name;
}
