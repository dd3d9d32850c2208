// `?plan=true`: what a write would do, without doing it. That plans are true is held by test/functions/plan.

import { beforeEach, describe, expect, it } from "vitest";
import { identifyAs, OPERATOR } from "../../fakes/principals.ts";
import { createMemoryStore, type MemoryStore } from "../../fakes/store.ts";
import { type Answer, type ApiUnderTest, createApiUnderTest, created, expectProblem, seed } from "./api-under-test.ts";

type Planned = {
  operation: string;
  status: number;
  answer: Record<string, unknown>;
  resources: { total: number; items: { resource: { kind: string; id: string }; does: string }[] };
  hosts: {
    touched: number;
    lines: number;
    leftOut: number;
    items: { host: string; lines: string[]; leftOut: number; kernel: { added: number; removed: number } }[];
  };
  tors: { tor?: string; peer: string; announced: number; withdrawn: number; changed: number }[];
  headroom: { of: string; used: number; limit: number }[];
  isolation: { ok: boolean; checks: { check: string; ok: boolean; findings: string[] }[] };
};

let store: MemoryStore;
let api: ApiUnderTest;

beforeEach(async () => {
  store = createMemoryStore();
  api = createApiUnderTest(store);
  await seed(api);
});

async function planned(answer: Promise<Answer>): Promise<Planned> {
  const { status, type, body } = await answer;
  expect(body).not.toHaveProperty("reason");
  expect(status).toBe(200);
  expect(type).toBe("application/vnd.overspan.plan+json");
  return body as unknown as Planned;
}

const hostOf = (plan: Planned, host: string) => plan.hosts.items.find((each) => each.host === host);

