// What the BGP speaker needs of the world: connections. Time and chance are those of ../clock.ts.

import type { IpAddress } from "../../shared/address/ip.ts";

/** One TCP connection. After `close` none of its handlers is called. */
export type Connection = {
  readonly remoteAddress: IpAddress;
  /** Known once connected. */
  readonly localAddress: IpAddress | undefined;
  /** TCP ports, for display; a transport without ports leaves them out. */
  readonly localPort?: number | undefined;
  readonly remotePort?: number | undefined;
  /** Queues octets; false asks the caller to wait for `drained` before it sends more than a few. */
  write(octets: Uint8Array): boolean;
  /** Sends what is queued, then closes. */
  close(): void;
};

export type ConnectionHandlers = {
  /** The outgoing connection stands; not called for accepted ones. */
  readonly connected: () => void;
  /** `octets` are valid only during the call. */
  readonly data: (octets: Uint8Array) => void;
  readonly drained: () => void;
  /** The connection failed, or was closed by the peer. Called at most once. */
  readonly closed: (reason: string) => void;
};

export type Transport = {
  connect(
    to: { readonly address: IpAddress; readonly port: number; readonly localAddress?: IpAddress | undefined },
    handlers: ConnectionHandlers,
  ): Connection;
  /** Accepts connections; `accept` answers with the handlers, or undefined to have the connection closed. */
  listen(
    at: { readonly port: number; readonly address?: IpAddress | undefined },
    accept: (connection: Connection) => ConnectionHandlers | undefined,
    failed: (reason: string) => void,
  ): { close(): void };
};
