// The lane of tenant routers: intent and the fabric in, VRFs, announcements and proof out.

import { describe, expect, it } from "vitest";
import { type ReceivedRoute, routeKey } from "../../../edge-agent/bgp/route.ts";
import { GATEWAY_MAC, routerMac } from "../../../edge-agent/dataplane/router-state.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { forwardingDigest, gatewayLine, hostRouteLine, prefixLine } from "../../../shared/message/forwarding.ts";
import type { Channel } from "../../../shared/model/record.ts";
import { ip, vni, VTEP } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";
import { channels, machine, OTHER, prefixRoute, routersWorld, TOR } from "./routers-world.ts";

describe("routers' lane", () => {
  it("intent alone -> VRF, gateway, a host route to the machine elsewhere; its own subnet is announced", async () => {
    const { start, routes, exported, kernel, lane } = routersWorld();
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
    const { start, lane, put, rerouted } = routersWorld();
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
    const { start, hear, routes, imports, lane, settle, exported } = routersWorld();
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
    const { start, lane, kernel, settle, hear } = routersWorld();
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
    const { start, lane } = routersWorld();
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
    const { start, lane, kernel, settle } = routersWorld();
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
    const { start, lane, put, intent } = routersWorld();
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
    const { start, lane, kernel, exported } = routersWorld({ vrf: false });
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
    const { start, lane, put, routes } = routersWorld({ complete: false });
    await start();
    await put("net:red", { ...channels["net:red"], "endpoint/b": machine("h2", 2, ["10.2.0.9"]) });
    expect((await routes()).map((each) => each.prefix).toSorted()).toEqual(["10.2.0.8/32", "10.2.0.9/32"]);
    await lane.close?.();
  });

  it("the router leaves the host, and nothing may be deleted yet -> the host's own channel says that it is still there", async () => {
    const { start, lane, put, intent } = routersWorld({ complete: false });
    await start();
    const problems = () => lane.channel?.("host:h1")?.problems;
    expect(problems()).toEqual([]);
    intent.channels.get("host:h1")?.records.delete("router/core");
    lane.intent?.(new Map([["host:h1", "whole"]]));
    expect(problems()).toEqual(["the routers of this host are still to be worked out"]);
    await put("host:h1", { host: channels["host:h1"]?.["host"], "network/blue": {} });
    expect(problems()).toEqual(["the router of L3 VNI 5000 is not this host's any more, and still in its kernel"]);
    await lane.close?.();
  });

  it("the router leaves the host -> VRF, routes and announcements go", async () => {
    const { start, lane, put, kernel, exported, rerouted } = routersWorld();
    await start();
    await put("host:h1", { host: channels["host:h1"]?.["host"], "network/blue": {} });
    expect((await kernel.dump()).routers).toEqual([]);
    expect(lane.channel?.("host:h1")?.problems).toEqual([]);
    expect(exported.size).toBe(0);
    expect(lane.routing("blue")).toBeUndefined();
    expect(rerouted.at(-1)).toBe("blue");
    await lane.close?.();
  });
});
