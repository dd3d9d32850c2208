// The story: what an operator would do and see, in order, through the HTTP API and the machines alone. It knows no
// namespaces and no processes; a World has them. Every step checks what it shows.

import { waitFor } from "../wait.ts";
import { DEFAULT_MACHINES, DEMO_SUBNET, type LabHost, type MachineSpec } from "../topology.ts";
import { type Api, createApi, type Written } from "./api.ts";
import type { PingOptions } from "../lab.ts";
import type { RunningPing } from "../ping.ts";
import { formatMs, type Stage } from "./stage.ts";
import type { World } from "./world.ts";

const NETWORK = "blue";
const NETWORK_PATH = `/v1/networks/${NETWORK}`;
/** The machine that moves, from where to where: to the other site. */
const TENANT = "acme";
const MOVE = { machine: "m2", from: "s1-h1", to: "s2-h2" };
/** How often a running ping sends: what is lost is known to 10 ms. */
const RUNNING_MS = 10;
/** What changes while the broker is away: a machine gets a second address, which is a route more for its ToR. */
const AWAY = { machine: "m1", ip: "10.100.0.111" };

export type StoryOptions = {
  readonly vni: number;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
};

/** Tells the story on a stage; steps that did not hold are in the stage's results. */
export async function tellStory(world: World, stage: Stage, options: StoryOptions): Promise<void> {
  // The operator has sites and hosts; everything else is done with a token that is bound to the tenant.
  const operator = createApi(world.apiUrl, await world.token(), options.nowMs);
  const api = createApi(world.apiUrl, await world.token(TENANT), options.nowMs);
  const { needed, last } = await provision(world, stage, { operator, api }, options);
  await stage.step("agents on all hosts", () => startAgents(world, api, last, options), needed);
  await pings(world, stage);
  await stage.step("what the ToRs know", () => torView(world, stage), { parts: ["tor s1", "tor s2"] });
  await stage.step(`live move of ${MOVE.machine} to the other site`, () => liveMove(world, stage, api), {
    parts: ["cloud", `agent ${MOVE.from}`, `agent ${MOVE.to}`],
  });
  await stage.step("agent killed with -9 under a running ping", () => killAgent(world, options), {
    parts: ["agent s1-h2"],
  });
  const away: { change?: Written } = {};
  await stage.step(
    "broker stopped under a running ping",
    async () => {
      const { change, detail } = await stopBroker(world, api, options);
      away.change = change;
      return detail;
    },
    { parts: ["cloud", "agent s1-h1"] },
  );
  await stage.step("receipt of the last change", () => lastReceipt(world, api, away.change), {
    parts: ["cloud", ...world.hosts.map(({ id }) => `agent ${id}`)],
  });
  await stage.step(`${MOVE.machine} deleted`, () => deleteMachine(world, api), {
    parts: ["cloud", ...world.hosts.map(({ id }) => `agent ${id}`)],
  });
}

/** Everything through the API, in the order in which a provisioning system would create it. */
async function provision(
  world: World,
  stage: Stage,
  { operator, api }: { operator: Api; api: Api },
  { vni }: StoryOptions,
) {
  const needed = { parts: ["cloud", ...world.hosts.map(({ id }) => `agent ${id}`)], needed: true };
  const cloud = { parts: ["cloud"], needed: true };
  await stage.step(
    "tenant, two sites, four hosts",
    async () => {
      await operator.create("/v1/tenants", { id: TENANT, name: "Acme" });
      for (const { id, name } of world.sites) await operator.create("/v1/sites", { id, name });
      for (const host of world.hosts) await operator.create("/v1/hosts", newHost(host));
      const asns = world.hosts.map(({ id, asn, torAsn }) => `${id} AS ${asn}${asn === torAsn ? " (iBGP)" : ""}`);
      return asns.join(", ");
    },
    cloud,
  );
  let last = "";
  await stage.step(
    "a stretched network and its endpoints",
    async () => {
      const network = { id: NETWORK, tenant: TENANT, name: "Blue", vni, subnets: [DEMO_SUBNET], mtuBytes: 1500 };
      await api.create("/v1/networks", network);
      for (const machine of DEFAULT_MACHINES) {
        await world.addMachine(machine);
        ({ change: last } = await api.create(`${NETWORK_PATH}/endpoints`, newEndpoint(machine)));
      }
      return `VNI ${vni}, ${DEMO_SUBNET}, ${DEFAULT_MACHINES.length} machines on ${world.hosts.length} hosts`;
    },
    cloud,
  );
  return { needed, last };
}

