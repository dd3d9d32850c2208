// One consistent set of examples for the API's document: a network of two sites and the receipt of its endpoint.

export const AT = "2026-11-22T12:00:00.000Z";
export const CHANGE = "01kaptn6r0v3f8w2m9q4x7h5zc";

const stored = { version: 1, createdAt: AT, updatedAt: AT, change: CHANGE };

export const newTenant = { id: "acme", name: "Acme" };
export const newSite = { id: "fra", name: "Frankfurt" };
export const newHost = {
  id: "h11",
  site: "fra",
  vtep: "192.0.2.11",
  bgp: { asn: 65101, peers: [{ address: "192.0.2.1", asn: 65100, holdTimeSec: 9 }] },
};
export const newNetwork = { id: "web", tenant: "acme", name: "Web", vni: 10100, subnets: ["10.1.0.0/24"] };
export const newEndpoint = { id: "vm1", host: "h11", mac: "02:00:5e:10:00:01", ips: ["10.1.0.10"], port: "tap0" };

export const tenant = { ...newTenant, ...stored };
export const site = { ...newSite, ...stored };
export const host = { ...newHost, ...stored };
export const network = { ...newNetwork, ...stored };
export const endpoint = { ...newEndpoint, network: "web", mobility: 0, ...stored };

export const tenantPatch = { name: "Acme Corporation" };
export const sitePatch = { name: "Frankfurt 2" };
export const underlay = {
  announceVtep: true,
  accept: [{ prefix: "192.0.2.0/24", ge: 32 }, { prefix: "0.0.0.0/0" }],
  multipathRelax: true,
};
export const hostPatch = { name: null, bgp: { peers: [{ address: "192.0.2.2", asn: 65100 }] } };
export const networkPatch = { subnets: ["10.1.0.0/24", "2001:db8:1::/64"], mtuBytes: 1450 };
export const endpointPatch = { ips: ["10.1.0.10", "2001:db8:1::10"] };
export const endpointMove = { host: "h21", port: "tap7" };

export const receipt = {
  change: CHANGE,
  resource: { kind: "endpoint" as const, network: "web", id: "vm1" },
  at: AT,
  state: "published" as const,
  published: [{ channel: "net:web", seq: 17 }],
  hosts: { total: 4, live: 3, waiting: [{ host: "h21", reason: "offline 12 s" }] },
  summary: "live on 3 of 4 hosts; waiting for h21 (offline 12 s)",
};

export const convergence = {
  network: "web",
  channel: "net:web",
  seq: 17,
  converged: true,
  hosts: { total: 4, live: 4, waiting: [] },
  summary: "live on 4 of 4 hosts",
};

/** The problem that each status is shown with. */
export const problems: Record<number, { title: string; kind: string; field?: string; reason: string }> = {
  400: { kind: "malformed-json", title: "Malformed JSON", reason: "the body is not JSON" },
  404: { kind: "not-found", title: "Not found", reason: "there is no network web" },
  409: { kind: "vni-taken", title: "The VNI is taken", field: "vni", reason: "10100 is taken by network db" },
  413: { kind: "too-large", title: "Too large", reason: "the body is larger than 1048576 bytes" },
  415: { kind: "media-type", title: "Unsupported media type", reason: "the body must be application/json" },
  422: { kind: "invalid-fields", title: "Invalid fields", field: "mac", reason: "must be a unicast MAC address" },
  500: { kind: "internal", title: "Internal error", reason: "an unexpected error; it was logged" },
  503: { kind: "busy", title: "Busy", reason: "the store is overloaded; try again" },
};
