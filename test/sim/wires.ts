// TCP between the speakers of the simulation: in order and whole while a connection lasts, with the time of the wire; a
// process that dies, and a cable that is cut, end it.

import type { Connection, ConnectionHandlers, Transport } from "../../edge-agent/bgp/ports.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Clockwork, Process } from "./clockwork.ts";

export type Wires = {
  at(address: IpAddress, process: Process): Transport;
  /** Ends every connection of the machine. */
  cut(address: IpAddress): void;
};

type Accept = (connection: Connection) => ConnectionHandlers | undefined;
type End = {
  readonly process: Process | undefined;
  readonly connection: Connection;
  handlers: ConnectionHandlers | undefined;
  peer: End | undefined;
  /** Octets on their way arrive in order. */
  arrivesMs: number;
};

export function createWires(clockwork: Clockwork): Wires {
  const listeners = new Map<IpAddress, { readonly process: Process; readonly accept: Accept }>();
  const ends = new Set<End>();

  function createEnd(process: Process | undefined, localAddress: IpAddress, remoteAddress: IpAddress): End {
    const end: End = {
      process,
      handlers: undefined,
      peer: undefined,
      arrivesMs: 0,
      connection: {
        localAddress,
        remoteAddress,
        write(octets) {
          const copy = octets.slice();
          end.arrivesMs = Math.max(end.arrivesMs, clockwork.nowMs() + clockwork.between(1, 4));
          clockwork.after(end.arrivesMs - clockwork.nowMs(), () => {
            const { peer } = end;
            if (peer?.process?.alive() !== false) peer?.handlers?.data(copy);
          });
          return true;
        },
        close() {
          end.handlers = undefined;
          ends.delete(end);
          clockwork.after(2, () => end.peer && closed(end.peer, "closed by the peer"));
        },
      },
    };
    ends.add(end);
    return end;
  }

  function closed(end: End, reason: string): void {
    const { handlers } = end;
    end.handlers = undefined;
    ends.delete(end);
    if (end.process?.alive() !== false) handlers?.closed(reason);
  }

  return {
    at: (local, process) => ({
      connect({ address }, handlers) {
        const ours = createEnd(process, local, address);
        const listener = listeners.get(address);
        const theirs = createEnd(listener?.process, address, local);
        ours.peer = theirs;
        theirs.peer = ours;
        ours.handlers = handlers;
        clockwork.after(clockwork.between(1, 4), () => {
          if (ours.handlers === undefined || !process.alive()) return;
          const accepted = listener?.process.alive() ? listener.accept(theirs.connection) : undefined;
          if (!accepted) return closed(ours, "connection refused");
          theirs.handlers = accepted;
          handlers.connected();
        });
        return ours.connection;
      },
      listen(_at, accept) {
        listeners.set(local, { process, accept });
        return { close: () => void listeners.delete(local) };
      },
    }),
    cut(address) {
      for (const end of ends) {
        if (end.connection.localAddress !== address) continue;
        const { peer } = end;
        closed(end, "the cable was cut");
        if (peer) closed(peer, "the cable was cut");
      }
    },
  };
}
