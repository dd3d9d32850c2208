// Which facts each command needs, one line of reading per fact. The rules are in functions/domain. Here: tenants, sites,
// hosts, fabric peers and VNI pools; networks and routers are commands-network.ts, endpoints commands-endpoint.ts.

import type * as ask from "../domain/command.ts";
import { changeFabricPeer, createFabricPeer, deleteFabricPeer } from "../domain/fabric-peer.ts";
import { changeHost, createHost, deleteHost } from "../domain/host.ts";
import { abandonRollout, createRollout, type CreateRollout, resumeRollout } from "../domain/rollout-decision.ts";
import { changeSite, createSite, deleteSite } from "../domain/site.ts";
import { changeTenant, createTenant, deleteTenant } from "../domain/tenant.ts";
import { changeVniPool, createVniPool, deleteVniPool } from "../domain/vni-pool.ts";
import { endpointCommands } from "./commands-endpoint.ts";
import { networkCommands, prefixCommands, routerCommands } from "./commands-network.ts";
import { execute, type Request, type Runtime } from "./execute.ts";
import { childrenOf, fabricOf } from "./facts.ts";

export type ById = { id: string };

/** One function per command; each answers with the resource after it, or the refusal. */
export type Commands = ReturnType<typeof createCommands>;

export function createCommands(runtime: Runtime) {
  return {
    tenant: tenantCommands(runtime),
    site: siteCommands(runtime),
    host: hostCommands(runtime),
    fabricPeer: fabricPeerCommands(runtime),
    vniPool: vniPoolCommands(runtime),
    network: networkCommands(runtime),
    router: routerCommands(runtime),
    prefix: prefixCommands(runtime),
    endpoint: endpointCommands(runtime),
    rollout: rolloutCommands(runtime),
  };
}

function tenantCommands(runtime: Runtime) {
  const { store } = runtime;
  const subject = ({ id }: ById) => {
    const ref = { kind: "tenant", id } as const;
    const facts = async () => ({ tenant: await store.get(ref) });
    return { ref, facts, held: (known: Awaited<ReturnType<typeof facts>>) => known.tenant };
  };
  return {
    create: (request: Request, command: ask.CreateTenant) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => createTenant(known, command, context),
      }),
    put: (request: Request, command: ask.CreateTenant) =>
      execute(runtime, request, {
        ...subject(command),
        creates: true,
        decide: (known, context) =>
          known.tenant.state === "live"
            ? changeTenant(known, { id: command.id, put: command }, context)
            : createTenant(known, command, context),
      }),
    change: (request: Request, command: ask.ChangeTenant) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => changeTenant(known, command, context),
      }),
    delete: (request: Request, command: ById) => {
      const { ref, facts } = subject(command);
      return execute(runtime, request, {
        ref,
        facts: async () => ({ ...(await facts()), children: await childrenOf(store, ref) }),
        held: ({ tenant }) => tenant,
        decide: (known, context) => deleteTenant(known, command, context),
      });
    },
  };
}

function siteCommands(runtime: Runtime) {
  const { store } = runtime;
  const subject = ({ id }: ById) => {
    const ref = { kind: "site", id } as const;
    const facts = async () => ({ site: await store.get(ref) });
    return { ref, facts, held: (known: Awaited<ReturnType<typeof facts>>) => known.site };
  };
  return {
    create: (request: Request, command: ask.CreateSite) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => createSite(known, command, context),
      }),
    put: (request: Request, command: ask.CreateSite) =>
      execute(runtime, request, {
        ...subject(command),
        creates: true,
        decide: (known, context) =>
          known.site.state === "live"
            ? changeSite(known, { id: command.id, put: command }, context)
            : createSite(known, command, context),
      }),
    change: (request: Request, command: ask.ChangeSite) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => changeSite(known, command, context),
      }),
    delete: (request: Request, command: ById) => {
      const { ref, facts } = subject(command);
      return execute(runtime, request, {
        ref,
        facts: async () => ({ ...(await facts()), children: await childrenOf(store, ref) }),
        held: ({ site }) => site,
        decide: (known, context) => deleteSite(known, command, context),
      });
    },
  };
}

