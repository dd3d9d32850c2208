// Every way in which the domain says no, as data. The text is made at the edge (functions/api/problem.ts).

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Vni } from "../../shared/address/vni.ts";
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
  | { kind: "ip-taken"; ip: IpAddress; network: string; by: string | undefined }
  | { kind: "ip-outside-subnets"; field: string; ip: IpAddress; subnets: readonly Prefix[] }
  /** The first or last address of an IPv4 subnet of more than two (RFC 1122 3.2.1.3, RFC 3021). */
  | { kind: "ip-reserved"; field: string; ip: IpAddress; subnet: Prefix; role: "network" | "broadcast" }
  | { kind: "duplicate"; field: string; value: string }
  | { kind: "subnets-overlap"; field: string; subnet: Prefix; other: Prefix }
  | { kind: "subnet-change-strands-endpoints"; stranded: { ref: ResourceRef; ip: IpAddress }[]; more: boolean }
  /** Nothing to take an IPv4 router id from (RFC 4271 4.2): the VTEP address is IPv6. */
  | { kind: "router-id-needed" }
  /** A patch leaves a part without a field that it needs. */
  | { kind: "required"; field: string }
  /** A field that no change may touch: VNI, VTEP, MAC, a parent. The parser of patches tells it, as it has no such field. */
  | { kind: "immutable-field"; field: string }
  /** Others changed the same resource again and again while we tried. */
  | { kind: "contended"; ref: ResourceRef };
