// Requests that must be refused with a problem naming field and reason, and leave the table as it was. Run over the
// store in memory and over the real one. The table holds what `seed` makes.

import { describe, expect, test } from "vitest";
import { type ApiUnderTest, createApiUnderTest, expectProblem, seed, withoutRefusals } from "./api-under-test.ts";
import type { StoreUnderTest } from "../../contract/store.ts";

type Case = {
  fault: string;
  send: (api: ApiUnderTest) => ReturnType<ApiUnderTest["get"]>;
  status: number;
  /** The word of the problem's type. */
  kind: string;
  field?: string;
  reason: RegExp;
};

const endpoint = { host: "h1", mac: "02:00:00:00:00:02", port: "tap2" };
const network = { tenant: "acme", name: "Db", vni: 200 };
const host = { site: "fra", vtep: "192.0.2.9" };
const immutable = { status: 422, kind: "immutable-field" };
const invalid = { status: 422, kind: "invalid-fields" };

const postEndpoint = (more: object) => (api: ApiUnderTest) =>
  api.post("/v1/networks/web/endpoints", { ...endpoint, ...more });
const postNetwork = (more: object) => (api: ApiUnderTest) => api.post("/v1/networks", { ...network, ...more });
const postHost = (more: object) => (api: ApiUnderTest) => api.post("/v1/hosts", { ...host, ...more });
const patch = (path: string, body: unknown) => (api: ApiUnderTest) => api.patch(path, body);
const raw =
  (body: string, { type = "application/json", path = "/v1/tenants" } = {}) =>
  (api: ApiUnderTest) =>
    api.send("POST", path, { body, type });
const tricks: readonly [fault: string, path: string][] = [
  ["two dots, encoded", "/v1/networks/%2e%2e%2ftenants%2facme"],
  ["an encoded slash", "/v1/networks/web%2fendpoints%2fvm1"],
  ["an encoded NUL", "/v1/networks/web%00"],
  ["a slash too many", "/v1//networks/web"],
  ["a slash at the end", "/v1/networks/web/"],
  ["a path parameter", "/v1/networks/web;id=db"],
  ["an emoji", "/v1/networks/%F0%9F%92%A9"],
  ["half a UTF-8 sequence", "/v1/networks/%E0%A4"],
  ["half a percent code", "/v1/networks/%"],
  ["an id that is a member of every object", "/v1/networks/__proto__"],
  ["an encoded verb", "/v1/networks/web/endpoints/vm1%3Amove"],
  ["an id of ten thousand letters", `/v1/networks/${"a".repeat(10_000)}`],
];

