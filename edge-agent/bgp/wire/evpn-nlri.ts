// EVPN NLRI (RFC 7432 7, RFC 9136 3.1, RFC 9572 3): a list of frames, each `type(1) length(1) value(length)`, one row per route type.
//
//   2  RD(8) ESI(10) tag(4) 48(1) MAC(6) 0|32|128(1) IP(0|4|16) label(3) [label(3)]
//   3  RD(8) tag(4) 32|128(1) IP(4|16)
//   1  RD(8) ESI(10) tag(4) label(3)          4  RD(8) ESI(10) 32|128(1) IP(4|16)
//   5  RD(8) ESI(10) tag(4) len(1) prefix(4|16) gateway(4|16) label(3)
//   9  RD(8) tag(4) region(8)                10  RD(8) tag(4) 0|32|128(1) source 0|32|128(1) group 32|128(1) IP(4|16)
//  11  type(1) length(1) value(length) of another route, 32|128(1) IP(4|16)
//
// A frame or an inner length that does not fit makes the whole field syntactically incorrect (RFC 7606 5.3: the caller
// resets the session). A frame that fits and names an impossible route is `invalid`: its key is known, so that route
// alone is withdrawn (RFC 4271 6.3). Unknown types are skipped by their length (RFC 7606 5.4), and so are those of RFC 9572 that do
// not fit their layout: this host only shows them, and no session is worth ending for that.

import {
  type IpAddress,
  ipFromOctets,
  type Ipv4,
  ipToOctets,
  ipv4FromNumber,
  ipv4WithLength,
  isUnicastIp,
} from "../../../shared/address/ip.ts";
import { isMulticastMac, macFromNumbers, macToOctets, ZERO_MAC } from "../../../shared/address/mac.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../../shared/address/prefix.ts";
import { type RouteDistinguisher, rdFromOctets, rdToOctets } from "../../../shared/address/rd.ts";
import { type Esi, type EvpnRoute, type Label, ZERO_ESI } from "../route.ts";
import { fromHex, toHex } from "./hex.ts";
import { EvpnRouteType } from "./iana.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** Routes of one NLRI field, in order; `skipped` counts frames of unknown type. */
export type EvpnNlri = {
  readonly routes: readonly EvpnRoute[];
  readonly invalid: readonly { readonly route: EvpnRoute; readonly reason: string }[];
  readonly skipped: number;
};

type RouteOf<T extends EvpnRoute["type"]> = Extract<EvpnRoute, { type: T }>;

type Row<T extends EvpnRoute["type"]> = {
  readonly code: number;
  readonly type: T;
  /** Reads a frame; undefined if a length octet does not fit the layout. */
  decode(reader: Reader, rds: RdMemo): RouteOf<T> | undefined;
  /** Skipped like an unknown type where it does not fit its layout. */
  readonly lenient?: true;
  /** Writes what follows the RD, or all where there is none. */
  encode(route: RouteOf<T>, writer: Writer): void;
  readonly withoutRd?: true;
  /** Why the route cannot be meant, if so. */
  invalid?(route: RouteOf<T>): string | undefined;
};

const NO_OCTETS = new Uint8Array(0);
const UNSPECIFIED = "0.0.0.0" as Ipv4;

