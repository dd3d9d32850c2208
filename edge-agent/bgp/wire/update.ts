// UPDATE (RFC 4271 4.3, RFC 4760, RFC 7606). A decoded UPDATE is a consequence: what is announced, what is withdrawn,
// and how severe its worst fault is. Routes of families that were not agreed are checked for framing and ignored.
//
//   withdrawn length(2) withdrawn   attributes length(2) attributes   NLRI to the end of the message

import { type IpAddress, isUnicastIp } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { DEFAULT_FAMILIES, FAMILIES, type FamilyName, type UnicastFamily } from "../family.ts";
import type { EvpnRoute } from "../route.ts";
import type { MpReach, MpUnreach, PathAttributes, Severity, UpdateContext } from "./attribute-table.ts";
import { type AttributeFault, type DecodedAttributes, decodeAttributes, encodeAttributes } from "./attributes.ts";
import { AttributeCode, UpdateSubcode } from "./iana.ts";
import { Reader } from "./reader.ts";
import { decodePrefixes, type UnicastNextHop, type UnicastNlri } from "./unicast-nlri.ts";
import { Writer } from "./writer.ts";

/** What an UPDATE does. With `treat-as-withdraw` its announced routes are among `withdrawn` (RFC 7606 section 2). */
export type DecodedUpdate = {
  readonly severity: "ok" | "attribute-discard" | "treat-as-withdraw";
  /** Of EVPN. */
  readonly announced: readonly EvpnRoute[];
  readonly withdrawn: readonly EvpnRoute[];
  /** Of the other families; the classic fields are an IPv4 part of their own. */
  readonly unicast: readonly UnicastPart[];
  readonly attributes: PathAttributes;
  /** The family whose first table is complete (RFC 4724 section 2). */
  readonly endOfRib: FamilyName | undefined;
  /** Routes of unknown types or of families that were not agreed. */
  readonly ignored: number;
  readonly faults: readonly AttributeFault[];
};

/** What an UPDATE says in one of its fields; announced routes have a next hop. */
export type UnicastPart = {
  readonly family: UnicastFamily;
  readonly announced: readonly Prefix[];
  readonly withdrawn: readonly Prefix[];
  readonly nextHop?: UnicastNextHop;
};

/** The session cannot go on: the NOTIFICATION to send is 3/`subcode` with `data`. */
export type UpdateReset = {
  readonly severity: "session-reset";
  readonly subcode: UpdateSubcode;
  readonly data: Uint8Array;
  readonly reason: string;
};

const NO_DATA = new Uint8Array(0);
const NO_ROUTES: UnicastNlri = { routes: [], invalid: [] };
/** Both length fields. */
const EMPTY_UPDATE_OCTETS = 4;
const RANK: { readonly [S in "ok" | Severity]: number } = {
  ok: 0,
  "attribute-discard": 1,
  "treat-as-withdraw": 2,
  "session-reset": 3,
};

