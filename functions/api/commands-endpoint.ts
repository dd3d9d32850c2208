// Which facts the commands of endpoints need. Network and endpoint are read first: which hosts, ports and free addresses
// matter follows from them.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Allocate, Endpoint, Network } from "../../shared/model/resource.ts";
import type * as ask from "../domain/command.ts";
import {
  changeEndpoint,
  createEndpoint,
  deleteEndpoint,
  type EndpointFacts,
  endpointRef,
  type Identity,
  type Place,
  namedPlaces,
  placesOf,
  portName,
} from "../domain/endpoint.ts";
import { abandonMove, activateMove, moveEndpoint, prepareMove } from "../domain/endpoint-move.ts";
import type { Held } from "../domain/resource.ts";
import type { Receipts } from "./receipts.ts";
import { execute, type Request, type Runtime } from "./execute.ts";
import { freeAddresses, together } from "./facts.ts";

/** Where an endpoint is to be, and what addresses it is to get. */
export type EndpointWish = {
  host?: string;
  allocate?: Allocate | undefined;
  ips?: readonly IpAddress[];
};

export function endpointCommands(runtime: Runtime) {
  const { store } = runtime;
  const of = {
    held: ({ endpoint }: EndpointFacts) => endpoint,
    owner: ({ network }: EndpointFacts) => network,
  };
  const factsOf = (id: Identity, wish: EndpointWish) => async (tried: number) => {
    const { network, endpoint } = await together({
      network: store.get({ kind: "network", id: id.network }),
      endpoint: store.get(endpointRef(id)),
    });
    return endpointFacts(runtime, { network, endpoint, wish, tried });
  };

  return {
    create: (request: Request, command: ask.CreateEndpoint) =>
      execute(runtime, request, {
        ref: endpointRef(command),
        facts: factsOf(command, command),
        ...of,
        decide: (known, context) => createEndpoint(known, command, context),
      }),
    put: (request: Request, command: ask.CreateEndpoint) =>
      execute(runtime, request, {
        ref: endpointRef(command),
        facts: factsOf(command, command),
        ...of,
        creates: true,
        decide: (known, context) => putEndpoint(known, command, context),
      }),
    change: (request: Request, command: ask.ChangeEndpoint) =>
      execute(runtime, request, {
        ref: endpointRef(command),
        facts: factsOf(command, {}),
        ...of,
        decide: (known, context) => changeEndpoint(known, command, context),
      }),
    move: (request: Request, command: ask.MoveEndpoint) =>
      execute(runtime, request, {
        ref: endpointRef(command),
        facts: factsOf(command, { host: command.host }),
        ...of,
        decide: (known, context) => moveEndpoint(known, command, context),
      }),
    prepareMove: (request: Request, command: ask.MoveEndpoint) =>
      execute(runtime, request, {
        ref: endpointRef(command),
        facts: factsOf(command, { host: command.host }),
        ...of,
        decide: (known, context) => prepareMove(known, command, context),
      }),
    /** Without `receipts`, whether the target is ready or not. */
    activateMove: (request: Request, command: Identity, receipts: Receipts | undefined) =>
      execute(runtime, request, {
        ref: endpointRef(command),
        facts: async (tried) => {
          const known = await factsOf(command, {})(tried);
          return { ...known, unready: receipts && (await unreadyTarget(runtime, receipts, known.endpoint)) };
        },
        held: ({ endpoint }) => endpoint,
        owner: ({ network }) => network,
        decide: (known, context) => activateMove(known, command, context),
      }),
    abandonMove: (request: Request, command: Identity) =>
      execute(runtime, request, {
        ref: endpointRef(command),
        facts: factsOf(command, {}),
        ...of,
        decide: (known, context) => abandonMove(known, command, context),
      }),
    delete: (request: Request, command: Identity) =>
      execute(runtime, request, {
        ref: endpointRef(command),
        facts: factsOf(command, {}),
        ...of,
        decide: (known, context) => deleteEndpoint(known, command, context),
      }),
  };
}

/** Creates or changes it, as the facts are. */
export function putEndpoint(
  known: EndpointFacts,
  command: ask.CreateEndpoint,
  context: Parameters<typeof createEndpoint>[2],
) {
  const { network, id } = command;
  return known.endpoint.state === "live"
    ? changeEndpoint(known, { network, id, put: command }, context)
    : createEndpoint(known, command, context);
}

/** The named places that an endpoint has, which it may leave; and the hosts that it is or is to be on. */
export function concernedPlaces(endpoint: Held<Endpoint>, wish: EndpointWish): { places: Place[]; hosts: string[] } {
  const places = endpoint.state === "live" ? placesOf(endpoint.resource) : [];
  return {
    places: namedPlaces(places),
    hosts: [...places.map(({ host }) => host), ...(wish.host === undefined ? [] : [wish.host])],
  };
}

async function endpointFacts(
  runtime: Runtime,
  given: { network: Held<Network>; endpoint: Held<Endpoint>; wish: EndpointWish; tried: number },
): Promise<EndpointFacts> {
  const { network, endpoint, wish, tried } = given;
  const { store } = runtime;
  const { places, hosts: concerned } = concernedPlaces(endpoint, wish);
  const hostIds = [...new Set(concerned)];
  const router = network.state === "live" ? network.resource.router : undefined;
  const live = network.state === "live" ? network.resource : undefined;
  const { hosts, uses, free, withoutVrf } = await together({
    hosts: store.many(hostIds.map((id) => ({ kind: "host", id }) as const)),
    uses: store.ports(places),
    free: live && wish.allocate ? freeAddresses(runtime, live, { ips: [], ...wish, tried }) : Promise.resolve({}),
    withoutVrf: router === undefined ? Promise.resolve([]) : runtime.hosts.withoutVrf(hostIds),
  });
  return {
    network,
    endpoint,
    hosts: Object.fromEntries(hostIds.map((id, index) => [id, hosts[index] ?? { state: "absent" }])),
    ports: Object.fromEntries(places.map((place, index) => [portName(place), uses[index]])),
    free,
    withoutVrf,
  };
}

/** Why the target of a prepared move is not ready; undefined if it is, or if nothing is prepared. */
async function unreadyTarget(
  { store }: Runtime,
  receipts: Receipts,
  endpoint: Held<Endpoint>,
): Promise<string | undefined> {
  const next = endpoint.state === "live" ? endpoint.resource.next : undefined;
  if (!next) return undefined;
  const change = await store.change(next.change);
  if (!change) return undefined;
  const { state, hosts, summary } = await receipts.receipt(change);
  if (state === "live") return undefined;
  if (state === "accepted") return summary;
  return hosts.waiting.find(({ host }) => host === next.host)?.reason;
}
