// From the API to the kernels of real agents and back: a tenant's router, and receipts that speak of what was read back, and of
// what the ToR of the two hosts passed on.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSpeaker, type Speaker } from "../../edge-agent/bgp/speaker.ts";
import { realClock } from "../../edge-agent/real-clock.ts";
import { passedOn } from "../../lab/demo/memory-tor.ts";
import type { Ipv4 } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import { ip } from "../contract/kernel.ts";
import { type AgentWorld, openAgentWorld, PATIENCE } from "./agent-world.ts";

const TOR = ip("192.0.2.254");
const ASN = 65001 as Asn;

let world: AgentWorld;
let tor: Speaker;

beforeAll(async () => {
  world = await openAgentWorld(["h1", "h2"]);
  tor = startTor([ip("192.0.2.1"), ip("192.0.2.2")]);
  const bgp = { asn: ASN, peers: [{ address: TOR, asn: ASN, connectRetrySec: 1 }] };
  for (const host of ["h1", "h2"]) {
    await world.must("PATCH", `/hosts/${host}`, { bgp });
    for (const port of ["t1", "t2"]) world.kernels.get(host)?.addInterface(port, { up: true, mtuBytes: 1450 });
    await world.startAgent(host, { vrf: true });
  }
}, 120_000);
afterAll(async () => {
  await world?.close();
  await tor?.close();
}, 60_000);

/** A route reflector: it passes on to each what all announced. */
function startTor(hosts: readonly ReturnType<typeof ip>[]): Speaker {
  const ignore = () => undefined;
  const deps = { transport: world.wires.at(TOR), clock: realClock, random: Math.random, staleMs: 0 };
  const speaker: Speaker = createSpeaker(
    { ...deps, listen: { port: 179 } },
    {
      routes: () => speaker.setExports(speaker.ribIn().map(passedOn)),
      session: ignore,
      endOfRib: ignore,
      error: ignore,
    },
  );
  speaker.setImports(() => true);
  const peers = hosts.map((address) => ({ address, asn: ASN, passive: true }));
  speaker.configure({ asn: ASN, routerId: "192.0.2.254" as Ipv4, peers });
  return speaker;
}

describe("routers from the API", () => {
  it("router: networks on one host each, a static route -> live and seen at the ToR; deleted -> gone from both", async () => {
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
    const receipt = (change: unknown) => world.must("GET", `/changes/${String(change)}`);
    expect((await receipt(created["change"]))["hosts"]).toMatchObject({ total: 2, live: 2 });
    const tors = async (change: unknown) => (await receipt(change))["tors"];
    const shown = { total: 1, seen: 1, at: [{ tor: TOR, state: "seen", by: "h1" }] };
    await expect.poll(() => tors(created["change"]), PATIENCE).toMatchObject(shown);
    const routes = async () => (await world.routers.get("h1")?.dump())?.routers[0]?.routes.map(({ prefix }) => prefix);
    expect(await routes()).toEqual(expect.arrayContaining(["10.2.0.11/32", "172.16.0.0/12"]));
    const deleted = await world.must("DELETE", "/routers/core/prefixes/out");
    await expect.poll(routes, PATIENCE).not.toContain("172.16.0.0/12");
    await expect.poll(() => tors(deleted["change"]), PATIENCE).toMatchObject({ ...shown, gone: true });
  });
});
