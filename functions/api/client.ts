// A typed client of the API, of the same types that parse its requests: for the command line, tests, other programs.
// Whatever is not 2xx is thrown as the problem that it is. No retry: that is the caller's, with an idempotency key.

import type * as z from "zod";
import type {
  Endpoint,
  EndpointMove,
  FabricPeer,
  Host,
  Network,
  NewEndpoint,
  NewFabricPeer,
  NewHost,
  NewNetwork,
  NewPrefix,
  NewRouter,
  NewSite,
  NewTenant,
  NewVniPool,
  Router,
  RouterPrefix,
  Site,
  Stored,
  Tenant,
  VniPool,
} from "../../shared/model/resource.ts";
import type {
  EndpointChange,
  FabricPeerChange,
  HostChange,
  NetworkChange,
  PrefixChange,
  RouterChange,
  SiteChange,
  TenantChange,
  VniPoolChange,
} from "../domain/command.ts";
import type { AuditEntry, Page } from "../store/store.ts";
import { parseEventStream, type Watched } from "./event-stream.ts";
import type { Joined } from "./host-identities.ts";
import type { HostStatus } from "./host-status.ts";
import type { Problem } from "./problem.ts";
import type { PlanSchema } from "./plan-schema.ts";
import type { Convergence, Receipt } from "./receipts.ts";
import type { BatchResultSchema, BatchSchema } from "./schema.ts";
import type { FleetSchema } from "./status-schema.ts";
import type { RolloutOrderSchema, RolloutSchema } from "./rollout-schema.ts";

export type ClientOptions = {
  /** `https://host`, without a slash at its end. */
  baseUrl: string;
  /** Default: the runtime's own. */
  fetch?: (request: globalThis.Request) => Promise<Response>;
  /** Of every request, such as an authorization. */
  headers?: Record<string, string>;
};

/** The terms of a write. */
export type Terms = { idempotencyKey?: string; ifMatch?: number | "*"; ifNoneMatch?: "*" };

/** The filters of a list, its page and its fields. */
export type Query = Record<string, string | number | undefined>;

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

type In<S extends z.ZodType> = z.input<S>;
type Deleted = { change: string; cascaded?: number };

/** The operations that every resource has; `Shown` is what one that is asked for has besides. */
export type Collection<R extends Stored, N extends z.ZodType, P extends z.ZodType, Shown = object> = {
  create(input: In<N>, terms?: Terms): Promise<R>;
  list(query?: Query): Promise<Page<R>>;
  /** Every page. */
  all(query?: Query): AsyncGenerator<R>;
  get(id: string): Promise<R & Shown>;
  put(id: string, input: In<N>, terms?: Terms): Promise<R>;
  change(id: string, patch: In<P>, terms?: Terms): Promise<R>;
  delete(id: string, terms?: Terms & { cascade?: boolean }): Promise<Deleted>;
};

/** What a write would change. */
export type Plan = z.output<typeof PlanSchema>;

export function createClient(options: ClientOptions) {
  return {
    ...createOperations(options),
    /**
     * What one write would change, with nothing written: `client.plan((api) => api.networks.delete("web"))`. `lines`: how
     * many it shows over all hosts, 0 to 10,000.
     */
    async plan(write: (api: Operations) => Promise<unknown>, { lines }: { lines?: number } = {}): Promise<Plan> {
      const answer = await write(createOperations(options, { plan: "true", lines }));
      if (typeof answer === "object" && answer !== null && "isolation" in answer) return answer as Plan;
      throw new Error("the API answered no plan");
    },
  };
}

export type Operations = ReturnType<typeof createOperations>;

