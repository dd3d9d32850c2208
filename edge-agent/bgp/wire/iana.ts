// The code points of BGP that this speaker knows, each with the name that its IANA registry gives it.
// Registries: BGP Parameters, Capability Codes, Address Family Numbers, SAFI, BGP EVPN Route Types,
// BGP Extended Communities, P-Multicast Service Interface Tunnel. No logic.

/** BGP Message Types (RFC 4271 4.1, RFC 2918). */
export const MessageType = { OPEN: 1, UPDATE: 2, NOTIFICATION: 3, KEEPALIVE: 4, ROUTE_REFRESH: 5 } as const;

/** BGP Error Codes (RFC 4271 4.5, RFC 7313). */
export const ErrorCode = {
  MESSAGE_HEADER: 1,
  OPEN_MESSAGE: 2,
  UPDATE_MESSAGE: 3,
  HOLD_TIMER_EXPIRED: 4,
  FINITE_STATE_MACHINE: 5,
  CEASE: 6,
  ROUTE_REFRESH: 7,
} as const;

/** Message Header Error subcodes (RFC 4271 6.1). */
export const HeaderSubcode = { CONNECTION_NOT_SYNCHRONIZED: 1, BAD_MESSAGE_LENGTH: 2, BAD_MESSAGE_TYPE: 3 } as const;

/** OPEN Message Error subcodes (RFC 4271 6.2, RFC 5492, RFC 9234). */
export const OpenSubcode = {
  UNSPECIFIC: 0,
  UNSUPPORTED_VERSION: 1,
  BAD_PEER_AS: 2,
  BAD_BGP_IDENTIFIER: 3,
  UNSUPPORTED_OPTIONAL_PARAMETER: 4,
  UNACCEPTABLE_HOLD_TIME: 6,
  UNSUPPORTED_CAPABILITY: 7,
  ROLE_MISMATCH: 11,
} as const;

/** UPDATE Message Error subcodes (RFC 4271 6.3). */
export const UpdateSubcode = {
  MALFORMED_ATTRIBUTE_LIST: 1,
  UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE: 2,
  MISSING_WELL_KNOWN_ATTRIBUTE: 3,
  ATTRIBUTE_FLAGS: 4,
  ATTRIBUTE_LENGTH: 5,
  INVALID_ORIGIN: 6,
  INVALID_NEXT_HOP: 8,
  OPTIONAL_ATTRIBUTE: 9,
  INVALID_NETWORK_FIELD: 10,
  MALFORMED_AS_PATH: 11,
} as const;
export type UpdateSubcode = (typeof UpdateSubcode)[keyof typeof UpdateSubcode];

/** Finite State Machine Error subcodes (RFC 6608). */
export const FsmSubcode = { UNSPECIFIED: 0, IN_OPEN_SENT: 1, IN_OPEN_CONFIRM: 2, IN_ESTABLISHED: 3 } as const;

/** Cease subcodes (RFC 4486, RFC 8538). */
export const CeaseSubcode = {
  MAXIMUM_PREFIXES: 1,
  ADMINISTRATIVE_SHUTDOWN: 2,
  PEER_DECONFIGURED: 3,
  ADMINISTRATIVE_RESET: 4,
  CONNECTION_REJECTED: 5,
  OTHER_CONFIGURATION_CHANGE: 6,
  CONNECTION_COLLISION: 7,
  OUT_OF_RESOURCES: 8,
  HARD_RESET: 9,
} as const;

/** Capability Codes (RFC 5492). */
export const CapabilityCode = {
  MULTIPROTOCOL: 1,
  ROUTE_REFRESH: 2,
  EXTENDED_NEXT_HOP: 5,
  EXTENDED_MESSAGE: 6,
  BGP_ROLE: 9,
  GRACEFUL_RESTART: 64,
  FOUR_OCTET_AS: 65,
  ENHANCED_ROUTE_REFRESH: 70,
  LONG_LIVED_GRACEFUL_RESTART: 71,
  FQDN: 73,
} as const;

