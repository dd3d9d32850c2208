// The speaker with a scripted peer, in memory and on a clock that the test moves.

import { describe, expect, it } from "vitest";
import { type IpAddress, type Ipv4, parseIp } from "../../../shared/address/ip.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn } from "../../../shared/address/vni.ts";
import { routeKey } from "../../../edge-agent/bgp/route.ts";
import { encodeMessage } from "../../../edge-agent/bgp/wire/message.ts";
import { decodeUpdate } from "../../../edge-agent/bgp/wire/update.ts";
import { messageOf } from "./wire/hex-message.ts";
import {
  announcement,
  CAPABILITIES,
  END_OF_RIB,
  exportOf,
  KEEPALIVE,
  macRoute,
  OURS,
  openOf,
  PEER,
  Scene,
  told,
  withdrawal,
} from "./scripted-peer.ts";

const key = (n: number): string => routeKey(macRoute(n));
const ownKey = (n: number): string => routeKey(exportOf(n).nlri);

describe("speaker: the session", () => {
  it("a peer that answers -> OPEN, KEEPALIVE, Established, End-of-RIB", () => {
    const scene = new Scene();
    scene.configure();
    expect(scene.network.last.log).toEqual(["OPEN"]);
    const end = scene.establish();
    expect(end.log).toEqual(["OPEN", "KEEPALIVE", "UPDATE"]);
    expect(told(end)).toEqual(["end-of-rib"]);
    expect(scene.heard).toEqual(["OpenSent", "OpenConfirm", "Established"]);
    expect(scene.speaker.summary()).toMatchObject([
      { address: PEER, peerRouterId: PEER, holdTimeSec: 90, keepaliveSec: 30, sessions: 1 },
    ]);
  });

  it("hold time 9 s -> a KEEPALIVE every 3 s; a silent peer -> 4/0 after 9 s (RFC 4271 6.5)", () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish({ holdTimeSec: 9 });
    scene.advance(8999);
    expect(end.log.filter((it) => it === "KEEPALIVE")).toHaveLength(3);
    expect(end.closed).toBe(false);
    scene.advance(2);
    expect(end.log.at(-1)).toBe("NOTIFICATION 4/0");
    expect(end.closed).toBe(true);
  });

  it.each([
    [1, 1000],
    [60, 3000],
  ])("keepalive of %i s and hold time 9 s -> every %i ms (RFC 4271 section 10)", (keepaliveTimeSec, everyMs) => {
    const scene = new Scene({ peer: { keepaliveTimeSec } });
    scene.configure();
    const end = scene.establish({ holdTimeSec: 9 });
    scene.advance(6001);
    expect(end.log.filter((it) => it === "KEEPALIVE")).toHaveLength(1 + 6000 / everyMs);
  });

  it.each([0, 0.5, 1])(
    "chance %d -> a keepalive after three quarters of its interval to the whole (section 10)",
    (random) => {
      const scene = new Scene({ random });
      scene.configure();
      const end = scene.establish({ holdTimeSec: 9 });
      const after = 3000 * (0.75 + 0.25 * random);
      scene.advance(after - 1);
      expect(end.log.filter((it) => it === "KEEPALIVE")).toHaveLength(1);
      scene.advance(1);
      expect(end.log.filter((it) => it === "KEEPALIVE")).toHaveLength(2);
    },
  );

  it("connect-retry of 30 s -> a silent peer is tried every 30 s, a refusing one too", () => {
    const scene = new Scene({ peer: { connectRetrySec: 30 } });
    scene.network.peer = "is silent";
    scene.configure();
    scene.advance(91_000);
    expect(scene.network.attempts).toBe(4);
    scene.network.peer = "refuses";
    scene.advance(60_000);
    expect(scene.network.attempts).toBe(6);
  });

  it.each([
    [{ ttlSecurityHops: 1 }, { ttl: 255, minTtl: 255 }],
    [{ ttlSecurityHops: 4 }, { ttl: 255, minTtl: 252 }],
    [{ multihop: 8 }, { ttl: 8 }],
    [{}, undefined],
  ])("%j -> connections opened and accepted are limited to %j (RFC 5082 section 3)", (peer, limit) => {
    const scene = new Scene({ listen: true, peer });
    scene.configure();
    scene.network.dial(PEER);
    expect(scene.network.hopLimits).toEqual(limit ? [limit, limit] : []);
  });

  it("a link-local peer -> connected to on its link, accepted from there only", () => {
    const address = parseIp("fe80::1") as IpAddress;
    const scene = new Scene({ listen: true, peer: { address, interface: "eth1" } });
    scene.configure();
    expect(scene.network.links).toEqual(["eth1"]);
    expect(scene.network.dial("fe80::1", "eth2").closed).toBe(true);
    expect(scene.network.dial("fe80::1", "eth1").closed).toBe(false);
  });

  it("an accepted connection that cannot be limited -> closed", () => {
    const scene = new Scene({ listen: true, peer: { ttlSecurityHops: 1, passive: true } });
    scene.network.hopLimitFails = true;
    scene.configure();
    expect(scene.network.dial(PEER)).toMatchObject({ closed: true, log: [] });
  });

  it("a peer that does not answer -> said once, with what the kernel knows", () => {
    const scene = new Scene();
    scene.network.peer = "is silent";
    scene.network.hint = "a wrong signature";
    scene.configure();
    scene.advance(30_000);
    expect(scene.heard).toEqual(["Connect"]);
    expect(scene.speaker.summary()).toMatchObject([{ lastError: "no answer; a wrong signature" }]);
  });

  it("a passive peer that the kernel drops -> said once and shown, while it is waited for; not in a session", () => {
    const details: (string | undefined)[] = [];
    const scene = new Scene({ listen: true, peer: { passive: true }, onSession: (detail) => details.push(detail) });
    scene.configure();
    scene.advance(10_000);
    expect(details).toEqual([]);
    scene.network.silent = "segments with a wrong signature";
    scene.advance(10_000);
    const said = "the peer is waited for; segments with a wrong signature";
    expect(details).toEqual([said]);
    expect(scene.speaker.summary()).toMatchObject([{ state: "Idle", lastError: said }]);
    const end = scene.network.dial(PEER);
    end.send(openOf(), KEEPALIVE);
    expect(scene.state).toBe("Established");
    scene.advance(10_000);
    end.drop();
    scene.advance(10_000);
    expect(details.filter((it) => it === said)).toHaveLength(2);
    scene.speaker.configure(undefined);
    expect(scene.clock.pending).toBe(0);
  });

  it("any message from the peer -> the hold timer starts again", () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish({ holdTimeSec: 9 });
    for (const message of [KEEPALIVE, END_OF_RIB, { type: "ROUTE-REFRESH", afi: 25, safi: 70, subtype: 0 }] as const) {
      scene.advance(8000);
      end.send(message);
    }
    expect(scene.state).toBe("Established");
  });

  it("a peer that refuses, then answers -> a session within 2 s, and the refusal is told once", () => {
    const scene = new Scene();
    scene.network.peer = "refuses";
    scene.configure();
    scene.advance(60_000);
    expect(scene.heard).toEqual(["Idle"]);
    scene.network.peer = "answers";
    scene.advance(2000);
    scene.establish();
    expect(scene.state).toBe("Established");
  });

  it("a peer that swallows connects, then answers -> a session within 2 s", () => {
    const scene = new Scene();
    scene.network.peer = "is silent";
    scene.configure();
    scene.advance(60_000);
    scene.network.peer = "answers";
    scene.advance(1001);
    expect(scene.network.last.log).toEqual(["OPEN"]);
  });

  it("a peer that resets every session -> ever longer rests, up to 30 s", () => {
    const scene = new Scene();
    scene.configure();
    const gaps: number[] = [];
    for (let round = 0; round < 8; round++) {
      scene.establish().send(messageOf("00 13 09"));
      const before = scene.network.attempts;
      const from = scene.clock.nowMs();
      while (scene.network.attempts === before) scene.advance(100);
      gaps.push(scene.clock.nowMs() - from);
    }
    expect(gaps).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  it.each([
    ["another AS number", openOf({ asn: 65009 }), "NOTIFICATION 2/2"],
    ["our own identifier", openOf({ routerId: OURS }), "NOTIFICATION 2/3"],
    ["hold time 2", openOf({ holdTimeSec: 2 }), "NOTIFICATION 2/6"],
    ["no EVPN", openOf({ capabilities: [{ kind: "four-octet-as", asn: 65000 }] }), "NOTIFICATION 2/7"],
    ["version 3", messageOf("00 1d 01 03 fd e8 00 5a c0 00 02 01 00"), "NOTIFICATION 2/1"],
    ["a KEEPALIVE instead", KEEPALIVE, "NOTIFICATION 5/1"],
    ["a broken marker", new Uint8Array(19), "NOTIFICATION 1/1"],
  ])("an OPEN with %s -> %s", (_, message, notification) => {
    const scene = new Scene();
    scene.configure();
    scene.network.last.send(message);
    expect(scene.network.last.log).toEqual(["OPEN", notification]);
    expect(scene.network.last.closed).toBe(true);
    expect(scene.state).toBe("Idle");
  });

  it("a second OPEN in Established -> 5/3 (RFC 6608)", () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish();
    end.send(openOf());
    expect(end.log.at(-1)).toBe("NOTIFICATION 5/3");
  });

  it.each([1, 7, 1e9])("a session's messages in TCP segments of %i octets -> the same", (size) => {
    const scene = new Scene();
    scene.configure();
    const messages = [
      openOf(),
      KEEPALIVE,
      announcement([macRoute(1), macRoute(2)]),
      END_OF_RIB,
      withdrawal([macRoute(1)]),
    ];
    const octets = Buffer.concat(messages.map(encodeMessage));
    for (let at = 0; at < octets.length; at += size) scene.network.last.send(octets.subarray(at, at + size));
    expect(scene.held).toEqual([key(2)]);
    expect(scene.heard.at(-1)).toBe(`-${key(1)}`);
  });

  it("close -> Cease/Administrative Shutdown, and no timer is left", async () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish();
    await scene.speaker.close();
    expect(end.log.at(-1)).toBe("NOTIFICATION 6/2");
    expect(end.closed).toBe(true);
    expect(scene.clock.pending).toBe(0);
  });
});

