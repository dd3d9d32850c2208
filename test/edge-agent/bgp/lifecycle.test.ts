// How sessions are ended, limited, refreshed and survived, with a scripted peer: RFC 9003, 8538, 4486, 7313, 4724, 9494.

import { describe, expect, it } from "vitest";
import type { Asn } from "../../../shared/address/vni.ts";
import { routeKey } from "../../../edge-agent/bgp/route.ts";
import type { PeerConfig } from "../../../edge-agent/bgp/speaker.ts";
import type { Capability } from "../../../edge-agent/bgp/wire/capability.ts";
import { decodeMessage, type Message } from "../../../edge-agent/bgp/wire/message.ts";
import {
  describeNotification,
  encodeShutdownCommunication,
  hardReset,
  type Notification,
} from "../../../edge-agent/bgp/wire/notification.ts";
import type { FarEnd } from "./fake-network.ts";
import { messageOf } from "./wire/hex-message.ts";
import {
  announcement,
  CAPABILITIES,
  END_OF_RIB,
  exportOf,
  KEEPALIVE,
  macRoute,
  openOf,
  OURS,
  PEER,
  Scene,
  told,
} from "./scripted-peer.ts";

const key = (n: number): string => routeKey(macRoute(n));
const EVPN = { afi: 25, safi: 70 } as const;
const LLGR_STALE = 0xffff0006;
const NO_LLGR = 0xffff0007;
const LONG_LIVED = { peer: { longLived: { families: ["evpn"] } } } as const;

function graceful(
  more: Partial<Extract<Capability, { kind: "graceful-restart" }>> = {},
  longLivedSec = 0,
): Capability[] {
  return [
    ...CAPABILITIES,
    { kind: "enhanced-route-refresh" },
    {
      kind: "graceful-restart",
      restarted: false,
      notification: true,
      restartTimeSec: 60,
      families: [{ ...EVPN, preserved: true }],
      ...more,
    },
    {
      kind: "long-lived-graceful-restart",
      families: [{ ...EVPN, preserved: true, staleTimeSec: longLivedSec }],
    },
  ];
}

function up(options: ConstructorParameters<typeof Scene>[0] = {}, capabilities: readonly Capability[] = graceful()) {
  const scene = new Scene(options);
  scene.configure();
  const end = scene.establish({ capabilities });
  return { scene, end };
}

/** The NOTIFICATION that the speaker sent last, in words. */
function lastNotification(end: FarEnd): string {
  const message = decodeMessage(end.raw.at(-1) ?? new Uint8Array());
  return "error" in message || message.type !== "NOTIFICATION" ? "none" : describeNotification(message.notification);
}

const notification = (it: Notification): Message => ({ type: "NOTIFICATION", notification: it });
const data = new Uint8Array(0);
const refresh = (subtype: number): Message => ({ type: "ROUTE-REFRESH", ...EVPN, subtype });

