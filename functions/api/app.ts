// The API as a Hono app, without environment, clock or network: lambda.ts gives it those. What every request shares is
// here: who asks and how often, the limit on bodies, unknown paths and methods, unexpected errors, the document, the index.
// Who is not known is answered before anything of the request is read but its line and its Authorization.

import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { actorText } from "../domain/audit.ts";
import { createIds, type Random } from "../domain/ids.ts";
import { type SecretBox, SecretBoxUnavailableError } from "../secrets/secret-box.ts";
import { type Store, StoreBusyError } from "../store/store.ts";
import { denyUnknown, type Identify } from "./access.ts";
import type { Log } from "./answers.ts";
import { createCommands } from "./commands.ts";
import { type EventReader, NO_EVENTS } from "./events.ts";
import type { Clock } from "./execute.ts";
import type { HostIdentities } from "./host-identities.ts";
import type { HostStatuses } from "./host-status.ts";
import type { Api } from "./operation.ts";
import { documentEntry } from "./operation-document.ts";
import { nothingHere, pathPattern } from "./operation-path.ts";
import { plainProblem } from "./problem.ts";
import { createRateLimit, type Rate } from "./rate-limit.ts";
import type { Receipts } from "./receipts.ts";
import { createRollouts, type OwnRequests, type Rollouts } from "./rollouts.ts";
import { addAudit } from "./routes/audit.ts";
import { addChanges } from "./routes/changes.ts";
import { addEndpoints } from "./routes/endpoints.ts";
import { addEvents } from "./routes/events.ts";
import { addFabricPeers } from "./routes/fabric-peers.ts";
import { addFleet } from "./routes/fleet.ts";
import { addHosts } from "./routes/hosts.ts";
import { addIdentity } from "./routes/identity.ts";
import { addNetworks } from "./routes/networks.ts";
import { addRollouts } from "./routes/rollouts.ts";
import { addRouters } from "./routes/routers.ts";
import { addSites } from "./routes/sites.ts";
import { addTenants } from "./routes/tenants.ts";
import { addVniPools } from "./routes/vni-pools.ts";
import { answerProblem } from "./serve-operation.ts";

export type ApiOptions = {
  store: Store;
  hosts: HostStatuses;
  receipts: Receipts;
  /** Default: nothing ever happens. */
  events?: EventReader;
  identities: HostIdentities;
  /** Seals what must be kept of a secret to answer a retry. */
  secrets: SecretBox;
  clock: Clock;
  random: Random;
  log: Log;
  /** Who asks. */
  identify: Identify;
  /** Of each actor, in this instance; default: any. */
  rate?: Rate;
};

const MAX_BODY_BYTES = 1024 * 1024;

export function createApi(options: ApiOptions): OpenAPIHono {
  return createWhole(options).app;
}

/** What drives the rollouts of the same API, for who asks nothing else of it. */
export function createRolloutDriver(options: ApiOptions): Rollouts {
  return createWhole(options).services.rollouts;
}

function createWhole(options: ApiOptions): Api {
  const { store, hosts, receipts, events = NO_EVENTS, identities, secrets, clock, random, log } = options;
  const app = new OpenAPIHono();
  const ids = createIds(random);
  const runtime = { store, hosts, clock, ids, random };
  const commands = createCommands(runtime);
  const open = OPEN_PATHS.map((path) => ({ method: "get", pattern: pathPattern(path) }));
  const own: OwnRequests = new WeakMap();
  const rollouts = createRollouts({ app, own, store, receipts, clock, ids, log });
  const services = {
    runtime,
    store,
    hosts,
    receipts,
    events,
    identities,
    secrets,
    clock,
    ids,
    log,
    commands,
    rollouts,
  };
  const api: Api = { app, open, services, writes: [], operations: [] };

  app.onError((cause, context) => {
    if (cause instanceof StoreBusyError || cause instanceof SecretBoxUnavailableError) {
      log({ level: "warn", message: `${context.req.method} ${context.req.path}: ${cause.message}`, cause });
      const what = cause instanceof StoreBusyError ? "the store" : "what seals secrets";
      const busy = plainProblem(503, "busy", "Busy", `${what} is overloaded, contended or away; try again`);
      return answerProblem(context, busy, { "retry-after": "1" });
    }
    log({ level: "error", message: `${context.req.method} ${context.req.path}: unexpected error`, cause });
    return answerProblem(
      context,
      plainProblem(500, "internal", "Internal error", "an unexpected error; it was logged"),
    );
  });
  receiveRequests(api, own, options);
  addTenants(api);
  addSites(api);
  addHosts(api);
  addFabricPeers(api);
  addVniPools(api);
  addNetworks(api);
  addRouters(api);
  addEndpoints(api);
  addChanges(api);
  addFleet(api);
  addEvents(api);
  addAudit(api);
  addRollouts(api);
  addIdentity(api);
  addIndex(api);
  refuseTheRest(api);
  return api;
}

