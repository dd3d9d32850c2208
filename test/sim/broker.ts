// The broker of the simulation: a clean session per host, QoS 1 at its worst. A message may be lost (a session that
// ends, AWS's limits), come twice, late, out of order, or damaged; a host may be cut off and come back.

import type { BrokerConnection } from "../../edge-agent/intent/mqtt.ts";
import type { Clockwork, Process } from "./clockwork.ts";
import { type Fault, happening, type Weather } from "./faults.ts";

type Handlers = Parameters<BrokerConnection["listen"]>[0];
type Session = { readonly process: Process; handlers: Handlers | undefined; connected: boolean };

export type SimBroker = {
  /** The connection of a host's agent; it connects by itself unless the host is cut off. */
  connect(host: string, process: Process): BrokerConnection;
  /** The cloud publishes to a host's inbox. */
  publish(host: string, payload: string): void;
  /** The host's agent is gone, and its session with it. */
  leave(host: string): void;
  cut(host: string): void;
  mend(host: string): void;
  /** Every session ends; the hosts that are not cut off come back after a while. */
  restart(): void;
};

const RECONNECT_MS = { low: 20, high: 2_000 };

export function createBroker(options: {
  readonly clockwork: Clockwork;
  readonly weather: () => Weather;
  /** A message of a host to the cloud. */
  readonly uplink: (host: string, lane: "sync" | "report", payload: Uint8Array) => void;
}): SimBroker {
  const { clockwork, weather, uplink } = options;
  const sessions = new Map<string, Session>();
  const cutOff = new Set<string>();
  const happens = (what: Fault, chance: number) => happening(clockwork, what, chance);

  function carry(payload: Uint8Array, deliver: (payload: Uint8Array) => void): void {
    const { drop, duplicate, corrupt, delay } = weather();
    if (happens("message lost", drop)) return;
    const copies = happens("message twice", duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const afterMs = happens("message late", delay) ? clockwork.between(50, 5_000) : clockwork.between(1, 10);
      const octets = happens("message damaged", corrupt) ? damaged(clockwork, payload) : payload;
      clockwork.after(afterMs, () => deliver(octets));
    }
  }

  function up(host: string): void {
    const session = sessions.get(host);
    if (!session?.handlers || session.connected || cutOff.has(host) || !session.process.alive()) return;
    session.connected = true;
    session.handlers.connected();
  }

  function down(host: string): void {
    const session = sessions.get(host);
    if (!session?.connected) return;
    session.connected = false;
    if (session.process.alive()) session.handlers?.disconnected();
  }

  const comeBack = (host: string) =>
    clockwork.after(clockwork.between(RECONNECT_MS.low, RECONNECT_MS.high), () => up(host));

  return {
    connect(host, process) {
      const session: Session = { process, handlers: undefined, connected: false };
      sessions.set(host, session);
      return {
        get connected() {
          return session.connected && process.alive();
        },
        publish(lane, text) {
          if (!session.connected || lane === "certificate") return;
          carry(new TextEncoder().encode(text), (payload) => uplink(host, lane, payload));
        },
        listen(handlers) {
          session.handlers = handlers;
          comeBack(host);
        },
        async close() {
          session.connected = false;
        },
      };
    },
    publish(host, text) {
      const session = sessions.get(host);
      // A clean session: nothing is kept for a host that is not there.
      if (!session?.connected) return;
      carry(new TextEncoder().encode(text), (payload) => {
        if (session.connected && session.process.alive()) session.handlers?.inbox(payload);
      });
    },
    leave: (host) => void sessions.delete(host),
    cut(host) {
      cutOff.add(host);
      down(host);
    },
    mend(host) {
      cutOff.delete(host);
      comeBack(host);
    },
    restart() {
      for (const host of sessions.keys()) {
        down(host);
        comeBack(host);
      }
    },
  };
}

/** Cut short, with some octets changed, or with a digit that is another one: then it still reads well, and is wrong. */
function damaged(clockwork: Clockwork, payload: Uint8Array): Uint8Array {
  if (clockwork.chance(0.3)) return payload.slice(0, clockwork.between(0, payload.length - 1));
  const octets = payload.slice();
  const digits = clockwork.chance(0.5) ? [...octets.keys()].filter((at) => isDigit(octets[at] ?? 0)) : [];
  if (digits.length > 0) {
    octets[clockwork.pick(digits)] = 0x30 + clockwork.between(0, 9);
    return octets;
  }
  for (let n = clockwork.between(1, 3); n > 0; n--) {
    octets[clockwork.between(0, octets.length - 1)] = clockwork.between(0, 255);
  }
  return octets;
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}
