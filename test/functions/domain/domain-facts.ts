// Facts and commands of the domain's tests: short forms of resources and of what is held. Not a test by itself.

import { type EndpointFacts, namedPlaces, placesOf, portName } from "../../../functions/domain/endpoint.ts";
import type { Held, Live } from "../../../functions/domain/resource.ts";
import type { Context, Decision, Plan, Refused, Write } from "../../../functions/domain/write.ts";
import { canonicalJson } from "../../../shared/message/digest.ts";
import {
  Endpoint,
  Host,
  Network,
  NewEndpoint,
  NewHost,
  NewNetwork,
  Site,
  Tenant,
} from "../../../shared/model/resource.ts";

export const CONTEXT: Context = { at: "2026-11-22T12:00:00.000Z", change: "c2", actor: "user:jane" };

const STORED = {
  version: 4,
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-02T00:00:00.000Z",
  change: "c1",
};

export const ABSENT = { state: "absent" } as const;
export const NO_CHILDREN = { refs: [], more: false };

export function live<T>(resource: T, more: Partial<Live<T>> = {}): Live<T> {
  return { state: "live", resource, deleting: false, ...more };
}

export function buried<T>(version: number): Held<T> {
  return { state: "deleted", version };
}

export const tenant = Tenant.parse({ id: "acme", name: "Acme", ...STORED });
export const site = Site.parse({ id: "fra", name: "Frankfurt", ...STORED });

export function aHost(more: object = {}): Host {
  return Host.parse({ id: "h1", site: "fra", vtep: "192.0.2.1", ...STORED, ...more });
}

export function aNetwork(subnets: string[] = [], more: object = {}): Network {
  return Network.parse({ id: "web", tenant: "acme", name: "Web", vni: 100, subnets, ...STORED, ...more });
}

export function anEndpoint(ips: string[] = [], more: object = {}): Endpoint {
  const base = {
    id: "vm1",
    network: "web",
    host: "h1",
    mac: "02:00:00:00:00:01",
    port: "tap1",
    mobility: 2,
    ...STORED,
  };
  return Endpoint.parse({ ...base, ips, ...more });
}

export function newHost(more: object = {}) {
  return { ...NewHost.parse({ site: "fra", vtep: "192.0.2.1", ...more }), id: "h1" };
}

export function newNetwork(subnets: string[] = []) {
  return { ...NewNetwork.parse({ tenant: "acme", name: "Web", vni: 100, subnets }), id: "web" };
}

export function newEndpoint(ips: string[] = [], more: object = {}) {
  const parsed = NewEndpoint.parse({ host: "h1", mac: "02:00:00:00:00:01", ips, port: "tap1", ...more });
  return { ...parsed, id: "vm1", network: "web" };
}

/** The facts of an endpoint's command: `host` is every host, and nobody uses a port but the endpoint itself. */
export function placed(given: { network?: Held<Network>; host?: Held<Host>; endpoint: Held<Endpoint> }): EndpointFacts {
  const { network = live(aNetwork()), host = live(aHost()), endpoint } = given;
  const uses = endpoint.state === "live" ? namedPlaces(placesOf(endpoint.resource)) : [];
  return {
    network,
    endpoint,
    hosts: { h1: host, h2: host, h3: host },
    ports: Object.fromEntries(uses.map((place) => [portName(place), { network: "web", endpoints: 1 }])),
    free: {},
    withoutVrf: [],
  };
}

export function planned<T>(decision: Decision<T>): Plan<T> {
  if (decision.kind === "refused") throw new Error(`refused: ${JSON.stringify(decision.refusals)}`);
  return decision;
}

export function refused<T>(decision: Decision<T>): Refused["refusals"] {
  if (decision.kind === "plan") throw new Error("planned, not refused");
  return decision.refusals;
}

/** The writes but for the resource and its change record, as short text. */
export function sideWrites(writes: readonly Write[]): string[] {
  return writes.flatMap((write) => {
    switch (write.write) {
      case "resource":
      case "record":
      case "trail":
      case "refused":
      case "memo":
        return [];
      case "require":
        return [`require ${write.ref.kind} ${write.ref.id}${write.subnets ? " with its subnets" : ""}`];
      case "claim":
      case "release":
        return [`${write.write} ${Object.values(write.guard).join(" ")} for ${write.owner}`];
      case "link":
      case "unlink":
        return [`${write.write} ${Object.values(write.index).join(" ")}`];
      case "take-port":
      case "leave-port":
        return [`${write.write} ${write.host} ${write.port}`];
      case "book":
        return [`book ${write.router} ${write.expected} -> ${write.book?.revision ?? "gone"}`];
      case "room":
        return [`room of ${write.tenant}: ${write.mode} ${canonicalJson(write.rooms)}`];
      case "close-room":
        return [`room of ${write.tenant}: close`];
    }
  });
}
