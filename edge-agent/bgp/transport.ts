// The adapter of the `Transport` port to node:net. Node has no TCP MD5 (RFC 2385) and no TTL option (GTSM, RFC 5082).
// Reading needs no queue: `data` works its octets off before it returns, and until then the kernel's window fills.

import { createConnection, createServer, type Socket } from "node:net";
import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import type { Connection, ConnectionHandlers, Transport } from "./ports.ts";

/** How long a closed connection may take to hand over what was written, before it is cut. */
const LINGER_MS = 2000;

/** The real network. */
export function createTcpTransport(): Transport {
  return { connect, listen };
}

const connect: Transport["connect"] = ({ address, port, localAddress }, handlers) => {
  const socket = createConnection({ host: address, port, ...(localAddress && { localAddress }) });
  const { connection, attach } = wrap(socket, address);
  attach(handlers);
  return connection;
};

const listen: Transport["listen"] = ({ port, address }, accept, failed) => {
  const server = createServer((socket) => {
    const remoteAddress = addressOf(socket.remoteAddress);
    if (!remoteAddress) {
      socket.destroy(); // it was gone before we saw it
      return;
    }
    const { connection, attach } = wrap(socket, remoteAddress);
    const handlers = accept(connection);
    if (handlers) attach(handlers);
    else connection.close();
  });
  server.on("error", (error) => failed(error.message));
  server.listen({ port, ...(address && { host: address }) });
  return { close: () => server.close() };
};

type Wrapped = { readonly connection: Connection; readonly attach: (handlers: ConnectionHandlers) => void };

function wrap(socket: Socket, remoteAddress: IpAddress): Wrapped {
  let closed = false;
  let reason = "closed by the peer";
  socket.setNoDelay(true);
  socket.on("error", (error) => {
    reason = error.message;
  });
  const connection: Connection = {
    remoteAddress,
    get localAddress() {
      return addressOf(socket.localAddress);
    },
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
  };
  return {
    connection,
    attach(handlers) {
      const unlessClosed = (act: () => void) => () => {
        if (!closed) act();
      };
      socket.once("connect", unlessClosed(handlers.connected));
      socket.on("data", (octets) => {
        if (!closed) handlers.data(octets);
      });
      socket.on("drain", unlessClosed(handlers.drained));
      socket.once(
        "close",
        unlessClosed(() => handlers.closed(reason)),
      );
    },
  };
}

/** A dual-stack listener shows IPv4 peers as `::ffff:a.b.c.d`. */
function addressOf(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : parseIp(text.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, ""));
}
