// The PMSI_TUNNEL attribute (RFC 6514 5; RFC 8365 5.1.3 for the VNI in its label):  flags(1) type(1) label(3) identifier.

import { ipFromOctets, ipToOctets } from "../../../shared/address/ip.ts";
import type { Label, Pmsi } from "../route.ts";
import { fromHex, toHex } from "./hex.ts";
import { PmsiTunnelType } from "./iana.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Undefined if too short, or if an ingress replication endpoint is not an address. */
export function decodePmsi(reader: Reader): Pmsi | undefined {
  const leafInformationRequired = (reader.u8() & 1) === 1;
  const tunnelType = reader.u8();
  const vni = reader.u24() as Label;
  const identifier = reader.view(reader.remaining);
  if (reader.overrun) return undefined;
  const common = { tunnelType, leafInformationRequired, vni };
  if (tunnelType !== PmsiTunnelType.INGRESS_REPLICATION) return { ...common, identifier: toHex(identifier) };
  if (identifier.length !== 4 && identifier.length !== 16) return undefined;
  return { ...common, endpoint: ipFromOctets(identifier) };
}

export function encodePmsi(pmsi: Pmsi, writer: Writer): void {
  writer
    .u8(pmsi.leafInformationRequired ? 1 : 0)
    .u8(pmsi.tunnelType)
    .u24(pmsi.vni);
  if (pmsi.endpoint) writer.octets(ipToOctets(pmsi.endpoint));
  else writer.octets(fromHex(pmsi.identifier ?? "") ?? new Uint8Array(0));
}
