// What the API knows about the two ends of a path, and where it is read.

import type { Client, Convergence } from "../api.ts";
import type { Endpoint, Network, Router } from "../../shared/model/resource.ts";
import { EXIT } from "../exit-code.ts";
import { Failure } from "../failure.ts";
import { unlessAbsent } from "../session.ts";

export type ShownHost = Awaited<ReturnType<Client["hosts"]["get"]>>;

export type End = {
  endpoint: Endpoint;
  network: Network;
  host: ShownHost;
  convergence: Convergence;
};

export type Facts = {
  from: End;
  to: End;
  /** Those that the two networks have, by id. */
  routers: ReadonlyMap<string, Router>;
  nowMs: number;
};

/** Reads one end; `web/vm1`, or an address or MAC instead of the id. */
export async function readEnd(client: Client, network: string, id: string): Promise<End> {
  const endpoint = await findEndpoint(client, network, id);
  const [net, host, convergence] = await Promise.all([
    client.networks.get(network),
    client.hosts.get(endpoint.host),
    client.networks.convergence(network),
  ]);
  return { endpoint, network: net, host, convergence };
}

async function findEndpoint(client: Client, network: string, id: string): Promise<Endpoint> {
  const endpoints = client.endpoints(network);
  const isAddress = /^[0-9.]+$/.test(id) && id.includes(".");
  const isMac = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(id);
  if (!isAddress && !isMac && !id.includes(":")) return endpoints.get(id);
  const { items } = await endpoints.list(isMac ? { mac: id } : { ip: id });
  const [found] = items;
  if (found) return found;
  throw new Failure(EXIT.notFound, `no endpoint of network ${network} has ${id}`, [
    `overspan get endpoints -n ${network}`,
  ]);
}

export async function readFacts(client: Client, ends: readonly [End, End], nowMs: number): Promise<Facts> {
  const [from, to] = ends;
  const ids = new Set([from.network.router, to.network.router].filter((id) => id !== undefined));
  const routers = new Map<string, Router>();
  for (const id of ids) {
    // One that the token may not see is as one that is not there.
    const router = await unlessAbsent(client.routers.get(id));
    if (router) routers.set(id, router);
  }
  return { from, to, routers, nowMs };
}
