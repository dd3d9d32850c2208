// One consistent set of examples for the API's document: a network of two sites and the receipt of its endpoint.

export const AT = "2026-11-22T12:00:00.000Z";
export const CHANGE = "01kaptn6r0v3f8w2m9q4x7h5zc";

const stored = { version: 1, createdAt: AT, updatedAt: AT, change: CHANGE };

export const newTenant = { id: "acme", name: "Acme", labels: { tier: "gold" } };
export const newSite = { id: "fra", name: "Frankfurt" };
export const newHost = {
  id: "h11",
  site: "fra",
  vtep: "192.0.2.11",
  bgp: { asn: 65101, peers: [{ address: "192.0.2.1", asn: 65100, holdTimeSec: 9 }] },
};
export const newFabricPeer = { id: "tor1", site: "fra", name: "Rack 1", asn: 65100, addresses: ["192.0.2.1"] };
export const newVniPool = { id: "tenants", name: "Tenants", ranges: [{ from: 20000, to: 29999 }] };
export const newNetwork = {
  id: "web",
  tenant: "acme",
  name: "Web",
  vni: 10100,
  subnets: ["10.1.0.0/24"],
  gateways: ["10.1.0.1"],
  labels: { tier: "web" },
};
export const newRouter = { id: "core", tenant: "acme", name: "Core", vni: 50100 };
export const newPrefix = { id: "branch", prefix: "172.16.0.0/16", nextHop: "10.1.0.254" };
export const newEndpoint = { id: "vm1", host: "h11", mac: "02:00:5e:10:00:01", ips: ["10.1.0.10"], port: "tap0" };

export const tenant = { ...newTenant, ...stored };
export const site = { ...newSite, ...stored };
export const host = { ...newHost, ...stored };
export const fabricPeer = { ...newFabricPeer, ...stored };
export const vniPool = { ...newVniPool, ...stored };
export const network = { ...newNetwork, ...stored };
export const router = { ...newRouter, ...stored };
export const prefix = { ...newPrefix, router: "core", ...stored };
export const endpoint = { ...newEndpoint, network: "web", mobility: 0, ...stored };

export const shownTenant = {
  ...tenant,
  usage: {
    networks: { used: 1, quota: 1000 },
    routers: { used: 1, quota: 100 },
    endpoints: { used: 1, quota: 100_000 },
  },
};
export const shownVniPool = { ...vniPool, size: 10_000, used: 0 };
export const shownHost = {
  ...host,
  status: {
    lastSeenAt: AT,
    inSync: true,
    agent: { version: "0.1.0", startedAtMs: 1_795_000_000_000, kernel: "6.1.0" },
    bgp: [
      { peer: "192.0.2.1", asn: 65100, state: "Established", sinceMs: 1_795_000_000_000, routesIn: 4, routesOut: 2 },
    ],
    capabilities: { vrf: true },
    state: "in-sync" as const,
    channels: [],
  },
};

export const fleet = {
  hosts: { total: 4, inSync: 3, behind: 0, diverged: 0, kernel: 0, silent: 1, unreported: 0 },
  sessionsDown: 0,
  conflicts: 0,
  drift: 0,
  items: [
    {
      host: "h21",
      site: "fra",
      state: "silent" as const,
      reason: "offline 112 s",
      since: AT,
      lastSeenAt: AT,
      channels: [],
      sessionsDown: [],
      conflicts: [],
      drift: [],
    },
  ],
};

export const eventStream = `retry: 100

id: 17-1
event: receipt
data: {"key":"live/${CHANGE}","kind":"receipt","at":"${AT}","tenant":"acme","resource":{"kind":"endpoint","id":"vm1","network":"web"},"data":{"change":"${CHANGE}","state":"live","channel":"net:web","seq":17,"summary":"live on 4 of 4 hosts"}}

id: 18-0

`;

