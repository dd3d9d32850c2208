import { describe } from "vitest";
import { createMemoryRouters } from "../../../edge-agent/dataplane/memory-routers.ts";
import { ROUTE_METRIC } from "../../../edge-agent/dataplane/router-state.ts";
import { bridgeName } from "../../../edge-agent/dataplane/state.ts";
import { L3_VNI, prefix, routersContract } from "../../contract/routers.ts";
import { vni, VTEP } from "../../contract/kernel.ts";

describe("routers in memory", () => {
  routersContract(async () => {
    const bridges: { vni: ReturnType<typeof vni>; name: string; up: boolean }[] = [];
    const kernel = createMemoryRouters({ bridges: () => bridges, vtep: VTEP });
    const route = (text: string) => ({
      prefix: prefix(text),
      metric: ROUTE_METRIC,
      type: "blackhole" as const,
      hops: [],
    });
    return {
      kernel,
      addBridge: async (number) => void bridges.push({ vni: vni(number), name: bridgeName(vni(number)), up: true }),
      addForeignVrf: async (name, table) =>
        kernel.addForeign({ name, kind: "vrf", vni: undefined, udpPort: undefined, table }),
      addRouteByHand: async (text, table) => kernel.addForeignRoute(table, { ...route(text), ours: false }),
      deleteRouteByHand: async (text, table) =>
        kernel.tamper({ kind: "delete-route", vni: L3_VNI, table, route: route(text) }),
      close: async () => undefined,
    };
  });
});
