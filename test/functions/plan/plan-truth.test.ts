// Plans come true: random writes are planned and then done, and each host's kernel and announcements differ afterwards by
// exactly the lines that the plan said, entry by entry. The hosts run real agents; what a plan says of devices, ports,
// guards, imports and sessions besides is held by the API's tests.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openPlanWorld, type PlanWorld } from "./plan-world.ts";

const HOSTS = { h1: "192.0.2.1", h2: "192.0.2.2", h3: "192.0.2.3" };
const NETWORKS = ["n0", "n1", "n2"];

type Act = { method: string; path: string; body?: object };

const host = fc.constantFrom(...Object.keys(HOSTS));
const network = fc.integer({ min: 0, max: 2 });
const machine = fc.integer({ min: 0, max: 2 });
const endpoint = fc
  .record({ network, machine, host, ips: fc.integer({ min: 0, max: 3 }) })
  .map(({ network: n, machine: m, host: at, ips }) => ({
    id: `e${m}`,
    path: `/networks/n${n}/endpoints`,
    body: {
      host: at,
      mac: `02:00:00:00:0${n}:0${m}`,
      ips: [...(ips & 1 ? [`10.${n}.0.${10 + m}`] : []), ...(ips & 2 ? [`2001:db8:${n}::${10 + m}`] : [])],
      port: `tap${n * 3 + m}`,
    },
  }));
