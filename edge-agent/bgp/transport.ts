// The adapter of the `Transport` port to node:net. Node has no TCP MD5 (RFC 2385) and no TTL option (GTSM, RFC 5082).
// Reading needs no queue: `data` works its octets off before it returns, and until then the kernel's window fills.

import { createConnection, createServer, type Socket } from "node:net";
import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import type { Connection, ConnectionHandlers, Transport } from "./ports.ts";

/** A closed connection whose peer takes nothing any more is cut after so long. */
const LINGER_MS = 2000;

/** The real network. */
export function createTcpTransport(): Transport {
  return { connect, listen };
}

const connect: Transport["connect"] = ({ address, port, localAddress }, handlers) => {
  const socket = createConnection({ host: address, port, ...(localAddress && { localAddress }) });
  socket.once("connect", () => handlers.connected());
  attach(socket, handlers);
  return wrap(socket, address);
};

const listen: Transport["listen"] = ({ port, address }, accept, failed) => {
  const server = createServer((socket) => {
    const remoteAddress = addressOf(socket.remoteAddress);
    const handlers = remoteAddress && accept(wrap(socket, remoteAddress));
    if (handlers) attach(socket, handlers);
    else socket.destroy();
  });
  server.on("error", (error) => failed(error.message));
  server.listen({ port, ...(address && { host: address }) });
  return { close: () => server.close() };
};

function wrap(socket: Socket, remoteAddress: IpAddress): Connection {
  socket.setNoDelay(true);
  return {
    remoteAddress,
    get localAddress() {
      return addressOf(socket.localAddress);
    },
    write: (octets) => socket.write(octets),
    close() {
      socket.removeAllListeners();
      socket.on("error", () => undefined); // nobody listens any more, and an unhandled one would end the process
      if (socket.connecting) {
        socket.destroy();
        return;
      }
      socket.resume();
      socket.destroySoon();
      const cut = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once("close", () => clearTimeout(cut));
    },
  };
}

function attach(socket: Socket, handlers: ConnectionHandlers): void {
  let reason = "closed by the peer";
  socket.on("data", (octets) => handlers.data(octets));
  socket.on("drain", () => handlers.drained());
  socket.on("error", (error) => {
    reason = error.message;
  });
  socket.once("close", () => handlers.closed(reason));
}

/** A dual-stack listener shows IPv4 peers as `::ffff:a.b.c.d`. */
function addressOf(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : parseIp(text.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, ""));
}