async function startAgents(world: World, api: Api, lastChange: string, { nowMs }: StoryOptions): Promise<string> {
  const startedAt = nowMs();
  await Promise.all(world.hosts.map(({ id }) => world.startAgent(id)));
  const receipt = await api.receipt(lastChange, 40_000);
  if (receipt.state !== "live") throw new Error(receipt.summary);
  const liveMs = nowMs() - startedAt;
  await Promise.all(
    world.hosts.map(({ id }) => waitForAgent(world, id, ({ bgp }) => bgp.established === 1, "its BGP session", 20_000)),
  );
  return `${receipt.summary} after ${formatMs(liveMs)}, BGP to the ToRs after ${formatMs(nowMs() - startedAt)}`;
}

async function pings(world: World, stage: Stage): Promise<void> {
  const ip = (name: string) => addressOf(world, name);
  const show = (title: string, from: string, to: string, how: PingOptions = {}) =>
    stage.step(`${title}, ${from} to ${to}`, () => pingAll(world, from, ip(to), how), {
      parts: partsOf(world, from, to),
    });
  await show("ping on one host", "m1", "m2");
  await show("ping across hosts", "m1", "m3");
  await show("ping across sites (1500 octets)", "m1", "m4", { sizeBytes: 1472, dontFragment: true });
  await show("ping to bare metal", "m1", "s1-bare");
  await show("ping from bare metal", "s1-bare", "m3");
  await show("ping to bare metal across sites", "m1", "s2-bare");
  await show("ping from bare metal across sites", "s1-bare", "m5");
}

async function pingAll(world: World, from: string, ip: string, how: PingOptions): Promise<string> {
  const { sent, received, lost } = await world.ping(from, ip, { count: 20, intervalMs: 20, ...how });
  if (lost > 0) throw new Error(`${lost} of ${sent} lost`);
  return `${received} of ${sent} answered`;
}

/** Both ToRs must have every endpoint, behind the VTEP of its host, although nobody told them but the agents. */
async function torView(world: World, stage: Stage): Promise<string> {
  const wanted = DEFAULT_MACHINES.map((machine) => ({ machine, vtep: hostOf(world, machine.host).vtep }));
  const check = async () => {
    for (const site of world.sites) {
      const routes = macRoutes(await world.torRoutes(site.id));
      const lacking = wanted.find(({ machine, vtep }) => !routes.some((r) => r.mac === machine.mac && r.vtep === vtep));
      if (lacking) return undefined;
    }
    return true;
  };
  await waitFor(check, { what: "every endpoint on both ToRs", deadlineMs: 10_000, everyMs: 200 });
  const site = world.sites[0]?.id as string;
  for (const line of excerpt(await world.torRoutes(site), wanted[0]?.machine.mac as string)) stage.note(line);
  return `${wanted.length} endpoints on ${world.sites.length} ToRs, each behind its host's VTEP`;
}

