// From the attributes of an UPDATE to what a RIB keeps with each of its routes. Pure; made once per UPDATE.

import type { LongLived, PathInformation } from "./route.ts";
import { mergeAs4Path } from "./wire/as-path.ts";
import type { PathAttributes } from "./wire/attribute-table.ts";
import { Community } from "./wire/iana.ts";

/** Undefined without an EVPN MP_REACH_NLRI. With several mobility communities the first counts (RFC 7432 15.1). */
export function pathInformation(attributes: PathAttributes): PathInformation | undefined {
  const { mpReach, extCommunities = [], asPath = [], as4Path } = attributes;
  if (mpReach?.family !== "evpn") return undefined;
  const path = as4Path ? mergeAs4Path(asPath, as4Path) : asPath;
  const mobility = extCommunities.find((it) => it.kind === "mac-mobility");
  const routerMac = extCommunities.find((it) => it.kind === "router-mac");
  const arpNd = extCommunities.find((it) => it.kind === "arp-nd");
  const esiLabel = extCommunities.find((it) => it.kind === "esi-label");
  return {
    nextHop: mpReach.nextHop,
    routeTargets: extCommunities.flatMap((it) => (it.kind === "route-target" ? [it.target] : [])),
    mobility: mobility && { sequence: mobility.sequence, sticky: mobility.sticky },
    encapsulations: extCommunities.flatMap((it) => (it.kind === "encapsulation" ? [it.tunnelType] : [])),
    routerMac: routerMac?.mac,
    defaultGateway: extCommunities.some((it) => it.kind === "default-gateway"),
    arpNd: arpNd && { router: arpNd.router, override: arpNd.override, immutable: arpNd.immutable },
    esiLabel: esiLabel && { singleActive: esiLabel.singleActive, label: esiLabel.label },
    esImport: extCommunities.find((it) => it.kind === "es-import")?.mac,
    multicastFlags: extCommunities.find((it) => it.kind === "multicast-flags")?.flags,
    pmsi: attributes.pmsi,
    asPath: path.flatMap((segment) => segment.asns),
    origin: attributes.origin ?? "incomplete",
    localPref: attributes.localPref,
    med: attributes.med,
    originatorId: attributes.originatorId,
    ...longLived(attributes),
  };
}

/** What the communities say of long-lived graceful restart (RFC 9494 sections 4.2 and 4.3). */
export function longLived({ communities }: Pick<PathAttributes, "communities">): LongLived {
  if (!communities) return {};
  return {
    ...(communities.includes(Community.LLGR_STALE) && { llgrStale: true }),
    ...(communities.includes(Community.NO_LLGR) && { noLlgr: true }),
  };
}