export const tenantPatch = { name: "Acme Corporation", quotas: { networks: 50 } };
export const sitePatch = { name: "Frankfurt 2" };
export const underlay = {
  announceVtep: true,
  accept: [{ prefix: "192.0.2.0/24", ge: 32 }, { prefix: "0.0.0.0/0" }],
  multipathRelax: true,
};
export const hostPatch = { name: null, bgp: { peers: [{ address: "192.0.2.2", asn: 65100 }] } };
export const fabricPeerPatch = { addresses: ["192.0.2.1", "192.0.2.2"] };
export const vniPoolPatch = { ranges: [{ from: 20000, to: 39999 }] };
export const networkPatch = { subnets: ["10.1.0.0/24", "2001:db8:1::/64"], mtuBytes: 1450, router: "core" };
export const routerPatch = { name: "Backbone", labels: { tier: "core" } };
export const prefixPatch = { nextHop: "10.1.0.253" };
export const endpointPatch = { ips: ["10.1.0.10", "2001:db8:1::10"] };
export const endpointMove = { host: "h21", port: "tap7" };

export const preparedEndpoint = { ...endpoint, next: { ...endpointMove, change: CHANGE }, version: 2 };
export const batch = {
  items: [
    {
      op: "create" as const,
      endpoint: { host: "h11", mac: "02:00:5e:10:00:02", allocate: { ipv4: true }, port: "tap1" },
    },
    { op: "delete" as const, id: "vm9" },
  ],
};
export const batchResult = {
  done: 1,
  refused: 1,
  items: [
    {
      status: 201,
      id: "ep-4x7h5z",
      endpoint: { ...endpoint, id: "ep-4x7h5z", mac: "02:00:5e:10:00:02", ips: ["10.1.0.2"], port: "tap1" },
    },
    {
      status: 404,
      id: "vm9",
      problem: {
        type: "urn:overspan:problem:not-found",
        title: "Not found",
        status: 404,
        detail: "There is no endpoint vm9 of network web",
        reason: "there is no endpoint vm9 of network web",
      },
    },
  ],
};

export const auditEntry = {
  id: CHANGE,
  at: AT,
  actor: "user:jane",
  outcome: "done" as const,
  action: "change",
  resource: { kind: "site" as const, id: "fra" },
  version: 2,
  before: site,
  after: { ...site, name: "Frankfurt 2", version: 2 },
};

export const fabricConfig = `! Overspan: tor1, a fabric peer of site fra. Generated of 1 host.
router bgp 65100
 no bgp default ipv4-unicast
 neighbor 192.0.2.11 remote-as 65101
 neighbor 192.0.2.11 description h11
 address-family l2vpn evpn
  neighbor 192.0.2.11 activate
  advertise-all-vni
 exit-address-family
exit
`;

export const receipt = {
  change: CHANGE,
  resource: { kind: "endpoint" as const, network: "web", id: "vm1" },
  at: AT,
  state: "published" as const,
  published: [{ channel: "net:web", seq: 17 }],
  hosts: {
    total: 4,
    live: 3,
    waiting: [{ host: "h21", state: "silent" as const, reason: "offline 112 s", since: AT }],
  },
  times: { measured: 3, p50Ms: 61, p99Ms: 84, maxMs: 84 },
  tors: {
    total: 1,
    seen: 1,
    at: [{ tor: "tor1", state: "seen" as const, reason: "h12 has it from there", by: "h12" }],
  },
  summary: "live on 3 of 4 hosts; waiting for h21 (offline 112 s), seen at 1 of 1 ToR",
};

export const convergence = {
  network: "web",
  channel: "net:web",
  seq: 17,
  converged: true,
  hosts: { total: 1, live: 1, waiting: [] },
  recent: { steps: 8, measured: 8, p50Ms: 61, p99Ms: 84, maxMs: 84 },
  items: [
    {
      host: "h11",
      state: "in-sync" as const,
      appliedSeq: 17,
      behindBy: 0,
      digestEqual: true,
      kernelEqual: true,
      lastSeenAt: AT,
      errors: [],
    },
  ],
  summary: "live on 1 of 1 host",
};

