// What a session shows to somebody who only watches, such as a BMP exporter (RFC 7854): both OPENs, every UPDATE as it
// was on the wire, and the end. An observer never answers, so it cannot change or delay what the session does; all that
// it may ask for is that the peer say everything again.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { DownReason } from "./fsm.ts";
import type { Negotiated } from "./negotiation.ts";
import type { PeerKey } from "./route.ts";
import type { DecodedUpdate } from "./wire/update.ts";

/** A session that has just entered Established. */
export type EstablishedSession = {
  readonly agreed: Negotiated;
  readonly remoteAddress: IpAddress;
  readonly localAddress: IpAddress | undefined;
  /** TCP ports; undefined where the transport does not know them. */
  readonly localPort: number | undefined;
  readonly remotePort: number | undefined;
  /** Whole messages with their headers. */
  readonly sentOpen: Uint8Array;
  readonly receivedOpen: Uint8Array;
  /** Asks the peer to send its routes again (RFC 2918); nothing if it cannot, or if the session is over. */
  requestRoutes(): void;
};

export type SessionObserver = {
  established(peer: PeerKey, session: EstablishedSession): void;
  /** An UPDATE of an Established session; `message` is whole, with its header, and valid only during the call. */
  update(peer: PeerKey, message: Uint8Array, decoded: DecodedUpdate): void;
  /** The Established session is over. */
  down(peer: PeerKey, reason: DownReason): void;
};
