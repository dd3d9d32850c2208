// RTM_*LINK messages (rtnetlink(7), if_link.h): our bridges and vxlan devices, and any interface as a port.
// The flags of a bridge port go into INFO_SLAVE_DATA, which needs no AF_BRIDGE request of its own.

import { type IpAddress, ipFromOctets, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import { type Mac, macFromOctets, macToOctets } from "../../shared/address/mac.ts";
import * as k from "./constants.ts";
import { attributeText, type MessageWriter, parseAttributes } from "./message.ts";

/** What we read of a link; `vxlan` and `port` only where it is one. */
export type Link = {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  readonly mac: Mac | undefined;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly mtuBytes: number;
  readonly alias: string | undefined;
  /** ifindex of the master. */
  readonly master: number | undefined;
  readonly vxlan:
    | {
        readonly vni: number;
        readonly local: IpAddress | undefined;
        readonly udpPort: number;
        /** UDP source ports; undefined: the kernel's choice. */
        readonly sourcePorts: { readonly low: number; readonly high: number } | undefined;
        readonly learning: boolean;
      }
    | undefined;
  readonly port: { readonly learning: boolean; readonly neighSuppress: boolean } | undefined;
};

/** A request's type, flags, seq. */
export type Request = { readonly type: number; readonly flags: number; readonly seq: number };

/** Changes to a link that is addressed by `index`, or by name when `index` is 0. Absent: left as it is. */
export type LinkChange = {
  readonly index: number;
  readonly name?: string;
  readonly kind?: "bridge" | "vxlan";
  readonly mac?: Mac;
  readonly alias?: string | undefined;
  readonly mtuBytes?: number | undefined;
  readonly up?: boolean;
  /** ifindex of the new master; 0 releases. */
  readonly master?: number;
  /** IN6_ADDR_GEN_MODE_NONE: the device never speaks IPv6 by itself. */
  readonly quietIpv6?: boolean;
  readonly bridge?: { readonly stp: boolean; readonly multicastSnooping: boolean };
  readonly vxlan?: {
    readonly vni: number;
    readonly local: IpAddress;
    readonly learning: boolean;
    /** Only at creation: the kernel refuses to change it. */
    readonly udpPort?: number;
    /** Likewise. */
    readonly sourcePorts?: { readonly low: number; readonly high: number } | undefined;
  };
  readonly port?: { readonly learning: boolean; readonly neighSuppress: boolean };
};

const IFINFOMSG_BYTES = 16;

/** Writes RTM_NEWLINK or RTM_DELLINK with what `change` gives. */
export function writeLink(writer: MessageWriter, request: Request, change: LinkChange): void {
  writer.begin(request.type, request.flags, request.seq);
  const { buffer, at } = writer.fixed(IFINFOMSG_BYTES);
  buffer.writeInt32LE(change.index, at + 4);
  if (change.up !== undefined) {
    buffer.writeUInt32LE(change.up ? k.IFF_UP : 0, at + 8);
    buffer.writeUInt32LE(k.IFF_UP, at + 12);
  }
  if (change.name !== undefined) writer.text(k.IFLA_IFNAME, change.name);
  if (change.mac !== undefined) writer.octets(k.IFLA_ADDRESS, macToOctets(change.mac));
  if (change.mtuBytes !== undefined) writer.u32(k.IFLA_MTU, change.mtuBytes);
  if (change.master !== undefined) writer.u32(k.IFLA_MASTER, change.master);
  if (change.alias !== undefined) writer.text(k.IFLA_IFALIAS, change.alias);
  if (change.quietIpv6) {
    writer.nest(k.IFLA_AF_SPEC, () =>
      writer.nest(k.AF_INET6, () => writer.u8(k.IFLA_INET6_ADDR_GEN_MODE, k.IN6_ADDR_GEN_MODE_NONE)),
    );
  }
  if (change.kind !== undefined || change.port !== undefined) writeLinkInfo(writer, change);
  writer.end();
}

function writeLinkInfo(writer: MessageWriter, change: LinkChange): void {
  const { kind, bridge, vxlan, port } = change;
  writer.nest(k.IFLA_LINKINFO, () => {
    if (kind !== undefined) writer.text(k.IFLA_INFO_KIND, kind);
    if (bridge) {
      writer.nest(k.IFLA_INFO_DATA, () => {
        writer.u32(k.IFLA_BR_STP_STATE, bridge.stp ? 1 : 0);
        writer.u8(k.IFLA_BR_MCAST_SNOOPING, bridge.multicastSnooping ? 1 : 0);
      });
    }
    if (vxlan) {
      writer.nest(k.IFLA_INFO_DATA, () => {
        writer.u32(k.IFLA_VXLAN_ID, vxlan.vni);
        writer.octets(isIpv4(vxlan.local) ? k.IFLA_VXLAN_LOCAL : k.IFLA_VXLAN_LOCAL6, ipToOctets(vxlan.local));
        writer.u8(k.IFLA_VXLAN_LEARNING, vxlan.learning ? 1 : 0);
        if (vxlan.udpPort !== undefined) writer.u16be(k.IFLA_VXLAN_PORT, vxlan.udpPort);
        if (vxlan.sourcePorts) {
          const { low, high } = vxlan.sourcePorts;
          writer.octets(k.IFLA_VXLAN_PORT_RANGE, Uint8Array.of(low >> 8, low & 0xff, high >> 8, high & 0xff));
        }
      });
    }
    if (port) {
      writer.text(k.IFLA_INFO_SLAVE_KIND, "bridge");
      writer.nest(k.IFLA_INFO_SLAVE_DATA, () => {
        writer.u8(k.IFLA_BRPORT_LEARNING, port.learning ? 1 : 0);
        writer.u8(k.IFLA_BRPORT_NEIGH_SUPPRESS, port.neighSuppress ? 1 : 0);
      });
    }
  });
}

/** Family and ifindex of any RTM_*LINK payload, the cheap part. */
export function linkHead(payload: Buffer): { readonly family: number; readonly index: number } {
  return { family: payload.readUInt8(0), index: payload.readInt32LE(4) };
}

/** Reads the payload of RTM_NEWLINK. */
export function parseLink(payload: Buffer): Link {
  const flags = payload.readUInt32LE(8);
  const attributes = parseAttributes(payload, IFINFOMSG_BYTES);
  const info = nested(attributes.get(k.IFLA_LINKINFO));
  const kind = optionalText(info.get(k.IFLA_INFO_KIND)) ?? "";
  const alias = optionalText(attributes.get(k.IFLA_IFALIAS));
  const slave = optionalText(info.get(k.IFLA_INFO_SLAVE_KIND));
  return {
    index: payload.readInt32LE(4),
    name: optionalText(attributes.get(k.IFLA_IFNAME)) ?? "",
    kind,
    mac: macOf(attributes.get(k.IFLA_ADDRESS)),
    up: (flags & k.IFF_UP) !== 0,
    loopback: (flags & k.IFF_LOOPBACK) !== 0,
    mtuBytes: attributes.get(k.IFLA_MTU)?.readUInt32LE(0) ?? 0,
    alias: alias === "" ? undefined : alias,
    master: attributes.get(k.IFLA_MASTER)?.readUInt32LE(0) || undefined,
    vxlan: kind === "vxlan" ? parseVxlan(nested(info.get(k.IFLA_INFO_DATA))) : undefined,
    port: slave === "bridge" ? parsePort(nested(info.get(k.IFLA_INFO_SLAVE_DATA))) : undefined,
  };
}

function parseVxlan(data: Map<number, Buffer>): NonNullable<Link["vxlan"]> {
  const local = data.get(k.IFLA_VXLAN_LOCAL) ?? data.get(k.IFLA_VXLAN_LOCAL6);
  return {
    vni: data.get(k.IFLA_VXLAN_ID)?.readUInt32LE(0) ?? 0,
    local: local && ipFromOctets(local),
    udpPort: data.get(k.IFLA_VXLAN_PORT)?.readUInt16BE(0) ?? 0,
    sourcePorts: sourcePorts(data.get(k.IFLA_VXLAN_PORT_RANGE)),
    learning: flag(data.get(k.IFLA_VXLAN_LEARNING)),
  };
}

/** Two zeros stand for the kernel's choice. */
function sourcePorts(value: Buffer | undefined): { low: number; high: number } | undefined {
  if (!value || value.length < 4) return undefined;
  const [low, high] = [value.readUInt16BE(0), value.readUInt16BE(2)];
  return low === 0 && high === 0 ? undefined : { low, high };
}

/** Other kinds of links have addresses of other lengths, or none. */
function macOf(value: Buffer | undefined): Mac | undefined {
  return value?.length === 6 ? macFromOctets(value) : undefined;
}

function parsePort(data: Map<number, Buffer>): NonNullable<Link["port"]> {
  return {
    learning: flag(data.get(k.IFLA_BRPORT_LEARNING)),
    neighSuppress: flag(data.get(k.IFLA_BRPORT_NEIGH_SUPPRESS)),
  };
}

function nested(value: Buffer | undefined): Map<number, Buffer> {
  return value ? parseAttributes(value) : new Map();
}

function optionalText(value: Buffer | undefined): string | undefined {
  return value && attributeText(value);
}

function flag(value: Buffer | undefined): boolean {
  return value?.readUInt8(0) === 1;
}