describe("administrative shutdown (RFC 9003)", () => {
  const shutdown = { reason: "maintenance: café" };

  it("a peer shut down with a reason -> the reason is sent, and shown; no connection in either direction", () => {
    const { scene, end } = up({ listen: true }, CAPABILITIES);
    scene.configure({ ...scene.peer, shutdown });
    expect(lastNotification(end)).toBe('Cease/Administrative Shutdown (6/2): "maintenance: café"');
    const { attempts } = scene.network;
    scene.advance(60_000);
    expect(scene.network.attempts).toBe(attempts);
    expect(scene.network.dial(PEER).closed).toBe(true);
    expect(scene.speaker.summary()).toMatchObject([
      { state: "Idle", lastError: 'administratively shut down: "maintenance: café"' },
    ]);
    scene.configure(scene.peer);
    expect(scene.network.attempts).toBe(attempts + 1);
  });

  it("with a peer that keeps routes over a NOTIFICATION -> a hard reset with the reason inside (RFC 8538 section 4)", () => {
    const { scene, end } = up();
    scene.configure({ ...scene.peer, shutdown });
    expect(lastNotification(end)).toBe(
      'Cease/Hard Reset (6/9): Cease/Administrative Shutdown (6/2): "maintenance: café"',
    );
  });

  it.each([
    ["plain", (it: Notification) => it],
    ["in a hard reset", hardReset],
  ])("the peer shuts down, %s -> its reason is shown, its routes go at once", (_, wrap) => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1)]));
    const reason = { code: 6, subcode: 2, data: encodeShutdownCommunication("at noon") };
    end.send(notification(wrap(reason)));
    expect(scene.held).toEqual([]);
    expect(scene.speaker.summary()[0]?.lastError).toMatch(/Administrative Shutdown \(6\/2\): "at noon"$/);
  });

  it("a reason that is too long -> cut at a character within 255 octets", () => {
    const octets = encodeShutdownCommunication("é".repeat(200));
    expect(octets.length).toBe(255);
    expect(octets[0]).toBe(254);
    expect(describeNotification({ code: 6, subcode: 2, data: octets })).toContain(`"${"é".repeat(127)}"`);
  });

  it.each(["05 61", "00", "02 61 62 63"])("a reason whose length is wrong (%s) -> none is shown", (hex) => {
    const octets = Uint8Array.from(hex.split(" "), (it) => Number.parseInt(it, 16));
    expect(describeNotification({ code: 6, subcode: 2, data: octets })).toBe("Cease/Administrative Shutdown (6/2)");
  });

  it("a hard reset in a hard reset -> shown, and no deeper", () => {
    const nested = hardReset(hardReset({ code: 6, subcode: 4, data }));
    expect(describeNotification(nested)).toBe("Cease/Hard Reset (6/9)");
  });
});

describe("maximum of routes (RFC 4486)", () => {
  const limited = (restartAfterSec?: number): Partial<PeerConfig> => ({
    maximumRoutes: { limit: 4, ...(restartAfterSec !== undefined && { restartAfterSec }) },
  });
  const routes = (count: number) => Array.from({ length: count }, (_, i) => macRoute(i));

  it("three quarters of the limit -> one warning, the session stays", () => {
    const { scene, end } = up({ peer: limited() });
    end.send(announcement(routes(2)));
    expect(scene.errors).toEqual([]);
    end.send(announcement(routes(3)), announcement(routes(4)));
    expect(scene.errors).toEqual([
      { kind: "many-routes", peer: PEER, detail: `${PEER}: 3 routes are held, the limit is 4` },
    ]);
    expect(scene.state).toBe("Established");
  });

  it("one route more than the limit -> 6/1 with family and limit, all routes go, down for good", () => {
    const { scene, end } = up({ peer: limited() }, CAPABILITIES);
    end.send(announcement(routes(5)));
    expect(Buffer.from(end.raw.at(-1)?.subarray(19) ?? []).toString("hex")).toBe("060100194600000004");
    expect(scene.held).toEqual([]);
    scene.advance(3_600_000);
    expect(scene.network.attempts).toBe(1);
    expect(scene.speaker.summary()[0]?.lastError).toContain("more than 4 routes");
    scene.configure({ ...scene.peer, maximumRoutes: { limit: 10 } });
    expect(scene.network.attempts).toBe(2);
  });

  it("with a restart time -> tried again after it, and not before", () => {
    const { scene, end } = up({ peer: limited(90) });
    end.send(announcement(routes(5)));
    expect(lastNotification(end)).toBe("Cease/Hard Reset (6/9): Cease/Maximum Number of Prefixes Reached (6/1)");
    scene.advance(89_999);
    expect(scene.network.attempts).toBe(1);
    scene.advance(1);
    expect(scene.network.attempts).toBe(2);
  });

  it("routes that no network imports -> do not count", () => {
    const { scene, end } = up({ peer: limited() });
    end.send(announcement(routes(9), { targets: [] }));
    expect(scene.state).toBe("Established");
  });
});

