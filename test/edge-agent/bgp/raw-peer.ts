// A peer on a real socket that says exactly the octets it is told to: for what no BGP implementation would send.

import { createServer, type Server, type Socket } from "node:net";
import { Framer } from "../../../edge-agent/bgp/wire/framer.ts";
import { decodeMessage, encodeMessage, type Message } from "../../../edge-agent/bgp/wire/message.ts";

export type RawPeer = {
  readonly port: number;
  /** Messages of the speaker, on all connections. */
  readonly heard: readonly Message[];
  /** Times that a connection ended. */
  readonly ended: number;
  /** Sends on the latest connection. */
  send(...messages: readonly (Message | Uint8Array)[]): void;
  close(): Promise<void>;
};

/** Listens on 127.0.0.1; greets each connection with `greeting`. */
export async function startRawPeer(greeting: readonly Message[]): Promise<RawPeer> {
  const heard: Message[] = [];
  const sockets = new Set<Socket>();
  let latest: Socket | undefined;
  let ended = 0;
  const write = (socket: Socket, messages: readonly (Message | Uint8Array)[]): void => {
    socket.write(Buffer.concat(messages.map((it) => (it instanceof Uint8Array ? it : encodeMessage(it)))));
  };
  const server: Server = createServer((socket) => {
    const framer = new Framer();
    framer.maxOctets = 65535;
    latest = socket;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("data", (octets) =>
      framer.push(
        octets,
        (whole) => {
          const message = decodeMessage(whole.slice());
          if ("error" in message) throw new Error(`the speaker sent nonsense: ${message.reason}`);
          heard.push(message);
          return true;
        },
        ({ reason }) => {
          throw new Error(`the speaker sent nonsense: ${reason}`);
        },
      ),
    );
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      ended++;
    });
    write(socket, greeting);
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("no port");
  return {
    port: address.port,
    heard,
    get ended() {
      return ended;
    },
    send(...messages) {
      if (!latest) throw new Error("the speaker has not connected");
      write(latest, messages);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
