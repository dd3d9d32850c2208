// The fabric's multihomed Ethernet segments, from their Ethernet auto-discovery routes (RT-1): which VTEPs reach a MAC
// that one of them announced. RFC 7432 8.2 (mass withdraw), 8.4 (aliasing and backup path), 9.2.2; RFC 8365 8.3.2.
// This host attaches to no segment: designated forwarder election (RT-4) and split horizon are the fabric's own.

import { compareIps, type IpAddress } from "../../shared/address/ip.ts";
import { type Esi, type ReceivedRoute, ZERO_ESI } from "../bgp/route.ts";

/** The Ethernet tag of a route per segment; any other is per EVI (RFC 7432 8.2.1, 8.4.1). */
const PER_SEGMENT_TAG = 0xffffffff;
/** RFC 7432 5: a reserved value, of which a MAC route alone decides. */
const MAX_ESI = "ffffffffffffffffffff" as Esi;

/** How a MAC behind a segment is reached. */
export type SegmentPaths = {
  readonly esi: Esi;
  readonly mode: "all-active" | "single-active";
  /** VTEPs that may be used at the same time, lowest first. */
  readonly vteps: readonly IpAddress[];
  /** VTEPs that stand by (single-active only), lowest first. */
  readonly backups: readonly IpAddress[];
};

/** The segments that a network's routes speak of. */
export type Segments = {
  /**
   * How to reach a MAC that `advertiser` announced behind `esi`; undefined while nobody has announced the segment
   * itself, so that no MAC comes back in the middle of a mass withdrawal.
   */
  pathsTo(esi: Esi, advertiser: IpAddress): SegmentPaths | undefined;
  /** The lowest VTEP attached to a segment, which stands for it in ties; undefined while nobody has announced it. */
  lowest(esi: Esi): IpAddress | undefined;
};

type Segment = {
  /** By VTEP, true where single-active. */
  readonly perSegment: Map<IpAddress, boolean>;
  readonly perEvi: Set<IpAddress>;
  readonly paths: Map<IpAddress, SegmentPaths | undefined>;
};

/** True if a MAC route of this segment needs the segment's own routes to be used (RFC 7432 9.2.2). */
export function isMultihomed(esi: Esi): boolean {
  return esi !== ZERO_ESI && esi !== MAX_ESI;
}

/** Collects the auto-discovery routes of one network; `usable` says which of its routes count at all. */
export function collectSegments(routes: readonly ReceivedRoute[], usable: (route: ReceivedRoute) => boolean): Segments {
  const segments = new Map<Esi, Segment>();
  for (const route of routes) {
    const { nlri, nextHop, esiLabel } = route;
    if (nlri.type !== "ethernet-ad" || !isMultihomed(nlri.esi) || !usable(route)) continue;
    const segment = segments.get(nlri.esi) ?? { perSegment: new Map(), perEvi: new Set(), paths: new Map() };
    segments.set(nlri.esi, segment);
    // Told by two peers, a VTEP is single-active if it says so to either: one of them is about to follow.
    const singleActive = (segment.perSegment.get(nextHop) ?? false) || (esiLabel?.singleActive ?? false);
    if (nlri.ethernetTag === PER_SEGMENT_TAG) segment.perSegment.set(nextHop, singleActive);
    else segment.perEvi.add(nextHop);
  }
  return {
    pathsTo(esi, advertiser) {
      const segment = segments.get(esi);
      if (!segment) return undefined;
      if (!segment.paths.has(advertiser)) segment.paths.set(advertiser, segmentPaths(esi, segment, advertiser));
      return segment.paths.get(advertiser);
    },
    lowest: (esi) => [...(segments.get(esi)?.perSegment.keys() ?? [])].sort(compareIps)[0],
  };
}

function segmentPaths(esi: Esi, { perSegment, perEvi }: Segment, advertiser: IpAddress): SegmentPaths | undefined {
  const own = perSegment.has(advertiser) ? [advertiser] : [];
  const others = [...perSegment.keys()].filter((vtep) => vtep !== advertiser && perEvi.has(vtep)).sort(compareIps);
  // One that says single-active makes the segment so: sending to two would duplicate or lose frames.
  const singleActive = [...perSegment.values()].includes(true);
  const mode = singleActive ? "single-active" : "all-active";
  const paths = singleActive
    ? singleActivePaths(own, others)
    : { vteps: [...own, ...others].sort(compareIps), backups: [] };
  return paths.vteps.length > 0 ? { esi, mode, ...paths } : undefined;
}

/** RFC 7432 8.4: the one backup takes over at once; which of several will, only its MAC route can tell. */
function singleActivePaths(own: readonly IpAddress[], backups: readonly IpAddress[]) {
  if (own.length > 0) return { vteps: own, backups };
  return backups.length === 1 ? { vteps: backups, backups: [] } : { vteps: [], backups: [] };
}
