// Codec properties: what is encoded is decoded unchanged, and no octets make a decoder throw or read past its end.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RouteTarget, rtToOctets } from "../../../../shared/address/rt.ts";
import { mergeAs4Path } from "../../../../edge-agent/bgp/wire/as-path.ts";
import { decodeAttributes, encodeAttributes } from "../../../../edge-agent/bgp/wire/attributes.ts";
import { decodeEvpnNlri, encodeEvpnRoute } from "../../../../edge-agent/bgp/wire/evpn-nlri.ts";
import { decodeExtCommunity, encodeExtCommunity } from "../../../../edge-agent/bgp/wire/ext-community.ts";
import { Framer } from "../../../../edge-agent/bgp/wire/framer.ts";
import { decodeMessage, encodeMessage, type Message } from "../../../../edge-agent/bgp/wire/message.ts";
import { decodeOpen, encodeOpen } from "../../../../edge-agent/bgp/wire/open.ts";
import { Reader } from "../../../../edge-agent/bgp/wire/reader.ts";
import { decodeUpdate, encodeUpdate } from "../../../../edge-agent/bgp/wire/update.ts";
import { asPath, evpnRoute, extCommunity, octets, openMessage, pathAttributes, routeTarget } from "./arbitraries.ts";

const INTERNAL = { asOctets: 4, internal: true } as const;

describe("codecs: encode, then decode -> the same value", () => {
  it("evpn-nlri: any list of routes", () => {
    fc.assert(
      fc.property(fc.array(evpnRoute, { maxLength: 10 }), (routes) => {
        const field = Buffer.concat(routes.map(encodeEvpnRoute));
        expect(decodeEvpnNlri(new Reader(field))).toEqual({ routes, invalid: [], skipped: 0 });
      }),
    );
  });

  it("ext-community: any community", () => {
    fc.assert(
      fc.property(extCommunity, (community) => {
        const encoded = encodeExtCommunity(community);
        expect(encoded.length).toBe(8);
        expect(decodeExtCommunity(encoded)).toEqual(community);
      }),
    );
  });

  it("ext-community: any eight octets -> decoded; raw and route targets give the same octets back", () => {
    fc.assert(
      fc.property(octets(8), (it) => {
        const community = decodeExtCommunity(it);
        if (community.kind === "raw") expect(encodeExtCommunity(community)).toEqual(it);
      }),
    );
    fc.assert(
      fc.property(routeTarget, (target: RouteTarget) => {
        expect(decodeExtCommunity(rtToOctets(target))).toEqual({ kind: "route-target", target });
      }),
    );
  });

  it("attributes: any set of known attributes, and an unknown one", () => {
    fc.assert(
      fc.property(pathAttributes, (attributes) => {
        const decoded = decodeAttributes(new Reader(encodeAttributes(attributes, INTERNAL)), INTERNAL);
        expect(decoded.faults).toEqual([]);
        expect(decoded.attributes).toEqual(attributes);
      }),
    );
  });

  it("as-path: through two-octet AS numbers with AS4_PATH -> the real path (RFC 6793 4.2.3)", () => {
    const context = { asOctets: 2, internal: true } as const;
    fc.assert(
      fc.property(asPath, (path) => {
        const encoded = encodeAttributes({ asPath: path, as4Path: path }, context);
        const { attributes } = decodeAttributes(new Reader(encoded), context);
        expect(mergeAs4Path(attributes.asPath ?? [], attributes.as4Path ?? [])).toEqual(path);
      }),
    );
  });

  it("open: any OPEN", () => {
    fc.assert(
      fc.property(openMessage, (open) => {
        expect(decodeOpen(encodeOpen(open))).toEqual(open);
      }),
    );
  });

  it("message: any message", () => {
    const message: fc.Arbitrary<Message> = fc.oneof(
      openMessage.map((open) => ({ type: "OPEN" as const, open })),
      fc.constant({ type: "KEEPALIVE" as const }),
      fc.record({
        type: fc.constant("ROUTE-REFRESH" as const),
        afi: fc.nat(0xffff),
        safi: fc.nat(255),
        subtype: fc.nat(255),
      }),
      fc
        .record({ code: fc.nat(255), subcode: fc.nat(255), data: octets(0, 40) })
        .map((notification) => ({ type: "NOTIFICATION" as const, notification })),
    );
    fc.assert(
      fc.property(message, (it) => {
        expect(decodeMessage(encodeMessage(it))).toEqual(it);
      }),
    );
  });
});

