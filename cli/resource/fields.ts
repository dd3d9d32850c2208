// The flags of each kind. Each field of the API's schemas has one; a test holds the two side by side. What is deeper than
// these reach is set by `--set PATH=VALUE`.

import type { Field } from "./field.ts";

const name: Field = { flag: "name", field: "name", type: "text", value: "TEXT", help: "a name for people" };
const NOTES: readonly Field[] = [
  { flag: "label", field: "labels", type: "texts", value: "NAME=VALUE", help: "a label; lists can be filtered by it" },
  { flag: "annotation", field: "annotations", type: "notes", value: "NAME=TEXT", help: "free text that nothing reads" },
];
const tenantOf: Field = {
  flag: "tenant",
  field: "tenant",
  type: "text",
  value: "TENANT",
  help: "whose it is",
  fixed: true,
};
const siteOf: Field = { flag: "site", field: "site", type: "text", value: "SITE", help: "where it is", fixed: true };
const VNI: readonly Field[] = [
  { flag: "vni", field: "vni", type: "number", value: "VNI", help: "the VNI", fixed: true },
  {
    flag: "vni-pool",
    field: "vniPool",
    type: "text",
    value: "POOL",
    help: "or the pool that gives the next free one",
    fixed: true,
  },
];
const ROUTE_TARGETS: readonly Field[] = [
  {
    flag: "import-rt",
    field: "routeTargets.import",
    type: "list",
    value: "RT",
    help: "route targets to import, such as 65000:100",
  },
  { flag: "export-rt", field: "routeTargets.export", type: "list", value: "RT", help: "route targets to export" },
];

export const tenant: readonly Field[] = [
  name,
  {
    flag: "quota",
    field: "quotas",
    type: "counts",
    value: "networks=N",
    help: "how many networks, routers, endpoints it may have",
  },
  ...NOTES,
];

export const site: readonly Field[] = [name, ...NOTES];

export const fabricPeer: readonly Field[] = [
  siteOf,
  { flag: "asn", field: "asn", type: "number", value: "ASN", help: "its AS number" },
  { flag: "address", field: "addresses", type: "list", value: "IP", help: "an address that hosts peer with" },
  name,
  ...NOTES,
];

export const vniPool: readonly Field[] = [
  { flag: "range", field: "ranges", type: "ranges", value: "FROM-TO", help: "VNIs of the pool, both ends included" },
  name,
  ...NOTES,
];

export const host: readonly Field[] = [
  siteOf,
  {
    flag: "vtep",
    field: "vtep",
    type: "text",
    value: "IP",
    help: "the underlay address of its VXLAN tunnels",
    fixed: true,
  },
  { flag: "asn", field: "bgp.asn", type: "number", value: "ASN", help: "the AS number of its BGP speaker" },
  {
    flag: "router-id",
    field: "bgp.routerId",
    type: "text",
    value: "IP",
    help: "its BGP identifier; default: the VTEP",
  },
  {
    flag: "peer",
    field: "bgp.peers",
    type: "peers",
    value: "ADDRESS=ASN",
    help: "a BGP peer (ToR), or INTERFACE=external",
  },
  name,
  ...NOTES,
];

export const network: readonly Field[] = [
  tenantOf,
  name,
  ...VNI,
  {
    flag: "subnet",
    field: "subnets",
    type: "list",
    value: "PREFIX",
    help: "addresses of endpoints must be inside one",
  },
  { flag: "gateway", field: "gateways", type: "list", value: "IP", help: "the anycast gateway of a subnet" },
  { flag: "router", field: "router", type: "text", value: "ROUTER", help: "routes between it and its other networks" },
  { flag: "mtu", field: "mtuBytes", type: "number", value: "BYTES", help: "the overlay's MTU" },
  {
    flag: "source-ports",
    field: "sourcePorts",
    type: "range",
    value: "FROM-TO",
    help: "UDP source ports of its tunnels' frames",
  },
  ...ROUTE_TARGETS,
  {
    flag: "import-any-as",
    field: "importAnyAs",
    type: "boolean",
    value: "",
    help: "import ANY:VNI, whatever the AS in the route target",
  },
  { flag: "learning", field: "learning", type: "boolean", value: "", help: "bridges learn machines nobody declared" },
  {
    flag: "storm-limit",
    field: "stormPacketsPerSec",
    type: "number",
    value: "PACKETS",
    help: "flooded frames a second that a port may send",
  },
  ...NOTES,
];

/** Fields of the network that it is a part of. */
export const subnet: readonly Field[] = [
  { flag: "gateway", field: "gateway", type: "text", value: "IP", help: "the anycast gateway in it" },
];

export const router: readonly Field[] = [tenantOf, name, ...VNI, ...ROUTE_TARGETS, ...NOTES];

export const prefix: readonly Field[] = [
  { flag: "prefix", field: "prefix", type: "text", value: "PREFIX", help: "the destination", fixed: true },
  { flag: "next-hop", field: "nextHop", type: "text", value: "IP", help: "a machine on one of the router's networks" },
  ...NOTES,
];

export const endpoint: readonly Field[] = [
  { flag: "host", field: "host", type: "text", value: "HOST", help: "where it is; changed by `move`", fixed: true },
  { flag: "mac", field: "mac", type: "text", value: "MAC", help: "its MAC address", fixed: true },
  { flag: "ip", field: "ips", type: "list", value: "IP", help: "an address of it" },
  {
    flag: "allocate",
    field: "allocate",
    type: "allocate",
    value: "FAMILY",
    help: "ipv4 or ipv6: the next free address, or ipv4=SUBNET of that one",
    fixed: true,
    choices: ["ipv4", "ipv6"],
  },
  {
    flag: "port",
    field: "port",
    type: "text",
    value: "NAME",
    help: "its interface on the host; default: found by MAC",
  },
  name,
  {
    flag: "allowed-address",
    field: "allowedAddresses",
    type: "allowed",
    value: "PREFIX[=MAC]",
    help: "what it may send from besides its own (VRRP)",
  },
  {
    flag: "port-security",
    field: "portSecurity",
    type: "boolean",
    value: "",
    help: "frames are checked against MAC and addresses (the default)",
  },
  {
    flag: "isolated",
    field: "isolated",
    type: "boolean",
    value: "",
    help: "reaches no other isolated port of its host",
  },
  { flag: "promiscuous", field: "promiscuous", type: "boolean", value: "", help: "gets every frame of the network" },
  ...NOTES,
];
