// What the listener is told of routes, against what the speaker shows of them: with the changes alone, a consumer has at
// any time the very table that the speaker holds.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ipv4 } from "../../../shared/address/ip.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import { peerKeyOf, type ReceivedRoute, type RouteChange, routeKey } from "../../../edge-agent/bgp/route.ts";
import { encodeMessage, type Message } from "../../../edge-agent/bgp/wire/message.ts";
import {
  announcement,
  CAPABILITIES,
  END_OF_RIB,
  exportOf,
  macRoute,
  OURS,
  Scene,
  TARGET,
  told,
  withdrawal,
} from "./scripted-peer.ts";

const OTHER_TARGET = "65000:200" as RouteTarget;
const SECOND_PEER = "192.0.2.7" as Ipv4;
const RESTARTING = [
  ...CAPABILITIES,
  {
    kind: "graceful-restart",
    restarted: false,
    notification: true,
    restartTimeSec: 60,
    families: [{ afi: 25, safi: 70, preserved: true }],
  } as const,
  { kind: "enhanced-route-refresh" } as const,
];

/** A consumer that only ever hears changes. */
function follower() {
  const table = new Map<string, ReceivedRoute>();
  const batches: number[] = [];
  return {
    table,
    batches,
    apply: (changes: readonly RouteChange[]): void => {
      batches.push(changes.length);
      for (const { peer, key, before, after } of changes) {
        const id = `${peer} ${key}`;
        expect(table.get(id)).toBe(before);
        expect(routeKey((after ?? before)?.nlri as ReceivedRoute["nlri"])).toBe(key);
        if (after) table.set(id, after);
        else table.delete(id);
      }
    },
  };
}

function tableOf(scene: Scene): Map<string, ReceivedRoute> {
  return new Map(scene.speaker.ribIn().map((route) => [`${route.peer} ${routeKey(route.nlri)}`, route]));
}

const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(5), fc.nat(2)).map(([n, med]) => announcement([macRoute(n)], { med })) },
  { weight: 2, arbitrary: fc.nat(5).map((n) => withdrawal([macRoute(n)])) },
  { weight: 1, arbitrary: fc.nat(5).map((n) => announcement([macRoute(n)], { targets: [OTHER_TARGET] })) },
  { weight: 1, arbitrary: fc.nat(5).map((n) => announcement([macRoute(n)], { nextHop: OURS })) },
  { weight: 1, arbitrary: fc.nat(5).map((n) => announcement([macRoute(n)], {}, ["origin"])) },
  { weight: 1, arbitrary: fc.constant(END_OF_RIB) },
  {
    weight: 1,
    arbitrary: fc.nat(2).map((subtype): Message => ({ type: "ROUTE-REFRESH", afi: 25, safi: 70, subtype })),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Message>({
      type: "NOTIFICATION",
      notification: { code: 6, subcode: 4, data: new Uint8Array(0) },
    }),
  },
);

type Act =
  | { readonly what: "read"; readonly messages: readonly Message[] }
  | { readonly what: "lose" }
  | { readonly what: "wait"; readonly ms: number }
  | { readonly what: "imports"; readonly target: RouteTarget }
  | { readonly what: "peers"; readonly second: boolean };

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant("read" as const),
      messages: fc.array(message, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("lose" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.constantFrom(1000, 30_000, 130_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("imports" as const), target: fc.constantFrom(TARGET, OTHER_TARGET) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("peers" as const), second: fc.boolean() }) },
);

