// The routes of the real kernel against the contract that those in memory pass too, each test in a fresh namespace.

import { describe } from "vitest";
import { ROUTE_METRIC } from "../../edge-agent/dataplane/route-kernel.ts";
import { openNetlinkRoutes } from "../../edge-agent/netlink/routes.ts";
import { routesContract } from "../contract/routes.ts";
import { makeNamespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

describe.runIf(requireKernel("root"))("netlink routes", () => {
  routesContract(async () => {
    const namespace = makeNamespace("routes");
    const kernel = await openNetlinkRoutes({ netns: namespace.name, log: console.warn });
    return {
      kernel,
      addLink: async (name, ...addresses) => {
        namespace.run(`ip link add name ${name} type veth peer name ${name}-p`);
        namespace.run(`ip link set ${name} up`);
        namespace.run(`ip link set ${name}-p up`);
        for (const address of addresses) {
          namespace.run(`ip addr add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`);
        }
      },
      removeLink: async (name) => void namespace.run(`ip link del ${name}`),
      unplug: async (name) => void namespace.run(`ip link set ${name}-p down`),
      addForeign: async (prefix) =>
        void namespace.run(`ip route add ${prefix} via 192.0.2.9 proto static metric ${ROUTE_METRIC}`),
      deleteByHand: async (prefix) => void namespace.run(`ip route del ${prefix} metric ${ROUTE_METRIC}`),
      close: async () => {
        kernel.close();
        namespace.remove();
      },
    };
  });
});
