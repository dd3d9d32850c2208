// The kernel in memory against the contract that the real one keeps (test/netns/kernel-contract.test.ts).

import { describe } from "vitest";
import { createMemoryKernel } from "../../../edge-agent/dataplane/memory-kernel.ts";
import { ip, kernelContract, mac, vni, VTEP } from "../../contract/kernel.ts";

describe.each(["nexthop", "dst"] as const)("memory kernel, %s", (tunnelForm) => {
  kernelContract(tunnelForm, async () => {
    const kernel = createMemoryKernel({ vtep: VTEP, tunnelForm });
    return {
      kernel,
      addUnderlay: async (mtuBytes) => kernel.setPathMtu(ip("192.0.2.2"), mtuBytes),
      addInterface: async (name) => kernel.addInterface(name),
      removeInterface: async (name) => kernel.removeLink(name),
      addAddressed: async (name) => kernel.addInterface(name, { addressed: true }),
      addForeignVxlan: async (name, id) => kernel.addForeign({ name, kind: "vxlan", vni: vni(id), udpPort: 4789 }),
      addForeignBridge: async (name) => kernel.addForeign({ name, kind: "bridge", vni: undefined, udpPort: undefined }),
      deleteBridgeEntryByHand: async (address, port, id) =>
        kernel.tamper({ kind: "delete-bridge-entry", vni: vni(id), mac: mac(address), port }),
      close: () => kernel.close(),
    };
  });
});
