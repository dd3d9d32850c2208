// The parts of the agent that own objects in the kernel, in the order in which they are removed. A part that gets kernel
// objects of its own adds itself here. What is ours and how it goes is each part's own reconciler's or port's knowledge.

import type { Clock } from "../clock.ts";
import type { Guards } from "../dataplane/guards.ts";
import type { Kernel } from "../dataplane/kernel.ts";
import { createReconciler } from "../dataplane/reconciler.ts";
import type { RouteKernel } from "../dataplane/route-kernel.ts";
import type { RouterKernel } from "../dataplane/router-kernel.ts";
import { createRouterReconciler } from "../dataplane/router-reconciler.ts";
import type { UninstallPart } from "./uninstall.ts";

type Timers = Pick<Clock, "nowMs" | "setTimer">;

/** Passes that may end with something left over before that is taken as the answer. */
const MOST_PASSES = 3;

/** Bridges, vxlan devices and nexthops of networks. */
export function networksPart(kernel: Kernel, clock: Timers): UninstallPart {
  return {
    name: "networks",
    find: async () => {
      const { networks } = await kernel.dump();
      const lines = networks.map(({ bridge, vxlan, ports, vxlanEntries }) => {
        const names = [bridge, vxlan].flatMap((device) => device?.name ?? []).join(" and ");
        const owner = bridge?.owner ?? vxlan?.owner ?? "";
        const on = ports.map((port) => port.name).join(", ");
        return `${names} (${owner}), ${vxlanEntries.length} remote MACs${on === "" ? "" : `, ports ${on}`}`;
      });
      const groups = kernel.tunnels().length;
      return groups > 0 ? [...lines, `${groups} groups of nexthops`] : lines;
    },
    remove: async () => {
      const refused = new Set<string>();
      const reconciler = createReconciler({
        kernel,
        clock,
        log: (level, text) => void (level !== "info" && refused.add(text)),
        retryMs: { first: 100, longest: 1000 },
      });
      let passes = 0;
      const left = await new Promise<readonly string[]>((resolve) => {
        reconciler.onReport(({ networks, error }) => {
          passes++;
          if (networks.length === 0 && error === undefined) resolve([]);
          else if (passes >= MOST_PASSES) resolve([...networks.map(({ vni }) => `VNI ${vni}`), ...refused]);
        });
        reconciler.setDesired({ networks: [] }, { inSync: true });
      });
      await reconciler.close();
      return left;
    },
    close: () => kernel.close(),
  };
}

/** VRFs, L3 VNIs, their routes, rules and gateways' addresses. */
export function routersPart(kernel: RouterKernel & { close(): void }, clock: Timers): UninstallPart {
  return {
    name: "routers",
    find: async () => {
      const { routers, rules } = await kernel.dump();
      const lines = routers.map(({ vrf, vxlan, routes }) => {
        const names = [vrf, vxlan].flatMap((device) => device?.name ?? []).join(" and ");
        return `${names} (${vrf?.owner ?? vxlan?.owner ?? "left-over table"}), ${routes.length} routes`;
      });
      return rules.some((rule) => rule.ours) ? [...lines, "rules that ask VRFs first (ip rule show)"] : lines;
    },
    remove: async () => {
      const reconciler = createRouterReconciler({ kernel, clock, log: () => undefined });
      let passes = 0;
      const left = await new Promise<readonly string[]>((resolve) => {
        reconciler.onReport(({ routers, host, error }) => {
          passes++;
          if (routers.length + host.length === 0 && error === undefined) resolve([]);
          else if (passes >= MOST_PASSES) {
            const rules = host.length > 0 ? ["routing rules"] : [];
            resolve([...routers.map(({ vni }) => `L3 VNI ${vni}`), ...rules, error ?? ""].filter(Boolean));
          }
        });
        reconciler.setDesired({ routers: [] }, { inSync: true });
      });
      await reconciler.close();
      return left;
    },
    close: async () => kernel.close(),
  };
}

/** The underlay's routes that came by BGP. */
export function routesPart(kernel: RouteKernel & { close(): void }): UninstallPart {
  return {
    name: "routes",
    find: async () => {
      const { ours } = await kernel.read();
      return ours.length === 0 ? [] : [`${ours.length} underlay routes by BGP (ip route show proto 79)`];
    },
    remove: async () => {
      const { ours } = await kernel.read();
      const failures = await kernel.apply(ours.map(({ prefix }) => ({ kind: "delete-route", prefix })));
      return failures.map(({ op, code }) => `${op.kind === "delete-route" ? op.prefix : op.route.prefix}: ${code}`);
    },
    close: async () => kernel.close(),
  };
}

/** What filters the ports. */
export function guardsPart(guards: Guards): UninstallPart {
  return {
    name: "guards",
    find: async () => {
      const { ports, mirrors, frame } = await guards.dump({ macLists: false });
      const lines = frame || ports.size > 0 ? [`filters of ${[...ports.keys()].join(", ") || "no port"}`] : [];
      return mirrors.size > 0 ? [...lines, `copies from ${[...mirrors.keys()].join(", ")}`] : lines;
    },
    remove: async () => {
      await guards.removeAll();
      return [];
    },
    close: () => guards.close(),
  };
}