describe("speaker: connections that the peer opens", () => {
  it("while ours are refused -> the session comes up on the peer's", () => {
    const scene = new Scene({ listen: true });
    scene.network.peer = "refuses";
    scene.configure();
    const end = scene.network.dial(PEER);
    scene.establish({}, end);
    expect(scene.state).toBe("Established");
    const { attempts } = scene.network;
    scene.advance(30_000);
    end.send(KEEPALIVE);
    expect(scene.network.attempts).toBe(attempts);
    end.drop();
    scene.advance(1000);
    expect(scene.network.attempts).toBeGreaterThan(attempts);
  });

  it("from an address that is no peer -> closed", () => {
    const scene = new Scene({ listen: true });
    scene.configure();
    expect(scene.network.dial("192.0.2.99").closed).toBe(true);
  });

  it.each([
    { peerId: "192.0.2.1", survivor: "ours", dumped: 1 },
    { peerId: "192.0.2.3", survivor: "the peer's", dumped: 0 },
  ])(
    "collision with a peer whose identifier is $peerId -> $survivor stays, the other gets 6/7 (RFC 4271 6.8)",
    ({ peerId, dumped }) => {
      const scene = new Scene({ listen: true });
      scene.configure();
      const ours = scene.network.last;
      const theirs = scene.network.dial(PEER);
      for (const end of [ours, theirs]) end.send(openOf({ routerId: peerId as Ipv4 }));
      const ends = [ours, theirs];
      expect(ends[dumped]?.log.at(-1)).toBe("NOTIFICATION 6/7");
      expect(ends[dumped]?.closed).toBe(true);
      ends[1 - dumped]?.send(KEEPALIVE);
      expect(scene.state).toBe("Established");
      scene.advance(5000);
      expect(scene.network.ends).toHaveLength(2);
    },
  );

  it("while a session is up -> the new connection gets 6/7, the session stays", () => {
    const scene = new Scene({ listen: true });
    scene.configure();
    scene.establish();
    const second = scene.network.dial(PEER);
    expect(second.log).toEqual(["NOTIFICATION 6/7"]);
    expect(scene.state).toBe("Established");
  });

  it("a passive peer -> we never connect", () => {
    const scene = new Scene({ listen: true, peer: { passive: true } });
    scene.configure();
    scene.advance(60_000);
    expect(scene.network.attempts).toBe(0);
    scene.establish({}, scene.network.dial(PEER)).drop();
    scene.advance(60_000);
    expect(scene.network.attempts).toBe(0);
  });
});