const write: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: endpoint.map(({ id, path, body }) => ({ method: "PUT", path: `${path}/${id}`, body })) },
  { weight: 2, arbitrary: endpoint.map(({ id, path }) => ({ method: "DELETE", path: `${path}/${id}` })) },
  {
    weight: 2,
    arbitrary: endpoint.map(({ id, path, body }) => ({
      method: "POST",
      path: `${path}/${id}:move`,
      body: { host: body.host },
    })),
  },
  {
    weight: 1,
    arbitrary: endpoint.map(({ id, path, body }) => ({
      method: "POST",
      path: `${path}/${id}:prepareMove`,
      body: { host: body.host },
    })),
  },
  {
    weight: 1,
    arbitrary: endpoint.map(({ id, path }) => ({
      method: "POST",
      path: `${path}/${id}:activateMove`,
      body: { force: true },
    })),
  },
  {
    weight: 1,
    arbitrary: endpoint.map(({ id, path }) => ({ method: "POST", path: `${path}/${id}:abandonMove`, body: {} })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ network, router: fc.constantFrom("core", null) })
      .map(({ network: n, router }) => ({ method: "PATCH", path: `/networks/n${n}`, body: { router } })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ n: network, m: machine, id: fc.constantFrom("p0", "p1") }).map(({ n, m, id }) => ({
      method: "PUT",
      path: `/routers/core/prefixes/${id}`,
      body: { prefix: `172.16.${id === "p0" ? 0 : 1}.0/24`, nextHop: `10.${n}.0.${10 + m}` },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ n: network, custom: fc.boolean() }).map(({ n, custom }) => ({
      method: "PATCH",
      path: `/networks/n${n}`,
      body: { routeTargets: custom ? { import: [`65000:${900 + n}`], export: [`65000:${900 + n}`] } : null },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("h1", "h3").chain((id) =>
      fc
        .constantFrom([{ vni: 100, rd: "65001:7" }], [{ vni: 5000, rd: `192.0.2.9:${id === "h1" ? 1 : 3}` }], null)
        .map((routeDistinguishers) => ({
          method: "PATCH",
          path: `/hosts/${id}`,
          body: { bgp: { routeDistinguishers } },
        })),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Act>(
      { method: "DELETE", path: "/networks/n0?cascade=true" },
      { method: "DELETE", path: "/hosts/h3?cascade=true" },
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(endpoint, endpoint)
      .filter(([a, b]) => a.path === b.path)
      .map(([a, b]) => ({
        method: "POST",
        path: `${a.path}:batch`,
        body: {
          items: [
            { op: "put", endpoint: { id: a.id, ...a.body } },
            { op: "delete", id: b.id },
          ],
        },
      })),
  },
);

async function must(world: PlanWorld, path: string, body: object): Promise<void> {
  const answer = await world.request("POST", path, body);
  if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
}

async function prepare(world: PlanWorld): Promise<void> {
  await must(world, "/tenants", { id: "acme", name: "Acme" });
  await must(world, "/sites", { id: "ams", name: "Amsterdam" });
  for (const [id, vtep] of Object.entries(HOSTS)) {
    // A ToR that nobody answers for: what would be announced is known all the same.
    const bgp = { asn: 65001, peers: [{ address: "192.0.2.251", asn: 65000 }] };
    await must(world, "/hosts", { id, site: "ams", vtep, ...(id === "h2" ? {} : { bgp }) });
  }
  await must(world, "/routers", { id: "core", tenant: "acme", name: "Core", vni: 5000 });
  for (const [n, id] of NETWORKS.entries()) {
    const subnets = [`10.${n}.0.0/24`, `2001:db8:${n}::/64`];
    const gateways = [`10.${n}.0.1`, `2001:db8:${n}::1`];
    await must(world, "/networks", { id, tenant: "acme", name: id, vni: 100 + n, subnets, gateways, router: "core" });
    for (const [m, host] of (n === 2 ? ["h2"] : ["h1", "h3"]).entries()) {
      const [mac, ips] = [`02:00:00:00:0${n}:0${m}`, [`10.${n}.0.${10 + m}`, `2001:db8:${n}::${10 + m}`]];
      await must(world, `/networks/${id}/endpoints`, { id: `e${m}`, host, mac, ips, port: `tap${n * 3 + m}` });
    }
  }
  await world.rest();
}

/** Lines of a plan that a kernel's dump or a speaker shows. */
const SEEN = /^[+-] (\*> |\S+ (dev|vrf) )/;

type Planned = { hosts: { items: { host: string; lines: string[]; leftOut: number }[] } };

function plannedLines(body: Planned): Map<string, string[]> {
  const seen = body.hosts.items.map(({ host: id, lines }) => [id, lines.filter(isSeen).sort()] as const);
  return new Map(seen.filter(([, lines]) => lines.length > 0));
}

/** Of gateways' addresses and bridges in a VRF, whose lines look alike, other tests tell. */
function isSeen(line: string): boolean {
  return SEEN.test(line) && !/^[+-] (inet|inet6|guard) /.test(line);
}

function differences(before: Map<string, Set<string>>, after: Map<string, Set<string>>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const id of Object.keys(HOSTS)) {
    const [was, is] = [before.get(id) ?? new Set(), after.get(id) ?? new Set()];
    const gone = [...was].filter((line) => !is.has(line)).map((line) => `- ${line}`);
    const come = [...is].filter((line) => !was.has(line)).map((line) => `+ ${line}`);
    if (gone.length + come.length > 0) found.set(id, [...gone, ...come].sort());
  }
  return found;
}

describe("plan", () => {
  it("plan: random writes, planned and then done -> each host differs by just the lines of the plan", async () => {
    let written = 0;
    let routed = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.array(write, { minLength: 6, maxLength: 10 }),
        async (seed, acts) => {
          const world = await openPlanWorld(seed, HOSTS);
          await prepare(world);
          let before = await world.lines();
          for (const { method, path, body } of acts) {
            const asked = `${path}${path.includes("?") ? "&" : "?"}plan=true&lines=10000`;
            const plan = await world.request(method, asked, body);
            const done = await world.request(method, path, body);
            if (done.status >= 300) {
              expect(plan).toEqual(done);
              continue;
            }
            written++;
            expect(plan.status).toBe(200);
            await world.rest();
            const after = await world.lines();
            const what = `${method} ${path} ${JSON.stringify(body)}`;
            expect({ what, lines: plannedLines(plan.body as unknown as Planned) }).toEqual({
              what,
              lines: differences(before, after),
            });
            if (JSON.stringify(plan.body).includes(" vrf ovr5000 via ")) routed++;
            before = after;
          }
        },
      ),
      { numRuns: 5, endOnFailure: true },
    );
    expect(written).toBeGreaterThan(15);
    expect(routed).toBeGreaterThan(0);
  }, 120_000);
});