describe("speaker: changes of routes", () => {
  it("whatever peers, timers and configuration do -> all changes, applied in order, are the table that is shown", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const follows = follower();
        const scene = new Scene({ onRoutes: follows.apply });
        scene.configure();
        for (const it of acts) {
          const end = scene.network.ends.findLast(({ closed }) => !closed);
          if (scene.state === "OpenSent" && end) scene.establish({ capabilities: RESTARTING }, end);
          if (it.what === "read") end?.send(octetsOf(it.messages));
          else if (it.what === "lose") end?.drop();
          else if (it.what === "wait") scene.advance(it.ms);
          else if (it.what === "imports") scene.speaker.setImports((targets) => targets.includes(it.target));
          else scene.configure(...(it.second ? [{ ...scene.peer, address: SECOND_PEER }] : [scene.peer]));
          expect(follows.table).toEqual(tableOf(scene));
        }
        expect(follows.batches).not.toContain(0);
      }),
      { numRuns: 300 },
    );
  });

  it("many UPDATEs in one read -> one batch; the End-of-RIB in it comes after", () => {
    const follows = follower();
    const scene = new Scene({ onRoutes: follows.apply });
    scene.configure();
    const end = scene.establish();
    scene.forget();
    end.send(
      octetsOf([announcement([macRoute(1), macRoute(2)]), announcement([macRoute(3)]), withdrawal([macRoute(1)])]),
    );
    expect(follows.batches).toEqual([4]);
    end.send(octetsOf([announcement([macRoute(4)]), END_OF_RIB, announcement([macRoute(5)])]));
    expect(scene.heard.slice(4)).toEqual([`+${routeKey(macRoute(4))}`, "end-of-rib", `+${routeKey(macRoute(5))}`]);
  });

  it("a session that ends within a read -> its routes are told before its state", () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish();
    scene.forget();
    end.send(
      octetsOf([
        announcement([macRoute(1)]),
        { type: "NOTIFICATION", notification: { code: 6, subcode: 2, data: new Uint8Array(0) } },
      ]),
    );
    expect(scene.heard).toEqual([`+${routeKey(macRoute(1))}`, `-${routeKey(macRoute(1))}`, "Idle"]);
  });

  it("a route announced again as it is -> no change; with another attribute -> the held one and the new one", () => {
    const follows = follower();
    const scene = new Scene({ onRoutes: follows.apply });
    scene.configure();
    const end = scene.establish();
    end.send(announcement([macRoute(1)]), announcement([macRoute(1)]), announcement([macRoute(1)], { med: 5 }));
    expect(follows.batches).toEqual([1, 1]);
    expect([...follows.table.values()]).toMatchObject([{ med: 5 }]);
  });
});

describe("speaker: changes of exports", () => {
  const keyOf = (n: number): string => routeKey(exportOf(n).nlri);

  it("single changes -> the peer is told of these alone", () => {
    const scene = new Scene();
    scene.speaker.setExports([exportOf(1), exportOf(2)]);
    scene.configure();
    const end = scene.establish();
    const before = end.updates.length;
    scene.speaker.changeExports([
      { key: keyOf(1), route: undefined },
      { key: keyOf(3), route: exportOf(3) },
      { key: keyOf(2), route: exportOf(2) },
      { key: keyOf(9), route: undefined },
    ]);
    expect(told(end, before)).toEqual([`-${keyOf(1)}`, `+${keyOf(3)}`]);
    scene.speaker.changeExports([]);
    expect(told(end, before)).toHaveLength(2);
    expect(
      scene.speaker
        .ribOut(peerKeyOf(scene.peer))
        .map(({ nlri }) => routeKey(nlri))
        .toSorted(),
    ).toEqual([keyOf(2), keyOf(3)]);
  });

  it("a route twice among the changes -> the last word counts", () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish();
    const before = end.updates.length;
    scene.speaker.changeExports([
      { key: keyOf(1), route: exportOf(1) },
      { key: keyOf(1), route: undefined },
      { key: keyOf(2), route: undefined },
      { key: keyOf(2), route: exportOf(2) },
    ]);
    expect(told(end, before)).toEqual([`+${keyOf(2)}`]);
  });
});

function octetsOf(messages: readonly Message[]): Uint8Array {
  return Buffer.concat(messages.map((it) => encodeMessage(it)));
}
