// The lane of tenant routers on a clock that stands still, over the kernel in memory: intent and the fabric in, VRFs,
// announcements and proof out.

import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type ExportedRoute, type ReceivedRoute, routeKey, ZERO_ESI } from "../../../edge-agent/bgp/route.ts";
import type { Speaker } from "../../../edge-agent/bgp/speaker.ts";
import { createMemoryRouters } from "../../../edge-agent/dataplane/memory-routers.ts";
import { GATEWAY_MAC, routerMac } from "../../../edge-agent/dataplane/router-state.ts";
import { bridgeName } from "../../../edge-agent/dataplane/state.ts";
import { createIntent } from "../../../edge-agent/intent/intent.ts";
import { createPace } from "../../../edge-agent/lane/pace.ts";
import { createRoutersLane } from "../../../edge-agent/lane/routers.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import type { ImportTarget, RouteTarget } from "../../../shared/address/rt.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { forwardingDigest, gatewayLine, hostRouteLine, prefixLine } from "../../../shared/message/forwarding.ts";
import type { Channel, RecordBody } from "../../../shared/model/record.ts";
import { ip, vni, VTEP } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";
import { FakeClock } from "../bgp/fake-network.ts";
import { macRoute } from "../evpn/fabric-routes.ts";

const OTHER = ip("192.0.2.2");
const TOR = ip("192.0.2.254");
const BLUE = vni(101);

const bgp = { asn: 65001, peers: [{ address: TOR, asn: 65001 }] };
const member = (address: string) => ({ site: "a", address, asns: [65001] });
const machine = (host: string, last: number, ips: string[]) => ({
  host,
  mac: `02:00:00:00:00:0${last}`,
  ips,
  port: `tap${last}`,
  mobility: 0,
});

/** Router core with blue, of which a machine is here, and red, of which one is elsewhere. */
const channels: Record<string, Record<string, unknown>> = {
  "host:h1": {
    host: { site: "a", vtep: VTEP, bgp },
    "network/blue": {},
    "network/red": { routed: true },
    "router/core": {},
  },
  "rtr:core": { router: { tenant: "acme", name: "core", vni: 5000 }, "network/blue": {}, "network/red": {} },
  "net:blue": {
    network: {
      tenant: "acme",
      name: "blue",
      vni: 101,
      subnets: ["10.1.0.0/24"],
      router: "core",
      gateways: ["10.1.0.1"],
    },
    "vtep/h1": member(VTEP),
    "endpoint/a": machine("h1", 1, ["10.1.0.7"]),
  },
  "net:red": {
    network: {
      tenant: "acme",
      name: "red",
      vni: 102,
      subnets: ["10.2.0.0/24"],
      router: "core",
      gateways: ["10.2.0.1"],
    },
    "vtep/h2": member(OTHER),
    "endpoint/b": machine("h2", 2, ["10.2.0.8"]),
  },
};

function world(options: { vrf?: boolean; complete?: boolean } = {}) {
  const clock = new FakeClock();
  const warned: string[] = [];
  const diary = createDiary(clock.wallMs, (line) => void warned.push(line));
  const intent = createIntent("h1", []);
  const exported = new Map<string, ExportedRoute>();
  const imports = new Set<ImportTarget>();
  const rerouted: string[] = [];
  const bridges = [{ vni: BLUE, name: bridgeName(BLUE), up: true }];
  const kernel = createMemoryRouters({ bridges: () => bridges, vtep: VTEP });
  const speaker: Pick<Speaker, "changeExports"> = {
    changeExports: (changes) => {
      for (const { key, route } of changes) {
        if (route) exported.set(key, route);
        else exported.delete(key);
      }
    },
  };
  const vrf = options.vrf ?? true;
  const lane = createRoutersLane(
    {
      clock,
      diary,
      intent,
      speaker: speaker as Speaker,
      pace: createPace(clock, () => undefined),
      setImports: (_, targets) => {
        imports.clear();
        for (const target of targets) imports.add(target);
      },
      trust: () => ({ inSync: options.complete ?? true }),
      reportChanged: () => undefined,
    },
    {
      kernel: vrf ? kernel : undefined,
      support: vrf ? { vrf: true } : { vrf: false, reason: "Unknown device type" },
      compareEveryMs: 30_000,
      onRouting: (network) => void rerouted.push(network),
    },
  );
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 12; turn++) {
      clock.advance(20, () => undefined);
      await setImmediate();
    }
  };
  const put = async (channel: string, records: Record<string, unknown>): Promise<void> => {
    const held = Object.entries(records).map(([key, raw]) => {
      const body = raw as RecordBody;
      return [key, { version: 1, raw: body, body, hash: EMPTY_DIGEST }] as const;
    });
    const digests = { digest: EMPTY_DIGEST, forwarding: EMPTY_DIGEST };
    intent.channels.set(channel as Channel, {
      channel: channel as Channel,
      seq: 1,
      ...digests,
      records: new Map(held),
    });
    lane.intent?.(new Map([[channel as Channel, "whole"]]));
    await settle();
  };
  const start = async (more: typeof channels = {}): Promise<void> => {
    for (const [channel, records] of Object.entries({ ...channels, ...more })) await put(channel, records);
  };
  const hear = async (...routes: ReceivedRoute[]): Promise<void> => {
    lane.routes?.(routes.map((after) => ({ peer: after.peer, key: routeKey(after.nlri), after })));
    await settle();
  };
  const routes = async () => (await kernel.dump()).routers[0]?.routes.filter((each) => each.type === "unicast") ?? [];
  return { lane, kernel, exported, imports, rerouted, warned, put, start, hear, routes, settle, intent };
}

