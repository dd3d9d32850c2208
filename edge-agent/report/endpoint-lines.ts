// Endpoints as the fabric's proofs see them (confirmation.ts): named by MAC, with the lines `mac <mac> <vtep>` and
// `ip <ip> <mac>`, in routes of type 2. A route with an IP says where the MAC is, too.

import { endpointLines, ipLine, macLine } from "../../shared/message/forwarding.ts";
import type { Declared } from "../evpn/mac-table.ts";
import type { LineForm } from "./confirmation.ts";

export const ENDPOINT_LINES: LineForm<Declared> = {
  lines: (declared) => endpointLines(declared, declared.vtep),
  told: (routes) => {
    const lines = new Set<string>();
    for (const { nlri, nextHop } of routes) {
      if (nlri.type !== "mac-ip") continue;
      lines.add(macLine(nlri.mac, nextHop));
      if (nlri.ip) lines.add(ipLine(nlri.ip, nlri.mac));
    }
    return [...lines];
  },
  // One with an address that nobody declared may be another machine's.
  isOf: ({ nlri }, { ips }) => nlri.type === "mac-ip" && (nlri.ip === undefined || ips.includes(nlri.ip)),
};
