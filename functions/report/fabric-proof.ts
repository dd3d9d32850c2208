// What a host's report proves of what the fabric holds. Pure. The agent says what it announces, what each peer passed on to
// it, and the sum over the endpoints of its site that it compared with; the cloud knows that sum at every step of the log.
// Only if the two are equal is the rest taken: it is then of this very step, by an agent that has all of the site. Of a router
// the sum is that over all its static routes, and the agent says where it took their next hops to be: a network's log knows.

import { type Digest, digestAdd, EMPTY_DIGEST } from "../../shared/message/digest.ts";
import type { ChannelReport, PeerReport } from "../../shared/message/report.ts";
import type { NamedProof } from "../../shared/message/route-proof.ts";
import { channelRouter } from "../../shared/model/record.ts";
import type { SiteSums } from "../publish/channel-items.ts";
import type { FabricRow } from "./report-items.ts";

/** The log's sums at the report's own step, and the host's site. */
export type LogSums = {
  readonly forwarding: Digest;
  readonly sites?: SiteSums | undefined;
  readonly site: string | undefined;
};

/** What a report claims, of names of either kind; `sum`: over all that is announced or seen. */
type Claims = {
  readonly sum: Digest;
  readonly announced: NamedProof<string>;
  readonly seen: readonly (NamedProof<string> & { readonly peer: string })[];
  readonly strays: readonly {
    readonly peer: string;
    readonly names: readonly string[] | undefined;
    readonly deleted: readonly string[];
  }[];
  readonly more: Pick<FabricRow, "site" | "hops">;
};

const NOTHING: NamedProof<string> = { digest: EMPTY_DIGEST, count: 0, lacking: [] };

/** What the report proves at its own seq, with the log's sums at that step; undefined: nothing. */
export function fabricProof(
  report: ChannelReport,
  sums: LogSums,
  { nowMs, bgp }: { readonly nowMs: number; readonly bgp: readonly PeerReport[] },
): FabricRow | undefined {
  const claims = channelRouter(report.channel) === undefined ? ofEndpoints(report, sums) : ofStatics(report, sums);
  if (!claims) return undefined;
  const { sum, announced, seen, strays, more } = claims;
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
        const { names, deleted = [] } = strays.find((each) => each.peer === peer.peer) ?? {};
        return {
          peer: peer.peer,
          ...(tor === undefined ? {} : { tor }),
          ...(lacking ? { lacking } : {}),
          ...(names ? { strays: [...names] } : {}),
          ...(deleted.length > 0 ? { deleted: [...deleted] } : {}),
        };
      }),
    ...more,
  };
}

function ofEndpoints(report: ChannelReport, { sites, site }: LogSums): Claims | undefined {
  const sum = site === undefined ? undefined : sites && (sites[site] ?? EMPTY_DIGEST);
  if (sum === undefined || !report.site || report.site.digest !== sum) return undefined;
  const { announced = NOTHING, seen = [], strays } = report;
  return {
    sum,
    announced,
    seen,
    strays: (strays?.peers ?? []).map(({ peer, macs, deleted }) => ({ peer, names: macs, deleted })),
    more: {},
  };
}

function ofStatics({ statics }: ChannelReport, { forwarding, site }: LogSums): Claims | undefined {
  if (!statics || site === undefined || statics.whole.digest !== forwarding) return undefined;
  const { announced, seen, strays, hops } = statics;
  return {
    sum: statics.site.digest,
    announced,
    seen,
    strays: strays.map(({ peer, routes, deleted }) => ({ peer, names: routes, deleted })),
    more: { site, ...(hops ? { hops: Object.fromEntries(hops.map(({ ip, vtep }) => [ip, vtep])) } : {}) },
  };
}

/** What names a ToR for all hosts of a site: RFC 6286 2.1. Undefined while the session is down, or of an older agent. */
export function torOf(peer: PeerReport | undefined): string | undefined {
  return peer?.routerId === undefined ? undefined : `AS${peer.asn} ${peer.routerId}`;
}
