// The way of a frame from one endpoint to another, hop by hop, by what the API knows: intent, and what each host reported
// of its kernel. Pure. What no part of the system can see (the underlay, the machines) is said to be unseen.

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import { prefixContains } from "../../shared/address/prefix.ts";
import type { End, Facts } from "./facts.ts";

export type State = "ok" | "broken" | "unknown" | "note";
export type Step = { state: State; says: string };
/** A place on the way, and what happens there. */
export type Hop = { place: string; about: string; steps: Step[] };

export type Trace = {
  hops: Hop[];
  verdict: "should work" | "broken" | "cannot tell";
  /** Why not, the first thing that is in the way. */
  because?: string;
};

/** A host that has said nothing for so long is offline; agents report every 30 s. */
const SILENT_AFTER_MS = 90_000;

export function trace(facts: Facts): Trace {
  const { from, to } = facts;
  const sameHost = from.host.id === to.host.id;
  const routed = from.network.id !== to.network.id;
  const leave: Hop = {
    place: `host ${from.host.id}`,
    about: `site ${from.host.site}`,
    steps: [
      ...portSteps(from),
      ...hostSteps(facts, from),
      ...(routed ? routeSteps(facts) : bridgeSteps(facts)),
      ...isolationSteps(facts, sameHost),
    ],
  };
  const arrive: Hop = {
    place: `host ${to.host.id}`,
    about: `site ${to.host.site}`,
    steps: [...hostSteps(facts, to), ...(routed ? arrivalSteps(to) : []), ...portSteps(to)],
  };
  const across: Hop[] = sameHost ? [] : [underlay(facts, routed)];
  const merged: Hop = { ...leave, steps: [...leave.steps, ...portSteps(to)] };
  const middle = sameHost ? [merged] : [leave, ...across, arrive];
  const hops = [endHop(from), ...middle, endHop(to)];
  const steps = hops.flatMap((hop) => hop.steps.map((step) => ({ hop, step })));
  const broken = steps.find(({ step }) => step.state === "broken");
  if (broken) return { hops, verdict: "broken", because: `${broken.hop.place}: ${broken.step.says}` };
  const unknown = steps.find(({ step }) => step.state === "unknown");
  if (unknown) return { hops, verdict: "cannot tell", because: `${unknown.hop.place}: ${unknown.step.says}` };
  return { hops, verdict: "should work" };
}

const ok = (says: string): Step => ({ state: "ok", says });
const broken = (says: string): Step => ({ state: "broken", says });
const unknown = (says: string): Step => ({ state: "unknown", says });
const note = (says: string): Step => ({ state: "note", says });

function endHop({ endpoint, network }: End): Hop {
  const ips = endpoint.ips.length === 0 ? "no addresses" : endpoint.ips.join(", ");
  return { place: `${network.id}/${endpoint.id}`, about: `${endpoint.mac}  ${ips}`, steps: [] };
}

function portSteps({ endpoint }: End): Step[] {
  const { port, next } = endpoint;
  return [
    ok(port === undefined ? `port: found by the MAC ${endpoint.mac}` : `port ${port}`),
    ...(next ? [note(`a move to ${next.host} is prepared; frames come here until it is activated`)] : []),
  ];
}

/** What the host itself reported. */
function hostSteps({ nowMs }: Facts, { host, convergence, network }: End): Step[] {
  const waiting = convergence.hosts.waiting.find((one) => one.host === host.id);
  const { status } = host;
  if (!status) return [unknown("it has never reported: nothing is known of its kernel")];
  const silentMs = nowMs - Date.parse(status.lastSeenAt);
  const steps: Step[] = [];
  if (silentMs > SILENT_AFTER_MS) {
    steps.push(unknown(`it last reported ${Math.round(silentMs / 1000)} s ago; its kernel forwards on as it was`));
  } else steps.push(ok(`it reported ${Math.max(0, Math.round(silentMs / 1000))} s ago`));
  if (waiting) steps.push(broken(`network ${network.id} is not in its kernel as it should be: ${waiting.reason}`));
  else steps.push(ok(`read back: its kernel has network ${network.id} at step ${convergence.seq}, as intended`));
  const down = status.bgp.filter(({ state }) => state !== "Established");
  for (const { peer, state } of down) {
    steps.push(note(`BGP to ${peer} is ${state}: the fabric may not know its endpoints; hosts do`));
  }
  return steps;
}

