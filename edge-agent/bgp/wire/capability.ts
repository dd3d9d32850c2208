// Capabilities (RFC 5492): those of RFC 2918, 4724, 4760, 6793, 7313, 8538, 8654, 8950, 9234, 9494 and FQDN. Unknown ones, and known ones of a wrong length, are kept as octets: an OPEN is
// never refused for a capability that is merely not understood (RFC 5492 section 3).

import { fromHex, toHex } from "./hex.ts";
import { BGP_ROLES, CapabilityCode } from "./iana.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

export type Capability =
  | { readonly kind: "multiprotocol"; readonly afi: number; readonly safi: number }
  | { readonly kind: "route-refresh" }
  | { readonly kind: "extended-message" }
  | { readonly kind: "four-octet-as"; readonly asn: number }
  /** RFC 4724 section 3, and the N bit of RFC 8538: what the sender does across a restart of its own. */
  | {
      readonly kind: "graceful-restart";
      readonly restarted: boolean;
      readonly notification: boolean;
      /** 0..4095 */
      readonly restartTimeSec: number;
      readonly families: readonly { readonly afi: number; readonly safi: number; readonly preserved: boolean }[];
    }
  | { readonly kind: "enhanced-route-refresh" }
  /** RFC 8950 section 4: families whose routes may have next hops of `nextHopAfi`. */
  | {
      readonly kind: "extended-next-hop";
      readonly families: readonly { readonly afi: number; readonly safi: number; readonly nextHopAfi: number }[];
    }
  /** RFC 9234 4.1: what the sender is to the receiver. */
  | { readonly kind: "role"; readonly role: BgpRole }
  /** RFC 9494 3.1; `staleTimeSec` 0..2^24-1. */
  | {
      readonly kind: "long-lived-graceful-restart";
      readonly families: readonly {
        readonly afi: number;
        readonly safi: number;
        readonly preserved: boolean;
        readonly staleTimeSec: number;
      }[];
    }
  /** draft-walton-bgp-hostname-capability; names of at most 64 octets. */
  | { readonly kind: "fqdn"; readonly host: string; readonly domain: string }
  /** `value` is hex. */
  | { readonly kind: "unknown"; readonly code: number; readonly value: string };

export type BgpRole = (typeof BGP_ROLES)[number];

/** Flags beside the restart time, and beside a family. */
const RESTARTED = 0x8000;
const NOTIFICATION = 0x4000;
const PRESERVED = 0x80;

/** Reads `code(1) length(1) value` items to the end; undefined if they overrun. */
export function decodeCapabilities(reader: Reader): Capability[] | undefined {
  const capabilities: Capability[] = [];
  while (reader.remaining > 0) {
    const code = reader.u8();
    const value = reader.view(reader.u8());
    if (reader.overrun) return undefined;
    capabilities.push(decodeCapability(code, value));
  }
  return capabilities;
}

export function encodeCapability(capability: Capability): Uint8Array {
  const writer = new Writer(8);
  switch (capability.kind) {
    case "multiprotocol":
      return writer.u8(CapabilityCode.MULTIPROTOCOL).u8(4).u16(capability.afi).u8(0).u8(capability.safi).finish();
    case "route-refresh":
      return writer.u8(CapabilityCode.ROUTE_REFRESH).u8(0).finish();
    case "extended-message":
      return writer.u8(CapabilityCode.EXTENDED_MESSAGE).u8(0).finish();
    case "four-octet-as":
      return writer.u8(CapabilityCode.FOUR_OCTET_AS).u8(4).u32(capability.asn).finish();
    case "graceful-restart": {
      const { restarted, notification, restartTimeSec, families } = capability;
      const flags = (restarted ? RESTARTED : 0) | (notification ? NOTIFICATION : 0);
      writer
        .u8(CapabilityCode.GRACEFUL_RESTART)
        .u8(2 + families.length * 4)
        .u16(flags | restartTimeSec);
      for (const { afi, safi, preserved } of families)
        writer
          .u16(afi)
          .u8(safi)
          .u8(preserved ? PRESERVED : 0);
      return writer.finish();
    }
    case "enhanced-route-refresh":
      return writer.u8(CapabilityCode.ENHANCED_ROUTE_REFRESH).u8(0).finish();
    case "extended-next-hop":
      writer.u8(CapabilityCode.EXTENDED_NEXT_HOP).u8(capability.families.length * 6);
      for (const { afi, safi, nextHopAfi } of capability.families) writer.u16(afi).u16(safi).u16(nextHopAfi);
      return writer.finish();
    case "role":
      return writer.u8(CapabilityCode.BGP_ROLE).u8(1).u8(BGP_ROLES.indexOf(capability.role)).finish();
    case "long-lived-graceful-restart":
      writer.u8(CapabilityCode.LONG_LIVED_GRACEFUL_RESTART).u8(capability.families.length * 7);
      for (const { afi, safi, preserved, staleTimeSec } of capability.families)
        writer
          .u16(afi)
          .u8(safi)
          .u8(preserved ? PRESERVED : 0)
          .u24(staleTimeSec);
      return writer.finish();
    case "fqdn": {
      const { host, domain } = capability;
      writer.u8(CapabilityCode.FQDN);
      return writer
        .withLength(1, () => {
          for (const name of [host, domain]) writer.withLength(1, () => writer.octets(new TextEncoder().encode(name)));
        })
        .finish();
    }
    case "unknown":
      writer.u8(capability.code);
      return writer.withLength(1, () => writer.octets(fromHex(capability.value) ?? new Uint8Array(0))).finish();
  }
}

