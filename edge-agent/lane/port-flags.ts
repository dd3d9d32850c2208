// Keeps the flags of our bridge ports as they are wanted: when a port comes on the bridge it has the kernel's defaults, and
// another hand may change them. Compares with the interfaces as they were last seen; never takes a port off or on. Flags that
// an earlier process left stay until intent is known not to be older than they are.

import type { Clock } from "../clock.ts";
import { type HostPort, type HostPorts, type PortFlags, sameFlags } from "../dataplane/host-ports.ts";
import { createPassLoop } from "../dataplane/pass-loop.ts";
import type { Log } from "../log.ts";

export type PortFlagsKeeper = {
  /** What is wanted of these ports; undefined: nothing any more. */
  change(flags: ReadonlyMap<string, PortFlags | undefined>): void;
  /** Interfaces changed. */
  look(): void;
  /** The port has its flags, cannot have them, or is on no bridge of ours; false while it keeps older or newer ones. */
  isSet(port: string): boolean;
  /** Why ports have not the flags that they should, by port. */
  failures(): ReadonlyMap<string, string>;
  close(): Promise<void>;
};

export function createPortFlags(options: {
  readonly hostPorts: HostPorts;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly log: Log;
  readonly ports: () => ReadonlyMap<string, HostPort>;
  /** What an earlier process left may be changed. */
  readonly mayRetarget: () => boolean;
}): PortFlagsKeeper {
  const { hostPorts, clock, log, ports, mayRetarget } = options;
  const wanted = new Map<string, PortFlags>();
  /** Ports that once had the flags that were wanted: what is wanted of them now is no older. */
  const known = new Set<string>();
  let failures: ReadonlyMap<string, string> = new Map();
  const loop = createPassLoop({
    clock,
    pass: async () => {
      const wrong = new Map<string, PortFlags>();
      for (const [port, flags] of wanted) {
        const has = ports().get(port)?.attached;
        if (!has) continue;
        if (sameFlags(has, flags)) known.add(port);
        else if (known.has(port) || mayRetarget()) wrong.set(port, flags);
      }
      failures = wrong.size > 0 ? await hostPorts.set(wrong) : new Map();
      for (const [port, reason] of failures) log.warn("port-flags-refused", `port ${port}: ${reason}`);
      // What was set comes back as an event, and the interfaces with it.
      return failures.size > 0 ? "again" : "done";
    },
    onError: (cause) => log.warn("port-flags-unset", cause.message),
  });
  return {
    change: (flags) => {
      for (const [port, next] of flags) {
        if (next) wanted.set(port, next);
        else {
          wanted.delete(port);
          known.delete(port);
        }
      }
      loop.ask();
    },
    look: () => loop.ask(),
    isSet: (port) => {
      const flags = wanted.get(port);
      const has = ports().get(port)?.attached;
      return !flags || !has || sameFlags(has, flags) || failures.has(port);
    },
    failures: () => failures,
    close: () => loop.close(),
  };
}