/** In two phases, as a hypervisor's live migration asks for it: prepared before the machine stops, activated as it starts. */
async function liveMove(world: World, stage: Stage, api: Api): Promise<string> {
  const { machine, to } = MOVE;
  const ip = addressOf(world, machine);
  const endpoint = `${NETWORK_PATH}/endpoints/${machine}`;
  const prepared = await api.receipt((await api.act(`${endpoint}:prepareMove`, { host: to })).change, 30_000);
  if (prepared.state !== "live") throw new Error(`${to} does not get ready: ${prepared.summary}`);
  const ping = await answeredPing(world, "m3", ip);
  const [{ unpluggedMs }, moved] = await Promise.all([
    world.moveMachine(machine, to),
    api.act(`${endpoint}:activateMove`, {}),
  ]);
  const receipt = await api.receipt(moved.change, 30_000);
  const back = ping.received() + 20;
  const what = `${machine} to answer at ${to}`;
  const answering = async () => (ping.received() >= back ? true : undefined);
  const failed = await waitFor(answering, { what, deadlineMs: 10_000 }).then(() => undefined, String);
  const { lost, longestGapMs } = await ping.stop();
  if (failed !== undefined) throw new Error(`${failed}; ${receipt.summary}`);
  if (receipt.state !== "live") throw new Error(receipt.summary);
  const { mac } = machineSpec(machine);
  const vtep = hostOf(world, to).vtep;
  const follows = async () => {
    const at = await Promise.all(world.sites.map(async ({ id }) => macRoutes(await world.torRoutes(id))));
    return at.every((routes) => routes.some((r) => r.mac === mac && r.vtep === vtep)) ? true : undefined;
  };
  await waitFor(follows, { what: "the ToRs to follow the move", deadlineMs: 10_000, everyMs: 100 });
  stage.note(`${receipt.summary}; both ToRs have ${machine} behind ${vtep}`);
  return `${lost} packets lost at one per ${RUNNING_MS} ms, longest silence ${longestGapMs} ms, unplugged for ${formatMs(unpluggedMs)}`;
}

async function killAgent(world: World, { nowMs, sleep }: StoryOptions): Promise<string> {
  const host = "s1-h2";
  const ping = await answeredPing(world, "m1", addressOf(world, "m3"));
  await world.killAgent(host);
  await sleep(1500);
  const restartedAt = nowMs();
  await world.startAgent(host);
  await waitForAgent(world, host, ({ inSync, bgp }) => inSync && bgp.established === 1, "to be in sync", 20_000);
  const backMs = nowMs() - restartedAt;
  await sleep(500);
  return `${noLoss(await ping.stop())}; in sync ${formatMs(backMs)} after its restart`;
}

/** What is changed while the broker is away is stored and published; the hosts get it when they come back. */
async function stopBroker(world: World, api: Api, { nowMs, sleep }: StoryOptions) {
  const ping = await answeredPing(world, "m1", addressOf(world, "m4"));
  await world.stopBroker();
  for (const { id } of world.hosts) {
    await waitForAgent(world, id, ({ broker }) => broker === "disconnected", "to notice", 10_000);
  }
  const { name, ip } = machineSpec(AWAY.machine);
  const change = await api.change(`${NETWORK_PATH}/endpoints/${name}`, { ips: [ip, AWAY.ip] });
  await sleep(1500);
  await world.startBroker();
  const startedAt = nowMs();
  for (const { id } of world.hosts) {
    await waitForAgent(world, id, ({ broker, inSync }) => broker === "connected" && inSync, "to come back", 60_000);
  }
  const detail = `${noLoss(await ping.stop())}; all agents back after ${formatMs(nowMs() - startedAt)}`;
  return { change, detail };
}

async function lastReceipt(world: World, api: Api, change: Written | undefined): Promise<string> {
  if (!change) throw new Error("the last change was not made");
  const { state, hosts, tors, summary } = await api.receipt(change.change, 40_000, "seen");
  if (state !== "live" || hosts.live !== world.hosts.length) throw new Error(summary);
  if (!tors || tors.total === 0 || tors.seen < tors.total) throw new Error(`not seen at every ToR: ${summary}`);
  return summary;
}

