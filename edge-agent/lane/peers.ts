// The lane of BGP peers: configures the speaker from this host's own record, and only when that changed, so that no session
// is disturbed by anything else.

import type { HostRecord } from "../../shared/model/record.ts";
import { hostChannel } from "../../shared/model/record.ts";
import { DEFAULT_FAMILIES } from "../bgp/family.ts";
import { type PeerKey, peerKeyOf } from "../bgp/route.ts";
import type { PeerSummary, SpeakerConfig } from "../bgp/speaker.ts";
import type { IntentState } from "../intent/intent.ts";
import { routerIdOf } from "../overlay.ts";
import type { Lane, LaneContext } from "./lane.ts";

/** This host's own record; undefined until it is held. */
export function hostRecord(intent: IntentState): HostRecord | undefined {
  const own = intent.channels.get(hostChannel(intent.host))?.records.get("host")?.body;
  return (own as HostRecord | null | undefined) ?? undefined;
}

/** The record with the AS numbers that peers of just any AS ("external") told in their sessions. */
export function withLearnedAsns(host: HostRecord, sessions: readonly PeerSummary[]): HostRecord {
  if (!host.bgp?.peers.some(({ asn }) => asn === "external")) return host;
  const learned = new Map(sessions.map(({ peer, asn }) => [peer, asn]));
  const peers = host.bgp.peers.map((peer) => {
    const asn = peer.asn === "external" ? learned.get(peerKeyOf(peer)) : undefined;
    return asn === undefined ? peer : { ...peer, asn };
  });
  return { ...host, bgp: { ...host.bgp, peers } };
}

/** The peers that are to send a table of EVPN routes. */
export function fabricPeers(host: HostRecord | undefined): PeerKey[] {
  const peers = host?.bgp?.peers ?? [];
  return peers.flatMap((peer) => {
    const { shutdown, families = DEFAULT_FAMILIES } = peer;
    return shutdown || !families.includes("evpn") ? [] : [peerKeyOf(peer)];
  });
}

export function createPeersLane(context: Pick<LaneContext, "intent" | "speaker" | "diary">): Lane {
  const { intent, speaker, diary } = context;
  const own = hostChannel(intent.host);
  let configured = "";
  return {
    intent(change) {
      const host = hostRecord(intent);
      // A host that knows nothing of itself yet leaves its sessions; one that was told to leave everything ends them.
      if (!change.has(own) && (host || !intent.inSync)) return;
      const text = JSON.stringify([host?.vtep, host?.bgp]);
      if (text === configured || (!host && !intent.inSync)) return;
      configured = text;
      if (host?.bgp && !routerIdOf(host)) {
        diary.warn("bgp-no-router-id", "an IPv6 VTEP needs bgp.routerId: no session is opened");
      }
      speaker.configure(host && speakerConfig(host));
    },
  };
}

function speakerConfig(host: HostRecord): SpeakerConfig | undefined {
  const routerId = routerIdOf(host);
  const { bgp, vtep } = host;
  if (!bgp || !routerId) return undefined;
  const peers = bgp.peers.map(({ sourceAddress, ...peer }) => ({ ...peer, localAddress: sourceAddress }));
  return { asn: bgp.asn, routerId, peers, ownAddresses: [vtep] };
}
