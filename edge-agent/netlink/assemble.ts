// What was read of the kernel, in the dataplane's words, pure: links and addresses -> ActualHost, forwarding entries and
// neighbours -> ActualEntries. Decides what is ours (alias and name together), and which of the kernel's many entries
// concern us.

import type { IpAddress } from "../../shared/address/ip.ts";
import { type Mac, ZERO_MAC } from "../../shared/address/mac.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";
import type {
  ActualDevices,
  ActualEntries,
  ActualHost,
  BridgeEntry,
  ForeignDevice,
  Tunnel,
} from "../dataplane/kernel.ts";
import { bridgeName, isOwnerMark, NEIGHBOUR_PROTOCOL, ownerOf, vxlanName } from "../dataplane/state.ts";
import type { Address } from "./address-message.ts";
import * as k from "./constants.ts";
import type { Link } from "./link-message.ts";
import type { NeighbourMessage } from "./neighbour-message.ts";

/** The VNI that a device of ours belongs to; undefined for all other devices. */
export function ownedVni(link: Link): Vni | undefined {
  if (!isOwnerMark(link.alias)) return undefined;
  const vni = parseVni(Number(/^ov(?:br|x)(\d+)$/.exec(link.name)?.[1]));
  if (vni === undefined) return undefined;
  if (link.kind === "bridge") return link.name === bridgeName(vni) ? vni : undefined;
  return link.vxlan?.vni === vni && link.name === vxlanName(vni) ? vni : undefined;
}

/** Links and addresses, as the dataplane sees them. */
export function assembleHost(byIndex: ReadonlyMap<number, Link>, addresses: readonly Address[]): ActualHost {
  const links = [...byIndex.values()];
  const owned = new Map<Vni, { bridge?: Link; vxlan?: Link; ports: Link[] }>();
  const bridges = new Map<number, Vni>();
  for (const link of links) {
    const vni = ownedVni(link);
    if (vni === undefined) continue;
    const devices = owned.get(vni) ?? { ports: [] };
    owned.set(vni, devices);
    if (link.vxlan) devices.vxlan = link;
    else {
      devices.bridge = link;
      bridges.set(link.index, vni);
    }
  }
  const ours = new Set([...owned.values()].flatMap(({ bridge, vxlan }) => [bridge, vxlan]));
  for (const link of links) {
    const vni = link.master === undefined ? undefined : bridges.get(link.master);
    const devices = vni === undefined ? undefined : owned.get(vni);
    if (devices && link !== devices.vxlan) devices.ports.push(link);
  }
  const others = links.filter((link) => !ours.has(link));
  const addressed = new Set(addresses.filter(({ ip }) => !isLinkLocal(ip)).map(({ index }) => index));
  return {
    networks: Array.from(owned, ([vni, devices]) => devicesOf(vni, devices, byIndex)),
    foreign: others.flatMap(foreignDevice),
    interfaces: others
      .filter((link) => !link.loopback && mayBePort(link))
      .map(({ index, name, mtuBytes, up, master }) => ({
        name,
        mtuBytes,
        up,
        master: nameOf(byIndex, master),
        addressed: addressed.has(index),
      })),
    addresses: underlay(addresses, byIndex),
  };
}

function devicesOf(
  vni: Vni,
  { bridge, vxlan, ports }: { bridge?: Link; vxlan?: Link; ports: readonly Link[] },
  byIndex: ReadonlyMap<number, Link>,
): ActualDevices {
  return {
    vni,
    bridge: bridge && { ...device(bridge), mac: bridge.mac ?? ZERO_MAC },
    vxlan: vxlan && {
      ...device(vxlan),
      vtep: vxlan.vxlan?.local,
      udpPort: vxlan.vxlan?.udpPort ?? 0,
      sourcePorts: vxlan.vxlan?.sourcePorts,
      learning: vxlan.vxlan?.learning ?? false,
      master: nameOf(byIndex, vxlan.master),
      portLearning: vxlan.port?.learning ?? true,
      neighSuppress: vxlan.port?.neighSuppress ?? false,
    },
    ports: ports.map(({ name, up }) => ({ name, up })),
  };
}