describe("decoders: any octets -> a value, never an exception", () => {
  const contexts = fc.record({ asOctets: fc.constantFrom(2 as const, 4 as const), internal: fc.boolean() });

  it("random octets", () => {
    fc.assert(
      fc.property(octets(0, 200), contexts, (it, context) => {
        decodeEvpnNlri(new Reader(it));
        decodeOpen(it);
        decodeUpdate(it, context);
        decodeAttributes(new Reader(it), context);
        const withHeader = Buffer.concat([Buffer.alloc(18, 0xff), Buffer.of(it[0] ?? 0), it]);
        decodeMessage(withHeader);
      }),
      { numRuns: 2000 },
    );
  });

  it("valid UPDATEs with octets changed, cut and repeated", () => {
    const edit = fc.record({ at: fc.nat(4000), octet: fc.nat(255) });
    fc.assert(
      fc.property(
        pathAttributes,
        fc.array(edit, { maxLength: 6 }),
        fc.nat(4000),
        contexts,
        (it, edits, cut, context) => {
          const body = encodeUpdate(it, INTERNAL);
          for (const { at, octet } of edits) body[at % body.length] = octet;
          decodeUpdate(body, context);
          decodeUpdate(body.subarray(0, cut % body.length), context);
          decodeUpdate(Buffer.concat([body, body]), context);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("valid OPENs with octets changed", () => {
    const edit = fc.record({ at: fc.nat(300), octet: fc.nat(255) });
    fc.assert(
      fc.property(openMessage, fc.array(edit, { minLength: 1, maxLength: 4 }), (open, edits) => {
        const body = encodeOpen(open);
        for (const { at, octet } of edits) body[at % body.length] = octet;
        decodeOpen(body);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("reader: confined to its octets", () => {
  it("a sub-reader that is asked for more than its part -> overrun, and not one octet of its parent", () => {
    fc.assert(
      fc.property(octets(1, 40), fc.nat(40), fc.nat(80), (it, part, wanted) => {
        const parent = new Reader(it);
        const sub = parent.sub(part);
        const view = sub.view(wanted);
        expect(view.length).toBe(part <= it.length && wanted <= part ? wanted : 0);
        expect(sub.overrun).toBe(wanted > (part <= it.length ? part : 0));
      }),
    );
  });
});

describe("framer: a byte stream cut anywhere -> the same messages", () => {
  it("any cuts of any messages", () => {
    const bodies = fc.array(pathAttributes, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }), (all, sizes) => {
        const messages = all.map((it) => encodeMessage({ type: "UPDATE", body: encodeUpdate(it, INTERNAL) }));
        const stream = Buffer.concat(messages);
        const framer = new Framer();
        const seen: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] as number;
          framer.push(
            stream.subarray(at, at + size),
            (octets) => {
              seen.push(octets.slice());
              return true;
            },
            ({ reason }) => expect.unreachable(reason),
          );
          at += size;
        }
        expect(seen).toEqual(messages.map((it) => new Uint8Array(it)));
      }),
      { numRuns: 60 },
    );
  });

  it("a bad header after a good message -> that message, one error, then silence (RFC 4271 6.1)", () => {
    const framer = new Framer();
    const keepalive = encodeMessage({ type: "KEEPALIVE" });
    const bad = keepalive.slice();
    bad[3] = 0;
    const events: string[] = [];
    const push = (octets: Uint8Array): void =>
      framer.push(
        octets,
        () => {
          events.push("message");
          return true;
        },
        ({ error }) => events.push(`error ${error.code}/${error.subcode}`),
      );
    push(Buffer.concat([keepalive, bad, keepalive]));
    push(keepalive);
    expect(events).toEqual(["message", "error 1/1"]);
  });
});
