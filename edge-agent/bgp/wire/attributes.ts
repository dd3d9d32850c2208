// The one loop over path attributes (RFC 4271 4.3, RFC 7606): framing, duplicates, flags, unknown codes and severity.
// What a single attribute means is in attribute-table.ts.
//
//   flags(1) code(1) length(1, or 2 with the Extended Length flag) value(length)

import {
  ATTRIBUTE_ROWS,
  attributeRow,
  type PathAttributes,
  type Severity,
  type UnknownAttribute,
  type UpdateContext,
} from "./attribute-table.ts";
import { AttributeCode, AttributeFlag, UpdateSubcode } from "./iana.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** One fault and its consequence; `data` is what a NOTIFICATION about it carries (RFC 4271 6.3). */
export type AttributeFault = {
  readonly severity: Severity;
  readonly subcode: UpdateSubcode;
  readonly attribute: number | undefined;
  readonly reason: string;
  readonly data: Uint8Array;
};

export type DecodedAttributes = { readonly attributes: PathAttributes; readonly faults: readonly AttributeFault[] };

const NO_DATA = new Uint8Array(0);
const OPTIONAL_AND_TRANSITIVE = AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE;

/** Reads attributes to the end of `reader`; stops early only where the rest cannot be read or the session must end. */
export function decodeAttributes(reader: Reader, context: UpdateContext): DecodedAttributes {
  const attributes: Record<string, unknown> = {};
  const unknown: UnknownAttribute[] = [];
  const faults: AttributeFault[] = [];
  const seen = new Set<number>();

  while (reader.remaining > 0 && faults.at(-1)?.severity !== "session-reset") {
    const flags = reader.u8();
    const code = reader.u8();
    const length = (flags & AttributeFlag.EXTENDED_LENGTH) === 0 ? reader.u8() : reader.u16();
    const octets = reader.view(length);
    const fault = (severity: Severity, subcode: UpdateSubcode, reason: string): void => {
      const data = severity === "session-reset" ? attributeOctets(flags, code, octets) : NO_DATA;
      faults.push({ severity, subcode, attribute: code, reason, data });
    };

    if (reader.overrun) {
      // RFC 7606 section 4. Only if it is the list of routes itself, they cannot be withdrawn.
      const severity = isMultiprotocol(code) ? "session-reset" : "treat-as-withdraw";
      fault(severity, UpdateSubcode.ATTRIBUTE_LENGTH, `attribute ${code} overruns the attribute field`);
      break;
    }
    if (seen.has(code)) {
      // RFC 7606 3.g: the first one counts, but two lists of routes cannot both be meant.
      const severity = isMultiprotocol(code) ? "session-reset" : "attribute-discard";
      fault(severity, UpdateSubcode.MALFORMED_ATTRIBUTE_LIST, `attribute ${code} occurs twice`);
      continue;
    }
    seen.add(code);

    const row = attributeRow(code);
    if (!row) {
      if ((flags & AttributeFlag.OPTIONAL) === 0) {
        const reason = `unknown well-known attribute ${code}`;
        fault("session-reset", UpdateSubcode.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, reason);
      } else if ((flags & AttributeFlag.TRANSITIVE) !== 0) unknown.push({ code, flags, value: octets.slice() });
      continue;
    }
    if ((row.internalOnly && !context.internal) || (row.twoOctetAsOnly && context.asOctets === 4)) {
      fault("attribute-discard", row.subcode, `${row.key} does not belong on a session of this kind`);
      continue;
    }
    if ((flags & OPTIONAL_AND_TRANSITIVE) !== row.flags) {
      // RFC 7606 3.c. The multiprotocol ones are read on, for the routes to withdraw.
      fault("treat-as-withdraw", UpdateSubcode.ATTRIBUTE_FLAGS, `${row.key} with flags 0x${flags.toString(16)}`);
      if (!isMultiprotocol(code)) continue;
    }
    const decoded = row.decode(new Reader(octets), context);
    if ("fault" in decoded) fault(row.onFault, row.subcode, `${row.key}: ${decoded.fault}`);
    else attributes[row.key] = decoded.value;
  }
  if (unknown.length > 0) attributes["unknown"] = unknown;
  return { attributes, faults };
}

/** Writes the attributes in the order of sending; unknown ones last, with the Partial bit (RFC 4271 5). */
export function encodeAttributes(attributes: PathAttributes, context: UpdateContext): Uint8Array {
  const writer = new Writer(256);
  for (const row of ATTRIBUTE_ROWS) {
    const value = attributes[row.key];
    if (value === undefined) continue;
    const body = new Writer(64);
    row.encode(value, body, context);
    writeAttribute(writer, row.flags, row.code, body.finish());
  }
  for (const { code, flags, value } of attributes.unknown ?? []) {
    writeAttribute(writer, (flags & ~AttributeFlag.EXTENDED_LENGTH) | AttributeFlag.PARTIAL, code, value);
  }
  return writer.finish();
}

function writeAttribute(writer: Writer, flags: number, code: number, value: Uint8Array): void {
  const extended = value.length > 0xff;
  writer.u8(extended ? flags | AttributeFlag.EXTENDED_LENGTH : flags).u8(code);
  writer.withLength(extended ? 2 : 1, () => writer.octets(value));
}

function isMultiprotocol(code: number): boolean {
  return code === AttributeCode.MP_REACH_NLRI || code === AttributeCode.MP_UNREACH_NLRI;
}

function attributeOctets(flags: number, code: number, octets: Uint8Array): Uint8Array {
  const writer = new Writer(octets.length + 4);
  writeAttribute(writer, flags & ~AttributeFlag.EXTENDED_LENGTH, code, octets);
  return writer.finish();
}
