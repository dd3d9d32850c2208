// Sessions with unicast families: what is agreed, announced and let in, how long routes stay, and what the peer is asked.

import { describe, expect, it } from "vitest";
import type { Asn } from "../../../shared/address/vni.ts";
import type { Ipv4, Ipv6 } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { FAMILIES, type FamilyName, type UnicastFamily } from "../../../edge-agent/bgp/family.ts";
import { createSpeaker, type PeerConfig, type SpeakerError } from "../../../edge-agent/bgp/speaker.ts";
import type { UnicastPolicy } from "../../../edge-agent/bgp/unicast-route.ts";
import type { PathAttributes } from "../../../edge-agent/bgp/wire/attribute-table.ts";
import type { Capability } from "../../../edge-agent/bgp/wire/capability.ts";
import type { Message } from "../../../edge-agent/bgp/wire/message.ts";
import { decodeUpdate, encodeEndOfRib, encodeUpdate } from "../../../edge-agent/bgp/wire/update.ts";
import { FakeClock, FakeNetwork, type FarEnd } from "./fake-network.ts";

const PEER = "192.0.2.1" as Ipv4;
const LINK_LOCAL_PEER = "fe80::1" as Ipv6;
const GLOBAL_PEER = "2001:db8:1::1" as Ipv6;
const ROUTER_ID = "192.0.2.2" as Ipv4;
const VTEP = "10.0.0.2/32" as Prefix;
const VTEP6 = "2001:db8::2/128" as Prefix;
const OTHER = "10.0.0.3/32" as Prefix;
const DEFAULT = "0.0.0.0/0" as Prefix;
const ALL = ["evpn", "ipv4-unicast", "ipv6-unicast"] as const;
const OPEN: UnicastPolicy = { refuse: () => undefined, announce: [VTEP, VTEP6] };
const EXTENDED: Capability = { kind: "extended-next-hop", families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] };

type Options = {
  readonly local?: string;
  readonly peer?: Partial<PeerConfig>;
  readonly theirs?: readonly FamilyName[];
  readonly capabilities?: readonly Capability[];
  readonly policy?: UnicastPolicy;
};

/** An eBGP session, up unless the capabilities forbid it. */
function scene(options: Options = {}) {
  const { local = ROUTER_ID, policy = OPEN, capabilities = [{ kind: "route-refresh" }] } = options;
  const clock = new FakeClock();
  const network = new FakeNetwork(local);
  const heard: string[] = [];
  const errors: SpeakerError[] = [];
  const speaker = createSpeaker(
    { transport: network, clock, random: () => 1, staleMs: 120_000, restart: { timeSec: 120, preserved: true } },
    {
      routes: () => undefined,
      unicast: () => heard.push(held().join(" ") || "nothing"),
      session: (_, state, detail) => detail && heard.push(`${state} ${detail}`),
      endOfRib: (_, family) => heard.push(`end of ${family}`),
      error: (error) => errors.push(error),
    },
  );
  const held = () => speaker.unicastIn().map(({ prefix, stale }) => (stale ? `${prefix} stale` : prefix));
  speaker.setUnicastPolicy(policy, { accepts: true });
  const peer: PeerConfig = { address: PEER, asn: 65001 as Asn, families: ALL, ...options.peer };
  speaker.configure({ asn: 65000 as Asn, routerId: ROUTER_ID, peers: [peer], ownAddresses: ["10.0.0.2" as Ipv4] });
  network.settle();
  const offered = (options.theirs ?? ALL).map(
    (name): Capability => ({ kind: "multiprotocol", afi: FAMILIES[name].afi, safi: FAMILIES[name].safi }),
  );
  const establish = (end: FarEnd = network.last) => {
    const asn = Number(peer.asn);
    const all: Capability[] = [...offered, { kind: "four-octet-as", asn }, ...capabilities];
    end.send(
      { type: "OPEN", open: { version: 4, asn, holdTimeSec: 90, routerId: PEER, capabilities: all } },
      { type: "KEEPALIVE" },
    );
    return end;
  };
  establish();
  const summary = () => speaker.summary()[0];
  const family = (name: FamilyName) => summary()?.families.find((it) => it.family === name);
  return { clock, network, speaker, heard, errors, held, establish, summary, family };
}

