// The adapter of the `Transport` port to node:net, with TCP MD5 (RFC 2385) and GTSM (RFC 5082) by transport-socket.ts.
// Keys live here only: what decides, logs and reports about sessions never sees one.
// Reading needs no queue: `data` works its octets off before it returns, and until then the kernel's window fills. So it does
// while reading is held, and while others have their turn (read-pace.ts).

import { createServer, type Server, Socket } from "node:net";
import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import type { Connection, ConnectionHandlers, Destination, HopLimit, Transport } from "./ports.ts";
import { createReadPace, type ReadPace } from "./read-pace.ts";
import { describeDrops, type DropCounters, readDropCounters } from "./transport-counters.ts";
import type { SocketCalls } from "./transport-socket.ts";

export type TransportOptions = {
  /** The keys of peers with TCP MD5, by address; 1 to 80 octets each. */
  readonly md5Keys?: ReadonlyMap<IpAddress, string>;
  /** What keys and hop limits need; absent: connections that want them fail with that reason. */
  readonly calls?: SocketCalls | undefined;
};

/** How long a closed connection may take to hand over what was written, before it is cut. */
const LINGER_MS = 2000;
const NO_CALLS = "TCP MD5 and hop limits need koffi, which could not be loaded";
const ANY = "::" as IpAddress;
/** What a listener sends, so that a peer with GTSM takes its SYN-ACK (RFC 5082 section 3). */
const MAX_TTL = 255;

export type TcpTransport = Transport & {
  /**
   * Other keys from now on: for new connections, and for listening. One that stands keeps the key that it began with, and
   * ends by its hold time if the peer has changed its own.
   */
  setMd5Keys(keys: ReadonlyMap<IpAddress, string>): void;
};

/** The real network. */
export function createTcpTransport(options: TransportOptions = {}): TcpTransport {
  const { calls } = options;
  let md5Keys = options.md5Keys ?? new Map<IpAddress, string>();
  /** Descriptors that listen, with their family. */
  const listening = new Map<number, IpAddress>();
  /** The kernel's counters when the attempts to reach a peer began, so that what is said of it does not flicker. */
  const baselines = new Map<IpAddress, DropCounters>();
  const reads = createReadPace<Socket>({ nowMs: () => performance.now(), nextTurn: setImmediate });

  function track(socket: Socket): Socket {
    reads.add(socket);
    socket.once("close", () => reads.delete(socket));
    return socket;
  }

  /** What silence may mean: a peer with another key answers nothing at all. */
  function hintsOf({ address, hopLimit }: Destination): Hint {
    const checks = [
      ...(md5Keys.has(address) ? ["is the TCP MD5 key the same on both ends?"] : []),
      ...(hopLimit ? ["do both ends agree on the hops?"] : []),
    ];
    const before = baselines.get(address) ?? readDropCounters();
    baselines.set(address, before);
    return () => describeDrops(before, readDropCounters()) ?? (checks.join(" ") || undefined);
  }

  /** Every connection of a protected peer begins with a descriptor made for it. */
  function socketTo({ address, localAddress, hopLimit }: Destination): Socket {
    const key = md5Keys.get(address);
    if (key === undefined && !hopLimit) return new Socket();
    if (!calls) throw new Error(NO_CALLS);
    const fd = calls.open(address);
    try {
      if (hopLimit) calls.setHopLimit(fd, address, hopLimit);
      if (key !== undefined) calls.setMd5Key(fd, address, address, key);
      if (localAddress) calls.bind(fd, localAddress, 0);
      return new Socket({ fd });
    } catch (cause) {
      calls.close(fd);
      throw cause;
    }
  }

  /** With keys, the listener has them before it hears anything. */
  function listenOn(server: Server, { port, address }: { port: number; address?: IpAddress | undefined }): void {
    if (!calls) {
      if (md5Keys.size > 0) throw new Error(NO_CALLS);
      server.listen({ port, ...(address && { host: address }) });
      return;
    }
    const family = address ?? ANY;
    const fd = calls.open(family);
    try {
      calls.reuseAddress(fd);
      calls.setHopLimit(fd, family, { ttl: MAX_TTL });
      for (const [peer, key] of md5Keys) {
        if (isReachable(family, peer)) calls.setMd5Key(fd, family, peer, key);
      }
      calls.bind(fd, family, port);
      server.listen({ fd });
      listening.set(fd, family);
      server.once("close", () => listening.delete(fd));
    } catch (cause) {
      calls.close(fd);
      throw cause;
    }
  }

  return {
    setMd5Keys(keys) {
      const peers = new Set([...md5Keys.keys(), ...keys.keys()]);
      for (const [fd, family] of listening) {
        for (const peer of peers) {
          if (!isReachable(family, peer) || keys.get(peer) === md5Keys.get(peer)) continue;
          // The kernel takes a key of no length as none, and a new one for the old.
          calls?.setMd5Key(fd, family, peer, keys.get(peer) ?? "");
        }
      }
      md5Keys = keys;
    },
    connect(to, handlers) {
      const hint = hintsOf(to);
      let socket: Socket;
      try {
        socket = track(socketTo(to));
      } catch (cause) {
        return failedConnection(to.address, (cause as Error).message, handlers);
      }
      const { connection, attach } = wrap(socket, to.address, { calls, hint, reads });
      attach(handlers);
      socket.once("connect", () => baselines.delete(to.address));
      // A descriptor of ours is bound already.
      const bindTo = to.hopLimit || md5Keys.has(to.address) ? undefined : to.localAddress;
      const host = to.interface === undefined ? to.address : `${to.address}%${to.interface}`;
      socket.connect({ host, port: to.port, ...(bindTo && { localAddress: bindTo }) });
      return connection;
    },
    listen(at, accept, failed) {
      const server = createServer((socket) => {
        const remoteAddress = addressOf(socket.remoteAddress);
        if (!remoteAddress) {
          socket.destroy(); // it was gone before we saw it
          return;
        }
        const { connection, attach } = wrap(track(socket), remoteAddress, { calls, hint: () => undefined, reads });
        const handlers = accept(connection);
        if (handlers) attach(handlers);
        else connection.close();
      });
      server.on("error", (error) => failed(error.message));
      try {
        listenOn(server, at);
      } catch (cause) {
        // Its caller expects to hear later, as of a port in use.
        setImmediate(() => failed((cause as Error).message));
      }
      return { close: () => server.close() };
    },
    silence() {
      const before = readDropCounters();
      return () => describeDrops(before, readDropCounters());
    },
    hold: (on) => reads.hold(on),
  };
}

