// What is true in the simulation: the store's intent, heard write by write, and what each kernel was seen to hold. Three
// things must hold at every moment, whatever fails:
//   - no kernel has an entry of a MAC that its network never declared (nobody sees a foreign tenant);
//   - no kernel loses an entry that it had, while the endpoint stays as its agent knew it when it made the entry;
//   - a receipt that says live is right.
// And after healing every kernel holds what the store intends, and nothing else.

import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { ActualNetwork } from "../../edge-agent/dataplane/kernel.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { hostChannel, networkChannel } from "../../shared/model/record.ts";
import type { Endpoint, Host, Network } from "../../shared/model/resource.ts";
import type { Clockwork } from "./clockwork.ts";
import type { Change } from "./dynamodb/engine.ts";
import { BARE_METAL_VTEP, bareMetalMac } from "./fabric.ts";
import type { SimHost } from "./host.ts";

export class Violation extends Error {
  override readonly name = "Violation";
}

/** What is looked at, as it is counted. */
export const CHECKS = [
  "checked: no foreign entry",
  "checked: no entry lost",
  "checked: live where it is said",
  "checked: kernel as intended",
] as const;
type Check = (typeof CHECKS)[number];

export type Truth = {
  /** The table changed. */
  heard(change: Change): void;
  /** The agent of a host wrote to its kernel. @throws Violation */
  look(host: SimHost): Promise<void>;
  /** Another hand was at the kernel: what it held before counts no more. */
  forget(host: SimHost): void;
  /** An API client is told that a change is live: then it is. @throws Violation */
  toldLive(receipt: Receipt, hosts: readonly SimHost[]): Promise<void>;
  network(id: string): Network | undefined;
  networks(): Network[];
  endpoints(network: string): Endpoint[];
  /** Endpoints of networks that were deleted. */
  orphans(): string[];
  host(id: string): Host | undefined;
  /** What a host's kernel should hold of a network, as lines; undefined: nothing, not even devices. */
  wanted(host: string, network: Network): string[] | undefined;
  /** Lines of each network that the kernel holds, by VNI. */
  held(host: SimHost): Promise<Map<Vni, string[]>>;
};

/** What an agent knew of an entry when it was seen: the version of the endpoint, and of the network in its own channel. */
type Known = { readonly endpoint: number; readonly carried: number };
type Seen = Map<string, Known>;

/** A receipt, as far as it is checked. */
type Receipt = {
  readonly resource: { readonly kind: string; readonly id: string; readonly network?: string };
  readonly change: string;
  readonly published: readonly { readonly channel: string; readonly seq: number }[];
};

/** After another hand, a host needs so long to see it, mend it and say so. */
const DISTURBED_FOR_MS = 60_000;