function announcement(
  routes: readonly Prefix[],
  more: Partial<PathAttributes> & { family?: UnicastFamily } = {},
): Message {
  const { family = "ipv4-unicast", ...attributes } = more;
  const body = encodeUpdate(
    {
      origin: "igp",
      asPath: [{ type: "sequence", asns: [65001] }],
      mpReach: { family, nextHop: { address: family === "ipv4-unicast" ? PEER : GLOBAL_PEER }, routes, invalid: [] },
      ...attributes,
    },
    { asOctets: 4, internal: false },
  );
  return { type: "UPDATE", body };
}

function endOfRib(family: FamilyName): Message {
  return { type: "UPDATE", body: encodeEndOfRib(family) };
}

/** What the UPDATEs of `end` from `since` on told of unicast routes, and how. */
function told(end: FarEnd, since = 0) {
  return end.updates.slice(since).flatMap((body) => {
    const update = decodeUpdate(body, { asOctets: 4, internal: false, families: ALL });
    if (update.severity !== "ok") throw new Error(JSON.stringify(update));
    if (update.endOfRib) return [`end of ${update.endOfRib}`];
    return update.unicast.map(({ announced, withdrawn, nextHop }) => {
      const via = nextHop ? ` via ${[nextHop.address, nextHop.linkLocal].filter(Boolean).join(" ")}` : "";
      return [...withdrawn.map((it) => `-${it}`), ...announced.map((it) => `+${it}${via}`)].join(" ");
    });
  });
}

describe("unicast: what is announced", () => {
  it("over IPv4 -> the IPv4 VTEP in the classic fields, the IPv6 one not at all, and each family's End-of-RIB", () => {
    const { network, family, speaker } = scene();
    expect(told(network.last)).toEqual([
      `+${VTEP} via ${ROUTER_ID}`,
      "end of ipv4-unicast",
      "end of ipv6-unicast",
      "end of evpn",
    ]);
    const [classic] = network.last.updates;
    expect(decodeUpdate(classic ?? new Uint8Array(), { asOctets: 4, internal: false })).not.toHaveProperty(
      "attributes.mpReach",
    );
    expect(family("ipv6-unicast")?.note).toBe("nothing can be announced: IPv6 routes need a session over IPv6");
    expect(speaker.unicastOut(PEER)).toEqual([VTEP]);
  });

  it("over a link-local session, to a peer with RFC 8950 -> both VTEPs with our link-local address", () => {
    const peer = { address: LINK_LOCAL_PEER, interface: "eth0" };
    const { network } = scene({ local: "fe80::2", peer, capabilities: [EXTENDED] });
    expect(told(network.last).slice(0, 2)).toEqual([`+${VTEP} via fe80::2 fe80::2`, "end of ipv4-unicast"]);
    expect(told(network.last)).toContain(`+${VTEP6} via fe80::2 fe80::2`);
  });

  it("over IPv6, to a peer without RFC 8950 -> no IPv4 route, and the reason is shown", () => {
    const { network, family } = scene({ local: "2001:db8:1::2" });
    expect(told(network.last)).toEqual([
      "end of ipv4-unicast",
      `+${VTEP6} via 2001:db8:1::2`,
      "end of ipv6-unicast",
      "end of evpn",
    ]);
    expect(family("ipv4-unicast")?.note).toBe("nothing can be announced: the peer takes no IPv6 next hops (RFC 8950)");
  });

  it("what was learned -> never announced, to no peer: a host is no transit", () => {
    const { network } = scene();
    const before = network.last.updates.length;
    network.last.send(announcement([DEFAULT, OTHER]));
    expect(network.last.updates.length).toBe(before);
  });

  it("policy that announces no more, and again -> withdrawn in the classic field, announced anew", () => {
    const { network, speaker } = scene();
    const before = network.last.updates.length;
    speaker.setUnicastPolicy({ ...OPEN, announce: [] }, { accepts: false });
    speaker.setUnicastPolicy(OPEN, { accepts: false });
    expect(told(network.last, before)).toEqual([`-${VTEP}`, `+${VTEP} via ${ROUTER_ID}`]);
  });

  it("a role towards which routes go down -> Only to Customer with our AS (RFC 9234 section 5)", () => {
    const otc = (role: PeerConfig["role"]) => {
      const { network } = scene({ peer: { role } });
      const update = decodeUpdate(network.last.updates[0] ?? new Uint8Array(), { asOctets: 4, internal: false });
      return update.severity === "ok" ? update.attributes.onlyToCustomer : undefined;
    };
    expect(["provider", "peer", "customer", undefined].map((role) => otc(role as PeerConfig["role"]))).toEqual([
      65000,
      65000,
      undefined,
      undefined,
    ]);
  });

  it("a route refresh for one family -> that family again (RFC 2918)", () => {
    const { network } = scene();
    const before = network.last.updates.length;
    network.last.send({ type: "ROUTE-REFRESH", afi: 1, safi: 1, subtype: 0 });
    expect(told(network.last, before)).toEqual([`+${VTEP} via ${ROUTER_ID}`]);
  });
});