describe("speaker: routes in", () => {
  const up = (options: ConstructorParameters<typeof Scene>[0] = {}) => {
    const scene = new Scene(options);
    scene.configure();
    const end = scene.establish(options.asn ? { asn: 65000 } : {});
    scene.forget();
    return { scene, end };
  };

  it("announced, announced again, changed, withdrawn -> told once each", () => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1), macRoute(2)]), announcement([macRoute(1)]));
    end.send(announcement([macRoute(1)], { med: 5 }), withdrawal([macRoute(1)]), withdrawal([macRoute(1)]), END_OF_RIB);
    expect(scene.heard).toEqual([`+${key(1)}`, `+${key(2)}`, `+${key(1)}`, `-${key(1)}`, "end-of-rib"]);
    expect(scene.held).toEqual([key(2)]);
  });

  it("a withdrawal with label 0, as FRR sends it -> the route goes", () => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1)]), withdrawal([{ ...macRoute(1), vni: 0 } as ReturnType<typeof macRoute>]));
    expect(scene.held).toEqual([]);
  });

  it.each([
    ["reflected back to us (RFC 4456 section 8)", { originatorId: OURS }, "originated-here"],
    ["with our AS in its path (RFC 4271 9.1.2)", { asPath: [{ type: "sequence", asns: [64999, 65000] }] }, "as-loop"],
    ["with our address as next hop (RFC 4271 5.1.3)", { nextHop: OURS }, "own-next-hop"],
    ["with no import target", { targets: ["65000:999" as RouteTarget] }, "no-import-target"],
  ] as const)("a route %s -> not held, and what it replaces goes", (_, more, reason) => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1)]));
    end.send(announcement([macRoute(1), macRoute(2)], more as Parameters<typeof announcement>[1]));
    expect(scene.heard).toEqual([`+${key(1)}`, `-${key(1)}`]);
    expect(scene.speaker.summary()).toMatchObject([{ routesIn: 0, rejected: { [reason]: 2 } }]);
  });

  it("an UPDATE to treat as withdrawal -> its routes go, the session stays, the event has the octets (RFC 7606)", () => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1), macRoute(2)]));
    end.send(announcement([macRoute(1)], {}, ["localPref"]));
    expect(scene.held).toEqual([key(2)]);
    expect(scene.state).toBe("Established");
    expect(scene.errors).toMatchObject([
      { kind: "malformed-message", severity: "treat-as-withdraw", code: 3, subcode: 3 },
    ]);
    expect(scene.errors[0]?.detail).toMatch(
      /^192\.0\.2\.1: LOCAL_PREF is missing \(3\/3, treat-as-withdraw\): 00[0-9a-f]{2}02/,
    );
    expect(scene.speaker.summary()).toMatchObject([{ malformed: { "treat-as-withdraw": 1 } }]);
  });

  it("an UPDATE whose routes cannot be parsed -> NOTIFICATION 3/9, counted, told with the octets", () => {
    const { scene, end } = up();
    end.send(messageOf("00 25 02 00 00 00 0e 80 0e 0b 00 19 46 04 0a 00 00 01 00 02 21"));
    expect(end.log.at(-1)).toBe("NOTIFICATION 3/9");
    expect(scene.state).toBe("Idle");
    expect(scene.errors).toMatchObject([
      { severity: "session-reset", code: 3, subcode: 9, hex: "0025020000000e800e0b001946040a000001000221" },
    ]);
    expect(scene.speaker.summary()).toMatchObject([{ malformed: { "session-reset": 1 } }]);
  });

  it("session lost -> routes stay as stale; announced again they are live; End-of-RIB sweeps the rest (RFC 4724 4.2)", () => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1), macRoute(2)]), END_OF_RIB);
    scene.forget();
    end.drop();
    expect(scene.held).toEqual([key(1), key(2)]);
    expect(scene.speaker.summary()).toMatchObject([{ routesIn: 2, staleRoutes: 2 }]);
    scene.advance(2000);
    const next = scene.establish();
    next.send(announcement([macRoute(2), macRoute(3)]));
    expect(scene.held).toEqual([key(1), key(2), key(3)]);
    next.send(END_OF_RIB);
    expect(scene.held).toEqual([key(2), key(3)]);
    expect(scene.heard.filter((it) => /^[-+e]/.test(it))).toEqual([`+${key(3)}`, `-${key(1)}`, "end-of-rib"]);
  });

  it("session lost for longer than the stale time -> routes go, and not before", () => {
    const { scene, end } = up({ staleMs: 5000 });
    scene.network.peer = "refuses";
    end.send(announcement([macRoute(1)]));
    end.drop();
    scene.advance(4999);
    expect(scene.held).toEqual([key(1)]);
    scene.advance(1);
    expect(scene.held).toEqual([]);
    expect(scene.heard).toContain(`-${key(1)}`);
  });

  it("a hard reset -> routes go at once (RFC 8538)", () => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1)]));
    end.send({ type: "NOTIFICATION", notification: { code: 6, subcode: 9, data: new Uint8Array([6, 4]) } });
    expect(scene.held).toEqual([]);
    expect(end.log.at(-1)).toBe("UPDATE");
  });

  it("imports narrowed -> routes go; widened -> a route refresh is asked for", () => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1)]));
    scene.speaker.setImports(() => false);
    expect(scene.held).toEqual([]);
    scene.speaker.setImports(() => true);
    expect(end.log.slice(-2)).toEqual(["ROUTE-REFRESH 25/70", "ROUTE-REFRESH 25/70"]);
  });

  it("imports changed with a peer that has no route refresh -> the session is taken down and up", () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish({ capabilities: CAPABILITIES.filter((it) => it.kind !== "route-refresh") });
    scene.speaker.setImports(() => true);
    expect(end.log.at(-1)).toBe("NOTIFICATION 6/4");
    scene.advance(1000);
    expect(scene.network.last).not.toBe(end);
  });
});