/** Decodes the body of an UPDATE (without the 19-octet header); total, whatever the octets. */
export function decodeUpdate(body: Uint8Array, context: UpdateContext): DecodedUpdate | UpdateReset {
  const { families = DEFAULT_FAMILIES } = context;
  const reader = new Reader(body);
  const classicWithdrawn = decodePrefixes(reader.sub(reader.u16()), "ipv4-unicast");
  const attributeField = reader.sub(reader.u16());
  if (reader.overrun) return reset(UpdateSubcode.MALFORMED_ATTRIBUTE_LIST, "the length fields exceed the message");
  const classic = decodePrefixes(reader, "ipv4-unicast");
  if ("error" in classic) return reset(UpdateSubcode.INVALID_NETWORK_FIELD, `NLRI: ${classic.error}`);
  if ("error" in classicWithdrawn) {
    return reset(UpdateSubcode.INVALID_NETWORK_FIELD, `withdrawn routes: ${classicWithdrawn.error}`);
  }

  const attributesLength = attributeField.remaining;
  const decoded = decodeAttributes(attributeField, context);
  const { attributes } = decoded;
  const { mpReach, mpUnreach } = attributes;
  const faults = [...decoded.faults];
  const classicCounts = [classic, classicWithdrawn].map(({ routes, invalid }) => routes.length + invalid.length);
  const [classicCount = 0, classicWithdrawnCount = 0] = classicCounts;
  const ipv4 = families.includes("ipv4-unicast");
  const evpn = mpReach?.family === "evpn" ? mpReach : undefined;
  const unreach = mpUnreach?.family === "evpn" ? mpUnreach : undefined;
  const reached = mpReach && mpReach.family !== "other" ? mpReach : undefined;
  const announces = { mp: (reached?.routes.length ?? 0) > 0, classic: ipv4 && classic.routes.length > 0 };

  if (announces.mp || announces.classic) faults.push(...missingAttributes(decoded, context, announces.classic));
  for (const address of nextHopsOf(attributes, announces)) {
    if (!isUnicastIp(address)) faults.push(withdrawing(UpdateSubcode.INVALID_NEXT_HOP, unusable(address)));
  }
  for (const { reason } of [...(reached?.invalid ?? []), ...(ipv4 ? classic.invalid : [])]) {
    faults.push(withdrawing(UpdateSubcode.INVALID_NETWORK_FIELD, reason));
  }

  const worst = faults.reduce<AttributeFault | undefined>(worse, undefined);
  if (worst?.severity === "session-reset") return reset(worst.subcode, worst.reason, worst.data);
  if (worst?.severity === "treat-as-withdraw" && classicCount === 0 && mpReach === undefined) {
    // RFC 7606 5.2: there may have been routes that the fault hid.
    return reset(worst.subcode, `${worst.reason}, in an UPDATE without reachable routes`, worst.data);
  }

  // An impossible route says nothing about its neighbours in the UPDATE: it alone is withdrawn.
  const condemned = faults.some((it) => it.severity === "treat-as-withdraw" && !isImpossibleRoute(it));
  const announced = evpn?.routes ?? [];
  const withdrawn = [
    ...(unreach?.routes ?? []),
    ...(unreach?.invalid ?? []).map(({ route }) => route),
    ...(evpn?.invalid ?? []).map(({ route }) => route),
    ...(condemned ? announced : []),
  ];
  const unicast = [
    ...(ipv4 && classicCount + classicWithdrawnCount > 0
      ? [unicastPart("ipv4-unicast", classic, classicWithdrawn, classicNextHop(attributes), condemned)]
      : []),
    ...multiprotocolParts(mpReach, mpUnreach, condemned),
  ];
  const otherFamilies = Number(mpReach?.family === "other") + Number(mpUnreach?.family === "other");
  const skipped = (evpn?.skipped ?? 0) + (unreach?.skipped ?? 0);
  const ignoredClassic = ipv4 ? 0 : classicCount + classicWithdrawnCount;
  return {
    severity: worst?.severity ?? "ok",
    announced: condemned ? [] : announced,
    withdrawn,
    unicast,
    attributes,
    endOfRib: faults.length > 0 ? undefined : endOfRib(attributes, { bodyOctets: body.length, attributesLength, ipv4 }),
    ignored: ignoredClassic + otherFamilies + skipped,
    faults,
  };
}

/** The body of an UPDATE that carries `attributes` and no classic IPv4 fields. */
export function encodeUpdate(attributes: PathAttributes, context: UpdateContext): Uint8Array {
  const octets = encodeAttributes(attributes, context);
  return new Writer(octets.length + 4).u16(0).u16(octets.length).octets(octets).finish();
}

/** The body of a family's End-of-RIB marker (RFC 4724 section 2): of IPv4 unicast an UPDATE with nothing in it. */
export function encodeEndOfRib(family: FamilyName = "evpn"): Uint8Array {
  if (family === "ipv4-unicast") return new Uint8Array(4);
  const { afi, safi } = FAMILIES[family];
  return new Writer(10).u16(0).u16(6).u16(0x800f).u8(3).u16(afi).u8(safi).finish();
}

/** Nothing but an empty MP_UNREACH_NLRI, or nothing at all. */
function endOfRib(
  { mpUnreach, ...others }: PathAttributes,
  octets: { readonly bodyOctets: number; readonly attributesLength: number; readonly ipv4: boolean },
): FamilyName | undefined {
  const { bodyOctets, attributesLength, ipv4 } = octets;
  if (bodyOctets === EMPTY_UPDATE_OCTETS) return ipv4 ? "ipv4-unicast" : undefined;
  if (!mpUnreach || mpUnreach.family === "other" || Object.keys(others).length > 0) return undefined;
  // Flags, code, a length of one or two octets, and the family.
  const bare = bodyOctets === EMPTY_UPDATE_OCTETS + attributesLength && attributesLength <= 7;
  return bare ? mpUnreach.family : undefined;
}

