// RTM_*ROUTE without a kernel: what is written is read back, and the octets of one message of each form.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as k from "../../../edge-agent/netlink/constants.ts";
import { MessageWriter } from "../../../edge-agent/netlink/message.ts";
import {
  addRoute,
  deleteRoute,
  parseRouteMessage,
  replaceRoute,
  ROUTE_DUMP,
  type RouteMessage,
  routeTable,
} from "../../../edge-agent/netlink/route-message.ts";
import { type IpAddress, ipFromOctets, isIpv4 } from "../../../shared/address/ip.ts";
import { type Prefix, parsePrefix } from "../../../shared/address/prefix.ts";
import { ip } from "../../contract/kernel.ts";
import { fromHex, toHex } from "./hex.ts";

const HEADER_BYTES = 16;

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`bad test value ${text}`);
  return parsed;
}

function written(request: ReturnType<typeof replaceRoute>): Buffer {
  const writer = new MessageWriter();
  request.write(writer, { type: request.type, flags: request.flags | k.NLM_F_REQUEST, seq: 1 });
  return writer.take();
}

const plain = { table: 254, protocol: 79, type: "unicast", metric: 0 } as const;

describe("route messages", () => {
  it("replace: one gateway on the link -> rtmsg with onlink, table, destination, gateway, oif (rtnetlink(7))", () => {
    const route: RouteMessage = {
      ...plain,
      prefix: prefix("10.1.0.7/32"),
      table: 100_000,
      hops: [{ index: 7, via: ip("192.0.2.2"), onlink: true }],
    };
    expect(toHex(written(replaceRoute(route)))).toBe(
      toHex(
        fromHex(`3c000000 1800 0105 01000000 00000000  02 20 00 00 00 4f 00 01 04000000
          0800 0f00 a0860100  0800 0100 0a010007  0800 0500 c0000202  0800 0400 07000000`),
      ),
    );
  });

  it("replace: several ways, one of them an IPv6 neighbour -> RTA_MULTIPATH with RTA_GATEWAY and RTA_VIA (RFC 8950)", () => {
    const route: RouteMessage = {
      ...plain,
      prefix: prefix("0.0.0.0/0"),
      hops: [
        { index: 3, via: ip("192.0.2.1"), weight: 2 },
        { index: 4, via: ip("fe80::1") },
      ],
    };
    expect(toHex(written(addRoute(route)))).toBe(
      toHex(
        fromHex(`58000000 1800 0106 01000000 00000000  02 00 00 00 fe 4f 00 01 00000000  0800 0f00 fe000000
          3400 0900  1000 00 01 03000000 0800 0500 c0000201
                     2000 00 00 04000000 1600 1200 0a00 fe800000000000000000000000000001 0000`),
      ),
    );
  });

  it("delete: any type and scope of the prefix, table and metric", () => {
    const message = written(deleteRoute({ ...plain, prefix: prefix("fd00::/64"), metric: 5 }));
    expect(message.readUInt16LE(4)).toBe(k.RTM_DELROUTE);
    expect(toHex(message.subarray(HEADER_BYTES, HEADER_BYTES + 12))).toBe("0a400000fe4fff0000000000");
  });

  it("dump: no filter, since tables are told apart when read", () => {
    expect(toHex(written(ROUTE_DUMP).subarray(HEADER_BYTES))).toBe("00".repeat(12));
  });

  it("read: what has another family or type, or is a cached route -> undefined", () => {
    const local = written(addRoute({ ...plain, prefix: prefix("10.0.0.1/32"), hops: [{ index: 1 }] }));
    const as = (at: number, value: number): Buffer => {
      const payload = Buffer.from(local.subarray(HEADER_BYTES));
      payload.writeUInt8(value, at);
      return payload;
    };
    expect(parseRouteMessage(as(7, 2))).toBeUndefined();
    expect(parseRouteMessage(as(0, 28))).toBeUndefined();
    expect(parseRouteMessage(as(9, 2))).toBeUndefined();
    expect(parseRouteMessage(local.subarray(HEADER_BYTES))).toBeDefined();
  });

  it("write and read: any route -> the same", () => {
    fc.assert(
      fc.property(arbitraryRoute(), (route) => {
        const payload = written(replaceRoute(route)).subarray(HEADER_BYTES);
        expect(parseRouteMessage(payload)).toEqual(route);
        expect(routeTable(payload)).toBe(route.table);
      }),
    );
  });
});

function arbitraryIp(octets: 4 | 16): fc.Arbitrary<IpAddress> {
  return fc.uint8Array({ minLength: octets, maxLength: octets }).map((value) => ipFromOctets(value));
}

function arbitraryRoute(): fc.Arbitrary<RouteMessage> {
  const base = fc.record({
    table: fc.integer({ min: 1, max: 0xffffffff }).filter((table) => table !== 252),
    protocol: fc.nat(255),
    metric: fc.nat(0xffffffff),
  });
  const destination = fc.oneof(arbitraryIp(4), arbitraryIp(16));
  return fc
    .tuple(base, destination, fc.constantFrom("unicast", "blackhole", "unreachable"))
    .chain(([rest, to, type]) => {
      const own = isIpv4(to) ? 4 : 16;
      const via = own === 4 ? fc.oneof(arbitraryIp(4), arbitraryIp(16)) : arbitraryIp(16);
      const hop = fc
        .tuple(fc.integer({ min: 1, max: 9999 }), via, fc.boolean())
        .map(([index, gateway, onlink]) => ({ index, via: gateway, ...(onlink && { onlink }) }));
      const weighted = fc.tuple(hop, fc.integer({ min: 2, max: 256 })).map(([each, weight]) => ({ ...each, weight }));
      const one = fc.oneof(hop, fc.constant({ index: 9 })).map((each) => [each]);
      const hops = fc.oneof(one, fc.array(fc.oneof(hop, weighted), { minLength: 2, maxLength: 8 }));
      return fc.record({
        prefix: fc.constant(prefix(`${to}/${own * 8}`)),
        type: fc.constant(type),
        hops: type === "unicast" ? hops : fc.constant([]),
        ...rest,
        table: fc.constant(rest.table),
        protocol: fc.constant(rest.protocol),
        metric: fc.constant(rest.metric),
      });
    });
}
