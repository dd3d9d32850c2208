// A cloud and hosts in fair weather, for plans that are to come true: the real functions over a table in memory, and real
// agents on in-memory kernels, on the simulation's clock. Each host's kernel and what its agent announces can be read as
// lines in the form of a plan.

import { startAgent, type Agent } from "../../../edge-agent/agent.ts";
import { createSpeaker } from "../../../edge-agent/bgp/speaker.ts";
import { createMemoryKernel, type MemoryKernel } from "../../../edge-agent/dataplane/memory-kernel.ts";
import { createMemoryRouters, type MemoryRouters } from "../../../edge-agent/dataplane/memory-routers.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import { type IpAddress, parseIp } from "../../../shared/address/ip.ts";
import type { Vni } from "../../../shared/address/vni.ts";
import { describeAttributes, describePrefix } from "../../../shared/text/evpn-route.ts";
import {
  floodEntryLine,
  learnedLine,
  localLine,
  neighbourLine,
  routeLine,
  routerEntryLine,
  routerNeighbourLine,
  tunnelLine,
} from "../../../shared/text/fdb.ts";
import { createBroker } from "../../sim/broker.ts";
import { createClockwork, createProcess } from "../../sim/clockwork.ts";
import { createCloud, type SimCloud } from "../../sim/cloud.ts";
import { CALM } from "../../sim/faults.ts";
import { createWires } from "../../sim/wires.ts";

export type Answer = { readonly status: number; readonly body: Record<string, unknown> };

type PlanHost = { readonly kernel: MemoryKernel; readonly routers: MemoryRouters; agent: Agent | undefined };

export type PlanWorld = {
  request(method: string, path: string, body?: object): Promise<Answer>;
  /** Lets everything come to rest. */
  rest(): Promise<void>;
  /** What each host's kernel holds and what it announces, as lines. */
  lines(): Promise<Map<string, Set<string>>>;
};

/** Time after which nothing of a write is under way any more: reports of 30 s, and verification. */
const REST_MS = 40_000;

/** Hosts by id with their VTEPs; they have ports `tap0` to `tap9`. */
export async function openPlanWorld(seed: number, hosts: Readonly<Record<string, string>>): Promise<PlanWorld> {
  const clockwork = createClockwork(seed);
  const wires = createWires(clockwork);
  const weather = () => CALM;
  const late: { uplink?: SimCloud["uplink"] } = {};
  const broker = createBroker({ clockwork, weather, uplink: (...message) => late.uplink?.(...message) });
  const cloud = createCloud({
    clockwork,
    weather,
    publish: (host, payload) => broker.publish(host, payload),
    changed: () => undefined,
  });
  late.uplink = (...message) => cloud.uplink(...message);
  const all = new Map<string, PlanHost>();

  async function request(method: string, path: string, body?: object): Promise<Answer> {
    let answer: Answer | undefined;
    void cloud.request(method, path, body).then((got) => (answer = got));
    await clockwork.run(clockwork.nowMs() + 30_000, () => answer !== undefined);
    if (!answer) throw new Error(`${method} ${path}: no answer`);
    return answer;
  }

  for (const [id, vtep] of Object.entries(hosts)) {
    const own = address(vtep);
    const l2 = createMemoryKernel({ vtep: own });
    for (let n = 0; n < 10; n++) l2.addInterface(`tap${n}`, { up: true });
    const { kernel, routers } = withRouters(l2, own);
    const process = createProcess(clockwork, 0);
    const host: PlanHost = { kernel, routers, agent: undefined };
    all.set(id, host);
    const random = () => clockwork.random();
    void startAgent({
      host: id,
      broker: broker.connect(id, process),
      kernel: { ...kernel, close: async () => undefined },
      routers,
      replica: {
        load: async () => ({ replicas: [], setAside: [] }),
        save: async () => undefined,
        remove: async () => undefined,
      },
      snapshots: {
        open: () => {
          throw new Error("no snapshots are offered");
        },
      },
      speaker: (listener, start) =>
        createSpeaker(
          { transport: wires.at(own, process), clock: process.clock, random, staleMs: 20_000, ...start },
          listener,
        ),
      clock: process.clock,
      random,
      diary: createDiary(process.clock.wallMs, () => undefined),
      identity: { version: "plan", startedAtMs: 0, kernel: "in memory" },
      compareEveryMs: 30_000,
    }).then((agent) => (host.agent = agent));
  }

  return {
    request,
    rest: () => clockwork.run(clockwork.nowMs() + REST_MS),
    async lines() {
      const found = new Map<string, Set<string>>();
      for (const [id, host] of all) {
        found.set(id, new Set([...(await kernelLines(host)), ...bgpLines(host.agent)]));
      }
      return found;
    },
  };
}

