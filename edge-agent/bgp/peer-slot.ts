// A configured peer over its life. One that is given by its link alone has no address until a router is found there
// (discovery), and another one when that router is replaced: each is a `Peer` of its own.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Peer } from "./peer.ts";
import type { PeerConfig, PeerSummary, ReachablePeer } from "./peer-summary.ts";
import type { Connection, ConnectionHandlers, Discovery } from "./ports.ts";
import { peerKeyOf } from "./route.ts";
import { CeaseSubcode } from "./wire/iana.ts";

export class PeerSlot {
  /** Equal text: the session need not be disturbed. */
  readonly fingerprint: string;
  readonly #config: PeerConfig;
  readonly #make: (config: ReachablePeer) => Peer;
  readonly #sinceMs: number;
  #peer: Peer | undefined;
  #watch: { close(): void } | undefined;
  #trouble: string | undefined;

  constructor(config: PeerConfig, fingerprint: string, wallMs: number, make: (config: ReachablePeer) => Peer) {
    this.#config = config;
    this.fingerprint = fingerprint;
    this.#sinceMs = wallMs;
    this.#make = make;
  }

  /** Undefined while its address is not known. */
  get peer(): Peer | undefined {
    return this.#peer;
  }

  start(discovery: Discovery | undefined): void {
    const { address, interface: link = "", shutdown } = this.#config;
    if (address !== undefined) this.#meet(address);
    else if (!discovery) this.#trouble = "peers cannot be found by their interface here";
    else if (!shutdown) {
      this.#trouble = `no router has been heard on ${link}`;
      this.#watch = discovery.watch(link, {
        found: (found) => this.#found(found),
        down: () => {
          this.#trouble = `${link} is down`;
          this.#peer?.linkDown(this.#trouble);
        },
        failed: (reason) => (this.#trouble = `${link}: ${reason}`),
      });
    }
  }

  /** A connection that the peer opened; on a link, whoever opens it has been found. */
  accept(connection: Connection): ConnectionHandlers | undefined {
    if (connection.interface !== this.#config.interface || this.#config.shutdown) return undefined;
    if (this.#config.address === undefined) this.#found(connection.remoteAddress);
    if (this.#peer?.config.address !== connection.remoteAddress) return undefined;
    return this.#peer.accept(connection);
  }

  stop(subcode: number, reason?: string): void {
    this.#watch?.close();
    this.#peer?.stop(subcode, reason);
  }

  leave(): void {
    this.#watch?.close();
    this.#peer?.leave();
  }

  summary(): PeerSummary {
    if (this.#peer) return this.#peer.summary();
    const { asn } = this.#config;
    return {
      peer: peerKeyOf(this.#config),
      address: undefined,
      asn: typeof asn === "number" ? asn : undefined,
      state: "Idle",
      sinceMs: this.#sinceMs,
      families: [],
      routesIn: 0,
      staleRoutes: 0,
      routesOut: 0,
      rejected: {},
      messagesIn: 0,
      messagesOut: 0,
      malformed: { "attribute-discard": 0, "treat-as-withdraw": 0, "session-reset": 0 },
      sessions: 0,
      ...(this.#trouble !== undefined && { lastError: this.#trouble }),
    };
  }

  /** Another router on the link counts only once the session with the one before is down. */
  #found(address: IpAddress): void {
    if (this.#peer?.config.address === address || this.#peer?.summary().state === "Established") return;
    this.#peer?.stop(CeaseSubcode.PEER_DECONFIGURED);
    this.#meet(address);
  }

  #meet(address: IpAddress): void {
    this.#peer = this.#make({ ...this.#config, address });
    this.#peer.start();
  }
}
