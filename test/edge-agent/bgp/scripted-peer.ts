// A speaker under test with one peer that a script plays, and what the speaker's listener heard.

import type { Ipv4 } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";
import {
  type EvpnRoute,
  type ExportedRoute,
  type Mobility,
  type RouteChange,
  routeKey,
  ZERO_ESI,
} from "../../../edge-agent/bgp/route.ts";
import {
  createSpeaker,
  type PeerConfig,
  type Speaker,
  type SpeakerDeps,
  type SpeakerError,
} from "../../../edge-agent/bgp/speaker.ts";
import type { Capability } from "../../../edge-agent/bgp/wire/capability.ts";
import { encodeEndOfRib, decodeUpdate, encodeUpdate } from "../../../edge-agent/bgp/wire/update.ts";
import type { PathAttributes } from "../../../edge-agent/bgp/wire/attribute-table.ts";
import type { Message } from "../../../edge-agent/bgp/wire/message.ts";
import type { OpenMessage } from "../../../edge-agent/bgp/wire/open.ts";
import { FakeClock, FakeNetwork, type FarEnd } from "./fake-network.ts";

export const PEER = "192.0.2.1" as Ipv4;
export const OURS = "192.0.2.2" as Ipv4;
export const TARGET = "65000:100" as RouteTarget;
export const CAPABILITIES: readonly Capability[] = [
  { kind: "multiprotocol", afi: 25, safi: 70 },
  { kind: "route-refresh" },
  { kind: "four-octet-as", asn: 65000 },
];

export const KEEPALIVE: Message = { type: "KEEPALIVE" };
export const END_OF_RIB: Message = { type: "UPDATE", body: encodeEndOfRib() };

export function openOf(open: Partial<OpenMessage> = {}): Message {
  const asn = open.asn ?? 65000;
  const capabilities =
    open.capabilities ?? CAPABILITIES.map((it) => (it.kind === "four-octet-as" ? { ...it, asn } : it));
  return { type: "OPEN", open: { version: 4, holdTimeSec: 90, routerId: PEER, ...open, asn, capabilities } };
}

/** Route type 2 for a MAC whose last octets are `n`. */
export function macRoute(n: number, rd = `${PEER}:1`): EvpnRoute {
  const hex = n.toString(16).padStart(6, "0");
  const mac = `02:00:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4)}` as Mac;
  return { type: "mac-ip", rd: rd as RouteDistinguisher, esi: ZERO_ESI, ethernetTag: 0, mac, vni: 100 as Vni };
}

/** An UPDATE with all mandatory attributes but those in `without`. */
export function announcement(
  routes: readonly EvpnRoute[],
  more: Partial<PathAttributes> & { nextHop?: Ipv4; targets?: RouteTarget[] } = {},
  without: readonly (keyof PathAttributes)[] = [],
  asOctets: 2 | 4 = 4,
): Message {
  const { nextHop = PEER, targets = [TARGET], ...attributes } = more;
  const all: PathAttributes = {
    origin: "igp",
    asPath: [],
    localPref: 100,
    extCommunities: targets.map((target) => ({ kind: "route-target", target })),
    ...attributes,
    mpReach: { family: "evpn", nextHop, routes, invalid: [], skipped: 0 },
  };
  const kept = Object.entries(all).filter(([name]) => !without.some((it) => it === name));
  return { type: "UPDATE", body: encodeUpdate(Object.fromEntries(kept), { asOctets, internal: true }) };
}

export function withdrawal(routes: readonly EvpnRoute[]): Message {
  const mpUnreach = { family: "evpn", routes, invalid: [], skipped: 0 } as const;
  return { type: "UPDATE", body: encodeUpdate({ mpUnreach }, { asOctets: 4, internal: true }) };
}

export function exportOf(n: number, mobility?: Mobility): ExportedRoute {
  const nlri = macRoute(n, `${OURS}:100`);
  return { nlri, nextHop: OURS, routeTargets: [TARGET], ...(mobility && { mobility }) };
}

export class Scene {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork(OURS);
  readonly speaker: Speaker;
  /** `+KEY`, `-KEY`, state names, `end-of-rib`. */
  readonly heard: string[] = [];
  readonly errors: SpeakerError[] = [];
  readonly peer: PeerConfig;
  readonly asn: Asn;

  constructor(
    options: {
      asn?: number;
      listen?: boolean;
      peer?: Partial<PeerConfig>;
      staleMs?: number;
      random?: number;
      restart?: SpeakerDeps["restart"];
      discovery?: SpeakerDeps["discovery"];
      onRoutes?: (changes: readonly RouteChange[]) => void;
      onSession?: (detail: string | undefined) => void;
    } = {},
  ) {
    this.asn = (options.asn ?? 65000) as Asn;
    this.peer = { address: PEER, asn: 65000 as Asn, ...options.peer };
    const { clock, network } = this;
    this.speaker = createSpeaker(
      {
        transport: network,
        clock,
        random: () => options.random ?? 1,
        staleMs: options.staleMs ?? 120_000,
        restart: options.restart,
        discovery: options.discovery,
        ...(options.listen && { listen: { port: 179 } }),
      },
      {
        routes: (changes) => {
          options.onRoutes?.(changes);
          for (const { key, after } of changes) this.heard.push(`${after ? "+" : "-"}${key}`);
        },
        session: (_, state, detail) => {
          this.heard.push(state);
          options.onSession?.(detail);
        },
        endOfRib: () => this.heard.push("end-of-rib"),
        error: (error) => this.errors.push(error),
      },
    );
    this.speaker.setImports((targets) => targets.includes(TARGET));
  }

  configure(...peers: PeerConfig[]): void {
    this.speaker.configure({ asn: this.asn, routerId: OURS, peers: peers.length > 0 ? peers : [this.peer] });
    this.network.settle();
  }

  /** Brings the session up on a connection, the last one by default. */
  establish(open: Partial<OpenMessage> = {}, end: FarEnd = this.network.last): FarEnd {
    end.send(openOf(open), KEEPALIVE);
    return end;
  }

  advance(ms: number): void {
    this.clock.advance(ms, this.network.settle);
  }

  get state(): string | undefined {
    return this.speaker.summary()[0]?.state;
  }

  get held(): string[] {
    return this.speaker
      .ribIn()
      .map(({ nlri }) => routeKey(nlri))
      .toSorted();
  }

  forget(): void {
    this.heard.length = 0;
  }
}

/** What the UPDATEs of `end` from `since` on told, as `+KEY`, `-KEY` and `end-of-rib`. */
export function told(end: FarEnd, since = 0, internal = true): string[] {
  return end.updates.slice(since).flatMap((body) => {
    const update = decodeUpdate(body, { asOctets: 4, internal });
    if (update.severity === "session-reset") throw new Error(update.reason);
    if (update.endOfRib) return ["end-of-rib"];
    return [
      ...update.withdrawn.map((route) => `-${routeKey(route)}`),
      ...update.announced.map((route) => `+${routeKey(route)}`),
    ];
  });
}