describe("unicast: what is agreed", () => {
  it("a peer with unicast alone, and a peer that lacks a family -> up with what there is, the rest is shown", () => {
    const { summary, network, heard } = scene({
      peer: { families: ["ipv4-unicast", "ipv6-unicast"] },
      theirs: ["ipv4-unicast"],
    });
    expect(summary()).toMatchObject({
      state: "Established",
      families: [
        { family: "ipv4-unicast", agreed: true },
        { family: "ipv6-unicast", agreed: false },
      ],
    });
    expect(told(network.last)).toEqual([`+${VTEP} via ${ROUTER_ID}`, "end of ipv4-unicast"]);
    expect(heard).toEqual(["Established without IPv6 Unicast, which the peer does not offer"]);
  });

  it("no family in common -> refused (RFC 5492 section 5)", () => {
    const { summary, network } = scene({ peer: { families: ["ipv6-unicast"] }, theirs: ["evpn"] });
    expect(network.ends[0]?.log).toContain("NOTIFICATION 2/7");
    expect(summary()?.lastError).toContain("peer does not offer IPv6 Unicast");
  });
});

describe("unicast: what is let in", () => {
  it("announced, changed, withdrawn, in both families -> held, and told once each", () => {
    const { network, heard, held } = scene();
    network.last.send(announcement([DEFAULT, OTHER]));
    network.last.send(announcement([DEFAULT, OTHER]));
    network.last.send(announcement(["::/0" as Prefix], { family: "ipv6-unicast" }));
    network.last.send({ type: "UPDATE", body: Uint8Array.of(0, 1, 0, 0, 0) });
    expect(heard).toEqual([`${DEFAULT} ${OTHER}`, `${DEFAULT} ${OTHER} ::/0`, `${OTHER} ::/0`]);
    expect(held()).toEqual([OTHER, "::/0"]);
  });

  it.each<[string, Message]>([
    ["as-loop", announcement([OTHER], { asPath: [{ type: "sequence", asns: [65001, 65000] }] })],
    [
      "own-next-hop",
      announcement([OTHER], {
        mpReach: { family: "ipv4-unicast", nextHop: { address: ROUTER_ID }, routes: [OTHER], invalid: [] },
      }),
    ],
    [
      "next-hop-off-link",
      announcement([OTHER], {
        mpReach: { family: "ipv4-unicast", nextHop: { address: LINK_LOCAL_PEER }, routes: [OTHER], invalid: [] },
      }),
    ],
  ])("%s -> refused, and counted", (reason, message) => {
    const { network, held, family } = scene();
    network.last.send(message);
    expect(held()).toEqual([]);
    expect(family("ipv4-unicast")).toMatchObject({ routesIn: 0, rejected: { [reason]: 1 } });
  });

  it("our own route, reflected within the AS -> refused by its ORIGINATOR_ID (RFC 4456 section 8)", () => {
    const { network, family } = scene({ peer: { asn: 65000 as Asn } });
    const attributes = { asPath: [], localPref: 100, originatorId: ROUTER_ID, clusterList: [PEER] };
    network.last.send(announcement([OTHER], attributes));
    expect(family("ipv4-unicast")).toMatchObject({ rejected: { "originated-here": 1 } });
  });

  it("a leak: a route with Only to Customer from a customer, or from a peer that is not its AS -> refused (RFC 9234)", () => {
    for (const [role, onlyToCustomer, leak] of [
      ["provider", 65009, true],
      ["peer", 65009, true],
      ["peer", 65001, false],
      ["customer", 65009, false],
    ] as const) {
      const { network, held } = scene({ peer: { role } });
      network.last.send(announcement([OTHER], { onlyToCustomer }));
      expect([role, onlyToCustomer, held().length === 0]).toEqual([role, onlyToCustomer, leak]);
    }
  });

  it("policy that refuses, changed to accept and back -> route refresh, and what was let in is dropped", () => {
    const none: UnicastPolicy = { refuse: () => "no-policy", announce: [] };
    const { network, speaker, held, family } = scene({ policy: none });
    network.last.send(announcement([OTHER]));
    expect(family("ipv4-unicast")).toMatchObject({ rejected: { "no-policy": 1 } });
    speaker.setUnicastPolicy(OPEN, { accepts: true });
    expect(network.last.log.filter((it) => it.startsWith("ROUTE-REFRESH"))).toEqual([
      "ROUTE-REFRESH 1/1",
      "ROUTE-REFRESH 2/1",
    ]);
    network.last.send(announcement([OTHER]));
    expect(held()).toEqual([OTHER]);
    speaker.setUnicastPolicy(none, { accepts: true });
    expect(held()).toEqual([]);
  });

  it("more routes of a family than allowed -> 6/1 with the family (RFC 4486)", () => {
    const { network, summary, errors } = scene({ policy: { ...OPEN, maximumRoutes: { limit: 2 } } });
    network.last.send(announcement([DEFAULT, OTHER]));
    expect(errors.map(({ kind }) => kind)).toEqual(["many-routes"]);
    network.last.send(announcement(["10.9.0.0/16" as Prefix]));
    expect(network.last.log.at(-1)).toBe("NOTIFICATION 6/1");
    expect(summary()?.lastError).toContain("more than 2 routes");
  });
});

