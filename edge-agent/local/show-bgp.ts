// The views of the BGP sessions, in the words and columns of FRR's `show bgp l2vpn evpn summary` and `show bgp neighbors`,
// so that nobody has to learn them anew. What a capability or a counter means is said by the RFC beside it.

import type { AgentView } from "../agent.ts";
import { FAMILIES, FAMILY_NAMES, type FamilyName } from "../bgp/family.ts";
import type { FamilySummary } from "../bgp/peer-summary.ts";
import type { PeerSummary } from "../bgp/speaker.ts";
import { routerIdOf } from "../overlay.ts";
import { missingPolicy } from "../underlay/policy.ts";
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
  const families = FAMILY_NAMES.filter((family) => peers.some((peer) => familyOf(peer, family)));
  const sections = families.map((family) => {
    const title = families.length > 1 ? [`${FAMILIES[family].title} Summary:`] : [];
    return [...title, summaryTable(view, family)].join("\n");
  });
  const text = [
    `BGP router identifier ${routerId ?? "not set"}, local AS number ${localAsn ?? "not set"}`,
    `L2VPN EVPN: ${counted(data.routes, "route")} imported, ${counted(data.announced, "route")} of this host announced`,
    "",
    sections.join("\n\n"),
    "",
    `Total number of neighbors ${peers.length}`,
  ].join("\n");
  return { data, text };
}

function summaryTable(view: AgentView, family: FamilyName): string {
  const peers = view.peers.filter((peer) => familyOf(peer, family));
  return table([
    ["Neighbor", "V", "AS", "MsgRcvd", "MsgSent", "Up/Down", "State/PfxRcd", "PfxSnt", "Malformed"],
    ...peers.map((peer) => [
      peer.peer,
      4,
      peer.asn ?? "external",
      peer.messagesIn,
      peer.messagesOut,
      upOrDown(peer, view.nowMs),
      ...routeCounts(peer, family, view),
      malformedOf(peer),
    ]),
  ]);
}

/** State or routes received, and routes sent; `NoNeg` and `(Policy)` as in FRR, the latter where RFC 8212 lets nothing pass. */
function routeCounts(peer: PeerSummary, family: FamilyName, view: AgentView): [string | number, string | number] {
  const { agreed = false, routesIn = 0, routesOut = 0 } = familyOf(peer, family) ?? {};
  if (peer.state !== "Established") return [peer.state, routesOut];
  if (!agreed) return ["NoNeg", "NoNeg"];
  if (family === "evpn") return [routesIn, routesOut];
  const external = peer.asn !== view.hostIntent?.host.bgp?.asn;
  const missing = missingPolicy(view.underlay.config, { external });
  return [missing.in ? "(Policy)" : routesIn, missing.out ? "(Policy)" : routesOut];
}

function familyOf(peer: PeerSummary, family: FamilyName): FamilySummary | undefined {
  return peer.families.find((each) => each.family === family);
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
  const { "attribute-discard": discard, "treat-as-withdraw": withdraw, "session-reset": reset } = peer.malformed;
  return [
    `BGP neighbor ${nameOf(peer)}, remote AS ${peer.asn ?? "external"}, local AS ${localAsn ?? "not set"}, ${link} link`,
    `  BGP version 4, remote router ID ${peer.peerRouterId ?? "not known"}, local router ID ${routerId ?? "not set"}`,
    `  BGP state = ${peer.state}, ${peer.state === "Established" ? `up for ${since}` : `for ${since}`}`,
    ...(peer.peerHostName === undefined ? [] : [`  Hostname: ${peer.peerHostName}`]),
    ...(peer.localAddress ? [`  Local host: ${peer.localAddress}`] : []),
    ...(peer.holdTimeSec === undefined
      ? []
      : [`  Hold time is ${peer.holdTimeSec} seconds, keepalive interval is ${peer.keepaliveSec ?? 0} seconds`]),
    ...(peer.capabilities
      ? ["  Neighbor capabilities received:", ...peer.capabilities.map((it) => `    ${describeCapability(it)}`)]
      : []),
    "  Message statistics:",
    `    Sent ${peer.messagesOut}, received ${peer.messagesIn}`,
    `    Malformed: attribute discard ${discard}, treat as withdraw ${withdraw}, session reset ${reset}`,
    ...peer.families.flatMap(describeFamily),
    `  Connections established ${peer.sessions}`,
    `  Last reset: ${peer.lastError ?? "never"}`,
  ].join("\n");
}

/** In FRR's words. */
function nameOf({ peer, address }: PeerSummary): string {
  return peer === address ? `is ${peer}` : `on ${peer}: ${address ?? "none"}`;
}

function describeFamily({ family, agreed, note, ...counts }: FamilySummary): string[] {
  const rejected = Object.entries(counts.rejected).map(([reason, count]) => `${reason} ${count}`);
  return [
    `  For address family: ${FAMILIES[family].title}${agreed ? "" : " (not agreed)"}`,
    `    ${counts.routesIn} accepted prefixes, ${counts.staleRoutes} of them stale`,
    `    ${counts.routesOut} prefixes sent`,
    `    Not accepted: ${rejected.join(", ") || "none"}`,
    ...(note === undefined ? [] : [`    Note: ${note}`]),
  ];
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