describe("enhanced route refresh (RFC 7313)", () => {
  it("the peer asks -> begin, every route, end; not before End-of-RIB", () => {
    const scene = new Scene();
    scene.speaker.setExports([exportOf(1), exportOf(2)]);
    scene.configure();
    const end = scene.network.last;
    end.congested = true;
    scene.establish({ capabilities: graceful() });
    end.send(refresh(0));
    end.drain();
    expect(end.log).toEqual([
      "OPEN",
      "KEEPALIVE",
      "UPDATE",
      "UPDATE",
      "ROUTE-REFRESH 25/70",
      "UPDATE",
      "ROUTE-REFRESH 25/70",
    ]);
    expect(told(end).filter((it) => it === "end-of-rib")).toHaveLength(1);
    const subtypes = end.raw.filter((it) => it[18] === 5).map((it) => it[21]);
    expect(subtypes).toEqual([1, 2]);
  });

  it("the peer asks without the capability -> every route, no marks", () => {
    const scene = new Scene();
    scene.speaker.setExports([exportOf(1)]);
    scene.configure();
    const end = scene.establish();
    end.send(refresh(0));
    expect(end.log).toEqual(["OPEN", "KEEPALIVE", "UPDATE", "UPDATE", "UPDATE"]);
  });

  it("the peer refreshes -> what it does not announce between its marks goes", () => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1), macRoute(2)]), END_OF_RIB, refresh(1), announcement([macRoute(2)]));
    expect(scene.held).toEqual([key(1), key(2)]);
    end.send(refresh(2));
    expect(scene.held).toEqual([key(2)]);
    expect(scene.state).toBe("Established");
  });

  it("a mark of another length -> 7/1 with the message (section 5)", () => {
    const { scene, end } = up();
    end.send(messageOf("00 18 05 00 19 01 46 00"));
    expect(end.log.at(-1)).toBe("NOTIFICATION 7/1");
    expect(end.raw.at(-1)?.subarray(21)).toEqual(messageOf("00 18 05 00 19 01 46 00"));
    expect(scene.state).toBe("Idle");
  });

  it("an unknown subtype, or a mark without the capability -> ignored", () => {
    const { scene, end } = up({}, CAPABILITIES);
    end.send(announcement([macRoute(1)]), refresh(1), refresh(9), refresh(2));
    expect(scene.held).toEqual([key(1)]);
    expect(scene.state).toBe("Established");
  });
});

describe("graceful restart of the peer (RFC 4724 4.2, RFC 8538)", () => {
  const lose = (capabilities: readonly Capability[], how: (end: FarEnd) => void = (end) => end.drop()) => {
    const { scene, end } = up({}, capabilities);
    end.send(announcement([macRoute(1), macRoute(2)]), END_OF_RIB);
    scene.network.peer = "refuses";
    how(end);
    return scene;
  };

  it("a session lost -> routes stay for the peer's time, and not longer", () => {
    const scene = lose(graceful({ restartTimeSec: 60 }));
    scene.advance(59_999);
    expect(scene.held).toHaveLength(2);
    scene.advance(1);
    expect(scene.held).toEqual([]);
  });

  it("a peer that does not list EVPN -> our own time", () => {
    const scene = lose(graceful({ families: [] }));
    scene.advance(119_999);
    expect(scene.held).toHaveLength(2);
    scene.advance(1);
    expect(scene.held).toEqual([]);
  });

  it.each([
    ["a reset by its operator", { code: 6, subcode: 4, data }, 2],
    ["its hold timer", { code: 4, subcode: 0, data }, 2],
    ["its shutdown", { code: 6, subcode: 2, data }, 0],
    ["its removal of us", { code: 6, subcode: 3, data }, 0],
    ["its hard reset", hardReset({ code: 6, subcode: 4, data }), 0],
  ])("the session ends by %s -> as many routes stay as they should (RFC 8538 section 4)", (_, it, held) => {
    expect(lose(graceful(), (end) => end.send(notification(it))).held).toHaveLength(held);
  });

  it.each([
    ["with its F bit", graceful(), 2],
    ["without its F bit", graceful({ families: [{ ...EVPN, preserved: false }] }), 0],
    ["without EVPN", graceful({ families: [] }), 0],
    ["without graceful restart", CAPABILITIES, 0],
  ])("it comes back %s -> its forwarding state is trusted, or not", (_, capabilities, held) => {
    const scene = lose(graceful());
    scene.network.peer = "answers";
    scene.advance(2000);
    scene.establish({ capabilities });
    expect(scene.held).toHaveLength(held);
  });

  it("it connects anew while the old session is still up -> the old one is gone, its routes stay", () => {
    const { scene, end } = up({ listen: true });
    end.send(announcement([macRoute(1)]), END_OF_RIB);
    expect(scene.network.dial(PEER).log).toEqual(["NOTIFICATION 6/7"]); // a collision, so soon
    scene.advance(5000);
    const next = scene.network.dial(PEER);
    expect(end.closed).toBe(true);
    expect(end.log).not.toContain("NOTIFICATION 6/7");
    next.send(openOf({ capabilities: graceful() }), KEEPALIVE);
    expect(scene.state).toBe("Established");
    expect(scene.held).toEqual([key(1)]);
    next.send(END_OF_RIB);
    expect(scene.held).toEqual([]);
  });

  it("long-lived -> after the restart time routes stay for the long time, those with NO_LLGR go (RFC 9494 4.2)", () => {
    const { scene, end } = up(LONG_LIVED, graceful({ restartTimeSec: 10 }, 1000));
    end.send(announcement([macRoute(1)]), announcement([macRoute(2), macRoute(3)], { communities: [NO_LLGR] }));
    end.send(announcement([macRoute(3)]), END_OF_RIB);
    scene.network.peer = "refuses";
    end.drop();
    scene.advance(9_999);
    expect(scene.held).toHaveLength(3);
    scene.advance(1);
    expect(scene.held).toEqual([key(1), key(3)]);
    scene.advance(999_999);
    expect(scene.held).toHaveLength(2);
    scene.advance(1);
    expect(scene.held).toEqual([]);
    expect(scene.clock.pending).toBeGreaterThan(0); // it is still being tried
  });
});

