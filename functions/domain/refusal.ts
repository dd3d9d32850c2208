// Every way in which the domain says no, as data. The text is made at the edge (functions/api/problem.ts).

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import type { ResourceRef } from "./resource.ts";

/** The field is a path into the request: `subnets.1`, `bgp.routerId`. */
export type Refusal =
  /** The resource that the request is about is not there. */
  | { kind: "not-found"; ref: ResourceRef }
  /** A field refers to a resource that is not there. */
  | { kind: "no-such"; field: string; ref: ResourceRef }
  | { kind: "id-taken"; ref: ResourceRef }
  /** It, or the parent it would get, is being deleted. */
  | { kind: "being-deleted"; ref: ResourceRef; field?: string }
  /** `blocking` is what is in the way, `more` if that is not all. */
  | { kind: "not-empty"; ref: ResourceRef; blocking: ResourceRef[]; more: boolean }
  | { kind: "vni-taken"; vni: Vni; by: string | undefined }
  | { kind: "vtep-taken"; vtep: IpAddress; by: string | undefined }
  | { kind: "mac-taken"; mac: Mac; network: string; by: string | undefined }
  | { kind: "ip-taken"; field: string; ip: IpAddress; network: string; by: string | undefined }
  | { kind: "ip-outside-subnets"; field: string; ip: IpAddress; subnets: readonly Prefix[] }
  /** The first or last address of an IPv4 subnet of more than two (RFC 1122 3.2.1.3, RFC 3021). */
  | { kind: "ip-reserved"; field: string; ip: IpAddress; subnet: Prefix; role: "network" | "broadcast" }
  /** A gateway in no subnet of its network, or a second one in the same. */
  | { kind: "gateway-outside-subnets"; field: string; ip: IpAddress }
  | { kind: "second-gateway"; field: string; ip: IpAddress; subnet: Prefix }
  | { kind: "gateways-needed" }
  | { kind: "other-tenant"; field: string; ref: ResourceRef }
  /** A router's host must know VRFs; `hosts` reported that they do not. */
  | { kind: "no-vrf"; field: string; router: string; hosts: readonly string[] }
  | { kind: "next-hops-stranded"; prefixes: { id: string; nextHop: IpAddress }[] }
  | { kind: "next-hop-unreachable"; nextHop: IpAddress; router: string }
  | { kind: "next-hop-family"; nextHop: IpAddress; prefix: Prefix }
  | { kind: "prefix-taken"; prefix: Prefix; nextHop: IpAddress; by: string }
  | { kind: "prefix-is-connected"; prefix: Prefix; network: string }
  | { kind: "port-taken"; host: string; port: string; network: string | undefined }
  | { kind: "peer-address-taken"; field: string; ip: IpAddress; site: string; by: string | undefined }
  /** A peer's AS number is not that of the fabric peer with its address. */
  | { kind: "asn-mismatch"; field: string; asn: Asn; expected: Asn; peer: string }
  | { kind: "too-many"; field: string; what: string; most: number }
  | { kind: "quota"; tenant: string; of: string }
  | { kind: "vni-outside-pool"; vni: Vni; pool: string }
  | { kind: "pool-exhausted"; pool: string }
  | { kind: "subnets-exhausted"; field: string }
  | { kind: "range-reversed" | "ranges-overlap"; field: string }
  /** A move is prepared, to another place than what is asked; or none is. */
  | { kind: "move-prepared"; ref: ResourceRef; host: string }
  | { kind: "move-not-prepared"; ref: ResourceRef }
  | { kind: "move-not-ready"; ref: ResourceRef; host: string; reason: string }
  | { kind: "same-host"; ref: ResourceRef; host: string }
  | { kind: "rollout-not-stopped"; ref: ResourceRef; state: string }
  | { kind: "rollout-over"; ref: ResourceRef }
  /** If-Match or If-None-Match does not hold of what is there (RFC 9110 13.1). */
  | { kind: "precondition-failed"; ref: ResourceRef; current: unknown }
  /** The Idempotency-Key was used for something else. */
  | { kind: "key-reused"; key: string }
  /** A cascade ran out of time; what is gone is gone. */
  | { kind: "cascade-unfinished"; ref: ResourceRef; deleted: number }
  | { kind: "duplicate"; field: string; value: string }
  /** `network` is whose the other is, if it is another network of the same router. */
  | { kind: "subnets-overlap"; field: string; subnet: Prefix; other: Prefix; network?: string }
  | { kind: "subnet-change-strands-endpoints"; stranded: { ref: ResourceRef; ip: IpAddress }[]; more: boolean }
  /** Nothing to take an IPv4 router id from (RFC 4271 4.2): the VTEP address is IPv6. */
  | { kind: "router-id-needed" }
  /** A patch leaves a part without a field that it needs. */
  | { kind: "required"; field: string }
  | { kind: "not-whole"; field: string; reason: string }
  /** A field that no change may touch: VNI, VTEP, MAC, a parent. The parser of patches tells it, as it has no such field. */
  | { kind: "immutable-field"; field: string }
  /** Others changed the same resource again and again while we tried. */
  | { kind: "contended"; ref: ResourceRef };
