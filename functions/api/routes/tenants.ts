// /v1/tenants

import { DEFAULT_QUOTAS } from "../../domain/tenant.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { NewTenantSchema, ShownTenantSchema, TenantPatchSchema, TenantSchema } from "../schema.ts";
import { addResource, OPERATORS } from "./resource.ts";

export function addTenants(api: Api): void {
  const { store } = api.services;
  addResource(api, {
    kind: "tenant",
    names: { one: "Tenant", many: "Tenants", a: "a tenant" },
    tag: "Tenants",
    needs: "admin",
    // A tenant sees itself, its quotas and what it uses of them.
    reach: { ...OPERATORS, list: "own", get: "path" },
    path: "/v1/tenants",
    param: "tenant",
    parents: {},
    schemas: {
      resource: TenantSchema,
      shown: ShownTenantSchema,
      input: NewTenantSchema,
      patch: TenantPatchSchema,
    },
    examples: {
      resource: example.tenant,
      shown: example.shownTenant,
      input: example.newTenant,
      patch: example.tenantPatch,
    },
    texts: {
      change: "A quota under what is used keeps new ones out, and takes nothing away.",
      delete: "Refused while it owns networks or routers, unless the deletion cascades.",
    },
    filters: {},
    list: () => ({ kind: "tenant" }),
    read: async (_params, _filters, page, keep, { tenant: own }) => {
      if (own === undefined) return store.list<"tenant">({ kind: "tenant" }, page, keep);
      const held = await store.get({ kind: "tenant", id: own });
      return { items: held.state === "live" && keep(held.resource) ? [held.resource] : [] };
    },
    ref: (_params, id) => ({ kind: "tenant", id }),
    more: async ({ id, quotas }) => {
      const left = await store.room(id);
      const usage = (of: "networks" | "routers" | "endpoints") => {
        const quota = quotas?.[of] ?? DEFAULT_QUOTAS[of];
        return { used: quota - (left?.[of] ?? quota), quota };
      };
      return { usage: { networks: usage("networks"), routers: usage("routers"), endpoints: usage("endpoints") } };
    },
    cascades: true,
    commands: (commands) => ({
      create: (request, _params, body) => commands.tenant.create(request, body),
      put: (request, _params, body) => commands.tenant.put(request, body),
      change: (request, _params, id, patch) => commands.tenant.change(request, { id, patch }),
      delete: (request, _params, id) => commands.tenant.delete(request, { id }),
    }),
  });
}
