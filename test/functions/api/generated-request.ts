// Requests made of the API's document: for every operation, parameters, headers and bodies by its schemas, from values
// that meet often, and the same with faults in them. Not a test by itself.

import fc from "fast-check";

export type Schema = {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  example?: unknown;
};
type Parameter = { name: string; in: string; required?: boolean; schema: Schema };
export type DocumentedOperation = {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }>; headers?: Record<string, unknown> }>;
};
export type Document = {
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, Schema> };
};

export type GeneratedRequest = {
  operation: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
};

/** Stands for the id of a change that was made. */
export const A_CHANGE = "01kaptn6r0v3f8w2m9q4x7h5zc";

/** Few values by the name of their field, so that requests meet, collide and refer to each other. */
const POOLS: Record<string, readonly unknown[]> = {
  tenant: ["acme", "t1"],
  site: ["fra", "ams"],
  host: ["h1", "h2", "h3"],
  network: ["web", "db"],
  router: ["core", "edge"],
  peer: ["tor1"],
  pool: ["p1"],
  prefix: ["172.16.0.0/16", "172.17.0.0/16", "172.18.0.0/16", "10.0.0.0/24", "::/0"],
  endpoint: ["vm1", "vm2", "vm3"],
  vniPool: ["p1"],
  vni: [100, 200, 20000],
  from: [100, 20000],
  to: [200, 20003],
  vtep: ["192.0.2.1", "192.0.2.9", "2001:db8:f::1"],
  mac: ["02:00:00:00:00:01", "02-00-00-00-00-02", "0A:00:00:00:00:03"],
  ips: ["10.0.0.11", "10.0.0.12", "2001:db8::11", "10.1.0.9"],
  ip: ["10.0.0.11", "10.0.0.0/28"],
  gateways: ["10.0.0.1", "10.1.0.1"],
  nextHop: ["10.0.0.12", "10.1.0.9"],
  addresses: ["192.0.2.100", "192.0.2.101"],
  address: ["192.0.2.100", "192.0.2.101"],
  asn: [65001, 65100, 4_200_000_000],
  subnets: ["10.0.0.0/24", "10.1.0.0/24", "2001:db8::/64", "10.0.0.0/16"],
  ipv4: [true, "10.0.0.0/24"],
  ipv6: [true, "2001:db8::/64"],
  port: ["tap1", "tap2"],
  label: ["tier=web", "tier=web,env=prod"],
  fields: ["id", "id,version"],
  resource: ["network/web", "endpoint/web/vm1"],
  actor: ["user:operator"],
  cursor: ["W10", "eA"],
  "If-Match": ['"1"', '"2"', "*", 'W/"1"'],
  "If-None-Match": ["*", '"1"'],
  "Idempotency-Key": Array.from({ length: 20 }, (_, i) => `k${i}`),
  change: [A_CHANGE],
  rollout: ["ro1", "ro2"],
  path: ["/v1/tenants/t1", "/v1/hosts/h1", "/v1/networks/web/endpoints/vm1"],
};
const COLLECTION_IDS: Record<string, string> = {
  tenants: "tenant",
  sites: "site",
  hosts: "host",
  "fabric-peers": "peer",
  "vni-pools": "pool",
  networks: "network",
  routers: "router",
  endpoints: "endpoint",
  prefixes: "prefixId",
  rollouts: "rollout",
};

/** What no field of any schema should stumble over. */
const JUNK: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    1e308,
    -0,
    "",
    " ",
    "\u0000",
    "\ud800",
    "ﷺ",
    "💥",
    "../..",
    "%2e%2e",
  ),
  fc.constantFrom<unknown>([], {}, [[]], { $ref: "#" }, { toString: 1 }, { constructor: { prototype: 1 } }),
  fc.string({ maxLength: 300, unit: "binary" }),
  fc.constant("x".repeat(5000)),
  fc.jsonValue({ maxDepth: 4 }),
);

const HEADER_JUNK = fc.constantFrom("", "x".repeat(300), "\u00e9", '"', "W/", "1,2,3", "null");

/** Requests of every operation of the document, each as likely as the others. */
export function requestOf(document: Document): fc.Arbitrary<GeneratedRequest> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ofOperation(document, { path, method, operation })),
  );
  return fc.oneof(...operations);
}

type Place = { path: string; method: string; operation: DocumentedOperation };

