// OPEN (RFC 4271 4.2, RFC 5492, RFC 6793, RFC 9072). Capabilities are read from one optional parameter or from many; they
// are written in one parameter each, as FRR does, which every peer reads.
//
//   version(1) my AS(2) hold time(2) BGP identifier(4) length(1) parameters: type(1) length(1) value
//   RFC 9072: length 255, type 255, length(2), parameters: type(1) length(2) value

import { type Ipv4, ipFromOctets, ipToOctets } from "../../../shared/address/ip.ts";
import { AS_TRANS } from "../../../shared/address/vni.ts";
import { type Capability, decodeCapabilities, encodeCapability } from "./capability.ts";
import { ErrorCode, OpenSubcode } from "./iana.ts";
import type { MessageError } from "./notification.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

export type OpenMessage = {
  readonly version: number;
  /** The number of the 4-octet AS capability if there is one, else that of the fixed field. */
  readonly asn: number;
  readonly holdTimeSec: number;
  readonly routerId: Ipv4;
  readonly capabilities: readonly Capability[];
};

const CAPABILITIES_PARAMETER = 2;
const EXTENDED = 255;

/** Decodes the body of an OPEN. Whether its values are acceptable is checked in negotiation.ts. */
export function decodeOpen(body: Uint8Array): OpenMessage | MessageError {
  const reader = new Reader(body);
  const version = reader.u8();
  if (version !== 4) {
    const data = Uint8Array.of(0, 4);
    return error(OpenSubcode.UNSUPPORTED_VERSION, `BGP version ${version}`, data);
  }
  const myAs = reader.u16();
  const holdTimeSec = reader.u16();
  const routerId = ipFromOctets(reader.overrun || reader.remaining < 4 ? new Uint8Array(4) : reader.view(4)) as Ipv4;
  const parametersLength = reader.u8();
  if (reader.overrun) return error(OpenSubcode.UNSPECIFIC, "OPEN is too short");

  const extended = parametersLength === EXTENDED && body[10] === EXTENDED && reader.remaining >= 3;
  if (extended) reader.u8();
  const parameters = reader.sub(extended ? reader.u16() : parametersLength);
  if (!reader.finished) return error(OpenSubcode.UNSPECIFIC, "optional parameters do not fill the OPEN");

  const capabilities: Capability[] = [];
  while (parameters.remaining > 0) {
    const type = parameters.u8();
    const value = parameters.sub(extended ? parameters.u16() : parameters.u8());
    if (parameters.overrun) return error(OpenSubcode.UNSPECIFIC, "an optional parameter overruns");
    if (type !== CAPABILITIES_PARAMETER) {
      return error(OpenSubcode.UNSUPPORTED_OPTIONAL_PARAMETER, `optional parameter ${type}`);
    }
    const decoded = decodeCapabilities(value);
    if (!decoded) return error(OpenSubcode.UNSPECIFIC, "a capability overruns its parameter");
    capabilities.push(...decoded);
  }
  const fourOctet = capabilities.find((it) => it.kind === "four-octet-as");
  return { version, asn: fourOctet?.asn ?? myAs, holdTimeSec, routerId, capabilities };
}

/** The body of an OPEN; throws RangeError if the capabilities exceed the 255 octets of RFC 4271. */
export function encodeOpen(open: OpenMessage): Uint8Array {
  const writer = new Writer(64);
  writer
    .u8(open.version)
    .u16(open.asn > 0xffff ? AS_TRANS : open.asn)
    .u16(open.holdTimeSec);
  writer.octets(ipToOctets(open.routerId));
  writer.withLength(1, () => {
    for (const capability of open.capabilities) {
      writer.u8(CAPABILITIES_PARAMETER).withLength(1, () => writer.octets(encodeCapability(capability)));
    }
  });
  return writer.finish();
}

function error(subcode: number, reason: string, data = new Uint8Array(0)): MessageError {
  return { error: { code: ErrorCode.OPEN_MESSAGE, subcode, data }, reason };
}
