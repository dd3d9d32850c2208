// From the API to the kernels of real agents and back: a tenant's router, and receipts that speak of what was read back.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AgentWorld, openAgentWorld, PATIENCE } from "./agent-world.ts";

let world: AgentWorld;

beforeAll(async () => {
  world = await openAgentWorld(["h1", "h2"]);
  for (const host of ["h1", "h2"]) {
    for (const port of ["t1", "t2"]) world.kernels.get(host)?.addInterface(port, { up: true, mtuBytes: 1450 });
    await world.startAgent(host, { vrf: true });
  }
}, 120_000);
afterAll(() => world.close(), 60_000);

describe("routers from the API", () => {
  it("router: networks on one host each, a static route -> live when the kernels have it, gone when it is deleted", async () => {
    await world.must("POST", "/routers", { id: "core", tenant: "acme", name: "Core", vni: 5000 });
    for (const at of [1, 2]) {
      const [id, subnet, gateway] = [`n${at}`, `10.${at}.0.0/24`, `10.${at}.0.1`];
      const network = { id, tenant: "acme", name: id, vni: 100 + at, subnets: [subnet] };
      await world.must("POST", "/networks", { ...network, gateways: [gateway], router: "core" });
      const machine = { id: `m${at}`, host: `h${at}`, mac: `02:00:00:00:00:0${at}`, ips: [`10.${at}.0.11`] };
      const { change } = await world.must("POST", `/networks/${id}/endpoints`, { ...machine, port: `t${at}` });
      await world.live(change);
    }
    const route = { id: "out", prefix: "172.16.0.0/12", nextHop: "10.2.0.11" };
    const created = await world.must("POST", "/routers/core/prefixes", route);
    await world.live(created["change"]);
    const receipt = await world.must("GET", `/changes/${String(created["change"])}`);
    expect(receipt["hosts"]).toMatchObject({ total: 2, live: 2 });
    const routes = async () => (await world.routers.get("h1")?.dump())?.routers[0]?.routes.map(({ prefix }) => prefix);
    expect(await routes()).toEqual(expect.arrayContaining(["10.2.0.11/32", "172.16.0.0/12"]));
    await world.api("DELETE", "/routers/core/prefixes/out");
    await expect.poll(routes, PATIENCE).not.toContain("172.16.0.0/12");
  });
});
