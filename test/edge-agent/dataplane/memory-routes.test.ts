// The routes in memory against the contract that the real kernel's adapter passes too.

import { createMemoryRoutes } from "../../../edge-agent/dataplane/memory-routes.ts";
import { type IpAddress, ipFromOctets, ipToOctets } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { routesContract } from "../../contract/routes.ts";

routesContract(async () => {
  const kernel = createMemoryRoutes();
  const addresses: IpAddress[] = [];
  const links = new Map<string, readonly Prefix[]>();
  return {
    kernel,
    addLink: async (name, ...with_) => {
      for (const each of with_) addresses.push(each.slice(0, each.indexOf("/")) as IpAddress);
      links.set(name, with_.map(networkOf));
      kernel.setLink({ name, up: true, connected: with_.map(networkOf) });
      kernel.setAddresses(addresses);
    },
    removeLink: async (name) => kernel.removeLink(name),
    unplug: async (name) => kernel.setLink({ name, up: false, connected: links.get(name) ?? [] }),
    addForeign: async (prefix) => kernel.addForeign(prefix as Prefix),
    deleteByHand: async (prefix) => kernel.deleteByHand(prefix as Prefix),
    close: async () => undefined,
  };
});

/** `192.0.2.1/24` is on `192.0.2.0/24`; lengths are whole octets here. */
function networkOf(text: string): Prefix {
  const [address = "", length = ""] = text.split("/");
  const octets = ipToOctets(address as IpAddress).map((octet, i) => (i < Number(length) / 8 ? octet : 0));
  return `${ipFromOctets(octets)}/${length}` as Prefix;
}