export function createTruth(clockwork: Clockwork, fabric: boolean): Truth {
  const checked = (what: Check) => clockwork.tally(what);
  const hosts = new Map<string, Host>();
  const networks = new Map<string, Network>();
  const endpoints = new Map<string, Map<string, Endpoint>>();
  const everDeclared = new Map<Vni, Set<Mac>>();
  const seen = new Map<string, Seen>();
  /** The log's versions of `network/<n>` records, by channel and key: a host that left and came back starts anew. */
  const carried = new Map<string, number>();
  /** The step of a network's log with which a host became a member. */
  const since = new Map<string, number>();
  const disturbedMs = new Map<string, number>();

  const liveOf = (network: string) => [...(endpoints.get(network)?.values() ?? [])];
  const byVni = (vni: Vni) => [...networks.values()].find((network) => network.vni === vni);

  const truth: Truth = {
    heard({ before, after }) {
      const pk = (after ?? before)?.["pk"]?.S ?? "";
      const sk = (after ?? before)?.["sk"]?.S ?? "";
      if (pk.startsWith("CH#host:") && sk.startsWith("REC#network/")) {
        carried.set(`${pk} ${sk}`, after ? Number(after["version"]?.N) : 0);
      }
      if (pk.startsWith("CH#net:") && sk.startsWith("REC#vtep/")) {
        const from = Number(after?.["vtep"]?.M?.["since"]?.N);
        if (after) since.set(`${pk} ${sk}`, from);
        else since.delete(`${pk} ${sk}`);
      }
      const type = after?.["type"]?.S;
      if (!after || (type !== "host" && type !== "network" && type !== "endpoint")) return;
      const item = unmarshall(after) as (Host | Network | Endpoint) & { deleted?: boolean };
      const keep = <T extends { id: string }>(map: Map<string, T>, value: T) =>
        item.deleted ? map.delete(value.id) : map.set(value.id, value);
      if (type === "host") keep(hosts, item as Host);
      if (type === "network") keep(networks, item as Network);
      if (type !== "endpoint") return;
      const endpoint = item as Endpoint;
      const of = endpoints.get(endpoint.network) ?? new Map<string, Endpoint>();
      endpoints.set(endpoint.network, of);
      keep(of, endpoint);
      const vni = networks.get(endpoint.network)?.vni;
      if (vni === undefined) return;
      const macs = everDeclared.get(vni) ?? new Set<Mac>();
      everDeclared.set(vni, macs.add(endpoint.mac));
    },
    async look(host) {
      const before = seen.get(host.id) ?? new Map<string, never>();
      const now: Seen = new Map();
      for (const actual of (await host.kernel().dump()).networks) {
        for (const mac of macsOf(actual)) {
          checked("checked: no foreign entry");
          if (everDeclared.get(actual.vni)?.has(mac) || (fabric && mac === bareMetalMac(actual.vni))) continue;
          throw new Violation(`${host.id} has ${mac} in VNI ${actual.vni}, which never declared it`);
        }
        const network = byVni(actual.vni);
        if (!network) continue;
        const channels = host.agent()?.view().intent.channels;
        const replica = channels?.get(networkChannel(network.id));
        const own = channels?.get(hostChannel(host.id))?.records.get(`network/${network.id}`);
        for (const endpoint of liveOf(network.id)) {
          const key = `${network.id}/${endpoint.id}`;
          if (!holdsEndpoint(actual, endpoint, host, hosts)) continue;
          const record = replica?.records.get(`endpoint/${endpoint.id}`);
          const known = record && own ? { endpoint: record.version, carried: own.version } : before.get(key);
          if (known) now.set(key, known);
        }
      }
      for (const [key, known] of before) {
        checked("checked: no entry lost");
        if (now.has(key)) continue;
        const [network = "", id = ""] = key.split("/");
        const endpoint = endpoints.get(network)?.get(id);
        if (!endpoint || endpoint.version !== known.endpoint) continue;
        if (carried.get(`CH#host:${host.id} REC#network/${network}`) !== known.carried) continue;
        throw new Violation(`${host.id} lost ${endpoint.mac} of ${key}, unchanged since version ${known.endpoint}`);
      }
      seen.set(host.id, now);
    },
    forget(host) {
      seen.delete(host.id);
      disturbedMs.set(host.id, clockwork.nowMs());
    },
    async toldLive({ resource, change, published }, all) {
      const { kind, id, network = "" } = resource;
      const endpoint = endpoints.get(network)?.get(id);
      const vni = networks.get(network)?.vni;
      const mark = published.find(({ channel }) => channel === networkChannel(network));
      // A later change of the same endpoint has its own receipt.
      if (kind !== "endpoint" || endpoint?.change !== change || !mark) return;
      for (const host of all) {
        const member = since.get(`CH#${networkChannel(network)} REC#vtep/${host.id}`);
        if (member === undefined || member > mark.seq) continue;
        if (clockwork.nowMs() - (disturbedMs.get(host.id) ?? Number.NEGATIVE_INFINITY) < DISTURBED_FOR_MS) continue;
        const actual = (await host.kernel().dump()).networks.find((one) => one.vni === vni);
        checked("checked: live where it is said");
        if (actual && holdsEndpoint(actual, endpoint, host, hosts)) continue;
        throw new Violation(`change ${change} (${network}/${id}) is said to be live, but ${host.id} does not hold it`);
      }
    },
    network: (id) => networks.get(id),
    networks: () => [...networks.values()],
    endpoints: liveOf,
    orphans: () =>
      [...endpoints.keys()]
        .filter((id) => !networks.has(id))
        .flatMap((id) => liveOf(id).map((one) => `${id}/${one.id}`)),
    host: (id) => hosts.get(id),
    wanted(id, network) {
      const all = liveOf(network.id);
      if (!all.some((endpoint) => endpoint.host === id)) return undefined;
      const vteps = new Set<IpAddress>();
      const lines = all.flatMap(({ host, mac, port, ips }) => {
        const vtep = hosts.get(host)?.vtep;
        if (host !== id && vtep === undefined) return [];
        if (host !== id && vtep !== undefined) vteps.add(vtep);
        const place = host === id ? [`${mac} port ${port}`] : [`${mac} vxlan`, `${mac} dst ${vtep}`];
        return [...place, ...ips.map((ip) => `${ip} lladdr ${mac}`)];
      });
      if (fabric) {
        const mac = bareMetalMac(network.vni);
        lines.push(`${mac} vxlan`, `${mac} dst ${BARE_METAL_VTEP}`);
        vteps.add(BARE_METAL_VTEP);
      }
      return [...lines, ...Array.from(vteps, (vtep) => `flood ${vtep}`)].sort();
    },
    async held(host) {
      const { networks: actual } = await host.kernel().dump();
      checked("checked: kernel as intended");
      return new Map(actual.map((network) => [network.vni, linesOf(network)]));
    },
  };
  return truth;
}

function macsOf({ bridgeEntries, vxlanEntries, neighbours }: ActualNetwork): Set<Mac> {
  return new Set([...bridgeEntries, ...vxlanEntries, ...neighbours].map(({ mac }) => mac));
}

/** Frames to the endpoint go where it is. */
function holdsEndpoint(actual: ActualNetwork, endpoint: Endpoint, host: SimHost, hosts: Map<string, Host>): boolean {
  const entry = actual.bridgeEntries.find(({ mac }) => mac === endpoint.mac);
  if (endpoint.host === host.id) return entry?.port === endpoint.port;
  const vtep = hosts.get(endpoint.host)?.vtep;
  const remote = actual.vxlanEntries.some(
    (one) => one.mac === endpoint.mac && vtep !== undefined && one.tunnel.vteps.includes(vtep),
  );
  return remote && entry !== undefined && entry.port === actual.vxlan?.name;
}

function linesOf({ bridge, vxlan, bridgeEntries, vxlanEntries, flood, neighbours }: ActualNetwork): string[] {
  return [
    ...(bridge && vxlan ? [] : ["a device is missing"]),
    ...bridgeEntries.map(({ mac, port }) => `${mac} ${port === vxlan?.name ? "vxlan" : `port ${port}`}`),
    ...vxlanEntries.map(({ mac, tunnel }) => `${mac} dst ${tunnel.vteps.join("/")}`),
    ...flood.map((vtep) => `flood ${vtep}`),
    ...neighbours.map(({ ip, mac }) => `${ip} lladdr ${mac}`),
  ].sort();
}