async function kernelLines({ kernel, routers }: PlanHost): Promise<string[]> {
  const lines: string[] = [];
  for (const { vni, vxlan, bridgeEntries, vxlanEntries, flood, neighbours } of (await kernel.dump()).networks) {
    for (const { mac, port } of bridgeEntries) {
      lines.push(port === vxlan?.name ? learnedLine(vni, mac) : localLine(vni, mac, port));
    }
    for (const { mac, tunnel } of vxlanEntries) lines.push(tunnelLine(vni, mac, tunnel.vteps, tunnel.vni));
    lines.push(...flood.map((vtep) => floodEntryLine(vni, vtep)));
    lines.push(...neighbours.map(({ ip, mac }) => neighbourLine(vni, ip, mac)));
  }
  for (const { vni, vrf, routes, neighbours, entries } of (await routers.dump()).routers) {
    for (const { prefix, type, hops } of routes) {
      if (vrf && type === "unicast") lines.push(routeLine(vrf.name, prefix, hops));
    }
    lines.push(...neighbours.map(({ ip, mac }) => routerNeighbourLine(vni, ip, mac)));
    lines.push(...entries.map(({ mac, vtep }) => routerEntryLine(vni, mac, vtep)));
  }
  return lines;
}

function bgpLines(agent: Agent | undefined): string[] {
  if (!agent) return [];
  const { overlay, routers } = agent.view();
  const prefixes = routers.routers.flatMap(({ announced }) =>
    announced.flatMap(({ route, reason }) => (reason ? [] : [route])),
  );
  return [...overlay.exports, ...prefixes].map(({ nlri, nextHop, pmsi, ...more }) => {
    const vni = nlri.type === "imet" ? pmsi?.vni : "vni" in nlri ? nlri.vni : undefined;
    const label = nlri.type === "mac-ip" && nlri.l3Vni ? `VNI ${vni}/${nlri.l3Vni}` : `VNI ${vni}`;
    const rd = "rd" in nlri ? nlri.rd : "";
    return `*> ${describePrefix(nlri)} RD ${rd} via ${nextHop} ${label} ${describeAttributes({ ...more, encapsulations: [8] })}`;
  });
}

/** The two parts of one kernel: VRFs hear of the bridges that the other part makes. */
function withRouters(l2: MemoryKernel, vtep: IpAddress): { kernel: MemoryKernel; routers: MemoryRouters } {
  let bridges: { vni: Vni; name: string; up: boolean }[] = [];
  const routers = createMemoryRouters({ bridges: () => bridges, vtep });
  const kernel: MemoryKernel = {
    ...l2,
    async apply(...ops) {
      const answer = await l2.apply(...ops);
      const { networks } = await l2.dump();
      bridges = networks.flatMap(({ vni, bridge }) => (bridge ? [{ vni, name: bridge.name, up: true }] : []));
      routers.bridgesChanged();
      return answer;
    },
  };
  return { kernel, routers };
}

function address(text: string): IpAddress {
  const ip = parseIp(text);
  if (!ip) throw new RangeError(text);
  return ip;
}
