// RTM_*LINK messages of tenant routers (if_link.h): VRFs, the vxlan devices of L3 VNIs, and who belongs to which VRF.
// What both parts of the dataplane read of a link is link-message.ts.

import type { IpAddress } from "../../shared/address/ip.ts";
import { type Mac, macFromOctets } from "../../shared/address/mac.ts";
import { VXLAN_PORT } from "../dataplane/state.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { type Link, type LinkChange, parseLink, writeLink } from "./link-message.ts";
import { attributeText, parseAttributes } from "./message.ts";

/** A link with what routers need to know of it. */
export type L3Link = Link & {
  /** Undefined for links without an Ethernet address. */
  readonly mac: Mac | undefined;
  /** The routing table of a VRF. */
  readonly table: number | undefined;
};

const IFINFOMSG_BYTES = 16;

/** Reads RTM_NEWLINK. */
export function parseL3Link(payload: Buffer): L3Link {
  const attributes = parseAttributes(payload, IFINFOMSG_BYTES);
  const address = attributes.get(k.IFLA_ADDRESS);
  const info = attributes.get(k.IFLA_LINKINFO);
  const parts = info ? parseAttributes(info) : new Map<number, Buffer>();
  const kind = parts.get(k.IFLA_INFO_KIND);
  const data = parts.get(k.IFLA_INFO_DATA);
  const vrf = kind !== undefined && attributeText(kind) === "vrf" && data ? parseAttributes(data) : undefined;
  return {
    ...parseLink(payload),
    mac: address?.length === 6 ? macFromOctets(address) : undefined,
    table: vrf?.get(k.IFLA_VRF_TABLE)?.readUInt32LE(0),
  };
}

/**
 * Makes a VRF, marked and up. The kernel runs all of one send in one system call, so a process that is killed leaves no
 * device without the mark; a name that is taken is refused.
 */
export function addVrf(vrf: { readonly name: string; readonly owner: string; readonly table: number }): WireRequest[] {
  const { name, owner, table } = vrf;
  return [
    vrfRequest(k.NLM_F_CREATE | k.NLM_F_EXCL, name, table),
    changeLink({ index: 0, name, alias: owner, quietIpv6: true }),
    changeLink({ index: 0, name, up: true }),
  ];
}

/** A VRF without a table, which a kernel that knows VRFs refuses with EINVAL and any other with EOPNOTSUPP. */
export function probeVrf(name: string): WireRequest {
  return vrfRequest(k.NLM_F_CREATE | k.NLM_F_EXCL, name, undefined);
}

function vrfRequest(flags: number, name: string, table: number | undefined): WireRequest {
  return {
    type: k.RTM_NEWLINK,
    flags,
    write: (writer, head) => {
      writer.begin(head.type, head.flags, head.seq);
      writer.fixed(IFINFOMSG_BYTES);
      writer.text(k.IFLA_IFNAME, name);
      writer.nest(k.IFLA_LINKINFO, () => {
        writer.text(k.IFLA_INFO_KIND, "vrf");
        if (table !== undefined) writer.nest(k.IFLA_INFO_DATA, () => writer.u32(k.IFLA_VRF_TABLE, table));
      });
      writer.end();
    },
  };
}

/** Makes the vxlan device of an L3 VNI, marked; it is set up with its VRF. */
export function addL3Vxlan(vxlan: {
  readonly vni: number;
  readonly name: string;
  readonly owner: string;
  readonly mac: Mac;
  readonly mtuBytes: number;
  readonly vtep: IpAddress;
}): WireRequest[] {
  const { vni, name, owner, mac, mtuBytes, vtep } = vxlan;
  const config = { vni, local: vtep, learning: false };
  const which = { index: 0, name, kind: "vxlan" as const };
  return [
    linkRequest(k.RTM_NEWLINK, k.NLM_F_CREATE | k.NLM_F_EXCL, {
      ...which,
      mac,
      mtuBytes,
      vxlan: { ...config, udpPort: VXLAN_PORT },
    }),
    changeLink({ ...which, vxlan: config, alias: owner, quietIpv6: true }),
  ];
}

export function changeLink(change: LinkChange): WireRequest {
  return linkRequest(k.RTM_NEWLINK, 0, change);
}

export function deleteLink(index: number): WireRequest {
  return linkRequest(k.RTM_DELLINK, 0, { index });
}

function linkRequest(type: number, flags: number, what: LinkChange): WireRequest {
  return { type, flags, write: (writer, request) => writeLink(writer, request, what) };
}