/** BGP Role Value (RFC 9234 4.1), in the order of the registry. */
export const BGP_ROLES = ["provider", "rs", "rs-client", "customer", "peer"] as const;

/** BGP Route Refresh Subcodes (RFC 7313). */
export const RefreshSubtype = { REQUEST: 0, BEGIN: 1, END: 2 } as const;

/** ROUTE-REFRESH Message Error subcodes (RFC 7313 5). */
export const RefreshSubcode = { INVALID_MESSAGE_LENGTH: 1 } as const;

/** BGP Well-known Communities that matter here (RFC 9494). */
export const Community = { LLGR_STALE: 0xffff0006, NO_LLGR: 0xffff0007 } as const;

/** Address Family Numbers and Subsequent Address Family Identifiers. */
export const Afi = { IPV4: 1, IPV6: 2, L2VPN: 25 } as const;
export const Safi = { UNICAST: 1, EVPN: 70 } as const;

/** BGP Path Attributes. */
export const AttributeCode = {
  ORIGIN: 1,
  AS_PATH: 2,
  NEXT_HOP: 3,
  MULTI_EXIT_DISC: 4,
  LOCAL_PREF: 5,
  ATOMIC_AGGREGATE: 6,
  AGGREGATOR: 7,
  COMMUNITIES: 8,
  ORIGINATOR_ID: 9,
  CLUSTER_LIST: 10,
  MP_REACH_NLRI: 14,
  MP_UNREACH_NLRI: 15,
  EXTENDED_COMMUNITIES: 16,
  AS4_PATH: 17,
  AS4_AGGREGATOR: 18,
  PMSI_TUNNEL: 22,
  ONLY_TO_CUSTOMER: 35,
  IPV6_EXTENDED_COMMUNITIES: 25,
  LARGE_COMMUNITY: 32,
} as const;

/** Attribute flag bits (RFC 4271 4.3). */
export const AttributeFlag = { OPTIONAL: 0x80, TRANSITIVE: 0x40, PARTIAL: 0x20, EXTENDED_LENGTH: 0x10 } as const;

/** AS_PATH segment types (RFC 4271 4.3, RFC 5065). */
export const AsPathSegmentType = { AS_SET: 1, AS_SEQUENCE: 2, AS_CONFED_SEQUENCE: 3, AS_CONFED_SET: 4 } as const;

/** EVPN Route Types (RFC 7432 7, RFC 9136, RFC 9572 3). */
export const EvpnRouteType = {
  ETHERNET_AUTO_DISCOVERY: 1,
  MAC_IP_ADVERTISEMENT: 2,
  INCLUSIVE_MULTICAST_ETHERNET_TAG: 3,
  ETHERNET_SEGMENT: 4,
  IP_PREFIX: 5,
  PER_REGION_I_PMSI: 9,
  S_PMSI: 10,
  LEAF: 11,
} as const;

/** Extended community types (high octet) and sub-types, as one 16-bit number; route targets are 0x0002, 0x0102, 0x0202. */
export const ExtCommunityType = {
  ENCAPSULATION: 0x030c,
  DEFAULT_GATEWAY: 0x030d,
  MAC_MOBILITY: 0x0600,
  ESI_LABEL: 0x0601,
  ES_IMPORT: 0x0602,
  ROUTER_MAC: 0x0603,
  ARP_ND: 0x0608,
  MULTICAST_FLAGS: 0x0609,
} as const;

/** BGP Tunnel Encapsulation Attribute Tunnel Types (RFC 8365 5.1.3, RFC 9012). */
export const TunnelType = { VXLAN: 8, NVGRE: 9, MPLS: 10, VXLAN_GPE: 12, GENEVE: 19 } as const;

/** P-Multicast Service Interface Tunnel types (RFC 6514 5). */
export const PmsiTunnelType = { NO_TUNNEL_INFORMATION: 0, PIM_SM: 3, INGRESS_REPLICATION: 6 } as const;

/** The transport's well-known port (RFC 4271 8). */
export const BGP_PORT = 179;
