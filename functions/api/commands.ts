// Which facts each command needs, one line of reading per fact. The rules are in functions/domain.

import type * as ask from "../domain/command.ts";
import { changeEndpoint, createEndpoint, deleteEndpoint, moveEndpoint } from "../domain/endpoint.ts";
import { changeHost, createHost, deleteHost } from "../domain/host.ts";
import { type AddressInUse, changeNetwork, createNetwork, deleteNetwork, narrowsSubnets } from "../domain/network.ts";
import type { Children } from "../domain/plan.ts";
import type { ResourceRef } from "../domain/resource.ts";
import { changeSite, createSite, deleteSite } from "../domain/site.ts";
import { changeTenant, createTenant, deleteTenant } from "../domain/tenant.ts";
import type { Page, Store } from "../store/store.ts";
import { execute, type Runtime } from "./execute.ts";

type ById = { id: string };
type EndpointId = { network: string; id: string };

/** How many children a refusal to delete names. */
const BLOCKING_NAMED = 20;
const READ_AT_ONCE = 200;

/** One function per command; each answers with the resource after it, or the refusal. */
export type Commands = ReturnType<typeof createCommands>;

export function createCommands(runtime: Runtime) {
  return {
    ...tenantCommands(runtime),
    ...siteCommands(runtime),
    ...hostCommands(runtime),
    ...networkCommands(runtime),
    ...endpointCommands(runtime),
  };
}

function tenantCommands(runtime: Runtime) {
  const { store } = runtime;
  const refOf = ({ id }: ById) => ({ kind: "tenant", id }) as const;
  const facts = async (command: ById) => ({ tenant: await store.get(refOf(command)) });
  return {
    createTenant: (command: ask.CreateTenant) =>
      execute(runtime, {
        ref: refOf(command),
        facts: () => facts(command),
        decide: (known, context) => createTenant(known, command, context),
      }),
    changeTenant: (command: ask.ChangeTenant) =>
      execute(runtime, {
        ref: refOf(command),
        facts: () => facts(command),
        decide: (known, context) => changeTenant(known, command, context),
      }),
    deleteTenant: (command: ById) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => ({ ...(await facts(command)), children: await childrenOf(store, refOf(command)) }),
        decide: (known, context) => deleteTenant(known, command, context),
      }),
  };
}

function siteCommands(runtime: Runtime) {
  const { store } = runtime;
  const refOf = ({ id }: ById) => ({ kind: "site", id }) as const;
  const facts = async (command: ById) => ({ site: await store.get(refOf(command)) });
  return {
    createSite: (command: ask.CreateSite) =>
      execute(runtime, {
        ref: refOf(command),
        facts: () => facts(command),
        decide: (known, context) => createSite(known, command, context),
      }),
    changeSite: (command: ask.ChangeSite) =>
      execute(runtime, {
        ref: refOf(command),
        facts: () => facts(command),
        decide: (known, context) => changeSite(known, command, context),
      }),
    deleteSite: (command: ById) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => ({ ...(await facts(command)), children: await childrenOf(store, refOf(command)) }),
        decide: (known, context) => deleteSite(known, command, context),
      }),
  };
}

function hostCommands(runtime: Runtime) {
  const { store } = runtime;
  const refOf = ({ id }: ById) => ({ kind: "host", id }) as const;
  return {
    createHost: (command: ask.CreateHost) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => ({
          host: await store.get(refOf(command)),
          site: await store.get({ kind: "site", id: command.site }),
        }),
        decide: (known, context) => createHost(known, command, context),
      }),
    changeHost: (command: ask.ChangeHost) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => ({ host: await store.get(refOf(command)) }),
        decide: (known, context) => changeHost(known, command, context),
      }),
    deleteHost: (command: ById) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => ({
          host: await store.get(refOf(command)),
          children: await childrenOf(store, refOf(command)),
        }),
        decide: (known, context) => deleteHost(known, command, context),
      }),
  };
}