describe("plan", () => {
  it("plan: a new endpoint on another host -> lines of both hosts as bridge fdb has them, nothing written", async () => {
    const before = await store.dump();
    const body = { id: "vm2", host: "h2", mac: "02:00:00:00:00:02", ips: ["10.0.0.12"], port: "tap2" };
    const plan = await planned(api.post("/v1/networks/web/endpoints?plan=true", body));
    expect(plan).toMatchObject({ operation: "createEndpoint", status: 201, answer: { id: "vm2", mobility: 0 } });
    expect(plan.hosts.touched).toBe(2);
    expect(hostOf(plan, "h1")?.lines).toEqual([
      "+ 00:00:00:00:00:00 dev ovx100 dst 192.0.2.2 self permanent",
      "+ 02:00:00:00:00:02 dev ovx100 dst 192.0.2.2 self extern_learn",
      "+ 02:00:00:00:00:02 dev ovx100 extern_learn master ovbr100",
      "+ 10.0.0.12 dev ovbr100 lladdr 02:00:00:00:00:02 PERMANENT proto 79",
    ]);
    expect(hostOf(plan, "h2")?.lines).toContain("+ 02:00:00:00:00:02 dev tap2 master ovbr100 static");
    expect(hostOf(plan, "h2")?.lines).toContain("+ 02:00:00:00:00:01 dev ovx100 dst 192.0.2.1 self extern_learn");
    expect(plan.headroom).toContainEqual({ of: "endpoints of tenant acme", used: 2, limit: 100_000 });
    expect(await store.dump()).toBe(before);
  });

  it("plan: a refused write -> the same problem as the write, and no entry in the audit", async () => {
    const before = await store.dump();
    const body = { host: "h2", mac: "02:00:00:00:00:01", ips: [], port: "tap2" };
    const plan = await api.post("/v1/networks/web/endpoints?plan=true", body);
    expect(await store.dump()).toBe(before);
    const write = await api.post("/v1/networks/web/endpoints", body);
    expectProblem(plan, 409);
    expect(plan.body).toEqual(write.body);
    expect(await store.dump()).not.toBe(before);
  });

  it("plan: with an Idempotency-Key -> the key is not used up", async () => {
    const body = { id: "t2", name: "Two" };
    await planned(api.post("/v1/tenants?plan=true", body, { "idempotency-key": "k1" }));
    await created(api.post("/v1/tenants", body, { "idempotency-key": "k1" }));
  });

  it("plan: If-Match of another version -> 412 as the write", async () => {
    expectProblem(await api.patch("/v1/networks/web?plan=true", { name: "Webb" }, { "if-match": '"7"' }), 412);
  });

  it("plan: a deletion that cascades -> everything that would go, every host that would clear up", async () => {
    const plan = await planned(api.delete("/v1/tenants/acme?cascade=true&plan=true"));
    expect(plan).toMatchObject({ operation: "deleteTenant", answer: { cascaded: 2 }, resources: { total: 3 } });
    expect(plan.resources.items.map(({ resource, does }) => `${resource.kind} ${does}`)).toEqual([
      "endpoint delete",
      "network delete",
      "tenant delete",
    ]);
    expect(hostOf(plan, "h1")?.lines).toContain("- 02:00:00:00:00:01 dev tap1 master ovbr100 static");
    expect((await api.get("/v1/tenants/acme")).status).toBe(200);
  });

  it("plan: a deletion with something in the way -> the same list of it", async () => {
    const plan = expectProblem(await api.delete("/v1/tenants/acme?plan=true"), 409);
    expect(plan.blocking).toEqual([{ kind: "network", id: "web" }]);
  });

  it("plan: 1,000 endpoints in one batch over 100 hosts -> counts of all, a bounded number of lines", async () => {
    for (let n = 3; n <= 102; n++)
      await created(api.post("/v1/hosts", { id: `h${n}`, site: "fra", vtep: `192.0.3.${n}` }));
    await created(
      api.post("/v1/networks", { id: "wide", tenant: "acme", name: "Wide", vni: 200, subnets: ["10.8.0.0/16"] }),
    );
    const items = Array.from({ length: 1000 }, (_, n) => {
      const octets = [n >> 8, n & 255];
      const mac = `02:00:00:01:${octets.map((octet) => octet.toString(16).padStart(2, "0")).join(":")}`;
      const endpoint = {
        id: `e${n}`,
        host: `h${3 + (n % 100)}`,
        mac,
        ips: [`10.8.${octets[0]}.${octets[1]}`],
        port: `p${n}`,
      };
      return { op: "put", endpoint: { ...endpoint, ips: n % 256 === 0 || n % 256 === 255 ? [] : endpoint.ips } };
    });
    const plan = await planned(api.post("/v1/networks/wide/endpoints:batch?plan=true&lines=50", { items }));
    expect(plan.resources.total).toBe(1000);
    expect(plan.hosts.touched).toBe(100);
    expect(plan.hosts.items.flatMap(({ lines }) => lines)).toHaveLength(50);
    expect(plan.hosts.lines).toBeGreaterThan(100 * 2000);
    for (const { lines, leftOut, kernel } of plan.hosts.items) expect(lines.length + leftOut).toBe(kernel.added);
    expect(JSON.stringify({ ...plan, answer: undefined }).length).toBeLessThan(300_000);
  }, 60_000);

  it("plan: a route target that another tenant imports -> isolation says whose", async () => {
    await created(api.post("/v1/tenants", { id: "zeta", name: "Zeta" }));
    const routeTargets = { import: ["65000:7"], export: ["65000:8"] };
    const network = { tenant: "zeta", name: "Z", vni: 300 };
    await created(api.post("/v1/networks", { id: "theirs", ...network, routeTargets }));
    const plan = await planned(
      api.patch("/v1/networks/web?plan=true", { routeTargets: { import: ["65000:1"], export: ["65000:7"] } }),
    );
    expect(plan.isolation).toMatchObject({ ok: false });
    expect(plan.isolation.checks.find(({ check }) => check === "route-targets")?.findings).toEqual([
      "network web exports 65000:7, which network theirs of tenant zeta imports",
    ]);
  });

  it("plan: an endpoint of a host with BGP -> the prefixes that its ToR hears of", async () => {
    await created(api.post("/v1/fabric-peers", { id: "tor1", site: "fra", asn: 65100, addresses: ["192.0.2.251"] }));
    const bgp = { asn: 65001, peers: [{ address: "192.0.2.251", asn: 65100 }] };
    const host = await planned(api.patch("/v1/hosts/h1?plan=true", { bgp }));
    expect(hostOf(host, "h1")?.lines).toEqual(
      expect.arrayContaining(["+ neighbor 192.0.2.251 remote-as 65100", "+ router bgp 65001 router-id 192.0.2.1"]),
    );
    await api.patch("/v1/hosts/h1", { bgp });
    const body = { id: "vm9", host: "h1", mac: "02:00:00:00:00:09", ips: ["10.0.0.19"], port: "tap9" };
    const plan = await planned(api.post("/v1/networks/web/endpoints?plan=true", body));
    expect(plan.tors).toEqual([
      { tor: "tor1", site: "fra", peer: "192.0.2.251", announced: 2, withdrawn: 0, changed: 0 },
    ]);
    expect(hostOf(plan, "h1")?.lines).toContain(
      "+ *> [2]:[0]:[48]:[02:00:00:00:00:09]:[32]:[10.0.0.19] RD 192.0.2.1:100 via 192.0.2.1 VNI 100 RT:65001:100 ET:8",
    );
  });

  it("plan: a network engineer -> may plan what he may not do", async () => {
    const networkEngineer = { ...OPERATOR, scopes: new Set([]), networkEngineer: true };
    const engineer = createApiUnderTest(store, undefined, { identify: identifyAs(networkEngineer) });
    await planned(engineer.patch("/v1/networks/web?plan=true", { mtuBytes: 1400 }));
    expectProblem(await engineer.patch("/v1/networks/web", { mtuBytes: 1400 }), 403);
    expectProblem(await engineer.patch("/v1/networks/web?plan=false", { mtuBytes: 1400 }), 403);
  });

  it("plan: what cannot be planned -> the query is not known", async () => {
    expectProblem(await api.post("/v1/hosts/h1/join-tokens?plan=true", {}), 422);
    expectProblem(await api.post("/v1/tenants?plan=perhaps", { name: "x" }), 422);
  });
});
