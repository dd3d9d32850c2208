// Knows the host's interfaces, and finds the ports of endpoints that name none (dataplane/host-ports.ts says how). What it
// finds goes into the endpoint's record before any lane sees it; when an interface comes or goes, the lanes are told that
// the record changed.

import { endpointOf } from "./endpoint-key.ts";
import { type Channel, type EndpointRecord, networkChannel, type RecordBody } from "../../shared/model/record.ts";
import type { Clock } from "../clock.ts";
import { findPort, type HostPort, type HostPorts } from "../dataplane/host-ports.ts";
import { createPassLoop } from "../dataplane/pass-loop.ts";
import type { Log } from "../log.ts";

export type PortFinder = {
  /** The body as lanes are to see it: of an endpoint on this host, with its port. */
  readonly resolve: (network: string, key: string, body: RecordBody | undefined) => RecordBody | undefined;
  /** All interfaces as they were a moment ago, by name. */
  readonly ports: ReadonlyMap<string, HostPort>;
  /** Why an endpoint has no port, by network. */
  problems(network: string): readonly string[];
  /** The network is held no more, and none of its records is seen again. */
  forget(network: string): void;
  /** Called when interfaces changed, with the records that this changed. */
  onChange(listener: (changed: ReadonlyMap<Channel, ReadonlySet<string>>) => void): void;
  close(): Promise<void>;
};

type Wanted = {
  readonly id: string;
  readonly source: EndpointRecord;
  /** With its port, once it is found. */
  resolved: EndpointRecord;
  problem: string | undefined;
};

export function createPortFinder(options: {
  readonly host: string;
  readonly hostPorts: HostPorts;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly log: Log;
}): PortFinder {
  const { host, hostPorts, clock, log } = options;
  const wanted = new Map<string, Map<string, Wanted>>();
  const listeners = new Set<(changed: ReadonlyMap<Channel, ReadonlySet<string>>) => void>();
  let ports: ReadonlyMap<string, HostPort> = new Map();
  let list: readonly HostPort[] = [];
  let text = "";

  const loop = createPassLoop({
    clock,
    settleMs: 10,
    pass: async () => {
      list = await hostPorts.list();
      ports = new Map(list.map((port) => [port.name, port]));
      const now = JSON.stringify(list);
      if (now !== text) {
        text = now;
        const changed = lookAgain();
        for (const listener of listeners) listener(changed);
      }
      return "done";
    },
    onError: (cause) => log.warn("interfaces-unread", cause.message),
  });
  const watch = hostPorts.watch(() => loop.notice());
  loop.ask();

  function lookAgain(): Map<Channel, Set<string>> {
    const changed = new Map<Channel, Set<string>>();
    for (const [network, endpoints] of wanted) {
      for (const [key, each] of endpoints) {
        const before = each.resolved;
        place(each);
        if (each.resolved === before) continue;
        const keys = changed.get(networkChannel(network)) ?? new Set();
        changed.set(networkChannel(network), keys.add(key));
      }
    }
    return changed;
  }

  function place(each: Wanted): void {
    const { id, source } = each;
    const found = findPort({ id, mac: source.mac }, list);
    const port = found.kind === "found" ? found.port : undefined;
    each.problem = undefined;
    if (found.kind === "ambiguous") {
      each.problem = `endpoint ${id} names no port, and ${found.ports.join(", ")} all could be the one of ${source.mac}`;
    }
    if (each.resolved.port !== port) each.resolved = port === undefined ? source : { ...source, port };
  }

  return {
    resolve(network, key, body) {
      const id = endpointOf(key);
      if (id === undefined) return body;
      const record = body as EndpointRecord | undefined;
      if (!record || record.host !== host || record.port !== undefined) {
        wanted.get(network)?.delete(key);
        return body;
      }
      const endpoints = wanted.get(network) ?? new Map<string, Wanted>();
      wanted.set(network, endpoints);
      const before = endpoints.get(key);
      if (before?.source === record) return before.resolved;
      const each: Wanted = { id, source: record, resolved: record, problem: undefined };
      place(each);
      endpoints.set(key, each);
      return each.resolved;
    },
    get ports() {
      return ports;
    },
    problems: (network) => Array.from(wanted.get(network)?.values() ?? []).flatMap(({ problem }) => problem ?? []),
    forget: (network) => void wanted.delete(network),
    onChange: (listener) => void listeners.add(listener),
    close: async () => {
      watch.close();
      await loop.close();
      await hostPorts.close();
    },
  };
}
