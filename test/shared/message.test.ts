import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import {
  canonicalJson,
  type Digest,
  digestAdd,
  digestSubtract,
  digestSum,
  EMPTY_DIGEST,
  hashRecord,
  parseDigest,
} from "../../shared/message/digest.ts";
import { endpointLines, floodLine, forwardingDigest } from "../../shared/message/forwarding.ts";
import { decodeInbox, decodeJson, type InboxMessage } from "../../shared/message/inbox.ts";
import { Report } from "../../shared/message/report.ts";
import { SyncRequest } from "../../shared/message/sync.ts";
import { hostTopic, parseHostTopic } from "../../shared/message/topic.ts";
import { NewEndpoint, NewHost, NewNetwork } from "../../shared/model/resource.ts";

const encode = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const digest = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((n) => n.toString(16).padStart(16, "0") as Digest);

const entry = {
  channel: "net:blue",
  seq: 2,
  prev: 1,
  digest: "00000000000000aa",
  forwarding: "00000000000000bb",
  changes: [
    {
      key: "endpoint/e1",
      version: 3,
      body: { host: "h1", mac: "02:00:00:00:00:01", ips: ["10.0.0.1"], port: "tap1", mobility: 0 },
    },
  ],
};
const delta = { v: 1, host: "h1", kind: "delta", entries: [entry] };

describe("topics", () => {
  it("topics: format and parse are inverse", () => {
    expect(hostTopic("h1", "inbox")).toBe("overspan/v1/hosts/h1/inbox");
    expect(parseHostTopic("overspan/v1/hosts/h1/report")).toEqual({ host: "h1", lane: "report" });
  });

  it.each([
    "overspan/v1/hosts/+/inbox",
    "overspan/v1/hosts/#",
    "overspan/v1/hosts/h1/inbox/x",
    "overspan/v2/hosts/h1/inbox",
    "overspan/v1/hosts//sync",
    "overspan/v1/hosts/h1/other",
    "$SYS/broker",
  ])("topics: %j -> not one of ours", (topic) => {
    expect(parseHostTopic(topic)).toBeUndefined();
  });
});

describe("digests", () => {
  it("digests: sums do not depend on order, and subtraction undoes addition", () => {
    fc.assert(
      fc.property(fc.array(digest), digest, (parts, extra) => {
        const sum = digestSum(parts);
        expect(digestSum(parts.toReversed())).toBe(sum);
        expect(digestSubtract(digestAdd(sum, extra), extra)).toBe(sum);
        expect(parseDigest(sum)).toBe(sum);
      }),
    );
    expect(digestSum([])).toBe(EMPTY_DIGEST);
  });

  it("digests: key order and undefined members do not matter, any value does", () => {
    const hash = (body: unknown) => hashRecord({ key: "k", version: 1, body });
    expect(hash({ a: 1, b: [{ d: 1, c: 2 }] })).toBe(hash({ b: [{ c: 2, d: 1 }], a: 1, e: undefined }));
    expect(hash({ a: 1 })).not.toBe(hash({ a: 2 }));
    expect(hashRecord({ key: "k", version: 2, body: {} })).not.toBe(hash({}));
    expect(canonicalJson({ b: null, a: "x" })).toBe('{"a":"x","b":null}');
    expect(canonicalJson({ c: [["x", "y"], {}, [], 1] })).toBe('{"c":[["x","y"],{},[],1]}');
  });

  it("digests: a fixed record -> a fixed hash, since both sides must agree for ever", () => {
    expect(hashRecord({ key: "vtep/h1", version: 1, body: { site: "s1", address: "192.0.2.1", asns: [65001] } })).toBe(
      "6621434bcadd140a",
    );
  });

  it("forwarding: an endpoint -> one line for its MAC and one for each IP", () => {
    const mac = "02:00:00:00:00:01" as Mac;
    const vtep = "192.0.2.1" as IpAddress;
    const lines = endpointLines({ mac, ips: ["10.0.0.1" as IpAddress] }, vtep);
    expect(lines).toEqual(["mac 02:00:00:00:00:01 192.0.2.1", "ip 10.0.0.1 02:00:00:00:00:01"]);
    expect(forwardingDigest([...lines, floodLine(vtep)])).toBe(forwardingDigest([floodLine(vtep), ...lines]));
  });
});