function unicastPart(
  family: UnicastFamily,
  reach: UnicastNlri,
  unreach: UnicastNlri,
  nextHop: UnicastNextHop | undefined,
  condemned: boolean,
): UnicastPart {
  const withdrawn = [
    ...unreach.routes,
    ...[...unreach.invalid, ...reach.invalid].map(({ route }) => route),
    ...(condemned ? reach.routes : []),
  ];
  return { family, announced: condemned ? [] : reach.routes, withdrawn, ...(nextHop && { nextHop }) };
}

/** One part where both attributes are of one family, else one for each. */
function multiprotocolParts(
  reach: MpReach | undefined,
  unreach: MpUnreach | undefined,
  condemned: boolean,
): UnicastPart[] {
  const parts: UnicastPart[] = [];
  const same = reach?.family === unreach?.family;
  if (unreach && unreach.family !== "evpn" && unreach.family !== "other" && !same) {
    parts.push(unicastPart(unreach.family, NO_ROUTES, unreach, undefined, condemned));
  }
  if (reach && reach.family !== "evpn" && reach.family !== "other") {
    const withdrawals = same && unreach && unreach.family === reach.family ? unreach : NO_ROUTES;
    parts.push(unicastPart(reach.family, reach, withdrawals, reach.nextHop, condemned));
  }
  return parts;
}

/** One that is there and malformed is not missing too. */
function missingAttributes(
  { attributes, faults }: DecodedAttributes,
  { internal }: UpdateContext,
  classic: boolean,
): AttributeFault[] {
  const wanted = [
    ["ORIGIN", AttributeCode.ORIGIN, attributes.origin],
    ["AS_PATH", AttributeCode.AS_PATH, attributes.asPath],
    ...(internal ? [["LOCAL_PREF", AttributeCode.LOCAL_PREF, attributes.localPref] as const] : []),
    // Of routes in the classic field only (RFC 4760 section 3).
    ...(classic ? [["NEXT_HOP", AttributeCode.NEXT_HOP, attributes.nextHop] as const] : []),
  ] as const;
  return wanted
    .filter(([, code, value]) => value === undefined && faults.every(({ attribute }) => attribute !== code))
    .map(([name]) => withdrawing(UpdateSubcode.MISSING_WELL_KNOWN_ATTRIBUTE, `${name} is missing`));
}

/** The next hops that an UPDATE's routes depend on; one that is no host's address is a fault (RFC 4271 6.3). */
function nextHopsOf(
  { mpReach, nextHop }: PathAttributes,
  announces: { readonly mp: boolean; readonly classic: boolean },
): IpAddress[] {
  const mp = announces.mp && mpReach && mpReach.family !== "other" ? mpReach : undefined;
  return [
    ...(mp ? [mp.family === "evpn" ? mp.nextHop : mp.nextHop.address] : []),
    ...(announces.classic && nextHop ? [nextHop] : []),
  ];
}

function classicNextHop({ nextHop }: PathAttributes): UnicastNextHop | undefined {
  return nextHop && { address: nextHop };
}

function unusable(nextHop: IpAddress): string {
  return `next hop ${nextHop} is not a unicast address`;
}

function isImpossibleRoute({ subcode, attribute }: AttributeFault): boolean {
  return subcode === UpdateSubcode.INVALID_NETWORK_FIELD && attribute === undefined;
}

function withdrawing(subcode: UpdateSubcode, reason: string): AttributeFault {
  return { severity: "treat-as-withdraw", subcode, attribute: undefined, reason, data: NO_DATA };
}

function worse(a: AttributeFault | undefined, b: AttributeFault): AttributeFault {
  return a && RANK[a.severity] >= RANK[b.severity] ? a : b;
}

function reset(subcode: UpdateSubcode, reason: string, data: Uint8Array = NO_DATA): UpdateReset {
  return { severity: "session-reset", subcode, data, reason };
}
