// The adapter to the real kernel against the same contract as the kernel in memory, each test in a fresh namespace.

import { describe } from "vitest";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import { kernelContract, VTEP } from "../contract/kernel.ts";
import { makeNamespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

const usable = requireKernel("root", "vxlan", "bridge");

describe.runIf(usable).each(["nexthop", "dst"] as const)("netlink kernel, %s", (tunnelForm) => {
  kernelContract(tunnelForm, async () => {
    const namespace = makeNamespace("kernel");
    namespace.run(`ip addr add ${VTEP}/32 dev lo`);
    const kernel = await createNetlinkKernel({ netns: namespace.name, log: console.warn, tunnelForm });
    return {
      kernel,
      addUnderlay: async (mtuBytes) => {
        namespace.run("ip link add name u type veth peer name u-p");
        namespace.run(`ip link set u mtu ${mtuBytes} up`);
        namespace.run("ip link set u-p up");
        namespace.run("ip addr add 198.51.100.1/30 dev u");
        namespace.run("ip route add 192.0.2.0/24 via 198.51.100.2");
      },
      addInterface: async (name) => {
        namespace.run(`ip link add name ${name} type veth peer name ${name}-p`);
        namespace.run(`ip link set ${name} addrgenmode none`);
      },
      removeInterface: async (name) => void namespace.run(`ip link del ${name}`),
      addAddressed: async (name) => {
        namespace.run(`ip link add name ${name} type veth peer name ${name}-p`);
        namespace.run(`ip addr add 198.51.100.1/30 dev ${name}`);
      },
      addForeignVxlan: async (name, vni) =>
        void namespace.run(`ip link add name ${name} type vxlan id ${vni} dstport 4789`),
      addForeignBridge: async (name) => void namespace.run(`ip link add name ${name} type bridge`),
      deleteBridgeEntryByHand: async (mac, port) => void namespace.run(`bridge fdb del ${mac} dev ${port} master`),
      close: async () => {
        await kernel.close();
        namespace.remove();
      },
    };
  });
});