function ofOperation(document: Document, { path, method, operation }: Place): fc.Arbitrary<GeneratedRequest> {
  const parameters = operation.parameters ?? [];
  const valid = (parameter: Parameter) => valueOf(document, parameter.schema, parameter.name);
  const inPath = fc.record(
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === "path")
        .map((parameter) => [
          parameter.name,
          mostly(valid(parameter), fc.constantFrom("none", "..", "%00", "A b", "é", "x".repeat(60))),
        ]),
    ),
  );
  const some = (place: string, junk: fc.Arbitrary<unknown>) =>
    fc.record(
      Object.fromEntries(
        parameters
          .filter((parameter) => parameter.in === place)
          .map(({ name, schema }) => [name, rarely(mostly(valueOf(document, schema, name), junk))]),
      ),
    );
  const query = some("query", JUNK);
  const headers = some("header", HEADER_JUNK);
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  // The ids of a creation are those of the paths.
  const collection =
    path
      .split("/")
      .at(method === "put" ? -2 : -1)
      ?.split(":")[0] ?? "";
  const own = COLLECTION_IDS[method === "post" || method === "put" ? collection : ""];
  const body = content
    ? fc.oneof(
        { weight: 6, arbitrary: valueOf(document, content.schema, "", own).map((value) => JSON.stringify(value)) },
        {
          weight: 3,
          arbitrary: faulty(valueOf(document, content.schema, "", own)).map((value) => JSON.stringify(value)),
        },
        { weight: 1, arbitrary: fc.constantFrom("", "{", "[]", "null", "{}", '{"__proto__":{}}', "[".repeat(2000)) },
      )
    : fc.constant(undefined);
  return fc.record({ inPath, query, headers, body }).map((drawn) => {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(drawn.query)) if (value !== undefined) search.set(name, textOf(value));
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(textOf(drawn.inPath[name])));
    return {
      operation: operation.operationId,
      method: method.toUpperCase(),
      path: search.size > 0 ? `${filled}?${search}` : filled,
      headers: {
        ...Object.fromEntries(
          Object.entries(drawn.headers).flatMap(([name, value]) =>
            value === undefined ? [] : [[name, textOf(value)]],
          ),
        ),
        ...(drawn.body === undefined ? {} : { "content-type": type ?? "application/json" }),
      },
      ...(drawn.body === undefined ? {} : { body: drawn.body }),
    };
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.replaceAll(/\p{Cs}/gu, "?") : (JSON.stringify(value) ?? "");
}

function rarely(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

function mostly(good: fc.Arbitrary<unknown>, bad: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: bad });
}

/** Values by a schema; by the field's name from its pool, if it has one. `own` is the pool of ids of what is made. */
function valueOf(document: Document, schema: Schema, name: string, own?: string): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) {
    const target = document.components.schemas[schema.$ref.split("/").at(-1) ?? ""];
    if (!target) throw new Error(`no schema ${schema.$ref}`);
    return valueOf(document, target, name, own);
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice) => valueOf(document, choice, name, own)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const types = [schema.type ?? []].flat();
  return fc.oneof(...types.map((type) => ofType(document, { schema, type, name, own })));
}

type Typed = { schema: Schema; type: string; name: string; own: string | undefined };

function ofType(document: Document, { schema, type, name, own }: Typed): fc.Arbitrary<unknown> {
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
    case "number":
      return (
        pooled(name, "number") ??
        fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 9000, 2 ** 31) })
      );
    case "string":
      return ofText(schema, name, own);
    case "array": {
      const items = valueOf(document, schema.items ?? {}, name, name === "items" ? "endpoint" : own);
      return fc.array(items, { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 3, 3) });
    }
    case "object":
      return ofObject(document, schema, own);
    default:
      throw new Error(`a schema of type ${type}`);
  }
}

function ofText(schema: Schema, name: string, own: string | undefined): fc.Arbitrary<unknown> {
  if (name === "id" && own === "prefixId") return fc.constantFrom("r1", "r2");
  if (name === "prefix" && own === undefined) return fc.constantFrom("r1", "r2");
  return (
    pooled(name === "id" && own !== undefined ? own : name, "string") ?? fc.constantFrom(schema.example ?? "x", "y")
  );
}

function pooled(name: string, type: string): fc.Arbitrary<unknown> | undefined {
  const pool = POOLS[name]?.filter((value) => typeof value === type) ?? [];
  return pool.length > 0 ? fc.constantFrom(...pool) : undefined;
}

function ofObject(document: Document, schema: Schema, own: string | undefined): fc.Arbitrary<unknown> {
  const members = Object.entries(schema.properties ?? {});
  if (members.length === 0 && typeof schema.additionalProperties === "object") {
    const value = valueOf(document, schema.additionalProperties, "");
    return fc.dictionary(fc.constantFrom("tier", "env"), value, { maxKeys: 2 });
  }
  const shape = Object.fromEntries(members.map(([name, member]) => [name, valueOf(document, member, name, own)]));
  const required = schema.required ?? [];
  const optional = Object.keys(shape).filter((name) => !required.includes(name));
  // Few of the optional ones: a request with everything in it is refused for one of them.
  return fc
    .subarray(optional, { maxLength: Math.min(3, optional.length) })
    .chain((chosen) =>
      fc.record(
        Object.fromEntries([...required, ...chosen].flatMap((name) => (shape[name] ? [[name, shape[name]]] : []))),
      ),
    );
}

/** A value with one member, somewhere in it, gone, added or replaced by junk. */
function faulty(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.tuple(value, JUNK, fc.nat(), fc.constantFrom("replace", "drop", "add")).map(([good, junk, at, how]) => {
    if (typeof good !== "object" || good === null) return junk;
    const copy = structuredClone(good) as Record<string, unknown>;
    const names = Object.keys(copy);
    const name = names[at % Math.max(1, names.length)];
    if (how === "add" || name === undefined) return { ...copy, colour: junk };
    if (how === "drop") delete copy[name];
    else copy[name] = junk;
    return copy;
  });
}
