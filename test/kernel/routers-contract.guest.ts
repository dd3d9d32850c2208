// The contract of the router part of the kernel, on a real one with VRF (test/netns/vrf-kernel.test.ts boots it).

import { afterAll, describe } from "vitest";
import { openNetlinkRouters } from "../../edge-agent/netlink/routers.ts";
import { ownerMark } from "../../edge-agent/dataplane/state.ts";
import { VTEP } from "../contract/kernel.ts";
import { routersContract } from "../contract/routers.ts";
import { makeNamespace } from "../netns/namespace.ts";
import { ipBatch } from "./l3-world.ts";

describe("routers on a kernel with VRF", () => {
  const said: string[] = [];
  afterAll(() => {
    if (said.length > 0) throw new Error(said.join("; "));
  });

  routersContract(async () => {
    const namespace = makeNamespace("routers");
    ipBatch(namespace.name, ["link add name u0 type dummy", `address add ${VTEP}/24 dev u0`, "link set u0 up"]);
    const kernel = await openNetlinkRouters({ netns: namespace.name, log: (text) => void said.push(text) });
    return {
      kernel,
      addBridge: async (vni) => {
        const name = `ovbr${vni}`;
        ipBatch(namespace.name, [
          `link add name ${name} type bridge`,
          `link set ${name} addrgenmode none`,
          `link set ${name} up`,
          `link set ${name} alias "${ownerMark("blue", "acme")}"`,
        ]);
      },
      addForeignVrf: async (name, table) => {
        namespace.run(`ip link add name ${name} type vrf table ${table}`);
      },
      addRouteByHand: async (prefix, table) => {
        namespace.run(`ip route add blackhole ${prefix} table ${table}`);
      },
      deleteRouteByHand: async (prefix, table) => {
        namespace.run(`ip route del ${prefix} table ${table}`);
      },
      close: async () => {
        kernel.close();
        namespace.remove();
      },
    };
  });
});
