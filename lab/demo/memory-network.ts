// TCP in memory, for BGP between speakers of one process: the Transport port of edge-agent/bgp. In order, never lossy,
// delivered on a later turn of the event loop, as a socket would.

import type { Connection, ConnectionHandlers, Transport } from "../../edge-agent/bgp/ports.ts";
import type { IpAddress } from "../../shared/address/ip.ts";

export type MemoryNetwork = {
  /** The transport of a machine with this address. */
  at(address: IpAddress): MemoryTransport;
};

export type MemoryTransport = Transport & {
  /** Ends all its connections, as the kernel does for a process that was killed; the other ends see them closed. */
  cut(): void;
};

type Accept = (connection: Connection) => ConnectionHandlers | undefined;
type End = { readonly connection: Connection; handlers: ConnectionHandlers | undefined; peer: End | undefined };

export function createMemoryNetwork(): MemoryNetwork {
  const listeners = new Map<IpAddress, Accept>();
  return {
    at(local) {
      const ends = new Set<End>();
      return {
        connect({ address }, handlers) {
          const [ours, theirs] = pair(local, address);
          ours.handlers = handlers;
          ends.add(ours);
          setImmediate(() => {
            if (ours.handlers === undefined) return;
            const accepted = listeners.get(address)?.(theirs.connection);
            if (!accepted) return closed(ours, "connection refused");
            theirs.handlers = accepted;
            handlers.connected();
          });
          return ours.connection;
        },
        listen(_at, accept) {
          // The connection belongs to whoever accepts it, so that `cut` of either side ends it.
          listeners.set(local, accept);
          return { close: () => void listeners.delete(local) };
        },
        cut() {
          for (const end of ends) end.connection.close();
          ends.clear();
        },
      };
    },
  };
}

function pair(from: IpAddress, to: IpAddress): [End, End] {
  const a = newEnd(from, to);
  const b = newEnd(to, from);
  a.peer = b;
  b.peer = a;
  return [a, b];
}

function newEnd(localAddress: IpAddress, remoteAddress: IpAddress): End {
  const end: End = {
    handlers: undefined,
    peer: undefined,
    connection: {
      localAddress,
      remoteAddress,
      write(octets) {
        const copy = octets.slice();
        setImmediate(() => end.peer?.handlers?.data(copy));
        return true;
      },
      close() {
        end.handlers = undefined;
        setImmediate(() => end.peer && closed(end.peer, "closed by the peer"));
      },
    },
  };
  return end;
}

function closed(end: End, reason: string): void {
  const { handlers } = end;
  end.handlers = undefined;
  handlers?.closed(reason);
}
