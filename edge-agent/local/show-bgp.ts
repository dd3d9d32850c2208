// The views of the BGP sessions, in the words and columns of FRR's `show bgp l2vpn evpn summary` and `show bgp neighbors`,
// so that nobody has to learn them anew. What a capability or a counter means is said by the RFC beside it.

import type { AgentView } from "../agent.ts";
import type { PeerSummary } from "../bgp/speaker.ts";
import { routerIdOf } from "../overlay.ts";
import { describeCapability } from "./capability-text.ts";
import { counted, duration, type Shown, table } from "./text.ts";

const NO_PEERS = "no BGP peers are configured for this host";

/** `show bgp summary`. */
export function showBgpSummary(view: AgentView): Shown {
  const { peers, hostIntent } = view;
  const routerId = hostIntent && routerIdOf(hostIntent.host);
  const localAsn = hostIntent?.host.bgp?.asn;
  const data = { routerId, localAsn, routes: view.fabric.length, announced: view.overlay.exports.length, peers };
  if (peers.length === 0) return { data, text: NO_PEERS };
  const lines = table([
    ["Neighbor", "V", "AS", "MsgRcvd", "MsgSent", "Up/Down", "State/PfxRcd", "PfxSnt", "Malformed"],
    ...peers.map((peer) => [
      peer.peer,
      4,
      peer.asn ?? "external",
      peer.messagesIn,
      peer.messagesOut,
      upOrDown(peer, view.nowMs),
      peer.state === "Established" ? peer.routesIn : peer.state,
      peer.routesOut,
      malformedOf(peer),
    ]),
  ]);
  const text = [
    `BGP router identifier ${routerId ?? "not set"}, local AS number ${localAsn ?? "not set"}`,
    `L2VPN EVPN: ${counted(data.routes, "route")} imported, ${counted(data.announced, "route")} of this host announced`,
    "",
    lines,
    "",
    `Total number of neighbors ${peers.length}`,
  ].join("\n");
  return { data, text };
}

/** `show bgp neighbor [ADDRESS|INTERFACE]`. */
export function showBgpNeighbor(view: AgentView, [only]: readonly string[]): Shown {
  const peers = view.peers.filter((peer) => only === undefined || peer.peer === only || peer.address === only);
  if (peers.length === 0) return { data: peers, text: only === undefined ? NO_PEERS : `no BGP neighbor ${only}` };
  return { data: peers, text: peers.map((peer) => describeNeighbor(peer, view)).join("\n\n") };
}

/** `show bgp errors`. */
export function showBgpErrors(view: AgentView): Shown {
  const { malformed } = view;
  const perPeer = view.peers.map(({ peer, malformed: counts }) => ({ peer, ...counts }));
  const data = { counted: perPeer, recent: malformed };
  if (view.peers.length === 0 && malformed.length === 0) return { data, text: NO_PEERS };
  const counts = table([
    ["Neighbor", "Attribute discard", "Treat as withdraw", "Session reset"],
    ...perPeer.map((row) => [row.peer, row["attribute-discard"], row["treat-as-withdraw"], row["session-reset"]]),
  ]);
  const messages = malformed.map(({ atMs, detail, hex }) =>
    [`${new Date(atMs).toISOString()} ${detail.replace(`: ${hex}`, "")}`, ...hexLines(hex)].join("\n"),
  );
  const recent = messages.length > 0 ? ["", "Last malformed messages, without the marker:", ...messages] : [];
  return { data, text: [counts, ...recent].join("\n") };
}

function describeNeighbor(peer: PeerSummary, view: AgentView): string {
  const localAsn = view.hostIntent?.host.bgp?.asn;
  const routerId = view.hostIntent && routerIdOf(view.hostIntent.host);
  const link = peer.asn === localAsn ? "internal" : "external";
  const since = duration(view.nowMs - peer.sinceMs);
  const rejected = Object.entries(peer.rejected).map(([reason, count]) => `${reason} ${count}`);
  const { "attribute-discard": discard, "treat-as-withdraw": withdraw, "session-reset": reset } = peer.malformed;
  return [
    `BGP neighbor ${nameOf(peer)}, remote AS ${peer.asn ?? "external"}, local AS ${localAsn ?? "not set"}, ${link} link`,
    `  BGP version 4, remote router ID ${peer.peerRouterId ?? "not known"}, local router ID ${routerId ?? "not set"}`,
    `  BGP state = ${peer.state}, ${peer.state === "Established" ? `up for ${since}` : `for ${since}`}`,
    ...(peer.peerHostName === undefined ? [] : [`  Hostname: ${peer.peerHostName}`]),
    ...(peer.localAddress ? [`  Local host: ${peer.localAddress}`] : []),
    ...(peer.holdTimeSec === undefined ? [] : [`  Hold time is ${peer.holdTimeSec} seconds`]),
    ...(peer.capabilities
      ? ["  Neighbor capabilities received:", ...peer.capabilities.map((it) => `    ${describeCapability(it)}`)]
      : []),
    "  Message statistics:",
    `    Sent ${peer.messagesOut}, received ${peer.messagesIn}`,
    `    Malformed: attribute discard ${discard}, treat as withdraw ${withdraw}, session reset ${reset}`,
    "  For address family: L2VPN EVPN",
    `    ${peer.routesIn} accepted prefixes, ${peer.staleRoutes} of them stale`,
    `    ${peer.routesOut} prefixes sent`,
    `    Not accepted: ${rejected.join(", ") || "none"}`,
    `  Connections established ${peer.sessions}`,
    `  Last reset: ${peer.lastError ?? "never"}`,
  ].join("\n");
}

/** In FRR's words. */
function nameOf({ peer, address }: PeerSummary): string {
  return peer === address ? `is ${peer}` : `on ${peer}: ${address ?? "none"}`;
}

function upOrDown(peer: PeerSummary, nowMs: number): string {
  return peer.sessions === 0 && peer.state !== "Established" ? "never" : duration(nowMs - peer.sinceMs);
}

function malformedOf({ malformed }: PeerSummary): number {
  return Object.values(malformed).reduce((sum, count) => sum + count, 0);
}

/** Sixteen octets a line. */
function hexLines(hex: string): string[] {
  const octets = hex.replaceAll(" ", "").match(/../g) ?? [];
  const lines: string[] = [];
  for (let i = 0; i < octets.length; i += 16) lines.push(`    ${octets.slice(i, i + 16).join(" ")}`);
  return lines;
}
