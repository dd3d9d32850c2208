// Peers given by their interface: what discovery says, and what becomes of it. And peers of an AS that is only "external" or
// "internal".

import { describe, expect, it } from "vitest";
import { type Ipv6, parseIp } from "../../../shared/address/ip.ts";
import { parseMac } from "../../../shared/address/mac.ts";
import type { Asn } from "../../../shared/address/vni.ts";
import type { DiscoveryHandlers } from "../../../edge-agent/bgp/ports.ts";
import {
  isRouterAdvertisement,
  isRouterSolicitation,
  routerAdvertisement,
  routerSolicitation,
} from "../../../edge-agent/bgp/router-advertisement.ts";
import { announcement, macRoute, Scene, told } from "./scripted-peer.ts";
import { hex } from "./wire/hex-message.ts";

const ROUTER = parseIp("fe80::1") as Ipv6;
const OTHER = parseIp("fe80::2") as Ipv6;

/** A speaker whose one peer is whoever is on eth1. */
function sceneOnLink(options: { asn?: "external" | "internal"; listen?: boolean } = {}) {
  const links = new Map<string, DiscoveryHandlers>();
  const scene = new Scene({
    ...(options.listen && { listen: true }),
    peer: { address: undefined, interface: "eth1", asn: options.asn ?? "external" },
    discovery: {
      watch(link, on) {
        links.set(link, on);
        return { close: () => links.delete(link) };
      },
    },
  });
  scene.configure();
  const on = (): DiscoveryHandlers => links.get("eth1") as DiscoveryHandlers;
  const found = (router: Ipv6): void => {
    on().found(router);
    scene.network.settle();
  };
  return { scene, links, on, found };
}

describe("a peer by interface", () => {
  it("nobody is heard -> Idle with the reason, and no connection is tried", () => {
    const { scene } = sceneOnLink();
    expect(scene.network.attempts).toBe(0);
    expect(scene.speaker.summary()).toMatchObject([
      {
        peer: "eth1",
        address: undefined,
        asn: undefined,
        state: "Idle",
        lastError: "no router has been heard on eth1",
      },
    ]);
  });

  it("a router is heard, again and again -> one session with it, on that link, of whatever AS it has", () => {
    const { scene, found } = sceneOnLink();
    found(ROUTER);
    found(ROUTER);
    expect(scene.network.links).toEqual(["eth1"]);
    const end = scene.establish({ asn: 65009 });
    expect(told(end, 0, false)).toEqual(["end-of-rib"]);
    expect(scene.speaker.summary()).toMatchObject([
      { peer: "eth1", address: ROUTER, asn: 65009, state: "Established" },
    ]);
    end.send(announcement([macRoute(1)], { asPath: [{ type: "sequence", asns: [65009] }] }, ["localPref"]));
    expect(scene.speaker.ribIn()).toMatchObject([{ peer: "eth1", peerAsn: 65009 }]);
  });

  it("another router is heard -> left alone while the session stands, met when it does not", () => {
    const { scene, found } = sceneOnLink();
    found(ROUTER);
    const end = scene.establish({ asn: 65009 });
    found(OTHER);
    expect(scene.speaker.summary()).toMatchObject([{ address: ROUTER, state: "Established" }]);
    end.drop();
    found(OTHER);
    expect(scene.speaker.summary()).toMatchObject([{ address: OTHER }]);
    scene.establish({ asn: 65010 });
    expect(scene.speaker.summary()).toMatchObject([{ address: OTHER, asn: 65010, state: "Established" }]);
  });

  it("the link goes down -> the session ends at once, and not after the hold time", () => {
    const { scene, on, found } = sceneOnLink();
    found(ROUTER);
    const end = scene.establish({ asn: 65009 });
    on().down();
    expect(end.closed).toBe(true);
    expect(scene.speaker.summary()).toMatchObject([{ state: "Idle", lastError: "eth1 is down" }]);
  });

  it("whoever connects on the link -> found by that, before any advertisement", () => {
    const { scene } = sceneOnLink({ listen: true });
    expect(scene.network.dial(ROUTER, "eth2").closed).toBe(true);
    const end = scene.network.dial(ROUTER, "eth1");
    expect(end.closed).toBe(false);
    scene.establish({ asn: 65009 }, end);
    expect(scene.speaker.summary()).toMatchObject([{ peer: "eth1", address: ROUTER, state: "Established" }]);
  });

  it("the peer is removed -> nobody is looked for any more", () => {
    const { scene, links } = sceneOnLink();
    scene.speaker.configure(undefined);
    expect(links.size).toBe(0);
  });

  it("two links with the same router address -> a session each, named by link", () => {
    const { scene } = sceneOnLink();
    const peer = { interface: "eth1", asn: "external" as const, address: ROUTER };
    scene.configure(peer, { ...peer, interface: "eth2" });
    expect(scene.network.links).toEqual(["eth1", "eth2"]);
    expect(scene.speaker.summary().map((it) => it.peer)).toEqual(["eth1", "eth2"]);
  });
});

describe("a peer's AS as external or internal", () => {
  it.each([
    ["external", 65009, "OPEN"],
    ["external", 65000, "NOTIFICATION 2/2"],
    ["external", 0, "NOTIFICATION 2/2"],
    ["internal", 65000, "OPEN"],
    ["internal", 65009, "NOTIFICATION 2/2"],
  ] as const)("%s, and the peer is of AS %i -> %s (ours is 65000)", (asn, theirs, answer) => {
    const scene = new Scene({ peer: { asn } });
    scene.configure();
    const end = scene.establish({ asn: theirs });
    expect(end.log.includes("NOTIFICATION 2/2")).toBe(answer !== "OPEN");
    if (answer === "OPEN")
      expect(scene.speaker.summary()).toMatchObject([{ asn: theirs as Asn, state: "Established" }]);
  });
});

describe("router advertisements (RFC 4861 4.1, 4.2)", () => {
  const mac = parseMac("02:00:00:00:00:01");
  if (!mac) throw new Error("bad test value");

  it("ours -> of no default router (lifetime 0), with the address of our link", () => {
    expect(routerAdvertisement(mac)).toEqual(
      hex("86 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 01 02 00 00 00 00 01"),
    );
    expect(routerSolicitation(mac)).toEqual(hex("85 00 00 00 00 00 00 00 01 01 02 00 00 00 00 01"));
  });

  it.each([
    ["ours", routerAdvertisement(mac), true],
    // hop limit 64, lifetime 0, and the options that FRR 8.4.4 sends: interval (7) and source link-layer address (1)
    [
      "in FRR's form",
      hex("86 00 ab cd 40 00 00 00 00 00 00 00 00 00 00 00 07 01 00 00 00 00 27 10 01 01 02 00 00 00 00 01"),
      true,
    ],
    ["cut", routerAdvertisement(mac).subarray(0, 20), false],
    [
      "with an option of length 0",
      hex("86 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 02 00 00 00 00 01"),
      false,
    ],
    ["a solicitation", routerSolicitation(mac), false],
    ["nothing", new Uint8Array(0), false],
  ])("%s -> told apart", (_, octets, expected) => {
    expect(isRouterAdvertisement(octets)).toBe(expected);
    expect(isRouterSolicitation(octets)).toBe(octets[0] === 0x85);
  });
});