function hostCommands(runtime: Runtime) {
  const { store } = runtime;
  const refOf = ({ id }: ById) => ({ kind: "host", id }) as const;
  /** Only a host with BGP peers has a say about ToRs. */
  const fabric = async (site: string | undefined) => (site === undefined ? [] : fabricOf(store, site));
  const created = (command: ask.CreateHost) => async () => {
    const host = await store.get(refOf(command));
    const site = await store.get({ kind: "site", id: command.site });
    return { host, site, fabric: await fabric(command.bgp && command.site) };
  };
  return {
    create: (request: Request, command: ask.CreateHost) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: created(command),
        held: ({ host }) => host,
        decide: (known, context) => createHost(known, command, context),
      }),
    put: (request: Request, command: ask.CreateHost) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: created(command),
        held: ({ host }) => host,
        creates: true,
        decide: (known, context) =>
          known.host.state === "live"
            ? changeHost(known, { id: command.id, put: command }, context)
            : createHost(known, command, context),
      }),
    change: (request: Request, command: ask.ChangeHost) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: async () => {
          const host = await store.get(refOf(command));
          const site = host.state === "live" && command.patch?.bgp ? host.resource.site : undefined;
          return { host, fabric: await fabric(site) };
        },
        held: ({ host }) => host,
        decide: (known, context) => changeHost(known, command, context),
      }),
    delete: (request: Request, command: ById) =>
      execute(runtime, request, {
        ref: refOf(command),
        facts: async () => ({
          host: await store.get(refOf(command)),
          children: await childrenOf(store, refOf(command)),
        }),
        held: ({ host }) => host,
        decide: (known, context) => deleteHost(known, command, context),
      }),
  };
}

function fabricPeerCommands(runtime: Runtime) {
  const { store } = runtime;
  const subject = ({ id, site }: ById & { site?: string }) => {
    const ref = { kind: "fabric-peer", id } as const;
    const facts = async () => {
      const peer = await store.get(ref);
      return {
        peer,
        site: site === undefined ? ({ state: "absent" } as const) : await store.get({ kind: "site", id: site }),
      };
    };
    return { ref, facts, held: (known: Awaited<ReturnType<typeof facts>>) => known.peer };
  };
  return {
    create: (request: Request, command: ask.CreateFabricPeer) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => createFabricPeer(known, command, context),
      }),
    put: (request: Request, command: ask.CreateFabricPeer) =>
      execute(runtime, request, {
        ...subject(command),
        creates: true,
        decide: (known, context) =>
          known.peer.state === "live"
            ? changeFabricPeer(known, { id: command.id, put: command }, context)
            : createFabricPeer(known, command, context),
      }),
    change: (request: Request, command: ask.ChangeFabricPeer) =>
      execute(runtime, request, {
        ...subject({ id: command.id }),
        decide: (known, context) => changeFabricPeer(known, command, context),
      }),
    delete: (request: Request, command: ById) =>
      execute(runtime, request, {
        ...subject({ id: command.id }),
        decide: (known, context) => deleteFabricPeer(known, command, context),
      }),
  };
}

function vniPoolCommands(runtime: Runtime) {
  const { store } = runtime;
  const subject = ({ id }: ById) => {
    const ref = { kind: "vni-pool", id } as const;
    const facts = async () => ({ pool: await store.get(ref) });
    return { ref, facts, held: (known: Awaited<ReturnType<typeof facts>>) => known.pool };
  };
  return {
    create: (request: Request, command: ask.CreateVniPool) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => createVniPool(known, command, context),
      }),
    put: (request: Request, command: ask.CreateVniPool) =>
      execute(runtime, request, {
        ...subject(command),
        creates: true,
        decide: (known, context) =>
          known.pool.state === "live"
            ? changeVniPool(known, { id: command.id, put: command }, context)
            : createVniPool(known, command, context),
      }),
    change: (request: Request, command: ask.ChangeVniPool) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => changeVniPool(known, command, context),
      }),
    delete: (request: Request, command: ById) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => deleteVniPool(known, command, context),
      }),
  };
}

function rolloutCommands(runtime: Runtime) {
  const { store } = runtime;
  const subject = ({ id }: ById) => {
    const ref = { kind: "rollout", id } as const;
    const facts = async () => ({ rollout: await store.get<"rollout">(ref) });
    return { ref, facts, held: (known: Awaited<ReturnType<typeof facts>>) => known.rollout };
  };
  return {
    create: (request: Request, command: CreateRollout) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => createRollout(known, command, context),
      }),
    resume: (request: Request, command: ById & { skip: boolean }) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => resumeRollout(known, command, context),
      }),
    abandon: (request: Request, command: ById) =>
      execute(runtime, request, {
        ...subject(command),
        decide: (known, context) => abandonRollout(known, command, context),
      }),
  };
}