function networkCommands(runtime: Runtime) {
  const { store } = runtime;
  const refOf = ({ id }: ById) => ({ kind: "network", id }) as const;
  return {
    createNetwork: (command: ask.CreateNetwork) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => ({
          network: await store.get(refOf(command)),
          tenant: await store.get({ kind: "tenant", id: command.tenant }),
        }),
        decide: (known, context) => createNetwork(known, command, context),
      }),
    changeNetwork: (command: ask.ChangeNetwork) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => {
          const network = await store.get(refOf(command));
          const narrows = narrowsSubnets(network, command.patch);
          return { network, addresses: narrows ? await addressesOf(store, command.id) : [] };
        },
        decide: (known, context) => changeNetwork(known, command, context),
      }),
    deleteNetwork: (command: ById) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => ({
          network: await store.get(refOf(command)),
          children: await childrenOf(store, refOf(command)),
        }),
        decide: (known, context) => deleteNetwork(known, command, context),
      }),
  };
}

function endpointCommands(runtime: Runtime) {
  const { store } = runtime;
  const refOf = ({ network, id }: EndpointId) => ({ kind: "endpoint", network, id }) as const;
  const network = ({ network: id }: EndpointId) => store.get({ kind: "network", id });
  const host = ({ host: id }: { host: string }) => store.get({ kind: "host", id });
  const endpoint = (command: EndpointId) => store.get(refOf(command));
  return {
    createEndpoint: (command: ask.CreateEndpoint) =>
      execute(runtime, {
        ref: refOf(command),
        facts: () => together({ network: network(command), host: host(command), endpoint: endpoint(command) }),
        decide: (known, context) => createEndpoint(known, command, context),
      }),
    changeEndpoint: (command: ask.ChangeEndpoint) =>
      execute(runtime, {
        ref: refOf(command),
        facts: () => together({ network: network(command), endpoint: endpoint(command) }),
        decide: (known, context) => changeEndpoint(known, command, context),
      }),
    moveEndpoint: (command: ask.MoveEndpoint) =>
      execute(runtime, {
        ref: refOf(command),
        facts: () => together({ endpoint: endpoint(command), host: host(command) }),
        decide: (known, context) => moveEndpoint(known, command, context),
      }),
    deleteEndpoint: (command: EndpointId) =>
      execute(runtime, {
        ref: refOf(command),
        facts: async () => ({ endpoint: await endpoint(command) }),
        decide: (known, context) => deleteEndpoint(known, command, context),
      }),
  };
}

/** Facts that do not depend on each other's moment: the conditions of the commit hold them together. */
async function together<T extends Record<string, Promise<unknown>>>(
  reads: T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const entries = Object.entries(reads).map(async ([name, read]) => [name, await read] as const);
  return Object.fromEntries(await Promise.all(entries)) as { [K in keyof T]: Awaited<T[K]> };
}

type ParentRef = { kind: "tenant" | "site" | "host" | "network"; id: string };

async function childrenOf(store: Store, { kind, id }: ParentRef): Promise<Children> {
  const page = { limit: BLOCKING_NAMED };
  const endpointRef = ({ network, id }: EndpointId) => ({ kind: "endpoint", network, id }) as const;
  switch (kind) {
    case "tenant":
      return named(await store.list<"network">({ kind: "network", tenant: id }, page), ({ id }) => ({
        kind: "network",
        id,
      }));
    case "site":
      return named(await store.list<"host">({ kind: "host", site: id }, page), ({ id }) => ({ kind: "host", id }));
    case "host":
      return named(await store.list<"endpoint">({ kind: "endpoint", host: id }, page), endpointRef);
    case "network":
      return named(await store.list<"endpoint">({ kind: "endpoint", network: id }, page), endpointRef);
  }
}

function named<T>({ items, next }: Page<T>, refOf: (item: T) => ResourceRef): Children {
  return { refs: items.map(refOf), more: next !== undefined };
}

/** Every address in use in a network, with its endpoint. */
async function addressesOf(store: Store, network: string): Promise<AddressInUse[]> {
  const addresses: AddressInUse[] = [];
  let position: string | undefined;
  do {
    const page = { limit: READ_AT_ONCE, ...(position === undefined ? {} : { position }) };
    const { items, next } = await store.list<"endpoint">({ kind: "endpoint", network }, page);
    for (const { id, ips } of items) {
      for (const ip of ips) addresses.push({ ref: { kind: "endpoint", network, id }, ip });
    }
    position = next;
  } while (position !== undefined);
  return addresses;
}
