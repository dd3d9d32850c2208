// Subnets are a part of their network: what reading, making and deleting one means for the network. Pure.

import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import { type Prefix, parsePrefix, prefixContains } from "../../shared/address/prefix.ts";
import type { Network } from "../../shared/model/resource.ts";
import { EXIT } from "../exit-code.ts";
import { Failure, usage } from "../failure.ts";
import type { Resource } from "./kind.ts";

/** What the network's write must say; `subnets` and `gateways` are replaced whole by a merge patch. */
export type SubnetPatch = { subnets?: Prefix[]; gateways?: IpAddress[] | null };

/** The subnets of a network as resources of their own. */
export function subnetsOf({ id, subnets, gateways = [], vni, router, version }: Network): Resource[] {
  return subnets.map((subnet) => {
    const gateway = gateways.find((ip) => prefixContains(subnet, ip));
    return { network: id, id: subnet, ...(gateway === undefined ? {} : { gateway }), vni, router, version };
  });
}

/** The subnet as a resource; throws a Failure if the network has none such. */
export function subnetOf(network: Network, text: string): Resource {
  const found = subnetsOf(network).find(({ id }) => id === prefixOf(text));
  if (found) return found;
  throw new Failure(EXIT.notFound, `network ${network.id} has no subnet ${text}`, [
    `overspan get subnets --network ${network.id} lists them`,
  ]);
}

export function withSubnet(network: Network, text: string, gateway: string | undefined): SubnetPatch {
  const prefix = prefixOf(text);
  if (network.subnets.includes(prefix)) {
    throw new Failure(EXIT.conflict, `network ${network.id} has subnet ${prefix} already`, [
      "overspan edit subnet changes its gateway",
    ]);
  }
  const subnets = [...network.subnets, prefix];
  return gateway === undefined ? { subnets } : { subnets, gateways: [...(network.gateways ?? []), ipOf(gateway)] };
}

export function withGateway(network: Network, text: string, gateway: string): SubnetPatch {
  const prefix = subnetOf(network, text)["id"] as Prefix;
  const others = (network.gateways ?? []).filter((ip) => !prefixContains(prefix, ip));
  return { gateways: [...others, ipOf(gateway)] };
}

export function withoutSubnet(network: Network, text: string): SubnetPatch {
  const prefix = subnetOf(network, text)["id"] as Prefix;
  const subnets = network.subnets.filter((subnet) => subnet !== prefix);
  if (!network.gateways) return { subnets };
  const gateways = network.gateways.filter((ip) => !prefixContains(prefix, ip));
  return { subnets, gateways: gateways.length === 0 ? null : gateways };
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix) return prefix;
  throw usage(`"${text}" is no prefix such as 10.1.0.0/24, with no host bits set`);
}

function ipOf(text: string): IpAddress {
  const ip = parseIp(text);
  if (ip) return ip;
  throw usage(`--gateway takes an IP address, not "${text}"`);
}
