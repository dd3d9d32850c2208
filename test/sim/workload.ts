// What provisioning systems ask for: two tenants, endpoints that come, change, move and go, networks too. Any request may
// stay without an answer; then nobody knows whether it was done, and the store is asked.

import type { Clockwork } from "./clockwork.ts";
import type { Answer, SimCloud } from "./cloud.ts";
import { hostBgp } from "./fabric.ts";
import type { Truth } from "./truth.ts";

export type Workload = {
  /** Makes tenants, site, hosts and networks; nothing fails yet. */
  prepare(): Promise<void>;
  /** One random request. */
  act(): Promise<void>;
  /** The ids of changes that were answered. */
  readonly changes: readonly string[];
};

export type Plan = {
  readonly hosts: readonly PlannedHost[];
  /** The hosts have sessions with a ToR. */
  readonly fabric: boolean;
  readonly networks: number;
  readonly endpoints: number;
};

type PlannedHost = { readonly id: string; readonly vtep: string; readonly ports: readonly string[] };

const TENANTS = ["acme", "umbrella"];

export function createWorkload(options: {
  readonly clockwork: Clockwork;
  readonly cloud: SimCloud;
  readonly truth: Truth;
  readonly plan: Plan;
}): Workload {
  const { clockwork, cloud, truth, plan } = options;
  const changes: string[] = [];
  const networkIds = Array.from({ length: plan.networks }, (_, n) => `net${n}`);

  async function ask(method: string, path: string, body?: object): Promise<Answer | undefined> {
    const answer = await cloud.request(method, path, body);
    clockwork.tally(`request answered ${answer?.status ?? "never"}`);
    clockwork.note(`${method} ${path} ${body ? JSON.stringify(body) : ""} -> ${answer?.status ?? "no answer"}`);
    if (answer && answer.status >= 500 && answer.status !== 503) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    const change = answer?.body["change"];
    if (answer && answer.status < 300 && typeof change === "string") changes.push(change);
    return answer;
  }

  async function must(method: string, path: string, body: object): Promise<void> {
    const answer = await ask(method, path, body);
    if (!answer || answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  }

  const networkBody = (id: string) => {
    const n = Number(id.slice(3));
    return { id, tenant: TENANTS[n % TENANTS.length], name: id, vni: 100 + n };
  };

  /** MACs name their network, so that a stray one tells where it came from; ids come again after a deletion. */
  function newEndpoint(network: string): object {
    const n = clockwork.between(0, plan.endpoints - 1);
    const net = Number(network.slice(3));
    const { id: host, ports } = clockwork.pick(plan.hosts);
    const ips = clockwork.chance(0.7) ? [`10.${net}.0.${n + 1}`] : [];
    return { id: `e${n}`, host, mac: macOf(net, n), ips, port: ports[net] ?? "tap" };
  }

  const acts: readonly { readonly weight: number; readonly act: (network: string) => Promise<unknown> }[] = [
    { weight: 6, act: (network) => ask("POST", `/networks/${network}/endpoints`, newEndpoint(network)) },
    {
      weight: 4,
      act: async (network) => {
        const endpoint = anyEndpoint(network);
        if (!endpoint) return;
        const { id: host, ports } = clockwork.pick(plan.hosts);
        const port = ports[Number(network.slice(3))] ?? "tap";
        return ask("POST", `/networks/${network}/endpoints/${endpoint}:move`, { host, port });
      },
    },
    {
      weight: 2,
      act: async (network) => {
        const endpoint = anyEndpoint(network);
        const net = Number(network.slice(3));
        const ips = clockwork.chance(0.5) ? [`10.${net}.1.${clockwork.between(1, 9)}`] : [];
        if (endpoint) return ask("PATCH", `/networks/${network}/endpoints/${endpoint}`, { ips });
      },
    },
    {
      weight: 3,
      act: async (network) => {
        const endpoint = anyEndpoint(network);
        if (endpoint) return ask("DELETE", `/networks/${network}/endpoints/${endpoint}`);
      },
    },
    { weight: 1, act: (network) => ask("PATCH", `/networks/${network}`, { mtuBytes: clockwork.pick([1400, 1450]) }) },
    { weight: 1, act: (network) => ask("DELETE", `/networks/${network}`) },
    {
      // Two who do not know of each other: one of them may have it.
      weight: 1,
      act: (network) => {
        const asked = [
          ask("DELETE", `/networks/${network}?cascade=true`),
          clockwork
            .sleep(clockwork.between(0, 60))
            .then(() => ask("POST", `/networks/${network}/endpoints`, newEndpoint(network))),
        ];
        return Promise.all(asked);
      },
    },
    {
      weight: 2,
      act: (network) => (truth.network(network) ? Promise.resolve() : ask("POST", "/networks", networkBody(network))),
    },
    {
      weight: 1,
      act: () => {
        const { id } = clockwork.pick(plan.hosts);
        return ask("PATCH", `/hosts/${id}`, { name: `host ${clockwork.between(1, 99)}` });
      },
    },
  ];
  const weights = acts.reduce((sum, { weight }) => sum + weight, 0);

  function anyEndpoint(network: string): string | undefined {
    const all = truth.endpoints(network);
    return all.length > 0 ? clockwork.pick(all).id : undefined;
  }

  return {
    changes,
    async prepare() {
      for (const id of TENANTS) await must("POST", "/tenants", { id, name: id });
      await must("POST", "/sites", { id: "ams", name: "Amsterdam" });
      for (const [n, { id, vtep }] of plan.hosts.entries()) {
        await must("POST", "/hosts", { id, site: "ams", vtep, ...(plan.fabric && { bgp: hostBgp(n) }) });
      }
      for (const id of networkIds) await must("POST", "/networks", networkBody(id));
    },
    async act() {
      let at = clockwork.between(0, weights - 1);
      const chosen = acts.find(({ weight }) => (at -= weight) < 0);
      await chosen?.act(clockwork.pick(networkIds));
    },
  };
}

function macOf(network: number, n: number): string {
  return `02:00:00:0${network}:00:${(n + 1).toString(16).padStart(2, "0")}`;
}