/** RT-5 of the ToR. */
function prefixRoute(to: string, target = "65001:5000"): ReceivedRoute {
  const { nlri, ...path } = macRoute(1, TOR, { routerMac: routerMac(TOR), routeTargets: [target as RouteTarget] });
  const shared = { rd: nlri.rd, esi: ZERO_ESI, ethernetTag: 0, vni: vni(5000) };
  return { ...path, nlri: { type: "ip-prefix", ...shared, prefix: prefix(to), gateway: ip("0.0.0.0") } };
}

describe("routers' lane", () => {
  it("intent alone -> VRF, gateway, a host route to the machine elsewhere; its own subnet is announced", async () => {
    const { start, routes, exported, kernel, lane } = world();
    await start();
    expect(await routes()).toMatchObject([
      { prefix: "10.2.0.8/32", hops: [{ device: "ovx5000", via: OTHER }], ours: true },
    ]);
    expect((await kernel.dump()).bridges[0]).toMatchObject({
      master: "ovr5000",
      addresses: [{ ip: "10.1.0.1", length: 24 }],
    });
    expect([...exported.values()]).toMatchObject([
      {
        nextHop: VTEP,
        routerMac: routerMac(VTEP),
        routeTargets: ["65001:5000"],
        nlri: { type: "ip-prefix", prefix: "10.1.0.0/24" },
      },
    ]);
    await lane.close?.();
  });

  it("what it adds to a network -> gateway MAC, L3 label and targets; only where machines of it are here; stable", async () => {
    const { start, lane, put, rerouted } = world();
    await start();
    expect(lane.routing("blue")).toEqual({
      bridgeMac: GATEWAY_MAC,
      routed: { vni: 5000, routerMac: routerMac(VTEP), routeTargets: ["65001:5000"] },
    });
    expect(lane.routing("red")).toBeUndefined();
    const before = lane.routing("blue");
    const told = rerouted.length;
    await put("net:blue", { ...channels["net:blue"], "endpoint/c": machine("h1", 3, ["10.1.0.9"]) });
    expect(lane.routing("blue")).toBe(before);
    expect(rerouted).toHaveLength(told);
    await lane.close?.();
  });

  it("the fabric's prefixes -> imported by the router's target alone, and gone with their routes", async () => {
    const { start, hear, routes, imports, lane, settle, exported } = world();
    await start();
    expect([...imports]).toContain("65001:5000");
    const route = prefixRoute("0.0.0.0/0");
    await hear(route, prefixRoute("172.16.0.0/12", "65001:9"));
    expect((await routes()).map((each) => each.prefix).toSorted()).toEqual(["0.0.0.0/0", "10.2.0.8/32"]);
    // Nobody's transit.
    expect(exported.size).toBe(1);
    lane.routes?.([{ peer: route.peer, key: routeKey(route.nlri), before: route, after: undefined }]);
    await settle();
    expect((await routes()).map((each) => each.prefix)).toEqual(["10.2.0.8/32"]);
    await lane.close?.();
  });

  it("a ToR that knows the router by another L3 VNI -> frames go with that one; by two -> one, and the rest is told", async () => {
    const { start, lane, kernel, settle, hear } = world();
    await start();
    const labelled = (to: string, label: number): ReceivedRoute => {
      const route = prefixRoute(to);
      return { ...route, nlri: { ...route.nlri, vni: vni(label) } as ReceivedRoute["nlri"] };
    };
    await hear(labelled("10.9.0.0/16", 7000));
    await settle();
    const entries = async () => (await kernel.dump()).routers[0]?.entries;
    expect(await entries()).toContainEqual({ vtep: TOR, mac: routerMac(TOR), vni: 7000 });
    await hear(labelled("10.8.0.0/16", 7001));
    await settle();
    expect(await entries()).toContainEqual({ vtep: TOR, mac: routerMac(TOR), vni: 7000 });
    expect(lane.channel?.("rtr:core")?.problems).toEqual([expect.stringMatching(/10\.8\.0\.0\/16 .* L3 VNI 7001/)]);
    await lane.close?.();
  });

  it("proof -> host lines of what is only routed to, gateway lines of what is here, prefix lines of the router", async () => {
    const { start, lane } = world();
    const statics = { "prefix/p1": { prefix: "10.9.0.0/16", nextHop: "10.1.0.7" } };
    await start({ "rtr:core": { ...channels["rtr:core"], ...statics } });
    const proven = (channel: Channel) => lane.channel?.(channel)?.kernel;
    expect(proven("net:red")).toBe(forwardingDigest([hostRouteLine(ip("10.2.0.8"), OTHER)]));
    expect(proven("net:blue")).toBe(forwardingDigest([gatewayLine(ip("10.1.0.1"))]));
    expect(proven("rtr:core")).toBe(forwardingDigest([prefixLine(prefix("10.9.0.0/16"), ip("10.1.0.7"))]));
    expect(proven("net:other")).toBeUndefined();
    expect(lane.channel?.("rtr:core")?.problems).toEqual([]);
    await lane.close?.();
  });

  it("proof -> what the kernel lacks or has too much is missed", async () => {
    const { start, lane, kernel, settle } = world();
    await start();
    kernel.setFault((op) => (op.kind === "replace-route" ? "ENOBUFS" : undefined));
    const [route] = (await kernel.dump()).routers[0]?.routes.filter((each) => each.prefix === "10.2.0.8/32") ?? [];
    if (!route) throw new Error("no route was made");
    kernel.tamper({ kind: "delete-route", vni: vni(5000), table: 1_300_005_000, route });
    await settle();
    expect(lane.channel?.("net:red")?.kernel).toBe(EMPTY_DIGEST);
    expect(lane.channel?.("rtr:core")?.problems).toEqual([expect.stringContaining("refused replace-route: ENOBUFS")]);
    await lane.close?.();
  });

  it("a next hop that nobody has, a network not held, a gateway outside its subnets -> said", async () => {
    const { start, lane, put, intent } = world();
    const blue = { ...(channels["net:blue"]?.["network"] as object), gateways: ["10.1.0.1", "10.7.0.1"] };
    await start({
      "rtr:core": { ...channels["rtr:core"], "prefix/p1": { prefix: "10.9.0.0/16", nextHop: "10.2.0.99" } },
      "net:blue": { ...channels["net:blue"], network: blue },
    });
    intent.channels.delete("net:red");
    await put("host:h1", channels["host:h1"] ?? {});
    lane.intent?.(new Map([["net:red", "whole"]]));
    await put("rtr:core", { ...channels["rtr:core"], "prefix/p1": { prefix: "10.9.0.0/16", nextHop: "10.2.0.99" } });
    expect(lane.channel?.("rtr:core")?.problems).toEqual([
      "network red is not held yet",
      "gateway 10.7.0.1 is in no subnet of blue",
      "prefix 10.9.0.0/16: no machine has the next hop 10.2.0.99",
    ]);
    await lane.close?.();
  });

  it("a kernel without VRF -> nothing is made or announced, and every channel of it says why", async () => {
    const { start, lane, kernel, exported } = world({ vrf: false });
    await start();
    expect(kernel.writes()).toBe(0);
    expect(exported.size).toBe(0);
    expect(lane.routing("blue")).toBeUndefined();
    for (const channel of ["rtr:core", "net:blue", "net:red"] as const) {
      expect(lane.channel?.(channel)?.problems).toEqual(["kernel has no VRF: Unknown device type"]);
    }
    await lane.close?.();
  });

  it("not complete -> routes are added, none is taken away", async () => {
    const { start, lane, put, routes } = world({ complete: false });
    await start();
    await put("net:red", { ...channels["net:red"], "endpoint/b": machine("h2", 2, ["10.2.0.9"]) });
    expect((await routes()).map((each) => each.prefix).toSorted()).toEqual(["10.2.0.8/32", "10.2.0.9/32"]);
    await lane.close?.();
  });

  it("the router leaves the host -> VRF, routes and announcements go", async () => {
    const { start, lane, put, kernel, exported, rerouted } = world();
    await start();
    await put("host:h1", { host: channels["host:h1"]?.["host"], "network/blue": {} });
    expect((await kernel.dump()).routers).toEqual([]);
    expect(exported.size).toBe(0);
    expect(lane.routing("blue")).toBeUndefined();
    expect(rerouted.at(-1)).toBe("blue");
    await lane.close?.();
  });
});