function decodeCapability(code: number, value: Uint8Array): Capability {
  const reader = new Reader(value);
  if (code === CapabilityCode.MULTIPROTOCOL && value.length === 4) {
    const afi = reader.u16();
    reader.u8();
    return { kind: "multiprotocol", afi, safi: reader.u8() };
  }
  if (code === CapabilityCode.FOUR_OCTET_AS && value.length === 4) return { kind: "four-octet-as", asn: reader.u32() };
  if (code === CapabilityCode.ROUTE_REFRESH && value.length === 0) return { kind: "route-refresh" };
  if (code === CapabilityCode.ENHANCED_ROUTE_REFRESH && value.length === 0) return { kind: "enhanced-route-refresh" };
  if (code === CapabilityCode.EXTENDED_MESSAGE && value.length === 0) return { kind: "extended-message" };
  if (code === CapabilityCode.EXTENDED_NEXT_HOP && value.length % 6 === 0) return extendedNextHop(reader);
  if (code === CapabilityCode.GRACEFUL_RESTART && value.length % 4 === 2) return gracefulRestart(reader);
  if (code === CapabilityCode.LONG_LIVED_GRACEFUL_RESTART && value.length % 7 === 0) return longLived(reader);
  const role = code === CapabilityCode.BGP_ROLE && value.length === 1 ? BGP_ROLES[reader.u8()] : undefined;
  if (role) return { kind: "role", role };
  return (code === CapabilityCode.FQDN && fqdn(reader)) || { kind: "unknown", code, value: toHex(value) };
}

function extendedNextHop(reader: Reader): Capability {
  const families: { afi: number; safi: number; nextHopAfi: number }[] = [];
  while (reader.remaining > 0) families.push({ afi: reader.u16(), safi: reader.u16(), nextHopAfi: reader.u16() });
  return { kind: "extended-next-hop", families };
}

function longLived(reader: Reader): Capability {
  const families: { afi: number; safi: number; preserved: boolean; staleTimeSec: number }[] = [];
  while (reader.remaining > 0) {
    const afi = reader.u16();
    const safi = reader.u8();
    const preserved = (reader.u8() & PRESERVED) !== 0;
    families.push({ afi, safi, preserved, staleTimeSec: reader.u24() });
  }
  return { kind: "long-lived-graceful-restart", families };
}

/** Undefined unless both names are there, are UTF-8, and fill the value. */
function fqdn(reader: Reader): Capability | undefined {
  const name = (): string =>
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(reader.view(reader.u8()));
  try {
    const [host, domain] = [name(), name()];
    return reader.finished ? { kind: "fqdn", host, domain } : undefined;
  } catch {
    return undefined;
  }
}

function gracefulRestart(reader: Reader): Capability {
  const head = reader.u16();
  const families: { afi: number; safi: number; preserved: boolean }[] = [];
  while (reader.remaining > 0) {
    families.push({ afi: reader.u16(), safi: reader.u8(), preserved: (reader.u8() & PRESERVED) !== 0 });
  }
  return {
    kind: "graceful-restart",
    restarted: (head & RESTARTED) !== 0,
    notification: (head & NOTIFICATION) !== 0,
    restartTimeSec: head & 0x0fff,
    families,
  };
}
