// /v1/sites

import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { NewSiteSchema, SitePatchSchema, SiteSchema } from "../schema.ts";
import { addResource, OPERATORS } from "./resource.ts";

export function addSites(api: Api): void {
  const { store } = api.services;
  addResource(api, {
    kind: "site",
    names: { one: "Site", many: "Sites", a: "a site" },
    tag: "Sites",
    needs: "admin",
    reach: OPERATORS,
    path: "/v1/sites",
    param: "site",
    parents: {},
    schemas: { resource: SiteSchema, input: NewSiteSchema, patch: SitePatchSchema },
    examples: { resource: example.site, input: example.newSite, patch: example.sitePatch },
    texts: { delete: "Refused while it has hosts or fabric peers, unless the deletion cascades." },
    filters: {},
    list: () => ({ kind: "site" }),
    read: (_params, _filters, page, keep) => store.list<"site">({ kind: "site" }, page, keep),
    ref: (_params, id) => ({ kind: "site", id }),
    cascades: true,
    commands: (commands) => ({
      create: (request, _params, body) => commands.site.create(request, body),
      put: (request, _params, body) => commands.site.put(request, body),
      change: (request, _params, id, patch) => commands.site.change(request, { id, patch }),
      delete: (request, _params, id) => commands.site.delete(request, { id }),
    }),
  });
}