/** The problem that each status is shown with. */
export const problems: Record<number, { title: string; kind: string; field?: string; reason: string }> = {
  400: { kind: "malformed-json", title: "Malformed JSON", reason: "the body is not JSON" },
  401: { kind: "invalid-token", title: "Not a token that holds", reason: "the token has expired" },
  403: { kind: "missing-scope", title: "Not allowed", reason: "the token lacks the scope write" },
  404: { kind: "not-found", title: "Not found", reason: "there is no network web" },
  409: { kind: "vni-taken", title: "The VNI is taken", field: "vni", reason: "10100 is taken by network db" },
  412: { kind: "precondition-failed", title: "Precondition failed", reason: "network web is at version 3" },
  413: { kind: "too-large", title: "Too large", reason: "the body is larger than 1048576 bytes" },
  415: { kind: "media-type", title: "Unsupported media type", reason: "the body must be application/json" },
  422: { kind: "invalid-fields", title: "Invalid fields", field: "mac", reason: "must be a unicast MAC address" },
  429: { kind: "rate", title: "Too many requests", reason: "more than 200 requests a second; try again in 1 s" },
  500: { kind: "internal", title: "Internal error", reason: "an unexpected error; it was logged" },
  503: { kind: "busy", title: "Busy", reason: "the store is overloaded; try again" },
};

export const plan = {
  operation: "moveEndpoint",
  status: 200,
  answer: { ...endpoint, host: "h2", mobility: 1, version: 2 },
  resources: {
    total: 1,
    items: [{ resource: { kind: "endpoint", network: "web", id: "vm1" }, does: "change" }],
    leftOut: 0,
  },
  hosts: {
    touched: 1,
    lines: 2,
    items: [
      {
        host: "h3",
        site: "fra",
        kernel: { added: 1, removed: 1 },
        bgp: { added: 0, removed: 0 },
        lines: [
          "- 02:00:5e:10:00:01 dev ovx10100 dst 192.0.2.11 self extern_learn",
          "+ 02:00:5e:10:00:01 dev ovx10100 dst 192.0.2.12 self extern_learn",
        ],
        leftOut: 0,
      },
    ],
    leftOut: 0,
  },
  tors: [{ tor: "tor1", site: "fra", peer: "192.0.2.1", announced: 2, withdrawn: 0, changed: 0 }],
  headroom: [{ of: "endpoints of tenant acme", used: 3, limit: 100_000 }],
  isolation: {
    ok: true,
    checks: [
      { check: "route-targets", ok: true, findings: [] },
      { check: "vnis", ok: true, findings: [] },
      { check: "subnets", ok: true, findings: [] },
    ],
  },
};

export const rolloutOrder = {
  id: "hold-9",
  canaryHosts: ["h11"],
  writes: [
    {
      method: "PATCH",
      path: "/v1/hosts/h11",
      body: { bgp: { peers: [{ address: "192.0.2.1", asn: 65100, holdTimeSec: 9 }] } },
    },
    {
      method: "PATCH",
      path: "/v1/hosts/h21",
      body: { bgp: { peers: [{ address: "192.0.2.1", asn: 65100, holdTimeSec: 9 }] } },
    },
  ],
  liveWithinSec: 300,
  pauseSec: 60,
};

export const rollout = {
  id: "hold-9",
  by: "user:jane",
  state: "stopped",
  wave: 0,
  reason: {
    kind: "failed",
    text: "applied, kernel differs: no device ovx10100",
    change: CHANGE,
    host: "h11",
    path: "/v1/hosts/h11",
  },
  waitingFor: { total: 1, changes: [CHANGE] },
  waves: [
    {
      name: "canary",
      state: "stopped",
      writes: [{ ...rolloutOrder.writes[0], status: 200, change: CHANGE }],
    },
    { name: "rest", state: "planned", writes: [rolloutOrder.writes[1]] },
  ],
  liveWithinSec: 300,
  pauseSec: 60,
  summary: "stopped in wave 1 of 2: host h11: applied, kernel differs: no device ovx10100",
  version: 4,
  createdAt: AT,
  updatedAt: AT,
  change: CHANGE,
};