describe("inbox", () => {
  it("inbox: a delta -> decoded", () => expect(decodeInbox(encode(delta))).toEqual(delta));

  it("inbox: fields from a later version -> ignored", () => {
    expect(decodeInbox(encode({ ...delta, later: true }))).toEqual(delta);
  });

  it("inbox: fields of a later version inside a record -> ignored, since an agent may be older than the cloud", () => {
    const peer = { address: "192.0.2.254", asn: 65001, later: 1 };
    const body = { site: "s1", vtep: "192.0.2.1", bgp: { asn: 65001, peers: [peer], later: 1 }, later: 1 };
    const changes = [{ key: "host", version: 1, body }];
    expect(decodeInbox(encode({ ...delta, entries: [{ ...entry, channel: "host:h1", changes }] })).kind).toBe("delta");
  });

  it.each([
    ["not JSON", "{", /not JSON/],
    ["not UTF-8", "\uD800", /./],
    ["unknown kind", { ...delta, kind: "other" }, /kind/],
    ["no object", "[]", /kind/],
    ["null", "null", /kind/],
    ["another protocol version", { ...delta, v: 9 }, /^v:/],
    ["bad channel", { ...delta, entries: [{ ...entry, channel: "net:../x" }] }, /channel/],
    ["bad digest", { ...delta, entries: [{ ...entry, digest: "zz" }] }, /digest/],
    ["negative seq", { ...delta, entries: [{ ...entry, seq: -1 }] }, /seq/],
    ["a record of another channel", { ...delta, entries: [{ ...entry, channel: "host:h1" }] }, /no such record/],
    [
      "a bad MAC",
      { ...delta, entries: [{ ...entry, changes: [{ key: "endpoint/e1", version: 1, body: { mac: "x" } }] }] },
      /./,
    ],
    [
      "a bad key",
      { ...delta, entries: [{ ...entry, changes: [{ key: "endpoint/", version: 1, body: null }] }] },
      /no such/,
    ],
  ])("inbox: %s -> malformed with the reason, no exception", (_, value, reason) => {
    const decoded = decodeInbox(encode(value));
    expect(decoded.kind).toBe("malformed");
    expect((decoded as { reason: string }).reason).toMatch(reason);
  });

  it("inbox: any octets -> never an exception", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => void decodeInbox(octets)));
    fc.assert(fc.property(fc.json(), (text) => void decodeInbox(encode(text))));
  });

  it("sync and report: malformed -> the field and the reason", () => {
    expect(decodeJson(encode({ v: 1, have: [{}] }), SyncRequest)).toMatchObject({
      reason: expect.stringMatching(/^have\.0/) as string,
    });
    expect(decodeJson(encode({ v: 1 }), Report)).toMatchObject({ kind: "malformed" });
    const typed: InboxMessage | { kind: "malformed" } = decodeInbox(encode(delta));
    expect(typed.kind).toBe("delta");
  });
});

describe("resources", () => {
  const endpoint = { host: "h1", mac: "02-00-00-00-00-0A", ips: ["2001:DB8::1"], port: "tap1" };

  it("resources: addresses come out canonical", () => {
    expect(NewEndpoint.parse(endpoint)).toMatchObject({ mac: "02:00:00:00:00:0a", ips: ["2001:db8::1"] });
  });

  it.each([
    ["a multicast MAC", { mac: "01:00:5e:00:00:01" }, /unicast/],
    ["the zero MAC", { mac: "00:00:00:00:00:00" }, /unicast/],
    ["an unknown field", { colour: "blue" }, /colour/],
    ["a port name too long", { port: "a".repeat(16) }, /interface name/],
    ["a port name with a slash", { port: "../x" }, /interface name/],
    ["the port name ..", { port: ".." }, /interface name/],
    ["a loopback address", { ips: ["127.0.0.1"] }, /unicast/],
  ])("resources: an endpoint with %s -> refused with the reason", (_, change, reason) => {
    const parsed = NewEndpoint.safeParse({ ...endpoint, ...change });
    expect(JSON.stringify(parsed.error?.issues)).toMatch(reason);
  });

  it.each(["fe80::1", "127.0.0.1", "::ffff:192.0.2.1", "239.0.0.1"])(
    "resources: a host with VTEP %s -> refused",
    (vtep) => {
      const parsed = NewHost.safeParse({ site: "s1", vtep });
      expect(parsed.error?.issues[0]?.path).toEqual(["vtep"]);
    },
  );

  it.each([0, 16777216, 1.5, -1])("resources: a network with VNI %d -> refused", (vni) => {
    const parsed = NewNetwork.safeParse({ tenant: "t", name: "n", vni });
    expect(parsed.error?.issues[0]?.path).toEqual(["vni"]);
  });
});