describe("speaker: routes out", () => {
  const exportsUp = (n: number, options: ConstructorParameters<typeof Scene>[0] = {}, open = {}) => {
    const scene = new Scene(options);
    scene.speaker.setExports(Array.from({ length: n }, (_, i) => exportOf(i)));
    scene.configure();
    return { scene, end: scene.establish(open) };
  };

  it("the first table, then the difference only", () => {
    const { scene, end } = exportsUp(3);
    expect(told(end)).toEqual([`+${ownKey(0)}`, `+${ownKey(1)}`, `+${ownKey(2)}`, "end-of-rib"]);
    scene.speaker.setExports([exportOf(1), exportOf(2, { sequence: 4, sticky: false }), exportOf(3)]);
    expect(told(end, 2).toSorted()).toEqual([`+${ownKey(2)}`, `+${ownKey(3)}`, `-${ownKey(0)}`]);
    const before = end.updates.length;
    scene.speaker.setExports([exportOf(3), exportOf(2, { sequence: 4, sticky: false }), exportOf(1)]);
    expect(end.updates).toHaveLength(before);
  });

  it("iBGP -> empty AS_PATH, LOCAL_PREF 100, our next hop, target and VXLAN (RFC 4271 5.1)", () => {
    const { end } = exportsUp(1);
    const update = decodeUpdate(end.updates[0] as Uint8Array, { asOctets: 4, internal: true });
    expect(update).toMatchObject({
      severity: "ok",
      attributes: {
        origin: "igp",
        asPath: [],
        localPref: 100,
        mpReach: { nextHop: OURS },
        extCommunities: [
          { kind: "route-target", target: "65000:100" },
          { kind: "encapsulation", tunnelType: 8 },
        ],
      },
    });
  });

  it("eBGP from a 4-octet AS -> our AS in the path, no LOCAL_PREF", () => {
    const { end } = exportsUp(1, { asn: 4_200_000_002 });
    const update = decodeUpdate(end.updates[0] as Uint8Array, { asOctets: 4, internal: false });
    expect(update).toMatchObject({
      severity: "ok",
      attributes: { asPath: [{ type: "sequence", asns: [4_200_000_002] }] },
    });
    expect("attributes" in update && update.attributes.localPref).toBeUndefined();
  });

  it("eBGP to a peer with 2-octet AS numbers -> AS_TRANS, and the real one in AS4_PATH (RFC 6793 4.2.2)", () => {
    const { end } = exportsUp(1, { asn: 4_200_000_002 }, { capabilities: [CAPABILITIES[0]] });
    const update = decodeUpdate(end.updates[0] as Uint8Array, { asOctets: 2, internal: false });
    expect(update).toMatchObject({ attributes: { asPath: [{ asns: [23456] }], as4Path: [{ asns: [4_200_000_002] }] } });
  });

  it.each([
    { name: "4096 octets", max: 4096, more: [], perUpdate: 107 },
    { name: "65535 octets (RFC 8654)", max: 65_535, more: [{ kind: "extended-message" } as const], perUpdate: 1862 },
  ])("5000 routes with equal attributes -> UPDATEs as full as FRR's, $name", ({ max, more, perUpdate }) => {
    const { end } = exportsUp(5000, {}, { capabilities: [...CAPABILITIES, ...more] });
    const tables = end.raw.filter((it) => it[18] === 2);
    expect(tables.length - 1).toBeLessThanOrEqual(Math.ceil(5000 / perUpdate));
    for (const message of tables) expect(message.length).toBeLessThanOrEqual(max);
    expect(new Set(told(end)).size).toBe(5001);
  });

  it("a peer that reads slowly -> nothing is built ahead; what changes meanwhile is sent once, as it is at last", () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish();
    end.congested = true;
    scene.speaker.setExports([exportOf(0)]);
    const before = end.updates.length;
    scene.speaker.setExports([exportOf(0, { sequence: 1, sticky: false }), exportOf(1)]);
    scene.speaker.setExports([exportOf(0, { sequence: 2, sticky: false })]);
    expect(end.updates).toHaveLength(before);
    end.drain();
    expect(told(end, before)).toEqual([`+${ownKey(0)}`]);
    expect(JSON.stringify(decodeUpdate(end.updates.at(-1) as Uint8Array, { asOctets: 4, internal: true }))).toContain(
      '"sequence":2',
    );
  });

  it("ROUTE-REFRESH from the peer -> the whole table again; for another family nothing (RFC 2918)", () => {
    const { end } = exportsUp(2);
    const before = end.updates.length;
    end.send({ type: "ROUTE-REFRESH", afi: 1, safi: 1, subtype: 0 });
    expect(end.updates).toHaveLength(before);
    end.send({ type: "ROUTE-REFRESH", afi: 25, safi: 70, subtype: 0 });
    expect(told(end, before)).toEqual([`+${ownKey(0)}`, `+${ownKey(1)}`]);
  });

  it("a new session -> the whole table and End-of-RIB again", () => {
    const { scene, end } = exportsUp(2);
    end.drop();
    scene.advance(1000);
    expect(told(scene.establish())).toEqual([`+${ownKey(0)}`, `+${ownKey(1)}`, "end-of-rib"]);
  });

  it("a route with more targets than an UPDATE holds -> left out, and said", () => {
    const { scene, end } = exportsUp(1);
    const routeTargets = Array.from({ length: 600 }, (_, i) => `65000:${i + 1}` as RouteTarget);
    scene.speaker.setExports([exportOf(0), { ...exportOf(1), routeTargets }]);
    expect(scene.errors).toMatchObject([{ kind: "unsendable-route" }]);
    expect(told(end)).toEqual([`+${ownKey(0)}`, "end-of-rib"]);
  });
});

