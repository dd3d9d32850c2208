// The underlay's part of the kernel in memory, for tests and the simulation. Keeps the rules that the reconciler relies on: one
// route per prefix and metric, a hop needs a link that is up, and a source must be an address of the host.

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import { type Prefix, prefixAddress } from "../../shared/address/prefix.ts";
import type { ActualRoutes, KernelRoute, RouteKernel, RouteLink, RouteOp, RouteOpFailure } from "./route-kernel.ts";

export type MemoryRoutes = RouteKernel & {
  /** What others do: links, addresses, and routes at our prefix and metric. */
  setLink(link: RouteLink): void;
  removeLink(name: string): void;
  setAddresses(addresses: readonly IpAddress[]): void;
  addForeign(prefix: Prefix): void;
  /** Another hand deletes a route of ours. */
  deleteByHand(prefix: Prefix): void;
  /** The next `apply` refuses everything. */
  failNext(code: string): void;
  /** Ops taken so far. */
  writes(): number;
};

export function createMemoryRoutes(): MemoryRoutes {
  const ours = new Map<Prefix, KernelRoute>();
  const taken = new Set<Prefix>();
  const links = new Map<string, RouteLink>();
  let addresses: ReadonlySet<IpAddress> = new Set();
  const listeners = new Set<() => void>();
  let failure: string | undefined;
  let writes = 0;

  const changed = () => {
    for (const listener of listeners) listener();
  };

  /** As the kernel does when a link goes: routes by it alone go, of others the hop. */
  const dropHops = (device: string) => {
    for (const [prefix, route] of ours) {
      const hops = route.hops.filter((hop) => hop.device !== device);
      if (hops.length === 0) ours.delete(prefix);
      else if (hops.length < route.hops.length) ours.set(prefix, { ...route, hops });
    }
  };

  function refusal(op: RouteOp): string | undefined {
    if (op.kind === "delete-route") return undefined;
    const { prefix, hops, source } = op.route;
    if (op.kind === "add-route" && taken.has(prefix)) return "EEXIST";
    if (source !== undefined && !addresses.has(source)) return "EINVAL";
    if (isIpv4(prefixAddress(prefix)) ? false : hops.some(({ via }) => isIpv4(via))) return "EINVAL";
    return hops.every(({ device }) => links.get(device)?.up) ? undefined : "ENETDOWN";
  }

  function perform(op: RouteOp): RouteOpFailure[] {
    const code = failure ?? refusal(op);
    if (code !== undefined) return [{ op, code, message: "" }];
    writes++;
    if (op.kind === "delete-route") ours.delete(op.prefix);
    else ours.set(op.route.prefix, op.route);
    return [];
  }

  return {
    read: async (): Promise<ActualRoutes> => ({
      ours: [...ours.values()],
      taken: new Set(taken),
      links: [...links.values()],
      addresses,
    }),
    apply: async (ops) => {
      const failures = ops.flatMap(perform);
      failure = undefined;
      return failures;
    },
    watch: (listener) => {
      listeners.add(listener);
      return { close: () => void listeners.delete(listener) };
    },
    setLink(link) {
      links.set(link.name, link);
      changed();
    },
    removeLink(name) {
      links.delete(name);
      dropHops(name);
      changed();
    },
    setAddresses(next) {
      addresses = new Set(next);
      changed();
    },
    addForeign(prefix) {
      taken.add(prefix);
      changed();
    },
    deleteByHand(prefix) {
      ours.delete(prefix);
      changed();
    },
    failNext(code) {
      failure = code;
    },
    writes: () => writes,
  };
}
