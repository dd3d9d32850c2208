// The entries of the fdb bench: the same MACs, neighbours and VTEPs for every side.

import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import { type Mac, macFromNumbers } from "../../shared/address/mac.ts";

export const VNI = 5000;
export const BRIDGE = `ovbr${VNI}`;
export const VXLAN = `ovx${VNI}`;
export const LOCAL = ip("192.0.2.1");

/** The i-th machine of the network, i below 2^24. */
export function entryOf(i: number): { readonly mac: Mac; readonly ip: IpAddress } {
  return { mac: macFromNumbers(0x020000, i), ip: ip(`10.${(i >> 16) & 0xff}.${(i >> 8) & 0xff}.${i & 0xff}`) };
}

/** The i-th other VTEP. */
export function vtepOf(i: number): IpAddress {
  return ip(`198.18.${i >> 8}.${(i & 0xff) + 1}`.replace(/\.256$/, ".0"));
}

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}
