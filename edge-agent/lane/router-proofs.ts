// The proofs of the routers' lane of what the fabric holds of static routes, for the report: which of them this host announces,
// and which of the site's other hosts' the ToRs pass on. Made anew of each picture; what did not change costs a comparison.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Digest } from "../../shared/message/digest.ts";
import { prefixLine, type StaticName, staticName } from "../../shared/message/forwarding.ts";
import { type LineProof, MOST_HOPS } from "../../shared/message/route-proof.ts";
import type { HostRecord } from "../../shared/model/record.ts";
import { type PeerKey, type ReceivedRoute, routeKey } from "../bgp/route.ts";
import type { Clock } from "../clock.ts";
import { Confirmations, type OfSite, type PutRoutes, type RouteProofs } from "../report/confirmation.ts";
import { createLineDigest } from "../report/router-digest.ts";
import { type PlacedStatic, STATIC_LINES } from "../report/static-lines.ts";
import type { RouterIntent } from "./router-intent.ts";
import type { RouterPicture } from "./router.ts";
import { createSteadiness } from "./steadiness.ts";

export type RouterProofs = RouteProofs<StaticName> & {
  /** All static routes of the router, as the proofs took them to be: the step of intent that they are of. */
  readonly whole: LineProof;
  /** Where the machines at this site are that are next hops, in order; undefined: more than are told. */
  readonly hops: readonly Hop[] | undefined;
};

type Hop = { readonly ip: IpAddress; readonly vtep: IpAddress };

/** A router as it was worked out, the routes that it imports, and whether what it announces goes out. */
export type ProvenPicture = {
  readonly picture: RouterPicture;
  readonly imported: readonly ReceivedRoute[];
  readonly speaks: boolean;
};

export type RoutersProofs = {
  /** All routers of this host. */
  put(pictures: readonly ProvenPicture[], host: HostRecord | undefined): void;
  /** What the peer passed on before is of a session that is no more. */
  sessionLost(peer: PeerKey): void;
  /** Its whole table has come; what it changed is still to be worked out. */
  sentAll(peer: PeerKey): void;
  of(router: string): RouterProofs | undefined;
};

type Proof = {
  readonly confirmations: Confirmations<StaticName, PlacedStatic>;
  readonly digest: (lines: readonly string[]) => Digest;
  /** What is declared, and what was and is followed still. */
  readonly known: Map<StaticName, Known>;
  /** What the next three are made of. */
  of: { readonly intent: RouterIntent; readonly host: HostRecord } | undefined;
  places: Places;
  whole: LineProof;
  hops: readonly Hop[] | undefined;
  imports: string;
};

/** `vteps`: where the next hop is and was. `text`: what was put last. */
type Known = { readonly prefix: Prefix; readonly vteps: Set<IpAddress>; text: string };

type Places = ReadonlyMap<StaticName, OfSite<PlacedStatic>>;

export function createRouterProofs(clock: Pick<Clock, "nowMs">): RoutersProofs {
  const proofs = new Map<string, Proof>();
  const steadiness = createSteadiness();

  function putOne(proof: Proof, { picture, imported, speaks }: ProvenPicture, host: HostRecord): void {
    const { confirmations, known } = proof;
    const { intent } = picture;
    const imports = [...picture.imports].toSorted().join(" ");
    const steady = imports === proof.imports;
    // What other imports brought and took says nothing of what is passed on.
    if (!steady) confirmations.forget(undefined);
    proof.imports = imports;
    if (intent !== proof.of?.intent || host !== proof.of.host) takeIntent(proof, intent, host);
    const { places } = proof;
    if (known.size + places.size === 0) return;
    for (const [name, { declared }] of places) {
      const entry = known.get(name) ?? { prefix: declared.prefix, vteps: new Set(), text: "" };
      entry.vteps.add(declared.vtep);
      known.set(name, entry);
    }
    const routesOf = sortRoutes(known, places, imported);
    const own = new Map(
      picture.announced.flatMap(({ route, reason }) =>
        speaks && !reason && route.nlri.type === "ip-prefix" ? [[route.nlri.prefix, [route]] as const] : [],
      ),
    );
    const context = {
      nowMs: clock.nowMs(),
      isSteady: (peer: PeerKey) => steady && steadiness.isSteady(peer),
    };
    for (const [name, entry] of known) {
      const place = places.get(name);
      const announced = (place?.own && own.get(entry.prefix)) || [];
      const received = routesOf(name, place?.declared.vtep);
      const text = textOf(place, { announced, received });
      if (text !== entry.text) confirmations.put(name, place, { announced, received }, context);
      entry.text = text;
      if (!place && !confirmations.isFollowed(name)) known.delete(name);
    }
  }

  return {
    put(pictures, host) {
      const ids = new Set(host ? pictures.map(({ picture }) => picture.intent.id) : []);
      for (const id of proofs.keys()) if (!ids.has(id)) proofs.delete(id);
      for (const each of host ? pictures : []) {
        const { id } = each.picture.intent;
        const proof = proofs.get(id) ?? newProof();
        proofs.set(id, proof);
        if (host) putOne(proof, each, host);
      }
      steadiness.settle();
    },
    sessionLost(peer) {
      steadiness.sessionLost(peer);
      for (const { confirmations } of proofs.values()) confirmations.forget(peer);
    },
    sentAll: (peer) => steadiness.sentAll(peer),
    of(router) {
      const proof = proofs.get(router);
      return proof && { ...proof.confirmations.proofs, whole: proof.whole, hops: proof.hops };
    },
  };
}