/** `always` is asked with every request. */
function createOperations({ baseUrl, fetch = globalThis.fetch, headers = {} }: ClientOptions, always: Query = {}) {
  async function call<T>(
    method: string,
    path: string,
    more: { body?: unknown; terms?: Terms; query?: Query } = {},
  ): Promise<T> {
    const { body, terms, query } = more;
    const request = new globalThis.Request(`${baseUrl}${path}${searchOf({ ...query, ...always })}`, {
      method,
      headers: {
        ...headers,
        ...headersOf(terms),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await fetch(request);
    const isJson = /json/.test(answer.headers.get("content-type") ?? "");
    const value: unknown = isJson ? await answer.json() : await answer.text();
    if (answer.ok) return value as T;
    throw new ApiError(isJson ? (value as Problem) : unknownProblem(answer.status, String(value)));
  }

  function collection<R extends Stored, N extends z.ZodType, P extends z.ZodType, Shown = object>(
    path: string,
  ): Collection<R, N, P, Shown> {
    const one = (id: string) => `${path}/${encodeURIComponent(id)}`;
    const list = (query?: Query) => call<Page<R>>("GET", path, query ? { query } : {});
    return {
      create: (input, terms) => call("POST", path, { body: input, ...(terms ? { terms } : {}) }),
      list,
      async *all(query = {}) {
        let cursor: string | undefined;
        do {
          const { items, next } = await list({ ...query, cursor });
          yield* items;
          cursor = next;
        } while (cursor !== undefined);
      },
      get: (id) => call("GET", one(id)),
      put: (id, input, terms) => call("PUT", one(id), { body: input, ...(terms ? { terms } : {}) }),
      change: (id, patch, terms) => call("PATCH", one(id), { body: patch, ...(terms ? { terms } : {}) }),
      delete: (id, { cascade, ...terms } = {}) =>
        call("DELETE", one(id), { terms, query: { cascade: cascade === undefined ? undefined : String(cascade) } }),
    };
  }

  return {
    /** Any operation by its path, for programs that are made of tables; the caller says what it answers. */
    request: call,
    tenants: collection<Tenant, typeof NewTenant, typeof TenantChange, { usage: Usage }>("/v1/tenants"),
    sites: collection<Site, typeof NewSite, typeof SiteChange>("/v1/sites"),
    hosts: {
      ...collection<Host, typeof NewHost, typeof HostChange, { status?: HostStatus }>("/v1/hosts"),
      endpoints: (host: string, query: Query = {}) =>
        call<Page<Endpoint>>("GET", `/v1/hosts/${encodeURIComponent(host)}/endpoints`, { query }),
      /** A token with which the host gets its first certificate, once. */
      joinToken: (host: string, order: { lifeSec?: number } = {}) =>
        call<{ host: string; token: string; expiresAt: string; change: string }>(
          "POST",
          `/v1/hosts/${encodeURIComponent(host)}/join-tokens`,
          { body: order },
        ),
      /** What a host itself asks; `csr` in PEM. */
      join: (body: { token: string; csr: string }) => call<Joined>("POST", "/v1/join", { body }),
      /** Shuts a host out. */
      revoke: (host: string) =>
        call<{ revoked: number; change: string }>("POST", `/v1/hosts/${encodeURIComponent(host)}:revoke`),
    },
    fabricPeers: {
      ...collection<FabricPeer, typeof NewFabricPeer, typeof FabricPeerChange>("/v1/fabric-peers"),
      config: (peer: string) => call<string>("GET", `/v1/fabric-peers/${encodeURIComponent(peer)}/config`),
    },
    vniPools: collection<VniPool, typeof NewVniPool, typeof VniPoolChange, { size: number; used: number }>(
      "/v1/vni-pools",
    ),
    networks: {
      ...collection<Network, typeof NewNetwork, typeof NetworkChange>("/v1/networks"),
      convergence: (network: string, query: Query = {}) =>
        call<Convergence>("GET", `/v1/networks/${encodeURIComponent(network)}/convergence`, { query }),
    },
    routers: collection<Router, typeof NewRouter, typeof RouterChange>("/v1/routers"),
    prefixes: (router: string) =>
      collection<RouterPrefix, typeof NewPrefix, typeof PrefixChange>(
        `/v1/routers/${encodeURIComponent(router)}/prefixes`,
      ),
    endpoints: (network: string) => {
      const path = `/v1/networks/${encodeURIComponent(network)}/endpoints`;
      const act =
        (verb: string) =>
        (id: string, body: object, terms: Terms = {}) =>
          call<Endpoint>("POST", `${path}/${encodeURIComponent(id)}:${verb}`, { body, terms });
      const moved: (id: string, move: In<typeof EndpointMove>, terms?: Terms) => Promise<Endpoint> = act("move");
      return {
        ...collection<Endpoint, typeof NewEndpoint, typeof EndpointChange>(path),
        batch: (items: In<typeof BatchSchema>["items"], terms: Terms = {}) =>
          call<z.output<typeof BatchResultSchema>>("POST", `${path}:batch`, { body: { items }, terms }),
        move: moved,
        prepareMove: act("prepareMove") as typeof moved,
        activateMove: (id: string, terms: Terms & { force?: boolean } = {}) =>
          act("activateMove")(id, terms.force ? { force: true } : {}, terms),
        abandonMove: (id: string, terms?: Terms) => act("abandonMove")(id, {}, terms),
      };
    },
    rollouts: {
      create: (order: In<typeof RolloutOrderSchema>, terms: Terms = {}) =>
        call<ShownRollout>("POST", "/v1/rollouts", { body: order, terms }),
      list: (query: Query = {}) => call<Page<Omit<ShownRollout, "waves">>>("GET", "/v1/rollouts", { query }),
      /** Takes it on as well, and waits until it is over or has stopped if asked. */
      get: (id: string, query: { wait?: "done"; timeoutMs?: number } = {}) =>
        call<ShownRollout>("GET", `/v1/rollouts/${encodeURIComponent(id)}`, { query }),
      resume: (id: string, order: { skip?: boolean } = {}, terms: Terms = {}) =>
        call<ShownRollout>("POST", `/v1/rollouts/${encodeURIComponent(id)}:resume`, { body: order, terms }),
      abandon: (id: string, terms: Terms = {}) =>
        call<ShownRollout>("POST", `/v1/rollouts/${encodeURIComponent(id)}:abandon`, { body: {}, terms }),
    },
    receipt: (change: string, query: { wait?: "live" | "seen"; timeoutMs?: number } = {}) =>
      call<Receipt>("GET", `/v1/changes/${encodeURIComponent(change)}`, { query }),
    /** The hosts that need a look, and how many do not: a page of them. */
    fleet: (query: Query = {}) => call<z.output<typeof FleetSchema>>("GET", "/v1/fleet", { query }),
    /** What happens from now on, or after the event of that id; for ever. It waits in the API, where nothing happens. */
    async *events(query: Query = {}, after?: string): AsyncGenerator<Watched> {
      for (let at = after; ; ) {
        const text = await call<string>("GET", "/v1/events", { query: { ...query, after: at } });
        const { watched, id } = parseEventStream(text);
        yield* watched;
        at = id ?? at;
      }
    },
    audit: (query: Query = {}) => call<Page<AuditEntry>>("GET", "/v1/audit", { query }),
  };
}

type ShownRollout = z.output<typeof RolloutSchema>;
type Usage = Record<"networks" | "routers" | "endpoints", { used: number; quota: number }>;

function headersOf(terms: Terms = {}): Record<string, string> {
  const { idempotencyKey, ifMatch, ifNoneMatch } = terms;
  return {
    ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
    ...(ifMatch === undefined ? {} : { "if-match": ifMatch === "*" ? ifMatch : `"${ifMatch}"` }),
    ...(ifNoneMatch === undefined ? {} : { "if-none-match": ifNoneMatch }),
  };
}

function searchOf(query: Query = {}): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
}

/** What a gateway before the API says is no problem of ours. */
function unknownProblem(status: number, text: string): Problem {
  const reason = text.slice(0, 200) || "no text";
  return { type: "about:blank", title: "Not answered by the API", status, detail: `${status}: ${reason}`, reason };
}
