// Interfaces in memory: the HostPorts port for tests and for running without root.

import type { HostPort, HostPorts } from "./host-ports.ts";

/** The port, and the hand that plugs interfaces in. */
export type MemoryHostPorts = HostPorts & {
  put(port: Partial<HostPort> & { readonly name: string }): void;
  remove(name: string): void;
};

export function createMemoryHostPorts(): MemoryHostPorts {
  const ports = new Map<string, HostPort>();
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) queueMicrotask(listener);
  };
  return {
    list: async () => [...ports.values()],
    set: async (flags) => {
      const refused = new Map<string, string>();
      for (const [name, attached] of flags) {
        const port = ports.get(name);
        if (port?.attached) ports.set(name, { ...port, attached });
        else refused.set(name, "it is on no bridge of ours");
      }
      return refused;
    },
    watch: (listener) => {
      listeners.add(listener);
      return { close: () => void listeners.delete(listener) };
    },
    close: async () => listeners.clear(),
    put: (port) => {
      const plain = {
        mac: undefined,
        permanentMac: undefined,
        alias: undefined,
        kind: "",
        loopback: false,
        ours: false,
        attached: undefined,
      };
      ports.set(port.name, { ...plain, ...port });
      tell();
    },
    remove: (name) => {
      ports.delete(name);
      tell();
    },
  };
}