type Hint = () => string | undefined;
type Wrapped = { readonly connection: Connection; readonly attach: (handlers: ConnectionHandlers) => void };

function wrap(
  socket: Socket,
  remoteAddress: IpAddress,
  {
    calls,
    hint,
    reads,
  }: {
    readonly calls: SocketCalls | undefined;
    readonly hint: Hint;
    readonly reads: Pick<ReadPace<Socket>, "run">;
  },
): Wrapped {
  let closed = false;
  let reason = "closed by the peer";
  socket.setNoDelay(true);
  socket.on("error", (error) => {
    reason = error.message;
  });
  const connection: Connection = {
    remoteAddress,
    hint,
    get localAddress() {
      return addressOf(socket.localAddress);
    },
    // Told by Node for link-local addresses only.
    interface: /%(.+)$/.exec(socket.remoteAddress ?? "")?.[1],
    get localPort() {
      return socket.localPort;
    },
    get remotePort() {
      return socket.remotePort;
    },
    write: (octets) => socket.write(octets),
    close() {
      if (closed) return;
      closed = true;
      if (socket.connecting) {
        socket.destroy();
        return;
      }
      // Reading on matters: a socket closed over unread octets sends RST, and the peer may lose our NOTIFICATION to it.
      socket.resume();
      socket.end();
      const cut = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once("close", () => clearTimeout(cut));
    },
    limitHops: (limit) => limitHops(socket, calls, limit),
  };
  return {
    connection,
    attach(handlers) {
      const unlessClosed = (act: () => void) => () => {
        if (!closed) act();
      };
      socket.once("connect", unlessClosed(handlers.connected));
      socket.on("data", (octets) => {
        if (!closed) reads.run(socket, () => handlers.data(octets));
      });
      socket.on("drain", unlessClosed(handlers.drained));
      socket.once(
        "close",
        unlessClosed(() => handlers.closed(reason)),
      );
    },
  };
}

/** A connection that never was; its handlers hear so once the caller has it. */
function failedConnection(remoteAddress: IpAddress, reason: string, handlers: ConnectionHandlers): Connection {
  let closed = false;
  setImmediate(() => {
    if (!closed) handlers.closed(reason);
  });
  return {
    remoteAddress,
    localAddress: undefined,
    write: () => false,
    close: () => {
      closed = true;
    },
    limitHops: () => reason,
    hint: () => undefined,
  };
}

function limitHops(socket: Socket, calls: SocketCalls | undefined, limit: HopLimit): string | undefined {
  // Not in Node's documentation, but there since its first version and still in 24.
  const { fd } = (Reflect.get(socket, "_handle") as { readonly fd: number } | null) ?? {};
  const family = parseIp(socket.remoteFamily === "IPv6" ? "::" : "0.0.0.0");
  if (!calls) return NO_CALLS;
  if (fd === undefined || fd < 0 || !family) return "the connection is gone";
  try {
    calls.setHopLimit(fd, family, limit);
    return undefined;
  } catch (cause) {
    return (cause as Error).message;
  }
}

/** True if a listener of `family` may hear `peer`. */
function isReachable(family: IpAddress, peer: IpAddress): boolean {
  return family === ANY || family.includes(":") === peer.includes(":");
}

/** A dual-stack listener shows IPv4 peers as `::ffff:a.b.c.d`. */
function addressOf(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : parseIp(text.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, ""));
}
