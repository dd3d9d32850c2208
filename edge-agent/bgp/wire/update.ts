// UPDATE (RFC 4271 4.3, RFC 4760, RFC 7606). A decoded UPDATE is a consequence: what is announced, what is withdrawn,
// and how severe its worst fault is. Only EVPN is carried; routes of other families are checked for framing and ignored.
//
//   withdrawn length(2) withdrawn   attributes length(2) attributes   NLRI to the end of the message

import { isUnicastIp } from "../../../shared/address/ip.ts";
import type { EvpnRoute } from "../route.ts";
import type { PathAttributes, Severity, UpdateContext } from "./attribute-table.ts";
import { type AttributeFault, decodeAttributes, encodeAttributes } from "./attributes.ts";
import { Afi, Safi, UpdateSubcode } from "./iana.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** What an UPDATE does. With `treat-as-withdraw` its announced routes are among `withdrawn` (RFC 7606 section 2). */
export type DecodedUpdate = {
  readonly severity: "ok" | "attribute-discard" | "treat-as-withdraw";
  readonly announced: readonly EvpnRoute[];
  readonly withdrawn: readonly EvpnRoute[];
  readonly attributes: PathAttributes;
  /** The family's first table is complete (RFC 4724 section 2). */
  readonly endOfRib: boolean;
  /** Routes of unknown types or of families that were not agreed. */
  readonly ignored: number;
  readonly faults: readonly AttributeFault[];
};

/** The session cannot go on: the NOTIFICATION to send is 3/`subcode` with `data`. */
export type UpdateReset = {
  readonly severity: "session-reset";
  readonly subcode: UpdateSubcode;
  readonly data: Uint8Array;
  readonly reason: string;
};

const NO_DATA = new Uint8Array(0);
const RANK: { readonly [S in "ok" | Severity]: number } = {
  ok: 0,
  "attribute-discard": 1,
  "treat-as-withdraw": 2,
  "session-reset": 3,
};

/** Decodes the body of an UPDATE (without the 19-octet header); total, whatever the octets. */
export function decodeUpdate(body: Uint8Array, context: UpdateContext): DecodedUpdate | UpdateReset {
  const reader = new Reader(body);
  const classicWithdrawn = reader.sub(reader.u16());
  const attributeField = reader.sub(reader.u16());
  if (reader.overrun) return reset(UpdateSubcode.MALFORMED_ATTRIBUTE_LIST, "the length fields exceed the message");
  const classicWithdrawnCount = countPrefixes(classicWithdrawn);
  const classicCount = countPrefixes(reader);
  if (classicCount === undefined || classicWithdrawnCount === undefined) {
    return reset(UpdateSubcode.INVALID_NETWORK_FIELD, "IPv4 prefixes that cannot be parsed");
  }

  const attributesLength = attributeField.remaining;
  const { attributes, faults: found } = decodeAttributes(attributeField, context);
  const { mpReach, mpUnreach } = attributes;
  const faults = [...found];
  const announced = mpReach?.family === "evpn" ? mpReach.routes : [];
  const impossible = mpReach?.family === "evpn" ? mpReach.invalid : [];
  const hasReach = classicCount > 0 || mpReach !== undefined;

  if (announced.length > 0) faults.push(...missingAttributes(attributes, context), ...unusableNextHop(attributes));
  for (const { reason } of impossible) faults.push(withdrawing(UpdateSubcode.INVALID_NETWORK_FIELD, reason));

  const worst = faults.reduce<AttributeFault | undefined>(worse, undefined);
  if (worst?.severity === "session-reset") return reset(worst.subcode, worst.reason, worst.data);
  if (worst?.severity === "treat-as-withdraw" && !hasReach) {
    // RFC 7606 5.2: there may have been routes that the fault hid.
    return reset(worst.subcode, `${worst.reason}, in an UPDATE without reachable routes`, worst.data);
  }

  // An impossible route says nothing about its neighbours in the UPDATE: it alone is withdrawn.
  const condemned = faults.some((it) => it.severity === "treat-as-withdraw" && !isImpossibleRoute(it));
  const unreach = mpUnreach?.family === "evpn" ? mpUnreach : undefined;
  const withdrawn = [
    ...(unreach?.routes ?? []),
    ...(unreach?.invalid ?? []).map(({ route }) => route),
    ...impossible.map(({ route }) => route),
    ...(condemned ? announced : []),
  ];
  const onlyUnreach = mpUnreach !== undefined && Object.keys(attributes).length === 1 && faults.length === 0;
  const otherFamilies = Number(mpReach?.family === "other") + Number(mpUnreach?.family === "other");
  const skipped = (mpReach?.family === "evpn" ? mpReach.skipped : 0) + (unreach?.skipped ?? 0);
  return {
    severity: worst?.severity ?? "ok",
    announced: condemned ? [] : announced,
    withdrawn,
    attributes,
    endOfRib:
      onlyUnreach && unreach !== undefined && withdrawn.length === 0 && unreach.skipped === 0 && attributesLength <= 7,
    ignored: classicCount + classicWithdrawnCount + otherFamilies + skipped,
    faults,
  };
}

/** The body of an UPDATE that carries `attributes` and no classic IPv4 fields. */
export function encodeUpdate(attributes: PathAttributes, context: UpdateContext): Uint8Array {
  const octets = encodeAttributes(attributes, context);
  return new Writer(octets.length + 4).u16(0).u16(octets.length).octets(octets).finish();
}

/** The body of the EVPN End-of-RIB marker (RFC 4724 section 2). */
export function encodeEndOfRib(): Uint8Array {
  return new Writer(10).u16(0).u16(6).u16(0x800f).u8(3).u16(Afi.L2VPN).u8(Safi.EVPN).finish();
}

function missingAttributes(attributes: PathAttributes, { internal }: UpdateContext): AttributeFault[] {
  const missing = [
    ...(attributes.origin === undefined ? ["ORIGIN"] : []),
    ...(attributes.asPath === undefined ? ["AS_PATH"] : []),
    ...(internal && attributes.localPref === undefined ? ["LOCAL_PREF"] : []),
  ];
  return missing.map((name) => withdrawing(UpdateSubcode.MISSING_WELL_KNOWN_ATTRIBUTE, `${name} is missing`));
}

/** RFC 4271 6.3: a next hop that is no host's address. */
function unusableNextHop({ mpReach }: PathAttributes): AttributeFault[] {
  if (mpReach?.family !== "evpn" || isUnicastIp(mpReach.nextHop)) return [];
  return [withdrawing(UpdateSubcode.INVALID_NEXT_HOP, `next hop ${mpReach.nextHop} is not a unicast address`)];
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

/** The number of `length(1) prefix` items, or undefined if they do not fill the field (RFC 7606 5.3). */
function countPrefixes(reader: Reader): number | undefined {
  let count = 0;
  while (reader.remaining > 0) {
    const bits = reader.u8();
    if (bits > 32) return undefined;
    reader.view((bits + 7) >> 3);
    if (reader.overrun) return undefined;
    count++;
  }
  return count;
}