/** What needs no token and is no operation: the document, the index, and a sign of life. */
const OPEN_PATHS = ["/openapi.json", "/v1", "/healthz"] as const;

/** Before any operation: who asks, not too often, and not too much. */
function receiveRequests({ app, open }: Api, own: OwnRequests, { clock, identify, rate }: ApiOptions): void {
  const limit = rate && createRateLimit(rate);
  app.use(async (context, next) => {
    const { method, path } = context.req;
    const asked = method === "HEAD" ? "get" : method.toLowerCase();
    const ours = own.get(context.req.raw);
    let principal = ours?.principal;
    if (ours) {
      context.set("principal" as never, principal as never);
      context.set("on" as never, ours.on as never);
    } else if (!open.some((each) => each.method === asked && each.pattern.test(path))) {
      const identified = await identify(context.req.raw.headers);
      if (identified.kind !== "principal") {
        const { problem, headers } = denyUnknown(identified);
        return answerProblem(context, problem, headers);
      }
      ({ principal } = identified);
      context.set("principal" as never, principal as never);
    }
    const waitSec = limit?.(actorText(principal?.actor ?? { kind: "anonymous" }), clock.now()) ?? 0;
    if (waitSec === 0) return next();
    const reason = `more than ${rate?.perSec} requests a second; try again in ${waitSec} s`;
    return answerProblem(context, plainProblem(429, "rate", "Too many requests", reason), {
      "retry-after": String(waitSec),
    });
  });
  const tooLarge = plainProblem(413, "too-large", "Too large", `the body is larger than ${MAX_BODY_BYTES} bytes`);
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (context) => answerProblem(context, tooLarge) }));
}

const INDEX = {
  name: "Overspan",
  openapi: "/openapi.json",
  tenants: "/v1/tenants",
  sites: "/v1/sites",
  hosts: "/v1/hosts",
  "fabric-peers": "/v1/fabric-peers",
  "vni-pools": "/v1/vni-pools",
  networks: "/v1/networks",
  routers: "/v1/routers",
  endpoints: "/v1/networks/{network}/endpoints",
  convergence: "/v1/networks/{network}/convergence",
  changes: "/v1/changes/{change}",
  rollouts: "/v1/rollouts",
  fleet: "/v1/fleet",
  events: "/v1/events",
  audit: "/v1/audit",
};

const DOCUMENT = {
  openapi: "3.1.0",
  info: {
    title: "Overspan",
    version: "1",
    description:
      "Tenant networks stretched over many data centres. Every write answers with the `change` it made; " +
      "GET /v1/changes/{change} tells where it is live. A write may carry an Idempotency-Key and an If-Match. " +
      "Errors are problems (RFC 9457). `x-needs` says which scope of a token an operation needs: read, write or admin, " +
      "each with the ones before. `x-reach` says what a token that is bound to a tenant can do with it: `path`, if what " +
      "the path names is the tenant's; `own`, for what is the tenant's; `operator`, nothing.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/" }],
  security: [{ token: [] }],
};

function addIndex({ app, operations, services: { store } }: Api): void {
  let document: object | undefined;
  app.get("/openapi.json", (context) => {
    document ??= documentOf(app, operations);
    return context.json(document);
  });
  app.get("/v1", (context) => context.json(INDEX));
  // A read of nothing: the function runs and its table answers.
  app.get("/healthz", async (context) => {
    await store.get({ kind: "tenant", id: "healthz" });
    return context.json({ status: "ok" });
  });
}

/** Made when it is asked for: a cold start has no use for it. */
function documentOf(app: OpenAPIHono, operations: Api["operations"]): object {
  const { openAPIRegistry: registry } = app;
  registry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "A JWT of the OpenID Connect issuer that the deployment trusts: `scope` with read, write or admin; `tenant` binds it " +
      "to one; the role `network-engineer` sees all and changes nothing.",
  });
  for (const operation of operations) registry.registerPath(documentEntry(operation));
  return app.getOpenAPI31Document(DOCUMENT);
}

/** A known path with another method is 405 with what is allowed (RFC 9110 15.5.6), anything else 404. */
function refuseTheRest({ app, operations }: Api): void {
  const all = [...operations, ...OPEN_PATHS.map((path) => ({ method: "get", path }))];
  const paths = all.map(({ method, path }) => ({ method, pattern: pathPattern(path) }));
  app.notFound((context) => {
    const { path, method } = context.req;
    const known = paths.filter(({ pattern }) => pattern.test(path)).map((each) => each.method.toUpperCase());
    if (known.length === 0) return answerProblem(context, nothingHere(context));
    const allow = [...(known.includes("GET") ? ["HEAD"] : []), ...known].sort().join(", ");
    const reason = `${method.slice(0, 20)} is not allowed here, only ${allow}`;
    return answerProblem(context, plainProblem(405, "method", "Method not allowed", reason), { allow });
  });
}
