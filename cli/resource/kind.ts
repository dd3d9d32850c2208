// The kinds of resources as the command line names them: a row per kind. The verbs (get, create, edit, delete), their
// options, the tables that are printed, completion and help are all made of these rows. No request, no output here.

import type { Field } from "./field.ts";
import * as fields from "./fields.ts";

export type KindName =
  | "tenant"
  | "site"
  | "host"
  | "fabric-peer"
  | "vni-pool"
  | "network"
  | "subnet"
  | "router"
  | "prefix"
  | "endpoint";

/** A resource as the API gave it. */
export type Resource = Readonly<Record<string, unknown>>;

export type Column = {
  title: string;
  value: (resource: Resource) => unknown;
  /** Only with `-o wide`. */
  wide?: true;
};

export type Kind = {
  name: KindName;
  plural: string;
  /** Other words for it. */
  aliases: readonly string[];
  /** For people, with its article. */
  a: string;
  /** The collection; `{parent}` is the parent's id. Absent: it is a part of its parent, not a resource of the API. */
  path?: string;
  parent?: KindName;
  columns: readonly Column[];
  fields: readonly Field[];
  /** Filters of its lists besides labels, which are flags of the same name. */
  filters: readonly { name: string; value: string; help: string }[];
};

const field =
  (name: string) =>
  (resource: Resource): unknown =>
    resource[name];
const column = (title: string, name = title.toLowerCase()): Column => ({ title, value: field(name) });
const wide = (title: string, name = title.toLowerCase()): Column => ({ ...column(title, name), wide: true });
const STAMPS: readonly Column[] = [wide("LABELS"), wide("VERSION"), wide("UPDATED", "updatedAt")];

/** Parents before children: the order of creation. */
export const KINDS: readonly Kind[] = [
  {
    name: "tenant",
    plural: "tenants",
    aliases: [],
    a: "a tenant",
    path: "/v1/tenants",
    columns: [column("ID"), column("NAME"), wide("QUOTAS"), ...STAMPS],
    fields: fields.tenant,
    filters: [],
  },
  {
    name: "site",
    plural: "sites",
    aliases: [],
    a: "a site",
    path: "/v1/sites",
    columns: [column("ID"), column("NAME"), ...STAMPS],
    fields: fields.site,
    filters: [],
  },
  {
    name: "fabric-peer",
    plural: "fabric-peers",
    aliases: ["tor", "tors"],
    a: "a fabric peer (ToR)",
    path: "/v1/fabric-peers",
    columns: [column("ID"), column("SITE"), column("ASN"), column("ADDRESSES"), wide("NAME"), ...STAMPS],
    fields: fields.fabricPeer,
    filters: [],
  },
  {
    name: "vni-pool",
    plural: "vni-pools",
    aliases: ["pool", "pools"],
    a: "a VNI pool",
    path: "/v1/vni-pools",
    columns: [column("ID"), { title: "RANGES", value: ({ ranges }) => rangesText(ranges) }, wide("NAME"), ...STAMPS],
    fields: fields.vniPool,
    filters: [],
  },
  {
    name: "host",
    plural: "hosts",
    aliases: ["hypervisor", "hypervisors"],
    a: "a host (hypervisor)",
    path: "/v1/hosts",
    columns: [
      column("ID"),
      column("SITE"),
      column("VTEP"),
      { title: "ASN", value: ({ bgp }) => (bgp as Resource | undefined)?.["asn"] },
      { title: "PEERS", value: ({ bgp }) => peersText(bgp), wide: true },
      wide("NAME"),
      ...STAMPS,
    ],
    fields: fields.host,
    filters: [],
  },
  {
    name: "router",
    plural: "routers",
    aliases: ["vrf", "vrfs"],
    a: "a router (a tenant's IP-VRF)",
    path: "/v1/routers",
    columns: [
      column("ID"),
      column("TENANT"),
      column("VNI"),
      column("NAME"),
      wide("TARGETS", "routeTargets"),
      ...STAMPS,
    ],
    fields: fields.router,
    filters: [],
  },
  {
    name: "network",
    plural: "networks",
    aliases: ["net", "nets"],
    a: "a network (one VNI)",
    path: "/v1/networks",
    columns: [
      column("ID"),
      column("TENANT"),
      column("VNI"),
      column("SUBNETS"),
      column("ROUTER"),
      wide("GATEWAYS"),
      wide("MTU", "mtuBytes"),
      wide("NAME"),
      ...STAMPS,
    ],
    fields: fields.network,
    filters: [],
  },
  {
    name: "subnet",
    plural: "subnets",
    aliases: [],
    a: "a subnet of a network",
    parent: "network",
    columns: [column("NETWORK"), column("SUBNET", "id"), column("GATEWAY"), wide("VNI"), wide("ROUTER")],
    fields: fields.subnet,
    filters: [],
  },
  {
    name: "prefix",
    plural: "prefixes",
    aliases: ["route", "routes"],
    a: "a prefix (static route) of a router",
    path: "/v1/routers/{parent}/prefixes",
    parent: "router",
    columns: [column("ROUTER"), column("ID"), column("PREFIX"), column("NEXT HOP", "nextHop"), ...STAMPS],
    fields: fields.prefix,
    filters: [],
  },
  {
    name: "endpoint",
    plural: "endpoints",
    aliases: ["ep", "eps"],
    a: "an endpoint (one MAC on a network)",
    path: "/v1/networks/{parent}/endpoints",
    parent: "network",
    columns: [
      column("NETWORK"),
      column("ID"),
      column("HOST"),
      column("MAC"),
      column("IPS"),
      column("PORT"),
      { title: "MOVING TO", value: ({ next }) => (next as Resource | undefined)?.["host"], wide: true },
      wide("MOBILITY"),
      wide("NAME"),
      ...STAMPS,
    ],
    fields: fields.endpoint,
    filters: [
      { name: "host", value: "HOST", help: "only those on this host" },
      { name: "mac", value: "MAC", help: "only the one with this MAC address" },
      { name: "ip", value: "IP", help: "only the one with this address" },
    ],
  },
];

const BY_WORD = new Map(KINDS.flatMap((kind) => [kind.name, kind.plural, ...kind.aliases].map((word) => [word, kind])));

/** The kind that a word names, in the singular, the plural or by an alias. */
export function kindOf(word: string): Kind | undefined {
  return BY_WORD.get(word);
}

/** The row of a kind. */
export function kind(name: KindName): Kind {
  const found = BY_WORD.get(name);
  if (!found) throw new Error(`no row for ${name}`);
  return found;
}

function rangesText(ranges: unknown): string {
  return (ranges as { from: number; to: number }[]).map(({ from, to }) => `${from}-${to}`).join(",");
}

function peersText(bgp: unknown): string | undefined {
  const peers = (bgp as { peers?: { address?: string; interface?: string; asn: unknown }[] } | undefined)?.peers;
  return peers?.map(({ address, interface: link, asn }) => `${address ?? link}=${asn}`).join(",");
}