const ROWS: { readonly [T in EvpnRoute["type"]]: Row<T> } = {
  "ethernet-ad": {
    code: EvpnRouteType.ETHERNET_AUTO_DISCOVERY,
    type: "ethernet-ad",
    decode: (reader, rds) => ({
      type: "ethernet-ad",
      rd: rds.read(reader),
      esi: esi(reader),
      ethernetTag: reader.u32(),
      vni: label(reader),
    }),
    encode: (route, writer) => writeEsi(route.esi, writer).u32(route.ethernetTag).u24(route.vni),
  },
  "mac-ip": {
    code: EvpnRouteType.MAC_IP_ADVERTISEMENT,
    type: "mac-ip",
    decode(reader, rds) {
      const rd = rds.read(reader);
      const segment = esi(reader);
      const ethernetTag = reader.u32();
      if (reader.u8() !== 48) return undefined;
      const mac = macFromNumbers(reader.u24(), reader.u24());
      const ipBits = reader.u8();
      if (reader.overrun || (ipBits !== 0 && ipBits !== 32 && ipBits !== 128)) return undefined;
      const ipOctets = ipBits > 0 ? reader.view(ipBits >> 3) : undefined;
      const vni = label(reader);
      if (reader.overrun) return undefined;
      const l3 = reader.remaining > 0 ? { l3Vni: label(reader) } : undefined;
      // The common form as one literal: spreading costs more than all the rest of the route.
      if (!ipOctets && !l3) return { type: "mac-ip", rd, esi: segment, ethernetTag, mac, vni };
      const ip = ipOctets && { ip: ipFromOctets(ipOctets) };
      return { type: "mac-ip", rd, esi: segment, ethernetTag, mac, ...ip, vni, ...l3 };
    },
    encode(route, writer) {
      writeEsi(route.esi, writer).u32(route.ethernetTag).u8(48).octets(macToOctets(route.mac));
      if (route.ip) writeIp(route.ip, writer);
      else writer.u8(0);
      writer.u24(route.vni);
      if (route.l3Vni !== undefined) writer.u24(route.l3Vni);
    },
    invalid(route) {
      if (route.mac === ZERO_MAC || isMulticastMac(route.mac)) return `${route.mac} is not a unicast MAC address`;
      return route.ip && !isUnicastIp(route.ip) ? `${route.ip} is not a unicast address` : undefined;
    },
  },
  imet: {
    code: EvpnRouteType.INCLUSIVE_MULTICAST_ETHERNET_TAG,
    type: "imet",
    decode(reader, rds) {
      const rd = rds.read(reader);
      const ethernetTag = reader.u32();
      const originator = ip(reader);
      return originator && { type: "imet", rd, ethernetTag, originator };
    },
    encode: (route, writer) => writeIp(route.originator, writer.u32(route.ethernetTag)),
    invalid: (route) =>
      isUnicastIp(route.originator) ? undefined : `originator ${route.originator} is not a unicast address`,
  },
  "ethernet-segment": {
    code: EvpnRouteType.ETHERNET_SEGMENT,
    type: "ethernet-segment",
    decode(reader, rds) {
      const rd = rds.read(reader);
      const segment = esi(reader);
      const originator = ip(reader);
      return originator && { type: "ethernet-segment", rd, esi: segment, originator };
    },
    encode: (route, writer) => writeIp(route.originator, writeEsi(route.esi, writer)),
  },
  "ip-prefix": {
    code: EvpnRouteType.IP_PREFIX,
    type: "ip-prefix",
    decode(reader, rds) {
      const rd = rds.read(reader);
      const segment = esi(reader);
      const ethernetTag = reader.u32();
      const length = reader.u8();
      const size = reader.remaining === 11 ? 4 : reader.remaining === 35 ? 16 : 0;
      if (size === 0 || length > size * 8) return undefined;
      const prefix = size === 4 ? ipv4Prefix(reader.u32(), length) : ipv6Prefix(reader.view(size), length);
      // Nearly all routes have none: the next hop is the gateway.
      const gateway = size === 4 ? ipv4Gateway(reader.u32()) : ipFromOctets(reader.view(size));
      return { type: "ip-prefix", rd, esi: segment, ethernetTag, prefix, gateway, vni: label(reader) };
    },
    encode(route, writer) {
      writeEsi(route.esi, writer).u32(route.ethernetTag).u8(prefixLength(route.prefix));
      writer
        .octets(ipToOctets(prefixAddress(route.prefix)))
        .octets(ipToOctets(route.gateway))
        .u24(route.vni);
    },
  },
  "per-region-i-pmsi": {
    code: EvpnRouteType.PER_REGION_I_PMSI,
    type: "per-region-i-pmsi",
    lenient: true,
    decode: (reader, rds) => ({
      type: "per-region-i-pmsi",
      rd: rds.read(reader),
      ethernetTag: reader.u32(),
      region: toHex(reader.view(REGION_OCTETS)),
    }),
    encode: (route, writer) => writer.u32(route.ethernetTag).octets(fromHex(route.region) ?? NO_OCTETS),
  },
  "s-pmsi": {
    code: EvpnRouteType.S_PMSI,
    type: "s-pmsi",
    lenient: true,
    decode(reader, rds) {
      const rd = rds.read(reader);
      const ethernetTag = reader.u32();
      const [source, group] = [ipOrAll(reader), ipOrAll(reader)];
      const originator = ip(reader);
      if (!source || !group || !originator) return undefined;
      return {
        type: "s-pmsi",
        rd,
        ethernetTag,
        ...(source !== "all" && { source }),
        ...(group !== "all" && { group }),
        originator,
      };
    },
    encode(route, writer) {
      writer.u32(route.ethernetTag);
      for (const each of [route.source, route.group])
        if (each) writeIp(each, writer);
        else writer.u8(0);
      writeIp(route.originator, writer);
    },
  },
  leaf: {
    code: EvpnRouteType.LEAF,
    type: "leaf",
    lenient: true,
    withoutRd: true,
    decode(reader, rds) {
      const [code, length] = [reader.u8(), reader.u8()];
      const value = reader.view(length);
      const rd = rds.read(new Reader(value));
      const route = toHex(Uint8Array.of(code, length, ...value));
      const originator = ip(reader);
      return originator && { type: "leaf", rd, route, originator };
    },
    encode: (route, writer) => writeIp(route.originator, writer.octets(fromHex(route.route) ?? NO_OCTETS)),
  },
};

