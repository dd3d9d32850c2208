// Which facts the commands of networks, routers and their static routes need. A network that is routed is decided on
// with its router's book, before and after.

import type { Network } from "../../shared/model/resource.ts";
import type * as ask from "../domain/command.ts";
import {
  changeNetwork,
  createNetwork,
  deleteNetwork,
  narrowsSubnets,
  NO_ROUTING,
  type RoutingFacts,
} from "../domain/network.ts";
import { changePrefix, createPrefix, deletePrefix } from "../domain/prefix.ts";
import type { Held } from "../domain/resource.ts";
import { changeRouter, createRouter, deleteRouter } from "../domain/router.ts";
import { execute, type Request, type Runtime } from "./execute.ts";
import { addressesOf, childrenOf, offerOf, routingOf, together } from "./facts.ts";

type ById = { id: string };
type PrefixId = { router: string; id: string };

export function networkCommands(runtime: Runtime) {
  const { store, hosts } = runtime;
  const refOf = ({ id }: ById) => ({ kind: "network", id }) as const;

  /** The routers before and after, and, of a network that gets a router, the hosts that cannot carry one. */
  async function routing(network: Held<Network>, wanted: string | null | undefined): Promise<RoutingFacts> {
    const now = network.state === "live" ? network.resource.router : undefined;
    const ids = [...new Set([now, wanted])].filter((id) => typeof id === "string");
    if (ids.length === 0) return NO_ROUTING;
    const entries = await Promise.all(ids.map(async (id) => [id, await routingOf(store, id)] as const));
    const attaches = network.state === "live" && typeof wanted === "string" && wanted !== now;
    const withoutVrf = attaches ? await hosts.withoutVrf(await hosts.members(network.resource.id)) : [];
    return { routers: Object.fromEntries(entries), withoutVrf };
  }

  const changed = (command: ask.ChangeNetwork) => async () => {
    const network = await store.get(refOf(command));
    const narrows = narrowsSubnets(network, command);
    const wanted = command.put ? command.put.router : command.patch.router;
    return {
      network,
      addresses: narrows ? await addressesOf(store, command.id) : [],
      ...(await routing(network, wanted)),
    };
  };
  const created = (command: ask.CreateNetwork) => async (tried: number) => {
    const known = await together({
      network: store.get(refOf(command)),
      tenant: store.get({ kind: "tenant", id: command.tenant }),
      pool: offerOf(runtime, command, tried),
    });
    return { ...known, ...(await routing(known.network, command.router)) };
  };

  return {
    create: (request: Request, command: ask.CreateNetwork) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: created(command),
        held: ({ network }) => network,
        decide: (known, context) => createNetwork(known, command, context),
      }),
    put: (request: Request, command: ask.CreateNetwork) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: async (tried) => {
          const change = { id: command.id, put: command };
          const { network, addresses } = await changed(change)();
          if (network.state === "live") return { ...(await changed(change)()), tenant: undefined, pool: undefined };
          return { ...(await created(command)(tried)), addresses };
        },
        held: ({ network }) => network,
        owner: ({ network }) => network,
        creates: true,
        decide: (known, context) => {
          const { tenant = { state: "absent" } as const } = known;
          return known.network.state === "live"
            ? changeNetwork(known, { id: command.id, put: command }, context)
            : createNetwork({ ...known, tenant }, command, context);
        },
      }),
    change: (request: Request, command: ask.ChangeNetwork) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: changed(command),
        held: ({ network }) => network,
        owner: ({ network }) => network,
        decide: (known, context) => changeNetwork(known, command, context),
      }),
    delete: (request: Request, command: ById) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: async () => {
          const network = await store.get(refOf(command));
          return { network, children: await childrenOf(store, refOf(command)), ...(await routing(network, undefined)) };
        },
        held: ({ network }) => network,
        owner: ({ network }) => network,
        decide: (known, context) => deleteNetwork(known, command, context),
      }),
  };
}

export function routerCommands(runtime: Runtime) {
  const { store } = runtime;
  const refOf = ({ id }: ById) => ({ kind: "router", id }) as const;
  const created = (command: ask.CreateRouter) => (tried: number) =>
    together({
      router: store.get(refOf(command)),
      tenant: store.get({ kind: "tenant", id: command.tenant }),
      pool: offerOf(runtime, command, tried),
    });
  return {
    create: (request: Request, command: ask.CreateRouter) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: created(command),
        held: ({ router }) => router,
        decide: (known, context) => createRouter(known, command, context),
      }),
    put: (request: Request, command: ask.CreateRouter) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: created(command),
        held: ({ router }) => router,
        owner: ({ router }) => router,
        creates: true,
        decide: (known, context) =>
          known.router.state === "live"
            ? changeRouter(known, { id: command.id, put: command }, context)
            : createRouter(known, command, context),
      }),
    change: (request: Request, command: ask.ChangeRouter) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: async () => ({ router: await store.get(refOf(command)) }),
        held: ({ router }) => router,
        owner: ({ router }) => router,
        decide: (known, context) => changeRouter(known, command, context),
      }),
    delete: (request: Request, command: ById) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: () => routingOf(store, command.id),
        held: ({ router }) => router,
        owner: ({ router }) => router,
        decide: (known, context) => deleteRouter(known, command, context),
      }),
  };
}

export function prefixCommands(runtime: Runtime) {
  const { store } = runtime;
  const subject = ({ router, id }: PrefixId) => {
    const ref = { kind: "prefix", router, id } as const;
    const facts = async () => ({ routing: await routingOf(store, router), prefix: await store.get(ref) });
    type Known = Awaited<ReturnType<typeof facts>>;
    return { ref, facts, held: ({ prefix }: Known) => prefix, owner: ({ routing }: Known) => routing.router };
  };
  return {
    create: (request: Request, command: ask.CreatePrefix) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => createPrefix(known, command, context),
      }),
    put: (request: Request, command: ask.CreatePrefix) =>
      execute(runtime, request, {
        ...subject(command),
        creates: true,
        decide: (known, context) => {
          const { router, id } = command;
          return known.prefix.state === "live"
            ? changePrefix(known, { router, id, put: command }, context)
            : createPrefix(known, command, context);
        },
      }),
    change: (request: Request, command: ask.ChangePrefix) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => changePrefix(known, command, context),
      }),
    delete: (request: Request, command: PrefixId) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => deletePrefix(known, command, context),
      }),
  };
}