/** Its receipt tells that the ToR holds its route no more; the ToR itself is asked too. */
async function deleteMachine(world: World, api: Api): Promise<string> {
  const { mac } = machineSpec(MOVE.machine);
  const { change } = await api.remove(`${NETWORK_PATH}/endpoints/${MOVE.machine}`);
  const { state, tors, summary } = await api.receipt(change, 40_000, "seen");
  if (state !== "live" || !tors || tors.total === 0 || tors.seen < tors.total) throw new Error(summary);
  const isGone = async () => {
    const routes = await Promise.all(world.sites.map(async ({ id }) => macRoutes(await world.torRoutes(id))));
    return routes.flat().some((route) => route.mac === mac) ? undefined : true;
  };
  await waitFor(isGone, { what: "both ToRs to have let go of it", deadlineMs: 10_000, everyMs: 100 });
  return summary;
}

/** A running ping that is known to be answered, so that what is lost is lost by what happens next. */
async function answeredPing(world: World, from: string, ip: string): Promise<RunningPing> {
  const ping = await world.startPing(from, ip, { intervalMs: RUNNING_MS });
  const answered = async () => (ping.received() >= 20 ? true : undefined);
  await waitFor(answered, { what: `answers from ${ip}`, deadlineMs: 10_000 });
  return ping;
}

function noLoss({ sent, lost, longestGapMs }: { sent: number; lost: number; longestGapMs: number }): string {
  if (lost > 0) throw new Error(`${lost} of ${sent} packets lost, longest silence ${longestGapMs} ms`);
  return `0 of ${sent} packets lost`;
}

async function waitForAgent(
  world: World,
  host: string,
  is: (summary: NonNullable<Awaited<ReturnType<World["agentSummary"]>>>) => boolean,
  what: string,
  deadlineMs: number,
): Promise<void> {
  const ask = async () => {
    const summary = await world.agentSummary(host);
    return summary && is(summary) ? true : undefined;
  };
  await waitFor(ask, { what: `the agent of ${host} (${what})`, deadlineMs, everyMs: 50 });
}

type MacRoute = { readonly mac: string; readonly vtep: string };

/** RT-2 routes with their next hops, as FRR prints them: the route on one line, the next hop on the line below. */
export function macRoutes(text: string): MacRoute[] {
  const found = text.matchAll(/\[2\]:\[\d+\]:\[48\]:\[([0-9a-f:]{17})\][^\n]*\n\s+(\d+\.\d+\.\d+\.\d+)\s/g);
  return [...found].map(([, mac, vtep]) => ({ mac: mac as string, vtep: vtep as string }));
}

/** The lines about one MAC. */
function excerpt(text: string, mac: string): string[] {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.includes(mac));
  return at < 0 ? [] : lines.slice(at, at + 3).map((line) => line.trimEnd());
}

function newHost({ id, site, vtep, asn, torAddress, torAsn }: LabHost): object {
  return { id, site, vtep, bgp: { asn, peers: [{ address: torAddress, asn: torAsn, holdTimeSec: 9 }] } };
}

function newEndpoint({ name, host, mac, ip }: MachineSpec): object {
  return { id: name, host, mac, ips: [ip], port: `tap-${name}` };
}

function machineSpec(name: string): MachineSpec {
  const machine = DEFAULT_MACHINES.find((one) => one.name === name);
  if (!machine) throw new RangeError(`there is no machine ${name}`);
  return machine;
}

function hostOf(world: World, id: string): LabHost {
  const host = world.hosts.find((one) => one.id === id);
  if (!host) throw new RangeError(`there is no host ${id}`);
  return host;
}

function addressOf(world: World, name: string): string {
  return world.bareMetal.find((one) => one.name === name)?.ip ?? machineSpec(name).ip;
}

function partsOf(world: World, ...names: readonly string[]): string[] {
  const parts = names.map((name) => {
    const bare = world.bareMetal.find((one) => one.name === name);
    return bare ? `tor ${bare.site}` : `agent ${machineSpec(name).host}`;
  });
  return [...new Set(parts)];
}