const CASES: Case[] = [
  // Fields that do not parse.
  {
    fault: "unknown field",
    send: postNetwork({ colour: 1 }),
    ...invalid,
    field: "colour",
    reason: /not a known field/,
  },
  {
    fault: "unknown field inside",
    send: postHost({ bgp: { asn: 65001, peers: [], as: 1 } }),
    ...invalid,
    field: "bgp.as",
    reason: /not a known field/,
  },
  {
    fault: "member named constructor",
    send: raw('{"name":"x","constructor":{}}'),
    ...invalid,
    field: "constructor",
    reason: /not a known field/,
  },
  { fault: "VNI 0", send: postNetwork({ vni: 0 }), ...invalid, field: "vni", reason: /from 1 to 16777215/ },
  {
    fault: "VNI 16777216",
    send: postNetwork({ vni: 16777216 }),
    ...invalid,
    field: "vni",
    reason: /from 1 to 16777215/,
  },
  { fault: "VNI with a fraction", send: postNetwork({ vni: 1.5 }), ...invalid, field: "vni", reason: /whole number/ },
  { fault: "VNI as text", send: postNetwork({ vni: "5" }), ...invalid, field: "vni", reason: /a number, not a string/ },
  {
    fault: "number beyond doubles",
    send: (api) =>
      api.send("POST", "/v1/networks", { body: '{"tenant":"acme","name":"x","vni":1e999}', type: "application/json" }),
    ...invalid,
    field: "vni",
    reason: /not Infinity/,
  },
  {
    fault: "multicast MAC",
    send: postEndpoint({ mac: "01:00:5e:00:00:01" }),
    ...invalid,
    field: "mac",
    reason: /unicast/,
  },
  { fault: "zero MAC", send: postEndpoint({ mac: "00:00:00:00:00:00" }), ...invalid, field: "mac", reason: /unicast/ },
  {
    fault: "not a MAC",
    send: postEndpoint({ mac: "02:00:00" }),
    ...invalid,
    field: "mac",
    reason: /MAC address such as/,
  },
  {
    fault: "not an address",
    send: postEndpoint({ ips: ["10.0.0.256"] }),
    ...invalid,
    field: "ips.0",
    reason: /IPv4 or IPv6/,
  },
  {
    fault: "multicast address",
    send: postEndpoint({ ips: ["224.0.0.1"] }),
    ...invalid,
    field: "ips.0",
    reason: /unicast/,
  },
  {
    fault: "port name too long",
    send: postEndpoint({ port: "a".repeat(16) }),
    ...invalid,
    field: "port",
    reason: /15/,
  },
  {
    fault: "port name that nftables takes for a pattern",
    send: postEndpoint({ port: "tap*" }),
    ...invalid,
    field: "port",
    reason: /must not begin with @ or have \*/,
  },
  {
    fault: "prefix with host bits",
    send: postNetwork({ subnets: ["10.0.0.1/24"] }),
    ...invalid,
    field: "subnets.0",
    reason: /host bits/,
  },
  { fault: "id with capitals", send: postNetwork({ id: "Web" }), ...invalid, field: "id", reason: /lower-case/ },
  {
    fault: "name with half a surrogate pair",
    send: raw('{"name":"a\\ud800b"}'),
    ...invalid,
    field: "name",
    reason: /1 to 128 characters/,
  },
  {
    fault: "name with a line break",
    send: postNetwork({ name: "a\nb" }),
    ...invalid,
    field: "name",
    reason: /control/,
  },
  {
    fault: "missing field",
    send: (api) => api.post("/v1/networks", {}),
    ...invalid,
    field: "tenant",
    reason: /is required/,
  },
  { fault: "a list for an object", send: raw("[]"), ...invalid, reason: /an object, not an array/ },
  { fault: "null", send: raw("null"), ...invalid, reason: /an object, not null/ },
  {
    fault: "hold time 2",
    send: postHost({ bgp: { asn: 65001, peers: [{ address: "192.0.2.8", asn: 65000, holdTimeSec: 2 }] } }),
    ...invalid,
    field: "bgp.peers.0.holdTimeSec",
    reason: /RFC 4271/,
  },
  {
    fault: "multihop and GTSM for one peer",
    send: postHost({
      bgp: { asn: 65001, peers: [{ address: "192.0.2.8", asn: 65000, multihop: 4, ttlSecurityHops: 1 }] },
    }),
    ...invalid,
    field: "bgp.peers.0.ttlSecurityHops",
    reason: /exclude each other/,
  },
  {
    fault: "long-lived graceful restart in a family that is not offered",
    send: postHost({
      bgp: { asn: 65001, peers: [{ address: "192.0.2.8", asn: 65000, longLived: { families: ["ipv4-unicast"] } }] },
    }),
    ...invalid,
    field: "bgp.peers.0.longLived.families",
    reason: /families that the peer is offered/,
  },
  {
    fault: "one route distinguisher for two VNIs",
    send: postHost({
      bgp: {
        asn: 65001,
        peers: [],
        routeDistinguishers: [
          { vni: 100, rd: "65001:7" },
          { vni: 200, rd: "65001:7" },
        ],
      },
    }),
    ...invalid,
    field: "bgp.routeDistinguishers.1.rd",
    reason: /must not be given twice/,
  },
  {
    fault: "a route distinguisher whose number is too large for its type",
    send: postHost({ bgp: { asn: 65001, peers: [], routeDistinguishers: [{ vni: 100, rd: "192.0.2.1:65536" }] } }),
    ...invalid,
    field: "bgp.routeDistinguishers.0.rd",
    reason: /RFC 4364/,
  },
  {
    fault: "source address of another family than the peer's",
    send: postHost({
      bgp: { asn: 65001, peers: [{ address: "192.0.2.8", asn: 65000, sourceAddress: "2001:db8::1" }] },
    }),
    ...invalid,
    field: "bgp.peers.0.sourceAddress",
    reason: /family/,
  },
  {
    fault: "a link-local peer without its link",
    send: postHost({ bgp: { asn: 65001, peers: [{ address: "fe80::1", asn: 65000 }] } }),
    ...invalid,
    field: "bgp.peers.0.interface",
    reason: /link-local/,
  },
  {
    fault: "a link for an address that is not link-local",
    send: postHost({ bgp: { asn: 65001, peers: [{ address: "192.0.2.8", asn: 65000, interface: "eth0" }] } }),
    ...invalid,
    field: "bgp.peers.0.interface",
    reason: /link-local/,
  },
  {
    fault: "a peer with neither an address nor a link",
    send: postHost({ bgp: { asn: 65001, peers: [{ asn: "external" }] } }),
    ...invalid,
    field: "bgp.peers.0.address",
    reason: /interface/,
  },
  {
    fault: "many hops to a peer on a link",
    send: postHost({ bgp: { asn: 65001, peers: [{ interface: "eth0", asn: "external", multihop: 4 }] } }),
    ...invalid,
    field: "bgp.peers.0.multihop",
    reason: /one hop/,
  },
  {
    fault: "an AS that is neither a number nor external nor internal",
    send: postHost({ bgp: { asn: 65001, peers: [{ interface: "eth0", asn: "any" }] } }),
    ...invalid,
    field: "bgp.peers.0.asn",
    reason: /./,
  },
  {
    fault: "a TCP MD5 key, which is no business of the API",
    send: postHost({ bgp: { asn: 65001, peers: [{ address: "192.0.2.8", asn: 65000, md5Key: "secret" }] } }),
    ...invalid,
    field: "bgp.peers.0.md5Key",
    reason: /./,
  },
  {
    fault: "reserved ASN",
    send: postHost({ bgp: { asn: 23456, peers: [] } }),
    ...invalid,
    field: "bgp.asn",
    reason: /AS number/,
  },
  { fault: "limit 0", send: (api) => api.get("/v1/networks?limit=0"), ...invalid, field: "limit", reason: /1 to 200/ },
  {
    fault: "limit 201",
    send: (api) => api.get("/v1/networks?limit=201"),
    ...invalid,
    field: "limit",
    reason: /1 to 200/,
  },
  {
    fault: "unknown query parameter",
    send: (api) => api.get("/v1/networks?page=2"),
    ...invalid,
    field: "page",
    reason: /not a known field/,
  },
  {
    fault: "made-up cursor",
    send: (api) => api.get("/v1/networks?cursor=AAAA"),
    ...invalid,
    field: "cursor",
    reason: /not a cursor/,
  },
  // Fields that cannot be changed.
  {
    fault: "VNI changed",
    send: patch("/v1/networks/web", { vni: 101 }),
    ...immutable,
    field: "vni",
    reason: /cannot be changed/,
  },
  {
    fault: "tenant changed",
    send: patch("/v1/networks/web", { tenant: "b" }),
    ...immutable,
    field: "tenant",
    reason: /cannot be changed/,
  },
  {
    fault: "VTEP changed",
    send: patch("/v1/hosts/h1", { vtep: "192.0.2.7" }),
    ...immutable,
    field: "vtep",
    reason: /cannot be changed/,
  },
  {
    fault: "MAC changed",
    send: patch("/v1/networks/web/endpoints/vm1", { mac: "02:00:00:00:00:09" }),
    ...immutable,
    field: "mac",
    reason: /cannot be changed/,
  },
  {
    fault: "host changed by a patch",
    send: patch("/v1/networks/web/endpoints/vm1", { host: "h2" }),
    ...immutable,
    field: "host",
    reason: /move/,
  },
  {
    fault: "version changed",
    send: patch("/v1/tenants/acme", { version: 9 }),
    ...immutable,
    field: "version",
    reason: /cannot be changed/,
  },
  {
    fault: "name removed where it is required",
    send: patch("/v1/tenants/acme", { name: null }),
    ...invalid,
    field: "name",
    reason: /a string, not null/,
  },
  // Rules over fields.
  {
    fault: "address outside the subnets",
    send: postEndpoint({ ips: ["10.0.0.9", "10.9.0.1"] }),
    status: 422,
    kind: "ip-outside-subnets",
    field: "ips.1",
    reason: /10\.9\.0\.1 is outside .*10\.0\.0\.0\/24/,
  },
  {
    fault: "network address",
    send: postEndpoint({ ips: ["10.0.0.0"] }),
    status: 422,
    kind: "ip-reserved",
    field: "ips.0",
    reason: /network address/,
  },
  {
    fault: "broadcast address",
    send: postEndpoint({ ips: ["10.0.0.255"] }),
    status: 422,
    kind: "ip-reserved",
    field: "ips.0",
    reason: /broadcast address/,
  },
  {
    fault: "address given twice",
    send: postEndpoint({ ips: ["2001:db8::9", "2001:DB8:0::9"] }),
    status: 422,
    kind: "duplicate",
    field: "ips.1",
    reason: /twice/,
  },
  {
    fault: "overlapping subnets",
    send: postNetwork({ subnets: ["10.0.0.0/8", "10.1.0.0/16"] }),
    status: 422,
    kind: "subnets-overlap",
    field: "subnets.1",
    reason: /overlaps 10\.0\.0\.0\/8/,
  },
  {
    fault: "subnet change that strands an endpoint",
    send: patch("/v1/networks/web", { subnets: ["10.0.1.0/24"] }),
    status: 409,
    kind: "subnet-change-strands-endpoints",
    field: "subnets",
    reason: /2 addresses.*vm1/,
  },
  {
    fault: "BGP over an IPv6 VTEP without a router id",
    send: postHost({ vtep: "2001:db8::9", bgp: { asn: 65001, peers: [] } }),
    status: 422,
    kind: "router-id-needed",
    field: "bgp.routerId",
    reason: /required/,
  },
  {
    fault: "patch that leaves BGP without an ASN",
    send: patch("/v1/hosts/h1", { bgp: { peers: [] } }),
    status: 422,
    kind: "required",
    field: "bgp.asn",
    reason: /required/,
  },
  {
    fault: "peer given twice",
    send: postHost({
      bgp: {
        asn: 65001,
        peers: [
          { address: "192.0.2.8", asn: 1 },
          { address: "192.0.2.8", asn: 2 },
        ],
      },
    }),
    status: 422,
    kind: "duplicate",
    field: "bgp.peers.1.address",
    reason: /twice/,
  },
  // References.
  {
    fault: "host that does not exist",
    send: postEndpoint({ host: "h9" }),
    status: 422,
    kind: "no-such",
    field: "host",
    reason: /host that does not exist: h9/,
  },
  {
    fault: "tenant that does not exist",
    send: postNetwork({ tenant: "none" }),
    status: 422,
    kind: "no-such",
    field: "tenant",
    reason: /does not exist: none/,
  },
  {
    fault: "site that does not exist",
    send: postHost({ site: "none" }),
    status: 422,
    kind: "no-such",
    field: "site",
    reason: /does not exist: none/,
  },
  {
    fault: "move to a host that does not exist",
    send: (api) => api.post("/v1/networks/web/endpoints/vm1:move", { host: "h9" }),
    status: 422,
    kind: "no-such",
    field: "host",
    reason: /h9/,
  },
  {
    fault: "network in the path that does not exist",
    send: (api) => api.post("/v1/networks/none/endpoints", endpoint),
    status: 404,
    kind: "not-found",
    reason: /no network none/,
  },
  {
    fault: "endpoint that does not exist",
    send: (api) => api.delete("/v1/networks/web/endpoints/none"),
    status: 404,
    kind: "not-found",
    reason: /no endpoint none of network web/,
  },
  {
    fault: "list of a network that does not exist",
    send: (api) => api.get("/v1/networks/none/endpoints"),
    status: 404,
    kind: "not-found",
    reason: /no network none/,
  },
  // Taken.
  {
    fault: "id taken",
    send: postNetwork({ id: "web" }),
    status: 409,
    kind: "id-taken",
    field: "id",
    reason: /is taken: there is a network web/,
  },
  {
    fault: "VNI taken",
    send: postNetwork({ vni: 100 }),
    status: 409,
    kind: "vni-taken",
    field: "vni",
    reason: /100 is taken by network web/,
  },
  {
    fault: "VTEP taken",
    send: postHost({ vtep: "192.0.2.1" }),
    status: 409,
    kind: "vtep-taken",
    field: "vtep",
    reason: /192\.0\.2\.1 is taken by host h1/,
  },
  {
    fault: "MAC taken",
    send: postEndpoint({ mac: "02-00-00-00-00-01" }),
    status: 409,
    kind: "mac-taken",
    field: "mac",
    reason: /taken in this network by endpoint vm1/,
  },
  {
    fault: "address taken",
    send: postEndpoint({ ips: ["10.0.0.11"] }),
    status: 409,
    kind: "ip-taken",
    field: "ips",
    reason: /10\.0\.0\.11 is taken in this network by endpoint vm1/,
  },
  // Not empty.
  {
    fault: "network with endpoints deleted",
    send: (api) => api.delete("/v1/networks/web"),
    status: 409,
    kind: "not-empty",
    reason: /network web still has 1 endpoint/,
  },
  {
    fault: "host with endpoints deleted",
    send: (api) => api.delete("/v1/hosts/h1"),
    status: 409,
    kind: "not-empty",
    reason: /host h1 still has 1 endpoint/,
  },
  {
    fault: "tenant with networks deleted",
    send: (api) => api.delete("/v1/tenants/acme"),
    status: 409,
    kind: "not-empty",
    reason: /tenant acme still has 1 network/,
  },
  {
    fault: "site with hosts deleted",
    send: (api) => api.delete("/v1/sites/fra"),
    status: 409,
    kind: "not-empty",
    reason: /site fra still has 1 host/,
  },
  // Bodies.
  { fault: "malformed JSON", send: raw('{"name":'), status: 400, kind: "malformed-json", reason: /not JSON/ },
  { fault: "no body", send: raw(""), status: 400, kind: "malformed-json", reason: /not JSON/ },
  {
    fault: "member named __proto__",
    send: raw('{"name":"x","__proto__":{"id":"y"}}'),
    status: 400,
    kind: "malformed-json",
    reason: /__proto__/,
  },
  {
    fault: "nested a hundred thousand deep",
    send: raw(`${"[".repeat(100_000)}${"]".repeat(100_000)}`),
    status: 400,
    kind: "malformed-json",
    reason: /deep/,
  },
  {
    fault: "larger than 1 MB",
    send: raw(`{"name":"${"x".repeat(1024 * 1024)}"}`),
    status: 413,
    kind: "too-large",
    reason: /1048576/,
  },
  {
    fault: "a million octets of junk",
    send: raw('\u0001{"\\ud800['.repeat(100_000)),
    status: 400,
    kind: "malformed-json",
    reason: /not JSON/,
  },
  {
    fault: "a million digits for a number",
    send: raw(`{"tenant":"acme","name":"Db","vni":${"9".repeat(1_000_000)}}`, { path: "/v1/networks" }),
    ...invalid,
    field: "vni",
    reason: /./,
  },
  {
    fault: "a form",
    send: raw("name=x", { type: "application/x-www-form-urlencoded" }),
    status: 415,
    kind: "media-type",
    reason: /application\/json/,
  },
  {
    fault: "JSON by a name that only looks like it",
    send: raw("{}", { type: "application/jsonp" }),
    status: 415,
    kind: "media-type",
    reason: /application\/json/,
  },
  {
    fault: "merge patch type at a creation",
    send: raw("{}", { type: "application/merge-patch+json" }),
    status: 415,
    kind: "media-type",
    reason: /application\/json/,
  },
  // Paths.
  ...tricks.map(([fault, path]) => ({
    fault,
    send: (api: ApiUnderTest) => api.get(path),
    status: 404,
    kind: "not-found",
    reason: /nothing at/,
  })),
  {
    fault: "unknown path",
    send: (api) => api.get("/v2/networks"),
    status: 404,
    kind: "not-found",
    reason: /nothing at \/v2/,
  },
  {
    fault: "id that cannot be",
    send: (api) => api.get("/v1/networks/Web"),
    status: 404,
    kind: "not-found",
    reason: /nothing at/,
  },
  {
    fault: "unknown verb",
    send: (api) => api.post("/v1/networks/web/endpoints/vm1:clone", {}),
    status: 404,
    kind: "not-found",
    reason: /nothing at/,
  },
  {
    fault: "wrong method",
    send: (api) => api.send("PUT", "/v1/networks"),
    status: 405,
    kind: "method",
    reason: /PUT is not allowed/,
  },
  {
    fault: "verb by GET",
    send: (api) => api.get("/v1/networks/web/endpoints/vm1:move"),
    status: 405,
    kind: "method",
    reason: /only POST/,
  },
];

/** `open` is called once; every case leaves the table as it was, so they share it. */
export function badInputSuite(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`bad input: ${name}`, () => {
    let ready: Promise<StoreUnderTest & { api: ApiUnderTest }> | undefined;
    const setUp = () => {
      ready ??= open().then(async (under) => {
        const api = createApiUnderTest(under.store);
        await seed(api);
        return { ...under, api };
      });
      return ready;
    };

    test.each(CASES)("$fault -> $status $kind, nothing written", async ({ send, status, kind, field, reason }) => {
      const { api, dump } = await setUp();
      const before = withoutRefusals(await dump());
      const problem = expectProblem(await send(api), status);
      expect(problem.type).toBe(`urn:overspan:problem:${kind}`);
      expect(problem.field).toBe(field);
      expect(problem.reason).toMatch(reason);
      if (field !== undefined) expect(problem.errors?.map((error) => error.field)).toContain(field);
      expect(withoutRefusals(await dump())).toBe(before);
      expect(api.logs).toEqual([]);
    });
  });
}
