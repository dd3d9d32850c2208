// `get` and `describe`: one resource, several, a list, and all that is known of one.

import type { Network } from "../../shared/model/resource.ts";
import type { Client, Convergence } from "../api.ts";
import type { Call, Command, Option } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { usage } from "../failure.ts";
import { numberOption } from "../number-option.ts";
import { formatList, formatOne, formatValue } from "../output/print.ts";
import { cellText, tableLines } from "../output/table.ts";
import type { Session } from "../session.ts";
import { type Kind, kind as kindRow, type Resource } from "./kind.ts";
import { collectionPath, parseRef, pathOf, type Ref } from "./ref.ts";
import { subnetOf, subnetsOf } from "./subnet.ts";

/** `--network NET` of kinds that have one. */
export function parentOption({ parent }: Kind): Option[] {
  if (!parent) return [];
  const short = parent === "network" ? { short: "n" } : {};
  return [{ name: parent, ...short, value: parent.toUpperCase(), help: `the ${parent} it is in`, kind: parent }];
}

export function parentGiven({ parent }: Kind, call: Call): string | undefined {
  return parent && call.options.text(parent);
}

/** How a resource of the kind is named, for help. */
export function refArg(kind: Kind): string {
  if (!kind.parent) return "ID";
  return `${kind.parent.toUpperCase()}/${kind.path ? "ID" : "PREFIX"}`;
}

export function getCommand(kind: Kind): Command {
  const options: Option[] = [
    ...parentOption(kind),
    { name: "label", short: "l", value: "NAME=VALUE", many: true, help: "only what has this label" },
    { name: "fields", value: "NAMES", help: "only these fields, with commas between (-o json or yaml)" },
    { name: "limit", value: "N", help: "at most so many; default: all" },
    ...kind.filters,
  ];
  return {
    words: ["get", kind.name],
    summary: `show ${kind.a}, several, or all`,
    args: [{ name: refArg(kind), help: "which; none: all", optional: true, many: true, kind: kind.name }],
    options: kind.path ? options : [...parentOption(kind)],
    examples: GET_EXAMPLES[kind.name],
    run: (call, session) => runGet(kind, call, session),
  };
}

async function runGet(kind: Kind, call: Call, session: Session): Promise<ExitCode> {
  const { world, format } = session;
  const client = await session.client();
  const parent = parentGiven(kind, call);
  const [only, ...others] = call.args.map((text) => parseRef(text, kind, parent));
  if (only && others.length === 0) {
    const resource = await readOne(client, only, fieldsAsked(call, format));
    world.out.write(formatOne(resource, kind, format));
    return EXIT.done;
  }
  const resources: Resource[] = [];
  if (only) for (const ref of [only, ...others]) resources.push(await readOne(client, ref, fieldsAsked(call, format)));
  else resources.push(...(await readList(client, kind, { parent, call, format })));
  world.out.write(formatList(resources, kind, format));
  return EXIT.done;
}

/** Sparse fields are for programs: a table needs its own. */
function fieldsAsked({ options }: Call, format: string): { fields?: string } {
  const fields = options.text("fields");
  if (fields === undefined) return {};
  if (format === "json" || format === "yaml") return { fields };
  throw usage("--fields needs -o json or -o yaml");
}

export async function readOne(client: Client, ref: Ref, query: Record<string, string> = {}): Promise<Resource> {
  if (ref.kind.path) return client.request<Resource>("GET", pathOf(ref), { query });
  return subnetOf(await client.networks.get(ref.parent as string), ref.id);
}

async function readList(
  client: Client,
  kind: Kind,
  { parent, call, format }: { parent: string | undefined; call: Call; format: string },
): Promise<Resource[]> {
  const { options } = call;
  const most = numberOption(options, "limit") ?? Number.POSITIVE_INFINITY;
  const labels = options.all("label").join(",");
  const filters = Object.fromEntries(kind.filters.map(({ name }) => [name, options.text(name)]));
  const query = { ...filters, label: labels === "" ? undefined : labels, ...fieldsAsked(call, format) };
  if (!kind.parent) return listAll(client, kind, undefined, { query, most });
  // An endpoint's host is known by the host itself: no walk over the networks.
  const host = options.text("host");
  if (parent === undefined && kind.name === "endpoint" && host !== undefined) {
    return await pages(client, endpointsPath(host), { query: withoutHost(query), most });
  }
  const parents = parent === undefined ? await listAll(client, kindRow(kind.parent), undefined) : [{ id: parent }];
  const found: Resource[] = [];
  for (const { id } of parents) {
    if (found.length >= most) break;
    found.push(...(await listAll(client, kind, String(id), { query, most: most - found.length })));
  }
  return found;
}

/** The list of a host's endpoints, of all networks. */
export function endpointsPath(host: string): string {
  return `/v1/hosts/${encodeURIComponent(host)}/endpoints`;
}

function withoutHost<T extends object>(query: T): T {
  return { ...query, host: undefined };
}

type Asked = { query?: Record<string, string | undefined>; most?: number };

/** Every resource of a kind, or of a parent, page by page. */
export async function listAll(
  client: Client,
  kind: Kind,
  parent: string | undefined,
  asked: Asked = {},
): Promise<Resource[]> {
  if (kind.path) return pages(client, collectionPath(kind, parent), asked);
  const network: Network = await client.networks.get(parent as string);
  return subnetsOf(network);
}

const PAGE = 200;

