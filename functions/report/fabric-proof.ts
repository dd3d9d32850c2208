// What a host's report proves of what the fabric holds. Pure. The agent says what it announces, what each peer passed on to
// it, and the sum over the endpoints of its site that it compared with; the cloud knows that sum at every step of the log.
// Only if the two are equal is the rest taken: it is then of this very step, by an agent that has all of the site.

import { digestAdd, EMPTY_DIGEST } from "../../shared/message/digest.ts";
import type { ChannelReport, PeerReport } from "../../shared/message/report.ts";
import type { SiteSums } from "../publish/channel-items.ts";
import type { FabricRow } from "./report-items.ts";

/** What the report proves at its own seq, with the log's sums at that step; undefined: nothing. */
export function fabricProof(
  report: ChannelReport,
  { sites, site }: { readonly sites?: SiteSums | undefined; readonly site?: string | undefined },
  { nowMs, bgp }: { readonly nowMs: number; readonly bgp: readonly PeerReport[] },
): FabricRow | undefined {
  const sum = site === undefined ? undefined : sites && (sites[site] ?? EMPTY_DIGEST);
  if (sum === undefined || !report.site || report.site.digest !== sum) return undefined;
  const { announced = { digest: EMPTY_DIGEST, count: 0, lacking: [] }, seen = [], strays } = report;
  const proven = seen.filter(({ digest, lacking }) => {
    if (lacking?.length !== 0 || announced.lacking?.length !== 0) return true;
    // Nothing lacks: then the two sums are all that there is.
    return digestAdd(announced.digest, digest) === sum;
  });
  return {
    seq: report.seq,
    atMs: nowMs,
    ...(announced.lacking ? { unannounced: announced.lacking } : {}),
    seen: bgp
      .filter(({ state }) => state === "Established")
      .map((peer) => {
        const tor = torOf(peer);
        const lacking = proven.find((each) => each.peer === peer.peer)?.lacking;
        const { macs, deleted = [] } = strays?.peers.find((each) => each.peer === peer.peer) ?? {};
        return {
          peer: peer.peer,
          ...(tor === undefined ? {} : { tor }),
          ...(lacking ? { lacking } : {}),
          ...(macs ? { strays: macs } : {}),
          ...(deleted.length > 0 ? { deleted } : {}),
        };
      }),
  };
}

/** What names a ToR for all hosts of a site: RFC 6286 2.1. Undefined while the session is down, or of an older agent. */
export function torOf(peer: PeerReport | undefined): string | undefined {
  return peer?.routerId === undefined ? undefined : `AS${peer.asn} ${peer.routerId}`;
}
