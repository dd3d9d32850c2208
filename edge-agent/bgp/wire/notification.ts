// NOTIFICATION (RFC 4271 4.5 and 6, RFC 4486, RFC 6608, RFC 7313, RFC 8538, RFC 9003): codec, and names for people.

import { CeaseSubcode, ErrorCode } from "./iana.ts";
import { Writer } from "./writer.ts";

export type Notification = { readonly code: number; readonly subcode: number; readonly data: Uint8Array };

/** A message that cannot be accepted: the NOTIFICATION to answer with, and a reason for the log. */
export type MessageError = { readonly error: Notification; readonly reason: string };

const MAX_COMMUNICATION_OCTETS = 255;

const NAMES: ReadonlyMap<number, { readonly name: string; readonly subcodes: readonly (string | undefined)[] }> =
  new Map([
    [
      ErrorCode.MESSAGE_HEADER,
      {
        name: "Message Header Error",
        subcodes: ["Unspecific", "Connection Not Synchronized", "Bad Message Length", "Bad Message Type"],
      },
    ],
    [
      ErrorCode.OPEN_MESSAGE,
      {
        name: "OPEN Message Error",
        subcodes: [
          "Unspecific",
          "Unsupported Version Number",
          "Bad Peer AS",
          "Bad BGP Identifier",
          "Unsupported Optional Parameter",
          undefined,
          "Unacceptable Hold Time",
          "Unsupported Capability",
          undefined,
          undefined,
          undefined,
          "Role Mismatch",
        ],
      },
    ],
    [
      ErrorCode.UPDATE_MESSAGE,
      {
        name: "UPDATE Message Error",
        subcodes: [
          "Unspecific",
          "Malformed Attribute List",
          "Unrecognized Well-known Attribute",
          "Missing Well-known Attribute",
          "Attribute Flags Error",
          "Attribute Length Error",
          "Invalid ORIGIN Attribute",
          undefined,
          "Invalid NEXT_HOP Attribute",
          "Optional Attribute Error",
          "Invalid Network Field",
          "Malformed AS_PATH",
        ],
      },
    ],
    [ErrorCode.HOLD_TIMER_EXPIRED, { name: "Hold Timer Expired", subcodes: ["Unspecific"] }],
    [
      ErrorCode.FINITE_STATE_MACHINE,
      {
        name: "Finite State Machine Error",
        subcodes: [
          "Unspecified Error",
          "Receive Unexpected Message in OpenSent State",
          "Receive Unexpected Message in OpenConfirm State",
          "Receive Unexpected Message in Established State",
        ],
      },
    ],
    [
      ErrorCode.CEASE,
      {
        name: "Cease",
        subcodes: [
          "Unspecific",
          "Maximum Number of Prefixes Reached",
          "Administrative Shutdown",
          "Peer De-configured",
          "Administrative Reset",
          "Connection Rejected",
          "Other Configuration Change",
          "Connection Collision Resolution",
          "Out of Resources",
          "Hard Reset",
          "BFD Down",
        ],
      },
    ],
    [
      ErrorCode.ROUTE_REFRESH,
      { name: "ROUTE-REFRESH Message Error", subcodes: ["Unspecific", "Invalid Message Length"] },
    ],
  ]);

/** Decodes the body of a NOTIFICATION; the header codec has made sure that it has at least two octets. */
export function decodeNotification(body: Uint8Array): Notification {
  return { code: body[0] ?? 0, subcode: body[1] ?? 0, data: body.slice(2) };
}

export function encodeNotification({ code, subcode, data }: Notification): Uint8Array {
  return new Writer(data.length + 2).u8(code).u8(subcode).octets(data).finish();
}

/** `Cease/Administrative Shutdown (6/2): "maintenance"`; of a hard reset also what it encloses (RFC 8538 3.1). */
export function describeNotification(notification: Notification): string {
  const { code, subcode } = notification;
  const names = NAMES.get(code);
  const name = names ? `${names.name}/${names.subcodes[subcode] ?? "Unknown"}` : "Unknown Error";
  const enclosed = enclosedNotification(notification);
  const rest = enclosed ? describeNotification(enclosed) : quoted(shutdownCommunication(notification));
  return `${name} (${code}/${subcode})${rest === undefined ? "" : `: ${rest}`}`;
}

/** The NOTIFICATION that a hard reset stands for; undefined for any other, and for an empty one. */
export function enclosedNotification({ code, subcode, data }: Notification): Notification | undefined {
  const hard = code === ErrorCode.CEASE && subcode === CeaseSubcode.HARD_RESET;
  if (!hard || data.length < 2) return undefined;
  const enclosed = decodeNotification(data);
  // One in another says nothing, and could go on for as long as the message is.
  return enclosed.code === ErrorCode.CEASE && enclosed.subcode === CeaseSubcode.HARD_RESET ? undefined : enclosed;
}

/** Encloses a NOTIFICATION in a hard reset: the session's routes are not to be kept (RFC 8538 3.1). */
export function hardReset(enclosed: Notification): Notification {
  return { code: ErrorCode.CEASE, subcode: CeaseSubcode.HARD_RESET, data: encodeNotification(enclosed) };
}

/** The data of an administrative shutdown with a reason (RFC 9003 section 2): at most 255 octets of UTF-8, cut at a character. */
export function encodeShutdownCommunication(message: string): Uint8Array {
  const octets = new Uint8Array(MAX_COMMUNICATION_OCTETS);
  const { written } = new TextEncoder().encodeInto(message, octets);
  return new Writer(written + 1).u8(written).octets(octets.subarray(0, written)).finish();
}

/** The text of RFC 9003: one octet of length, UTF-8, with an administrative shutdown or reset. */
function shutdownCommunication({ code, subcode, data }: Notification): string | undefined {
  const administrative =
    subcode === CeaseSubcode.ADMINISTRATIVE_SHUTDOWN || subcode === CeaseSubcode.ADMINISTRATIVE_RESET;
  if (code !== ErrorCode.CEASE || !administrative) return undefined;
  const length = data[0] ?? 0;
  if (length === 0 || data.length !== length + 1) return undefined;
  return new TextDecoder().decode(data.subarray(1));
}

function quoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.stringify(text);
}