function device({ name, alias = "", mtuBytes, up }: Link) {
  return { name, owner: alias, mtuBytes, up };
}

function foreignDevice({ name, kind, vxlan }: Link): ForeignDevice[] {
  if (!vxlan && !/^ov(br|x)\d+$/.test(name)) return [];
  return [{ name, kind, vni: vxlan && parseVni(vxlan.vni), udpPort: vxlan?.udpPort }];
}

function underlay(
  addresses: readonly Address[],
  byIndex: ReadonlyMap<number, Link>,
): ReadonlyMap<IpAddress, number | undefined> {
  const mtus = new Map<IpAddress, number | undefined>();
  for (const { ip, index } of addresses) {
    const link = byIndex.get(index);
    if (link) mtus.set(ip, link.loopback || link.kind === "dummy" ? undefined : link.mtuBytes);
  }
  return mtus;
}

/** False for routers' devices: what a bridge sends to a VRF is routed in it, whoever's it is. */
function mayBePort({ kind, alias }: Link): boolean {
  return kind !== "vrf" && ownerOf(alias) === undefined;
}

/** RFC 3927, RFC 4291 2.5.6: every interface may have one by itself. */
function isLinkLocal(ip: IpAddress): boolean {
  return ip.startsWith("169.254.") || /^fe[89ab]/.test(ip);
}

function nameOf(byIndex: ReadonlyMap<number, Link>, index: number | undefined): string | undefined {
  return index === undefined ? undefined : byIndex.get(index)?.name;
}

/** A network's entries while they are read. */
export type EntryDraft = {
  readonly vni: Vni;
  readonly bridgeEntries: BridgeEntry[];
  readonly vxlanEntries: { readonly mac: Mac; readonly tunnel: Tunnel }[];
  readonly flood: IpAddress[];
  readonly neighbours: ActualEntries["neighbours"][number][];
};

export function emptyDraft(vni: Vni): EntryDraft {
  return { vni, bridgeEntries: [], vxlanEntries: [], flood: [], neighbours: [] };
}

/** Puts an entry that was read where it belongs, given what the link is that it is on. */
export function addEntry(
  draft: EntryDraft,
  entry: NeighbourMessage,
  on: { readonly kind: "bridge" | "vxlan" | "port"; readonly name: string },
  tunnel: (entry: NeighbourMessage) => Tunnel,
): void {
  const { mac, dst, flags, state, protocol } = entry;
  if (mac === undefined) return;
  if (entry.family !== k.AF_BRIDGE) {
    const declared = on.kind === "bridge" && dst !== undefined && (state & k.NUD_PERMANENT) !== 0;
    if (declared) draft.neighbours.push({ ip: dst, mac, ours: protocol === NEIGHBOUR_PROTOCOL });
  } else if (flags & k.NTF_SELF) {
    if (on.kind !== "vxlan") return;
    if (mac !== ZERO_MAC) draft.vxlanEntries.push({ mac, tunnel: tunnel(entry) });
    else if (dst !== undefined) draft.flood.push(dst);
  } else if (on.kind !== "bridge" && !isOwnAddress(entry)) {
    draft.bridgeEntries.push({ mac, port: on.name, pinned: isPinned(entry) });
  }
}

/** A bridge entry that the kernel made for a port's own address. */
export function isOwnAddress(entry: NeighbourMessage): boolean {
  return (entry.state & k.NUD_PERMANENT) !== 0;
}

/** A bridge entry that never ages. */
export function isPinned(entry: NeighbourMessage): boolean {
  return (entry.state & k.NUD_NOARP) !== 0 || (entry.flags & k.NTF_EXT_LEARNED) !== 0;
}