describe("speaker: peers at run time", () => {
  const second = { address: "192.0.2.7" as Ipv4, asn: 65007 as Asn };

  it("a peer added and removed -> the other is not disturbed", () => {
    const scene = new Scene();
    scene.configure();
    const first = scene.establish();
    first.send(announcement([macRoute(1)]));
    scene.configure(scene.peer, second);
    const other = scene.establish({ asn: 65007, routerId: "192.0.2.7" as Ipv4 });
    other.send(announcement([macRoute(2)], { asPath: [{ type: "sequence", asns: [65007] }] }));
    expect(scene.held).toEqual([key(1), key(2)]);
    scene.configure(scene.peer);
    expect(other.log.at(-1)).toBe("NOTIFICATION 6/3");
    expect(scene.held).toEqual([key(1)]);
    expect(first.closed).toBe(false);
    expect(scene.speaker.summary()).toHaveLength(1);
  });

  it("a peer whose hold time changes -> 6/6, and a new session", () => {
    const scene = new Scene();
    scene.configure();
    const end = scene.establish();
    scene.configure({ ...scene.peer, holdTimeSec: 30 });
    expect(end.log.at(-1)).toBe("NOTIFICATION 6/6");
    expect(scene.network.last).not.toBe(end);
    scene.establish();
    expect(scene.speaker.summary()).toMatchObject([{ state: "Established", holdTimeSec: 30 }]);
  });

  it("no configuration any more -> no sessions, no routes, no timers", () => {
    const scene = new Scene();
    scene.configure();
    scene.establish().send(announcement([macRoute(1)]));
    scene.speaker.configure(undefined);
    expect(scene.speaker.summary()).toEqual([]);
    expect(scene.heard.at(-1)).toBe(`-${key(1)}`);
    expect(scene.clock.pending).toBe(0);
  });
});