function newProof(): Proof {
  const digest = createLineDigest();
  return {
    confirmations: new Confirmations(STATIC_LINES),
    digest,
    known: new Map(),
    of: undefined,
    places: new Map(),
    whole: { digest: digest([]), count: 0 },
    hops: [],
    imports: "",
  };
}

function takeIntent(proof: Proof, intent: RouterIntent, host: HostRecord): void {
  const lines = intent.statics.map(({ prefix, nextHop }) => prefixLine(prefix, nextHop));
  proof.of = { intent, host };
  proof.places = placesOf(intent, host);
  proof.whole = { digest: proof.digest(lines), count: lines.length };
  proof.hops = hopsOf(proof.places);
}

/** The static routes by declared machines at this site. */
function placesOf({ definition, statics, networks }: RouterIntent, { vtep: ownVtep, site }: HostRecord): Places {
  const places = new Map<StaticName, OfSite<PlacedStatic>>();
  for (const { prefix, nextHop } of statics) {
    const network = networks.find(({ machines }) => machines.has(nextHop));
    const machine = network?.machines.get(nextHop);
    if (!machine) continue;
    const own = machine.kind === "local";
    const vtep = own ? ownVtep : machine.vtep;
    if (!own && (vtep === ownVtep || network?.vteps.get(vtep) !== site)) continue;
    places.set(staticName(prefix, nextHop), { declared: { prefix, nextHop, vtep, vni: definition.vni }, own });
  }
  return places;
}

function hopsOf(places: Places): readonly Hop[] | undefined {
  const hops = new Map(Array.from(places.values(), ({ declared: { nextHop, vtep } }) => [nextHop, vtep]));
  if (hops.size > MOST_HOPS) return undefined;
  return Array.from(hops, ([ip, vtep]) => ({ ip, vtep })).toSorted((a, b) => (a.ip < b.ip ? -1 : 1));
}

/**
 * The routes of a prefix by way of a host that has the next hop, or had it and has none of that prefix now. Others may
 * announce the same prefix of themselves, such as a default route: that is no trace of a static one.
 */
function sortRoutes(known: ReadonlyMap<StaticName, Known>, places: Places, imported: readonly ReceivedRoute[]) {
  const byPrefix = new Map<Prefix, ReceivedRoute[]>(Array.from(known.values(), ({ prefix }) => [prefix, []]));
  if (byPrefix.size > 0) {
    for (const route of imported) if (route.nlri.type === "ip-prefix") byPrefix.get(route.nlri.prefix)?.push(route);
  }
  const taken = new Set(Array.from(places.values(), ({ declared: { prefix, vtep } }) => `${prefix} ${vtep}`));
  return (name: StaticName, vtep: IpAddress | undefined): readonly ReceivedRoute[] => {
    const entry = known.get(name);
    if (!entry) return [];
    return (byPrefix.get(entry.prefix) ?? []).filter(
      ({ nextHop }) => entry.vteps.has(nextHop) && (nextHop === vtep || !taken.has(`${entry.prefix} ${nextHop}`)),
    );
  };
}

/** Equal if a put would say the same. */
function textOf(place: OfSite<PlacedStatic> | undefined, { announced, received }: PutRoutes): string {
  const routes = received.map((route) => [route.peer, routeKey(route.nlri), route.nextHop, labelOf(route)]);
  return JSON.stringify([place?.own, place?.declared.vtep, announced.map(labelOf), routes]);
}

function labelOf({ nlri }: PutRoutes["announced"][number]): unknown {
  return nlri.type === "ip-prefix" ? [nlri.vni, nlri.gateway, nlri.esi] : undefined;
}
