// The lane of tenant routers on a clock that stands still, over the kernel in memory, and a host's intent of one router. Not a
// test by itself.

import { setImmediate } from "node:timers/promises";
import { type ExportedRoute, type ReceivedRoute, routeKey, ZERO_ESI } from "../../../edge-agent/bgp/route.ts";
import type { Speaker } from "../../../edge-agent/bgp/speaker.ts";
import { createMemoryRouters } from "../../../edge-agent/dataplane/memory-routers.ts";
import { routerMac } from "../../../edge-agent/dataplane/router-state.ts";
import { bridgeName } from "../../../edge-agent/dataplane/state.ts";
import { createIntent } from "../../../edge-agent/intent/intent.ts";
import { createPace } from "../../../edge-agent/lane/pace.ts";
import { createRoutersLane } from "../../../edge-agent/lane/routers.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import type { ImportTarget, RouteTarget } from "../../../shared/address/rt.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import type { Channel, RecordBody } from "../../../shared/model/record.ts";
import { ip, vni, VTEP } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";
import { FakeClock } from "../bgp/fake-network.ts";
import { macRoute } from "../evpn/fabric-routes.ts";

export const OTHER = ip("192.0.2.2");
export const TOR = ip("192.0.2.254");
const BLUE = vni(101);

const bgp = { asn: 65001, peers: [{ address: TOR, asn: 65001 }] };
export const member = (address: string) => ({ site: "a", address, asns: [65001] });
export const machine = (host: string, last: number, ips: string[]) => ({
  host,
  mac: `02:00:00:00:00:0${last}`,
  ips,
  port: `tap${last}`,
  mobility: 0,
});

/** Router core with blue, of which a machine is here, and red, of which one is elsewhere. */
export const channels: Record<string, Record<string, unknown>> = {
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

export function routersWorld(options: { vrf?: boolean; complete?: boolean } = {}) {
  const clock = new FakeClock();
  const warned: string[] = [];
  const diary = createDiary(clock.wallMs, (line) => void warned.push(line));
  const intent = createIntent("h1", []);
  const exported = new Map<string, ExportedRoute>();
  const imports = new Set<ImportTarget>();
  const rerouted: string[] = [];
  const seen = new Map<string, ReceivedRoute>();
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
  /** Time passes. */
  const wait = (ms: number): void => clock.advance(ms, () => undefined);
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
  /** The fabric announces this and nothing else. */
  const sees = async (...now: ReceivedRoute[]): Promise<void> => {
    const keyOf = (route: ReceivedRoute) => `${route.peer} ${routeKey(route.nlri)}`;
    const keys = new Set(now.map(keyOf));
    const gone = [...seen.values()].filter((route) => !keys.has(keyOf(route)));
    seen.clear();
    for (const route of now) seen.set(keyOf(route), route);
    lane.routes?.(gone.map((before) => ({ peer: before.peer, key: routeKey(before.nlri), before })));
    await hear(...now);
  };
  const routes = async () => (await kernel.dump()).routers[0]?.routes.filter((each) => each.type === "unicast") ?? [];
  return { lane, kernel, exported, imports, rerouted, warned, put, start, hear, sees, routes, settle, wait, intent };
}

/** RT-5 of the ToR. */
export function prefixRoute(to: string, target = "65001:5000"): ReceivedRoute {
  const { nlri, ...path } = macRoute(1, TOR, { routerMac: routerMac(TOR), routeTargets: [target as RouteTarget] });
  const shared = { rd: nlri.rd, esi: ZERO_ESI, ethernetTag: 0, vni: vni(5000) };
  return { ...path, nlri: { type: "ip-prefix", ...shared, prefix: prefix(to), gateway: ip("0.0.0.0") } };
}
