// Changes that come fast or cross each other, from the API to the kernels of real agents: however they come, what is
// left in each kernel is what the API says.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AgentWorld, openAgentWorld, PATIENCE } from "./agent-world.ts";

const HOSTS = ["h1", "h2", "h3"];
let world: AgentWorld;
let vni = 20_000;

beforeAll(async () => {
  world = await openAgentWorld(HOSTS);
  for (const host of HOSTS) await world.startAgent(host);
}, 120_000);

afterAll(() => world.close(), 60_000);

/** A network of its own for each test, with a port on every host for each endpoint. */
async function network(id: string, more: object = {}): Promise<string> {
  await world.must("POST", "/networks", {
    id,
    tenant: "acme",
    name: id,
    vni: ++vni,
    subnets: ["10.0.0.0/16"],
    ...more,
  });
  return id;
}

function plug(port: string, hosts = HOSTS, mtuBytes = 1450): void {
  for (const host of hosts) world.kernels.get(host)?.addInterface(port, { up: true, mtuBytes });
}

const mac = (number: number) =>
  `02:00:${[24, 16, 8, 0].map((at) => ((number >> at) & 255).toString(16).padStart(2, "0")).join(":")}`;

describe("moves", () => {
  it("move: 50 times back and forth without a pause -> each kernel is as the API says", async () => {
    const net = await network("moves");
    plug("m1");
    plug("m2");
    await world.must("POST", `/networks/${net}/endpoints`, {
      id: "stays",
      host: "h3",
      mac: mac(1),
      ips: ["10.0.0.1"],
      port: "m2",
    });
    await world.must("POST", `/networks/${net}/endpoints`, {
      id: "moves",
      host: "h1",
      mac: mac(2),
      ips: ["10.0.0.2"],
      port: "m1",
    });
    let last: unknown;
    for (let turn = 0; turn < 50; turn++) {
      const to = turn % 2 === 0 ? "h2" : "h1";
      last = (await world.must("POST", `/networks/${net}/endpoints/moves:move`, { host: to }))["change"];
    }
    await world.live(last);
    await world.converged(net, HOSTS);
    expect(await world.must("GET", `/networks/${net}/endpoints/moves`)).toMatchObject({ host: "h1", mobility: 50 });
  });

  it("move: the same id and MAC deleted and made again on another host -> only the new place is left", async () => {
    const net = await network("again");
    plug("a1");
    const body = { id: "again", mac: mac(3), ips: ["10.0.0.3"], port: "a1" };
    await world.must("POST", `/networks/${net}/endpoints`, { ...body, host: "h1" });
    await world.must("DELETE", `/networks/${net}/endpoints/again`);
    const made = await world.must("POST", `/networks/${net}/endpoints`, { ...body, host: "h2" });
    await world.live(made["change"]);
    await world.converged(net, HOSTS);
  });
});

describe("changes", () => {
  it("change: two endpoints swap their addresses -> neighbours are swapped everywhere", async () => {
    const net = await network("swap");
    plug("s1");
    const path = `/networks/${net}/endpoints`;
    await world.must("POST", path, { id: "a", host: "h1", mac: mac(10), ips: ["10.0.0.10"], port: "s1" });
    await world.must("POST", path, { id: "b", host: "h2", mac: mac(11), ips: ["10.0.0.11"], port: "s1" });
    expect((await world.api("PATCH", `${path}/a`, { ips: ["10.0.0.11"] })).status).toBe(409);
    await world.must("PATCH", `${path}/a`, { ips: [] });
    await world.must("PATCH", `${path}/b`, { ips: ["10.0.0.10"] });
    const last = await world.must("PATCH", `${path}/a`, { ips: ["10.0.0.11"] });
    await world.live(last["change"]);
    await world.converged(net, HOSTS);
  });

  it("change: a network's MTU and subnets -> the devices follow, the entries stay", async () => {
    const net = await network("mtu", { mtuBytes: 1400 });
    plug("u1", HOSTS, 1400);
    const made = await world.must("POST", `/networks/${net}/endpoints`, {
      id: "a",
      host: "h1",
      mac: mac(20),
      ips: ["10.0.0.20"],
      port: "u1",
    });
    await world.live(made["change"]);
    const patch = { mtuBytes: 1300, subnets: ["10.0.0.0/16", "2001:db8::/64"] };
    const changed = await world.must("PATCH", `/networks/${net}`, patch);
    await world.live(changed["change"]);
    const vniNow = vni;
    await expect
      .poll(async () => {
        const { networks } = await (world.kernels.get("h1")?.dump() ?? Promise.reject(new Error("no kernel")));
        return networks.find((one) => one.vni === vniNow)?.bridge?.mtuBytes;
      }, PATIENCE)
      .toBe(1300);
    const path = `/networks/${net}/endpoints/a`;
    const both = await world.must("PATCH", path, { ips: ["10.0.0.20", "2001:db8::20"] });
    await world.live(both["change"]);
    await world.converged(net, HOSTS);
    expect((await world.api("PATCH", `/networks/${net}`, { subnets: ["10.0.0.0/16"] })).status).toBe(409);
  });

  it("change: 300 endpoints on three hosts as fast as the API takes them -> every receipt is live", async () => {
    const net = await network("many");
    const numbers = Array.from({ length: 300 }, (_, index) => index);
    for (const number of numbers) plug(`n${number}`);
    const changes: unknown[] = [];
    const write = async (worker: number) => {
      for (const number of numbers.filter((one) => one % 64 === worker)) {
        const ips = [`10.0.${1 + (number >> 8)}.${number & 255}`].filter((ip) => !ip.endsWith(".0"));
        const body = { id: `e${number}`, host: HOSTS[number % 3], mac: mac(1000 + number), ips, port: `n${number}` };
        changes.push((await world.must("POST", `/networks/${net}/endpoints`, body))["change"]);
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, worker) => write(worker)));
    expect(new Set(changes).size).toBe(300);
    for (const change of changes) await world.live(change);
    await world.converged(net, HOSTS);
    expect(await world.must("GET", `/networks/${net}/convergence`)).toMatchObject({ converged: true });
  });
});