/** Every item of a list, page by page. */
export async function pages<T = Resource>(
  client: Client,
  path: string,
  { query = {}, most = Number.POSITIVE_INFINITY }: Asked = {},
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const limit = Math.min(PAGE, most - found.length);
    const page = await client.request<{ items: T[]; next?: string }>("GET", path, {
      query: { ...query, limit, cursor },
    });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && found.length < most);
  return found.slice(0, most);
}

export function describeCommand(kind: Kind): Command {
  return {
    words: ["describe", kind.name],
    summary: `tell all that is known of ${kind.a}`,
    args: [{ name: refArg(kind), help: "which", kind: kind.name }],
    options: parentOption(kind),
    examples: DESCRIBE_EXAMPLES[kind.name] ?? [],
    run: async (call, session) => {
      const ref = parseRef(call.args[0] as string, kind, parentGiven(kind, call));
      const client = await session.client();
      const resource = await readOne(client, ref);
      const more = await moreOf(client, ref, resource);
      session.world.out.write(
        formatValue({ ...resource, ...more }, session.format) ?? description(resource, more, kind),
      );
      return EXIT.done;
    },
  };
}

type More = {
  convergence?: Convergence;
  endpoints?: Resource[];
  prefixes?: Resource[];
  lastChange?: unknown;
};

async function moreOf(client: Client, ref: Ref, resource: Resource): Promise<More> {
  const change = resource["change"];
  const lastChange =
    typeof change === "string" ? { lastChange: await client.receipt(change).catch(() => undefined) } : {};
  switch (ref.kind.name) {
    case "network":
      return {
        convergence: await client.networks.convergence(ref.id),
        endpoints: await listAll(client, kindRow("endpoint"), ref.id, { most: MOST_LISTED }),
        ...lastChange,
      };
    case "host": {
      return { endpoints: await pages(client, endpointsPath(ref.id), { most: MOST_LISTED }), ...lastChange };
    }
    case "router":
      return { prefixes: await listAll(client, kindRow("prefix"), ref.id, { most: MOST_LISTED }), ...lastChange };
    default:
      return lastChange;
  }
}

const MOST_LISTED = 50;

/** Name and value, a line each; objects are indented; then what belongs to it. */
function description(resource: Resource, more: More, kind: Kind): string {
  const parts = [`${kind.name} ${String(resource["id"])}`, ...fieldLines(resource, "  ")];
  if (more.convergence) parts.push(`  convergence: ${more.convergence.summary}`);
  const receipt = more.lastChange as { summary?: string } | undefined;
  if (receipt?.summary) parts.push(`  last change: ${receipt.summary}`);
  for (const [title, row, items] of [
    ["endpoints", kindRow("endpoint"), more.endpoints],
    ["prefixes", kindRow("prefix"), more.prefixes],
  ] as const) {
    if (!items) continue;
    parts.push(
      "",
      items.length === 0
        ? `no ${title}`
        : `${title}${items.length === MOST_LISTED ? ` (the first ${MOST_LISTED})` : ""}:`,
    );
    const columns = row.columns.filter(({ wide }) => !wide);
    if (items.length > 0) parts.push(...tableLines(items, columns).map((line) => `  ${line}`));
  }
  return `${parts.join("\n")}\n`;
}

function fieldLines(value: Resource, indent: string): string[] {
  return Object.entries(value).flatMap(([name, one]): string[] => {
    if (Array.isArray(one) && one.some((item) => typeof item === "object")) {
      return [`${indent}${name}:`, ...one.flatMap((item) => [`${indent}  - ${cellText(item)}`])];
    }
    if (typeof one === "object" && one !== null && !Array.isArray(one)) {
      return [`${indent}${name}:`, ...fieldLines(one as Resource, `${indent}  `)];
    }
    return name === "id" ? [] : [`${indent}${name}: ${cellText(one)}`];
  });
}

const GET_EXAMPLES: Record<Kind["name"], Command["examples"]> = {
  tenant: [{ line: "get tenants", says: "all tenants" }],
  site: [{ line: "get sites -o name", says: "the names of all sites, a line each" }],
  "fabric-peer": [{ line: "get tors", says: "all fabric peers (ToRs)" }],
  "vni-pool": [{ line: "get vni-pool tenants -o json", says: "one pool, with how full it is" }],
  host: [{ line: "get hosts -o wide", says: "all hosts with their peers and labels" }],
  network: [{ line: "get networks --label tier=web", says: "the networks that have a label" }],
  subnet: [{ line: "get subnets --network web", says: "the subnets of a network" }],
  router: [{ line: "get router core -o yaml", says: "one router, whole" }],
  prefix: [{ line: "get prefixes --router core", says: "the static routes of a router" }],
  endpoint: [
    { line: "get endpoints -n web", says: "the endpoints of a network" },
    { line: "get endpoints --host h1 -o name", says: "what is on a host" },
    { line: "get endpoint web/vm1 -o json --fields id,host,ips", says: "some fields of one, for a program" },
  ],
};

const DESCRIBE_EXAMPLES: Partial<Record<Kind["name"], Command["examples"]>> = {
  tenant: [{ line: "describe tenant acme", says: "what it has, and may have" }],
  host: [{ line: "describe host h1", says: "its last report, its BGP sessions, and what is on it" }],
  network: [{ line: "describe network web", says: "on which hosts it is live, and its endpoints" }],
  "vni-pool": [{ line: "describe pool tenants", says: "how full it is" }],
};
