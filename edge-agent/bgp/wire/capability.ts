// Capabilities (RFC 5492). Unknown ones, and known ones of a wrong length, are kept as octets: an OPEN is
// never refused for a capability that is merely not understood (RFC 5492 section 3).

import { fromHex, toHex } from "./hex.ts";
import { CapabilityCode } from "./iana.ts";
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
  /** `value` is hex. */
  | { readonly kind: "unknown"; readonly code: number; readonly value: string };

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
  if (code === CapabilityCode.EXTENDED_MESSAGE && value.length === 0) return { kind: "extended-message" };
  if (code === CapabilityCode.GRACEFUL_RESTART && value.length % 4 === 2) return gracefulRestart(reader);
  return { kind: "unknown", code, value: toHex(value) };
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