describe("unicast: when the session ends", () => {
  const graceful = (families: readonly FamilyName[]): Capability => ({
    kind: "graceful-restart",
    restarted: false,
    notification: true,
    restartTimeSec: 60,
    families: families.map((name) => ({ afi: FAMILIES[name].afi, safi: FAMILIES[name].safi, preserved: true })),
  });

  it("a peer that promised nothing for the family -> its routes go at once: it may be dead", () => {
    const { network, held, heard } = scene({ capabilities: [graceful(["evpn"])] });
    network.last.send(announcement([OTHER]));
    network.last.drop();
    expect(held()).toEqual([]);
    expect(heard).toContain("nothing");
  });

  it("a peer that lists the family -> stale for its restart time, shown as such, then gone (RFC 4724 4.2)", () => {
    const { network, clock, held } = scene({ capabilities: [graceful(["ipv4-unicast"])] });
    network.peer = "is silent";
    network.last.send(announcement([OTHER]));
    network.last.drop();
    expect(held()).toEqual([`${OTHER} stale`]);
    clock.advance(59_000, network.settle);
    expect(held()).toEqual([`${OTHER} stale`]);
    clock.advance(2000, network.settle);
    expect(held()).toEqual([]);
  });

  it("back, with one route less -> swept at the family's End-of-RIB, not at another's", () => {
    const { network, clock, held, heard, establish } = scene({ capabilities: [graceful(["ipv4-unicast"])] });
    network.last.send(announcement([DEFAULT, OTHER]));
    network.last.drop();
    clock.advance(3000, network.settle);
    const again = establish();
    again.send(announcement([DEFAULT]), endOfRib("evpn"), endOfRib("ipv6-unicast"));
    expect(held()).toEqual([DEFAULT, `${OTHER} stale`]);
    again.send(endOfRib("ipv4-unicast"));
    expect(held()).toEqual([DEFAULT]);
    expect(heard.slice(-2)).toEqual([DEFAULT, "end of ipv4-unicast"]);
  });

  it("back without the family -> its routes go", () => {
    const { network, clock, held } = scene({ capabilities: [graceful(["ipv4-unicast"])] });
    network.last.send(announcement([OTHER]));
    network.last.drop();
    clock.advance(3000, network.settle);
    const open = { version: 4, asn: 65001, holdTimeSec: 90, routerId: PEER };
    const evpn: Capability = { kind: "multiprotocol", afi: 25, safi: 70 };
    network.last.send(
      { type: "OPEN", open: { ...open, capabilities: [evpn, graceful(["evpn"])] } },
      { type: "KEEPALIVE" },
    );
    expect(held()).toEqual([]);
  });

  it("administrative shutdown by the peer -> its routes go at once, whatever it promised", () => {
    const { network, held } = scene({ capabilities: [graceful(["ipv4-unicast"])] });
    network.last.send(announcement([OTHER]));
    network.last.send({ type: "NOTIFICATION", notification: { code: 6, subcode: 2, data: new Uint8Array() } });
    expect(held()).toEqual([]);
  });
});
