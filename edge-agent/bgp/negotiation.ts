// What two OPENs agree on, and whether the peer's is acceptable (RFC 4271 6.2; RFC 5492, 6286, 6793, 7607, 8654). Pure.

import type { Ipv4 } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import { type Capability, encodeCapability } from "./wire/capability.ts";
import { Afi, ErrorCode, OpenSubcode, Safi } from "./wire/iana.ts";
import { MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS } from "./wire/message.ts";
import type { MessageError } from "./wire/notification.ts";
import type { OpenMessage } from "./wire/open.ts";

/** This end of a session. */
export type LocalEnd = {
  readonly asn: Asn;
  readonly routerId: Ipv4;
  /** Offered hold time: 0 (none) or 3..65535 s. */
  readonly holdTimeSec: number;
};

/** What both ends agreed on. */
export type Negotiated = {
  readonly peerAsn: number;
  readonly peerRouterId: Ipv4;
  readonly internal: boolean;
  readonly asOctets: 2 | 4;
  readonly routeRefresh: boolean;
  /** Longest message either end may send: 4096 or 65535 octets. */
  readonly maxMessageOctets: number;
  /** The smaller of both offers; 0 = neither keepalives nor a hold timer. */
  readonly holdTimeSec: number;
  readonly peerCapabilities: readonly Capability[];
};

const EVPN: Capability = { kind: "multiprotocol", afi: Afi.L2VPN, safi: Safi.EVPN };

/**
 * We preserve nothing that a peer could see across a restart of ours, so no family is listed. That it is sent at all is
 * what makes peers send End-of-RIB (RFC 4724 section 3), FRR and GoBGP among them.
 */
const HELPER: Capability = {
  kind: "graceful-restart",
  restarted: false,
  notification: false,
  restartTimeSec: 0,
  families: [],
};

/** Our OPEN. */
export function localOpen(local: LocalEnd): OpenMessage {
  return {
    version: 4,
    asn: local.asn,
    holdTimeSec: local.holdTimeSec,
    routerId: local.routerId,
    capabilities: [
      EVPN,
      { kind: "route-refresh" },
      { kind: "extended-message" },
      { kind: "four-octet-as", asn: local.asn },
      HELPER,
    ],
  };
}

/** Checks the peer's OPEN against our configuration of it, in the order of RFC 4271 6.2. */
export function negotiate(local: LocalEnd, peerAsn: Asn, open: OpenMessage): Negotiated | MessageError {
  if (open.asn !== peerAsn) return refuse(OpenSubcode.BAD_PEER_AS, `peer is AS ${open.asn}, not ${peerAsn}`);
  const internal = open.asn === local.asn;
  // RFC 6286 2.2: any number but zero, and within an AS not our own.
  if (open.routerId === "0.0.0.0" || (internal && open.routerId === local.routerId)) {
    return refuse(OpenSubcode.BAD_BGP_IDENTIFIER, `BGP identifier ${open.routerId}`);
  }
  if (open.holdTimeSec === 1 || open.holdTimeSec === 2) {
    const data = Uint8Array.of(0, open.holdTimeSec);
    return refuse(OpenSubcode.UNACCEPTABLE_HOLD_TIME, `hold time of ${open.holdTimeSec} s`, data);
  }
  const has = (kind: Capability["kind"]): boolean => open.capabilities.some((it) => it.kind === kind);
  const evpn = open.capabilities.some(
    (it) => it.kind === "multiprotocol" && it.afi === Afi.L2VPN && it.safi === Safi.EVPN,
  );
  // Without EVPN there is nothing to talk about (RFC 5492 section 5).
  if (!evpn)
    return refuse(OpenSubcode.UNSUPPORTED_CAPABILITY, "peer does not offer L2VPN EVPN", encodeCapability(EVPN));
  return {
    peerAsn: open.asn,
    peerRouterId: open.routerId,
    internal,
    asOctets: has("four-octet-as") ? 4 : 2,
    routeRefresh: has("route-refresh"),
    maxMessageOctets: has("extended-message") ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS,
    holdTimeSec: Math.min(local.holdTimeSec, open.holdTimeSec),
    peerCapabilities: open.capabilities,
  };
}

/**
 * Which of two connections to the same peer stays (RFC 4271 6.8): the one that the end with the higher BGP identifier
 * opened; with equal identifiers, the one of the larger AS number (RFC 6286 2.3).
 */
export function survivingConnection(
  local: LocalEnd,
  peer: Pick<Negotiated, "peerRouterId" | "peerAsn">,
): "ours" | "theirs" {
  const ours = identifierValue(local.routerId);
  const theirs = identifierValue(peer.peerRouterId);
  if (ours !== theirs) return ours > theirs ? "ours" : "theirs";
  return local.asn > peer.peerAsn ? "ours" : "theirs";
}

function identifierValue(id: Ipv4): number {
  return id.split(".").reduce((value, octet) => value * 256 + Number(octet), 0);
}

function refuse(subcode: number, reason: string, data: Uint8Array = new Uint8Array(0)): MessageError {
  return { error: { code: ErrorCode.OPEN_MESSAGE, subcode, data }, reason };
}