/** Within one network: who answers ARP, and where the frame goes. */
function bridgeSteps({ from, to }: Facts): Step[] {
  const { network } = from;
  if (from.endpoint.id === to.endpoint.id) return [note("it is the same endpoint")];
  const pair = sameSubnet(from, to);
  const [target] = to.endpoint.ips;
  const arp =
    target === undefined
      ? note(
          `nobody knows an address of ${to.endpoint.id}: ARP and ND for it are flooded to every host of VNI ${network.vni}`,
        )
      : ok(`ARP or ND for ${pair?.[1] ?? target} is answered on ${from.host.id} itself, from intent`);
  const where =
    from.host.id === to.host.id
      ? ok(`${to.endpoint.mac} is on this bridge: local`)
      : ok(`fdb: ${to.endpoint.mac} is behind VTEP ${to.host.vtep}, VNI ${network.vni}`);
  const apart =
    pair === undefined && from.endpoint.ips.length > 0 && to.endpoint.ips.length > 0 && network.subnets.length > 1;
  const subnets = apart ? [note("their addresses are in different subnets of the network: they need a gateway")] : [];
  return [arp, ...subnets, where];
}

/** Between two networks: by their common router, on the first host already (symmetric IRB, RFC 9135 4.1). */
function routeSteps({ from, to, routers }: Facts): Step[] {
  const [a, b] = [from.network, to.network];
  if (a.router === undefined)
    return [broken(`network ${a.id} has no router, and ${to.endpoint.id} is on network ${b.id}`)];
  if (b.router === undefined) return [broken(`network ${b.id} has no router: nothing leads to it`)];
  if (a.router !== b.router) {
    return [broken(`network ${a.id} is on router ${a.router}, network ${b.id} on ${b.router}: they do not meet`)];
  }
  const router = routers.get(a.router);
  if (!router) return [unknown(`router ${a.router} cannot be read`)];
  const family = commonFamily(from, to);
  if (family === undefined) return [broken("the two have no addresses of one family")];
  const gateway = gatewayFor(from, family.from);
  if (gateway === undefined) return [broken(`network ${a.id} has no gateway in the subnet of ${family.from}`)];
  if (gatewayFor(to, family.to) === undefined) {
    return [broken(`network ${b.id} has no gateway in the subnet of ${family.to}: answers find no way back`)];
  }
  const way =
    from.host.id === to.host.id
      ? ok(`router ${router.id}: ${family.to} is on network ${b.id}, on this host`)
      : ok(`router ${router.id}: ${family.to} is behind VTEP ${to.host.vtep}, VNI ${router.vni} (the router's)`);
  return [ok(`ARP or ND for the gateway ${gateway} is answered on ${from.host.id} itself`), way];
}

function arrivalSteps({ endpoint, network }: End): Step[] {
  return [ok(`out of the router into network ${network.id}, to ${endpoint.mac}`)];
}

function isolationSteps({ from, to }: Facts, sameHost: boolean): Step[] {
  const both = from.endpoint.isolated === true && to.endpoint.isolated === true;
  const sameNetwork = from.network.id === to.network.id;
  return both && sameHost && sameNetwork && from.endpoint.id !== to.endpoint.id
    ? [broken("both ports are isolated, on one host: the bridge passes nothing between them")]
    : [];
}

function underlay({ from, to, routers }: Facts, routed: boolean): Hop {
  const vni = routed ? routers.get(from.network.router ?? "")?.vni : from.network.vni;
  const [a, b] = [from.host.vtep, to.host.vtep];
  const place = "underlay";
  const about = `${a} -> ${b}, VXLAN ${vni ?? "?"}, UDP 4789`;
  if (isIpv4(a) !== isIpv4(b)) return { place, about, steps: [broken("the two VTEPs are of different families")] };
  const sites = from.host.site === to.host.site ? "inside the site" : "between the sites";
  return { place, about, steps: [note(`nothing here sees the path ${sites}: ping ${b} from ${a} to be sure`)] };
}

/** Addresses of the two in one subnet. */
function sameSubnet(from: End, to: End): readonly [IpAddress, IpAddress] | undefined {
  for (const subnet of from.network.subnets) {
    const a = from.endpoint.ips.find((ip) => prefixContains(subnet, ip));
    const b = to.endpoint.ips.find((ip) => prefixContains(subnet, ip));
    if (a !== undefined && b !== undefined) return [a, b];
  }
  return undefined;
}

function commonFamily(from: End, to: End): { from: IpAddress; to: IpAddress } | undefined {
  for (const a of from.endpoint.ips) {
    const b = to.endpoint.ips.find((ip) => isIpv4(ip) === isIpv4(a));
    if (b !== undefined) return { from: a, to: b };
  }
  return undefined;
}

function gatewayFor({ network }: End, ip: IpAddress): IpAddress | undefined {
  const subnet = network.subnets.find((one) => prefixContains(one, ip));
  return subnet && network.gateways?.find((gateway) => prefixContains(subnet, gateway));
}
