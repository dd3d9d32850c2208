// Endpoints: one MAC on a network, at a port of a host. MAC and addresses are unique in the network; a move raises the
// mobility sequence (RFC 7432 section 15).

import type { IpAddress } from "../../shared/address/ip.ts";
import { canonicalJson } from "../../shared/message/digest.ts";
import { Endpoint, type Host, type Network } from "../../shared/model/resource.ts";
import { type ChangeEndpoint, type CreateEndpoint, type MoveEndpoint, mergePatch } from "./command.ts";
import { parentRefusal, planChange, planCreate, planDelete, planNothing, requireLive } from "./plan.ts";
import type { Held, Live } from "./resource.ts";
import { addressRefusals } from "./subnet.ts";
import { type Context, type Decision, refuse, type Write } from "./write.ts";

export function createEndpoint(
  facts: { network: Held<Network>; host: Held<Host>; endpoint: Held<Endpoint> },
  command: CreateEndpoint,
  context: Context,
): Decision<Endpoint> {
  const ref = endpointRef(command);
  const network = requireLive({ kind: "network", id: command.network }, facts.network);
  if ("refusals" in network) return network;
  if (facts.endpoint.state === "live") return refuse({ kind: "id-taken", ref });
  const host = { kind: "host", id: command.host } as const;
  const missing = parentRefusal("host", host, facts.host);
  const [first, ...more] = [...(missing ? [missing] : []), ...newAddressRefusals(command.ips, network)];
  if (first) return refuse(first, ...more);
  const writes: Write[] = [
    requireNetwork(network, command.ips),
    { write: "require", ref: host },
    { write: "claim", guard: { kind: "mac", network: command.network, mac: command.mac }, owner: command.id },
    ...command.ips.map((ip) => addressWrite("claim", command, ip)),
    { write: "link", index: hostIndex(command, command.host) },
  ];
  return planCreate({ ref, held: facts.endpoint, content: { ...command, mobility: 0 } }, writes, context);
}

export function changeEndpoint(
  facts: { network: Held<Network>; endpoint: Held<Endpoint> },
  command: ChangeEndpoint,
  context: Context,
): Decision<Endpoint> {
  const network = requireLive({ kind: "network", id: command.network }, facts.network);
  if ("refusals" in network) return network;
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const before = live.resource;
  const after = Endpoint.parse(mergePatch(before, command.patch));
  if (canonicalJson(after) === canonicalJson(before)) return planNothing(before);
  const added = after.ips.filter((ip) => !before.ips.includes(ip));
  const removed = before.ips.filter((ip) => !after.ips.includes(ip));
  const refusals = newAddressRefusals(after.ips, network);
  // An address that the endpoint has already may be what a change of subnets under way is about to trip over.
  const [first, ...more] = refusals.filter((refusal) => !("ip" in refusal) || added.includes(refusal.ip));
  if (first) return refuse(first, ...more);
  const writes: Write[] = [
    requireNetwork(network, added),
    ...added.map((ip) => addressWrite("claim", command, ip)),
    ...removed.map((ip) => addressWrite("release", command, ip)),
  ];
  return planChange({ ref, live, content: after }, writes, context);
}

/** To another host, at `port` there or the same name. To the host it is on: a change of port at most, and no move. */
export function moveEndpoint(
  facts: { endpoint: Held<Endpoint>; host: Held<Host> },
  command: MoveEndpoint,
  context: Context,
): Decision<Endpoint> {
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const before = live.resource;
  const { host, port = before.port } = command;
  const target = { kind: "host", id: host } as const;
  const missing = parentRefusal("host", target, facts.host);
  if (missing) return refuse(missing);
  if (host === before.host) {
    if (port === before.port) return planNothing(before);
    return planChange({ ref, live, content: { ...before, port } }, [], context);
  }
  const content = { ...before, host, port, mobility: before.mobility + 1 };
  const writes: Write[] = [
    { write: "require", ref: target },
    { write: "unlink", index: hostIndex(command, before.host) },
    { write: "link", index: hostIndex(command, host) },
  ];
  return planChange({ ref, live, content, action: "move" }, writes, context);
}

export function deleteEndpoint(
  facts: { endpoint: Held<Endpoint> },
  command: { network: string; id: string },
  context: Context,
): Decision<Endpoint> {
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const { mac, ips, host } = live.resource;
  const writes: Write[] = [
    { write: "release", guard: { kind: "mac", network: command.network, mac }, owner: command.id },
    ...ips.map((ip) => addressWrite("release", command, ip)),
    { write: "unlink", index: hostIndex(command, host) },
  ];
  return planDelete({ ref, live }, writes, context);
}

type Identity = { network: string; id: string };

function endpointRef({ network, id }: Identity) {
  return { kind: "endpoint", network, id } as const;
}

function addressWrite(write: "claim" | "release", { network, id }: Identity, ip: IpAddress): Write {
  return { write, guard: { kind: "ip", network, ip }, owner: id };
}

function hostIndex({ network, id }: Identity, host: string) {
  return { kind: "host-endpoint", host, network, endpoint: id } as const;
}

/** Inside the subnets as they are, and as they would be after a change that is under way. */
function newAddressRefusals(ips: readonly IpAddress[], network: Live<Network>) {
  const now = addressRefusals(ips, network.resource.subnets);
  return now.length > 0 || !network.narrowing ? now : addressRefusals(ips, network.narrowing);
}

/** The subnets must still be as they were read only if addresses were found to fit them. */
function requireNetwork(network: Live<Network>, ips: readonly IpAddress[]): Write {
  const { id, subnets } = network.resource;
  const ref = { kind: "network", id } as const;
  if (ips.length === 0) return { write: "require", ref };
  const { narrowing } = network;
  return { write: "require", ref, subnets: { subnets, ...(narrowing ? { narrowing } : {}) } };
}