describe("long-lived graceful restart of the peer (RFC 9494)", () => {
  const SHORT = graceful({ restartTimeSec: 10 }, 1000);
  const lost = (
    capabilities: readonly Capability[] = SHORT,
    options: ConstructorParameters<typeof Scene>[0] = LONG_LIVED,
  ) => {
    const { scene, end } = up(options, capabilities);
    end.send(announcement([macRoute(1), macRoute(2)]), END_OF_RIB);
    scene.network.peer = "refuses";
    end.drop();
    return scene;
  };
  const back = (scene: Scene, capabilities: readonly Capability[] = SHORT): FarEnd => {
    scene.network.peer = "answers";
    scene.advance(2000);
    return scene.establish({ capabilities });
  };
  const lastResorts = (scene: Scene) =>
    scene.speaker.ribIn().flatMap(({ nlri, llgrStale }) => (llgrStale ? [routeKey(nlri)] : []));

  it("the restart time ends -> the routes are told anew as long-lived stale, and were not before (4.2)", () => {
    const told: (boolean | undefined)[] = [];
    const scene = lost(SHORT, {
      ...LONG_LIVED,
      onRoutes: (changes) => told.push(...changes.map(({ after }) => after?.llgrStale)),
    });
    expect(lastResorts(scene)).toEqual([]);
    expect(scene.speaker.ribIn().map(({ stale }) => stale)).toEqual([true, true]);
    told.length = 0;
    scene.advance(10_000);
    expect(told).toEqual([true, true]);
    expect(lastResorts(scene)).toEqual([key(1), key(2)]);
  });

  it("announced again as before -> like any other route again, and told so", () => {
    const scene = lost();
    scene.advance(10_000);
    back(scene).send(announcement([macRoute(1)]));
    expect(lastResorts(scene)).toEqual([key(2)]);
    expect(scene.speaker.ribIn().map(({ stale }) => stale)).toEqual([false, true]);
  });

  it("announced with LLGR_STALE, as a reflector passes it on -> the last resort while its session is up (4.3)", () => {
    const { scene, end } = up();
    end.send(announcement([macRoute(1)], { communities: [LLGR_STALE] }), announcement([macRoute(2)]));
    expect(lastResorts(scene)).toEqual([key(1)]);
  });

  it("a session comes back and is lost again before End-of-RIB -> the long time goes on for all, not anew (4.2)", () => {
    const scene = lost();
    scene.advance(10_000);
    scene.advance(500_000);
    const end = back(scene);
    end.send(announcement([macRoute(1)]));
    scene.network.peer = "refuses";
    end.drop();
    scene.advance(9_999);
    expect(scene.held).toEqual([key(1), key(2)]);
    expect(lastResorts(scene)).toEqual([key(2)]);
    scene.advance(1);
    expect(lastResorts(scene)).toEqual([key(1), key(2)]);
    scene.advance(500_000 - 2000 - 10_001);
    expect(scene.held).toEqual([key(1), key(2)]);
    scene.advance(1);
    expect(scene.held).toEqual([]);
  });

  it("a session comes back and is lost again within the restart time -> what was stale already stays (4.2)", () => {
    const scene = lost();
    const end = back(scene);
    end.send(announcement([macRoute(1)]));
    end.drop();
    expect(scene.held).toEqual([key(1), key(2)]);
  });

  it("the same without a long time -> what was stale already goes (RFC 4724 4.2)", () => {
    const scene = lost(SHORT, {});
    const end = back(scene);
    end.send(announcement([macRoute(1)]));
    end.drop();
    expect(scene.held).toEqual([key(1)]);
  });

  it("the long time ends during a session's first table -> what was not said again goes; all, if the session is lost (4.2)", () => {
    const scene = lost();
    scene.advance(1_000_000);
    const end = back(scene);
    end.send(announcement([macRoute(1)]));
    scene.advance(7_999);
    expect(scene.held).toEqual([key(1), key(2)]);
    scene.advance(1);
    expect(scene.held).toEqual([key(1)]);
    scene.network.peer = "refuses";
    end.drop();
    expect(scene.held).toEqual([]);
  });

  it("the long time ends during a session's first table, which ends well -> the next loss is granted its times again (4.2)", () => {
    const scene = lost();
    scene.advance(1_000_000);
    const end = back(scene);
    end.send(announcement([macRoute(1)]));
    scene.advance(8_000);
    end.send(END_OF_RIB);
    scene.network.peer = "refuses";
    end.drop();
    scene.advance(1_009_999);
    expect(scene.held).toEqual([key(1)]);
    scene.advance(1);
    expect(scene.held).toEqual([]);
  });

  it.each([
    ["with the F bit of the long-lived capability", SHORT, 2],
    [
      "with that of graceful restart alone",
      SHORT.map((it) =>
        it.kind === "long-lived-graceful-restart"
          ? { ...it, families: [{ ...EVPN, preserved: false, staleTimeSec: 1000 }] }
          : it,
      ),
      0,
    ],
    ["without the long-lived capability", SHORT.filter(({ kind }) => kind !== "long-lived-graceful-restart"), 0],
  ])("it comes back after its restart time %s -> its forwarding state is trusted, or not (4.2)", (_, now, held) => {
    const scene = lost();
    scene.advance(20_000);
    back(scene, now);
    expect(scene.held).toHaveLength(held);
  });

  it("a family that only the long-lived capability lists -> its restart time is zero (4.2)", () => {
    const scene = lost(graceful({ families: [] }, 1000));
    expect(lastResorts(scene)).toHaveLength(2);
    scene.advance(999_999);
    expect(scene.held).toHaveLength(2);
    scene.advance(1);
    expect(scene.held).toEqual([]);
  });

  it.each([
    ["not configured", {}],
    ["for another family", { families: ["evpn", "ipv4-unicast"], longLived: { families: ["ipv4-unicast"] } }],
  ] as const)("%s -> the peer's long time is none, and nothing is said of ours (section 5)", (_, peer) => {
    const scene = lost(SHORT, { peer });
    const [first] = scene.network.last.raw;
    const open = decodeMessage(first ?? new Uint8Array());
    if ("error" in open || open.type !== "OPEN") throw new Error("no OPEN");
    const said = open.open.capabilities.flatMap((it) => (it.kind === "long-lived-graceful-restart" ? it.families : []));
    expect(said).not.toContainEqual(expect.objectContaining(EVPN));
    scene.advance(9_999);
    expect(scene.held).toHaveLength(2);
    scene.advance(1);
    expect(scene.held).toEqual([]);
  });

  it("not configured, and a family that only the long-lived capability lists -> as of a peer that asks for nothing", () => {
    const longLivedAlone = graceful({ families: [] }, 1000);
    const scene = lost(longLivedAlone, {});
    expect(lastResorts(scene)).toEqual([]);
    expect(scene.held).toHaveLength(2);
    const end = back(scene, longLivedAlone);
    expect(scene.held).toHaveLength(2);
    scene.network.peer = "refuses";
    end.drop();
    scene.advance(120_000);
    expect(scene.held).toEqual([]);
  });

  it("without graceful restart -> the long-lived capability is as if it were not there (4.5)", () => {
    const scene = lost(SHORT.filter(({ kind }) => kind !== "graceful-restart"));
    scene.advance(120_000);
    expect(scene.held).toEqual([]);
  });

  it("our own maximum -> no longer than that, whatever the peer asks for (4.2)", () => {
    const scene = lost(SHORT, { peer: { longLived: { families: ["evpn"], maximumSec: 30 } } });
    scene.advance(39_999);
    expect(scene.held).toHaveLength(2);
    scene.advance(1);
    expect(scene.held).toEqual([]);
  });
});

