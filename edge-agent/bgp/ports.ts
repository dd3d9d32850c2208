// What the BGP speaker needs of the world: connections. Time and chance are those of ../clock.ts.

import type { IpAddress } from "../../shared/address/ip.ts";

/** How far packets go, and how far those that count may have come. */
export type HopLimit = {
  /** Time to live of what is sent, 1..255; absent: the system's default. */
  readonly ttl?: number | undefined;
  /** Packets with a lower time to live are dropped by the kernel (RFC 5082), 1..255; absent: none are. */
  readonly minTtl?: number | undefined;
};

/** Where to connect to, and how. */
export type Destination = {
  readonly address: IpAddress;
  readonly port: number;
  readonly localAddress?: IpAddress | undefined;
  /** The link of a link-local address. */
  readonly interface?: string | undefined;
  readonly hopLimit?: HopLimit | undefined;
};

/** One TCP connection. After `close` none of its handlers is called. */
export type Connection = {
  readonly remoteAddress: IpAddress;
  /** The link of a link-local `remoteAddress`. */
  readonly interface?: string | undefined;
  /** Known once connected. */
  readonly localAddress: IpAddress | undefined;
  /** Known once connected, where there are ports. */
  readonly localPort?: number | undefined;
  readonly remotePort?: number | undefined;
  /** Queues octets; false asks the caller to wait for `drained` before it sends more than a few. */
  write(octets: Uint8Array): boolean;
  /** Sends what is queued, then closes. */
  close(): void;
  /** For one that was accepted: undefined on success, else why not. A connection without this cannot be limited. */
  limitHops?(limit: HopLimit): string | undefined;
  /** Why the peer may not be heard (a signature, a TTL), in words for people; undefined: nothing is known. */
  hint?(): string | undefined;
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

/**
 * Who else is on a link (RFC 4861 6): for peers that are given by their interface alone. Routers say so by themselves, and we
 * must say it too, since a ToR that is configured in the same way looks for us by the same means.
 */
export type Discovery = {
  watch(link: string, on: DiscoveryHandlers): { close(): void };
};

export type DiscoveryHandlers = {
  /** Told again each time that the router is heard. */
  readonly found: (router: IpAddress) => void;
  /** The link has gone, or has no carrier. */
  readonly down: () => void;
  /** Nobody can be looked for; once for each reason. */
  readonly failed: (reason: string) => void;
};

export type Transport = {
  connect(to: Destination, handlers: ConnectionHandlers): Connection;
  /** Accepts connections; `accept` answers with the handlers, or undefined to have the connection closed. */
  listen(
    at: { readonly port: number; readonly address?: IpAddress | undefined },
    accept: (connection: Connection) => ConnectionHandlers | undefined,
    failed: (reason: string) => void,
  ): { close(): void };
  /**
   * Begins to look why peers that are to connect may not be heard; what it returns says it in words, undefined for nothing
   * since. Absent: nothing can be known.
   */
  silence?(): () => string | undefined;
  /**
   * Stops or resumes reading, of all connections: what peers send waits in their own queues meanwhile. For moments, far
   * below any hold time; absent: nothing holds them.
   */
  hold?(on: boolean): void;
};
