// Capabilities as FRR's `show bgp neighbors` names them, with their RFC where the name alone says little. Pure.

import type { PeerSummary } from "../bgp/speaker.ts";

type Capability = NonNullable<PeerSummary["capabilities"]>[number];

const FAMILIES: Readonly<Record<string, string>> = {
  "1/1": "IPv4 Unicast",
  "2/1": "IPv6 Unicast",
  "25/70": "L2VPN EVPN",
};

/** One line, without the indent. */
export function describeCapability(capability: Capability): string {
  switch (capability.kind) {
    case "multiprotocol":
      return `Address Family ${familyName(capability)}`;
    case "route-refresh":
      return "Route refresh";
    case "enhanced-route-refresh":
      return "Enhanced Route Refresh";
    case "extended-message":
      return "Extended Message";
    case "four-octet-as":
      return `4 Byte AS: ${capability.asn}`;
    case "graceful-restart": {
      const { restartTimeSec, restarted, notification, families } = capability;
      const flags = [...(restarted ? ["restarted"] : []), ...(notification ? ["notification"] : [])];
      const kept = families.map((it) => `${familyName(it)}${it.preserved ? " (preserved)" : ""}`).join(", ");
      return [`Graceful Restart: ${restartTimeSec} s`, ...flags, kept || "no families: helper only"].join(", ");
    }
    case "long-lived-graceful-restart": {
      const kept = capability.families
        .map((it) => `${familyName(it)} ${it.staleTimeSec} s${it.preserved ? " (preserved)" : ""}`)
        .join(", ");
      return `Long-lived Graceful Restart: ${kept || "no families"}`;
    }
    case "extended-next-hop": {
      const kept = capability.families.map((it) => `${familyName(it)} over afi ${it.nextHopAfi}`).join(", ");
      return `Extended nexthop: ${kept || "no families"}`;
    }
    case "role":
      return `Role: ${capability.role}`;
    case "fqdn":
      return `Hostname: ${[capability.host, capability.domain].filter((part) => part !== "").join(".")}`;
    case "unknown":
      return `Unknown ${capability.code}: ${capability.value === "" ? "no value" : capability.value}`;
  }
}

function familyName({ afi, safi }: { readonly afi: number; readonly safi: number }): string {
  return FAMILIES[`${afi}/${safi}`] ?? `afi ${afi} safi ${safi}`;
}
