// Traces over facts, and as pictures.

import { describe, expect, it } from "vitest";
import type { End, Facts } from "../../cli/trace/facts.ts";
import { picture } from "../../cli/trace/picture.ts";
import { trace } from "../../cli/trace/trace.ts";
import { Endpoint, Host, Network, Router } from "../../shared/model/resource.ts";

const NOW_MS = Date.parse("2026-11-22T12:00:00.000Z");
const STAMPS = {
  version: 1,
  createdAt: "2026-11-22T11:00:00.000Z",
  updatedAt: "2026-11-22T11:00:00.000Z",
  change: "c",
};
const status = (secondsAgo: number, bgp = "Established"): NonNullable<End["host"]["status"]> => ({
  lastSeenAt: new Date(NOW_MS - secondsAgo * 1000).toISOString(),
  inSync: true,
  state: "in-sync",
  channels: [],
  agent: { version: "1", startedAtMs: 1, kernel: "6.1" },
  bgp: [{ peer: "192.0.2.1", asn: 65100, state: bgp, sinceMs: 1, routesIn: 1, routesOut: 1 }],
});

type Wish = {
  id: string;
  host: string;
  ips?: string[];
  isolated?: boolean;
  network?: object;
  site?: string;
  vtep?: string;
  seen?: number | null;
  bgp?: string;
  waiting?: string;
};

function end(wish: Wish): End {
  const { id, host, ips = [], isolated, network = {}, site = "fra", vtep, seen = 3, bgp, waiting } = wish;
  const net = Network.parse({
    id: "web",
    tenant: "acme",
    name: "Web",
    vni: 100,
    subnets: ["10.1.0.0/24"],
    ...network,
    ...STAMPS,
  });
  return {
    endpoint: Endpoint.parse({
      id,
      network: net.id,
      host,
      mac: `02:00:5e:10:00:0${id.at(-1)}`,
      ips,
      port: `tap${id.at(-1)}`,
      mobility: 0,
      ...(isolated === undefined ? {} : { isolated }),
      ...STAMPS,
    }),
    network: net,
    host: {
      ...Host.parse({ id: host, site, vtep: vtep ?? `192.0.2.1${host.at(-1)}`, ...STAMPS }),
      ...(seen === null ? {} : { status: status(seen, bgp) }),
    },
    convergence: {
      network: net.id,
      channel: `net:${net.id}`,
      seq: 7,
      converged: waiting === undefined,
      hosts: { total: 2, live: 1, waiting: waiting === undefined ? [] : [{ host, state: "behind", reason: waiting }] },
      items: [],
      summary: "",
    },
  };
}

const A: Wish = { id: "vm1", host: "h1", ips: ["10.1.0.11"] };
const B: Wish = { id: "vm2", host: "h2", ips: ["10.1.0.12"] };
const DB = { id: "db", vni: 200, subnets: ["10.2.0.0/24"], router: "core", gateways: ["10.2.0.1"] };
const WEB = { router: "core", gateways: ["10.1.0.1"] };
const CORE = Router.parse({ id: "core", tenant: "acme", name: "Core", vni: 500, ...STAMPS });

function traced(from: Wish, to: Wish): ReturnType<typeof trace> {
  const facts: Facts = { from: end(from), to: end(to), routers: new Map([["core", CORE]]), nowMs: NOW_MS };
  return trace(facts);
}

const plain = (_: string, text: string) => text;

describe("cli trace", () => {
  it("trace: two hosts of one network -> a picture of the way", () => {
    expect(picture(traced(A, B), plain)).toBe(`web/vm1   02:00:5e:10:00:01  10.1.0.11
  |
  v
host h1   site fra
  |  ok  port tap1
  |  ok  it reported 3 s ago
  |  ok  read back: its kernel has network web at step 7, as intended
  |  ok  ARP or ND for 10.1.0.12 is answered on h1 itself, from intent
  |  ok  fdb: 02:00:5e:10:00:02 is behind VTEP 192.0.2.12, VNI 100
  v
underlay  192.0.2.11 -> 192.0.2.12, VXLAN 100, UDP 4789
  |  --  nothing here sees the path inside the site: ping 192.0.2.12 from 192.0.2.11 to be sure
  v
host h2   site fra
  |  ok  it reported 3 s ago
  |  ok  read back: its kernel has network web at step 7, as intended
  |  ok  port tap2
  v
web/vm2   02:00:5e:10:00:02  10.1.0.12

should work
`);
  });

  const routedTo = { id: "vm3", host: "h3", site: "ams", ips: ["10.2.0.13"], network: DB };
  const cases: readonly [string, Wish, Wish, string, RegExp][] = [
    ["one host", A, { ...B, host: "h1" }, "should work", /is on this bridge: local/],
    [
      "other site, routed",
      { ...A, network: WEB },
      routedTo,
      "should work",
      /10\.2\.0\.13 is behind VTEP 192\.0\.2\.13, VNI 500/,
    ],
    [
      "routed, the gateway answers",
      { ...A, network: WEB },
      routedTo,
      "should work",
      /gateway 10\.1\.0\.1 is answered on h1/,
    ],
    ["no addresses", A, { ...B, ips: [] }, "should work", /flooded to every host of VNI 100/],
    ["BGP down", { ...A, bgp: "Active" }, B, "should work", /BGP to 192\.0\.2\.1 is Active/],
    [
      "isolated ports of one host",
      { ...A, isolated: true },
      { ...B, host: "h1", isolated: true },
      "broken",
      /both ports are isolated/,
    ],
    ["isolated ports of two hosts", { ...A, isolated: true }, { ...B, isolated: true }, "should work", /fdb/],
    ["no router", A, routedTo, "broken", /network web has no router/],
    [
      "target without router",
      { ...A, network: WEB },
      { ...routedTo, network: { ...DB, router: undefined } },
      "broken",
      /network db has no router/,
    ],
    ["other router", { ...A, network: { ...WEB, router: "edge" } }, routedTo, "broken", /they do not meet/],
    [
      "no gateway",
      { ...A, network: { ...WEB, gateways: [] } },
      routedTo,
      "broken",
      /no gateway in the subnet of 10\.1\.0\.11/,
    ],
    [
      "no way back",
      { ...A, network: WEB },
      { ...routedTo, network: { ...DB, gateways: [] } },
      "broken",
      /find no way back/,
    ],
    [
      "no common family",
      { ...A, network: WEB },
      { ...routedTo, ips: ["2001:db8::1"] },
      "broken",
      /no addresses of one family/,
    ],
    [
      "the source lags",
      { ...A, waiting: "at step 5 of 7" },
      B,
      "broken",
      /host h1: network web is not in its kernel.*at step 5 of 7/,
    ],
    ["the target's kernel differs", A, { ...B, waiting: "kernel differs" }, "broken", /host h2: .*kernel differs/],
    ["VTEPs of two families", A, { ...B, vtep: "2001:db8::2" }, "broken", /two VTEPs are of different families/],
    ["the target is offline", A, { ...B, seen: 600 }, "cannot tell", /host h2: it last reported 600 s ago/],
    ["a host that never reported", { ...A, seen: null }, B, "cannot tell", /host h1: it has never reported/],
  ];
  it.each(cases)("trace: %s -> the verdict and its reason", (_, from, to, verdict, words) => {
    const result = traced(from, to);
    expect(result.verdict).toBe(verdict);
    const text = picture(result, plain);
    expect(text).toMatch(words);
    if (verdict === "broken") expect(text).toContain("broken here because ");
  });
});