describe("graceful restart of our own (RFC 4724 4.1)", () => {
  const restartOf = (end: FarEnd): Capability | undefined => {
    const open = decodeMessage(end.raw[0] ?? new Uint8Array());
    if ("error" in open || open.type !== "OPEN") throw new Error("no OPEN");
    return open.open.capabilities.find((it) => it.kind === "graceful-restart");
  };

  it("the first session after a start -> R and F; the next ones without R", () => {
    const { scene, end } = up({ restart: { timeSec: 120, preserved: true } });
    expect(restartOf(end)).toMatchObject({ restarted: true, families: [{ ...EVPN, preserved: true }] });
    end.drop();
    scene.advance(2000);
    expect(restartOf(scene.network.last)).toMatchObject({ restarted: false, families: [{ preserved: true }] });
  });

  it("a start without forwarding state -> F is not set, until there was a session", () => {
    const { scene, end } = up({ restart: { timeSec: 120, preserved: false } });
    expect(restartOf(end)).toMatchObject({ restarted: true, families: [{ preserved: false }] });
    end.drop();
    scene.advance(2000);
    expect(restartOf(scene.network.last)).toMatchObject({ families: [{ preserved: true }] });
  });

  it.each([
    ["with a time", { families: ["evpn"], staleSec: 86_400 }, { preserved: true, staleTimeSec: 86_400 }],
    ["without one: a helper only", { families: ["evpn"] }, { preserved: false, staleTimeSec: 0 }],
  ] as const)(
    "long-lived, %s -> its capability says so, beside graceful restart (RFC 9494 3.1)",
    (_, longLived, said) => {
      const { end } = up({ peer: { longLived }, restart: { timeSec: 120, preserved: true } });
      const open = decodeMessage(end.raw[0] ?? new Uint8Array());
      if ("error" in open || open.type !== "OPEN") throw new Error("no OPEN");
      expect(open.open.capabilities).toContainEqual({
        kind: "long-lived-graceful-restart",
        families: [{ ...EVPN, ...said }],
      });
      expect(restartOf(end)).toBeDefined();
    },
  );

  it("no session within the restart time -> no R any more", () => {
    const scene = new Scene({ restart: { timeSec: 120, preserved: true } });
    scene.network.peer = "refuses";
    scene.configure();
    scene.advance(120_000);
    scene.network.peer = "answers";
    scene.advance(2000);
    expect(restartOf(scene.network.last)).toMatchObject({ restarted: false });
  });

  it("close for a restart -> a peer with graceful restart hears nothing, another a Cease", async () => {
    for (const [capabilities, last] of [
      [graceful(), "UPDATE"],
      [CAPABILITIES, "NOTIFICATION 6/2"],
    ] as const) {
      const { scene, end } = up({ restart: { timeSec: 120, preserved: true } }, capabilities);
      await scene.speaker.close("restart");
      expect(end.log.at(-1)).toBe(last);
      expect(end.closed).toBe(true);
      expect(scene.clock.pending).toBe(0);
    }
  });

  it("removed from the configuration -> 6/3, hard for a peer that would keep our routes", () => {
    const { scene, end } = up();
    scene.speaker.configure({ asn: 65000 as Asn, routerId: OURS, peers: [] });
    expect(lastNotification(end)).toBe("Cease/Hard Reset (6/9): Cease/Peer De-configured (6/3)");
  });
});