/** RFC 9572 3.1: of the form of an extended community, and told apart only. */
const REGION_OCTETS = 8;

const ROW_BY_CODE: ReadonlyMap<number, Row<EvpnRoute["type"]>> = new Map(
  Object.values(ROWS).map((row) => [row.code, row as unknown as Row<EvpnRoute["type"]>]),
);

/** Reads frames to the end of `reader`. The error is a reason for the log. */
export function decodeEvpnNlri(reader: Reader): EvpnNlri | { readonly error: string } {
  const routes: EvpnRoute[] = [];
  const invalid: { route: EvpnRoute; reason: string }[] = [];
  let skipped = 0;
  const rds = new RdMemo();
  const frame = new Reader(NO_OCTETS);
  while (reader.remaining > 0) {
    const code = reader.u8();
    reader.sub(reader.u8(), frame);
    if (reader.overrun) return { error: `EVPN route of type ${code} is longer than its field` };
    const row = ROW_BY_CODE.get(code);
    if (!row) {
      skipped++;
      continue;
    }
    const route = row.decode(frame, rds);
    if (row.lenient && (!route || !frame.finished)) {
      skipped++;
      continue;
    }
    if (!route || !frame.finished) return { error: `EVPN ${row.type} route with lengths that do not fit its layout` };
    const reason = row.invalid?.(route);
    if (reason === undefined) routes.push(route);
    else invalid.push({ route, reason });
  }
  return { routes, invalid, skipped };
}

/** One frame: `type length value`. */
export function encodeEvpnRoute(route: EvpnRoute): Uint8Array {
  const row = ROWS[route.type] as unknown as Row<EvpnRoute["type"]>;
  const writer = new Writer(64).u8(row.code);
  writer.withLength(1, () => {
    if (!row.withoutRd) writer.octets(rdToOctets(route.rd));
    row.encode(route, writer);
  });
  return writer.finish();
}

/** Neighbouring routes mostly share their RD; its text is made once. */
class RdMemo {
  #high = -1;
  #low = -1;
  #rd = "" as RouteDistinguisher;

  /** Not all there: some RD, since the caller refuses a frame that overruns. */
  read(reader: Reader): RouteDistinguisher {
    const high = reader.u32();
    const low = reader.u32();
    if (high === this.#high && low === this.#low) return this.#rd;
    this.#high = high;
    this.#low = low;
    this.#rd = rdFromOctets(new Writer(8).u32(high).u32(low).finish());
    return this.#rd;
  }
}

function esi(reader: Reader): Esi {
  const [high, middle, low] = [reader.u32(), reader.u32(), reader.u16()];
  if (high === 0 && middle === 0 && low === 0) return ZERO_ESI;
  return (hex(high, 8) + hex(middle, 8) + hex(low, 4)) as Esi;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

function writeEsi(value: Esi, writer: Writer): Writer {
  for (let i = 0; i < 20; i += 2) writer.u8(Number.parseInt(value.slice(i, i + 2), 16));
  return writer;
}

function label(reader: Reader): Label {
  return reader.u24() as Label;
}

/** A length in bits and an address of that length. */
function ip(reader: Reader): IpAddress | undefined {
  const bits = reader.u8();
  if (bits !== 32 && bits !== 128) return undefined;
  const octets = reader.view(bits >> 3);
  return octets.length > 0 ? ipFromOctets(octets) : undefined;
}

/** As `ip`, with no octets for all of them; undefined for any other length. */
function ipOrAll(reader: Reader): IpAddress | "all" | undefined {
  const bits = reader.u8();
  if (bits === 0) return "all";
  if (bits !== 32 && bits !== 128) return undefined;
  const octets = reader.view(bits >> 3);
  return octets.length > 0 ? ipFromOctets(octets) : undefined;
}

function writeIp(value: IpAddress, writer: Writer): Writer {
  const octets = ipToOctets(value);
  return writer.u8(octets.length * 8).octets(octets);
}

/** Bits beyond the length are irrelevant (RFC 4271 4.3) and cleared, so that equal prefixes are equal text. */
function ipv4Prefix(value: number, length: number): Prefix {
  // A shift by 32 would be one by 0.
  return ipv4WithLength(length === 0 ? 0 : value & (-1 << (32 - length)), length) as Prefix;
}

function ipv6Prefix(octets: Uint8Array, length: number): Prefix {
  if (length === octets.length * 8) return `${ipFromOctets(octets)}/${length}` as Prefix;
  const masked = octets.map((octet, i) => octet & (0xff << (8 - Math.min(8, Math.max(0, length - i * 8)))) & 0xff);
  return `${ipFromOctets(masked)}/${length}` as Prefix;
}

function ipv4Gateway(value: number): Ipv4 {
  return value === 0 ? UNSPECIFIED : ipv4FromNumber(value);
}
