// At which ToRs the route of an endpoint or of a router's static route is seen, or, of one that is deleted, is seen to be
// gone. Pure, and never says seen when unsure. The ToRs are those that its host has a session with: that of the endpoint, or
// of the machine that is the next hop. What is evidence, strongest first:
//
//   seen      another host of the site, on the same ToR, was passed the very route (MAC, addresses, VTEP; or prefix, label,
//             VTEP) by it, as of this step or a later one
//             gone: it passed the route on to that host until the endpoint was deleted, and on the same session does so no
//             more. A host that it never passed it on to, or that has another session by now, shows nothing
//   told      the host's own session with the ToR is up and told everything, End-of-RIB included, this route among it. A ToR
//             that refuses or filters it says nothing, so that this is no proof, and nobody else is there to show it. Gone:
//             the route was taken back on it
//   pending   one of the two is to be expected: what it waits for is in the reason
//   missing   another host on that ToR has all of this step, but not this route from there
//   held      gone: another host still has it from there
//   down      the session is not up
//   unknown   the host does not report, or does not tell of its routes (an older agent)

import { parseIp } from "../../shared/address/ip.ts";
import type { PeerReport } from "../../shared/message/report.ts";
import { torOf } from "./fabric-proof.ts";
import { formatDuration, silenceOf } from "./liveness.ts";
import { type ChannelRow, type FabricRow, type HostRow, isLaterThan } from "./report-items.ts";

export type TorState = "seen" | "told" | "pending" | "missing" | "held" | "down" | "unknown";

/** `by`: the host that has the route from there. */
export type TorReceipt = { tor: string; state: TorState; reason: string; by?: string };
/** `gone`: what is seen is that the route is no more. */
export type TorCount = { total: number; seen: number; gone?: true; at: TorReceipt[] };

/** What is known of another host of the site. */
export type Witness = { readonly host: string; readonly fabric: FabricRow };

export type TorFacts = {
  /** The step that the route is of, and by what hosts name it: an endpoint's MAC, or a `staticName`. */
  readonly seq: number;
  readonly name: string;
  readonly host: string;
  /**
   * Of a static route that is there: its next hop, and the VTEP where that is. The log of a router does not tell, so that what
   * a host shows counts only if it took it to be there.
   */
  readonly hop?: { readonly ip: string; readonly vtep: string } | undefined;
  /** What other hosts there would share with it. */
  readonly what: "network" | "router";
  /** The host's configured EVPN peers, by the key that it reports them under, and what to call each. */
  readonly peers: readonly { readonly key: string; readonly name?: string | undefined }[];
  readonly reported: HostRow | undefined;
  readonly own: ChannelRow | undefined;
  /**
   * Of what the step deleted; `left`: what its host reported last of the channel by which it is known to have left the network
   * or router; absent while it has not.
   */
  readonly gone?: { readonly left: ChannelRow | undefined } | undefined;
  readonly witnesses: readonly Witness[];
  readonly nowMs: number;
};

const BEST_FIRST: readonly TorState[] = ["seen", "told", "pending", "missing", "held", "down", "unknown"];

/** One for each ToR, in the order of the host's peers; several sessions with one ToR count as their best. */
export function countTors(facts: TorFacts): TorCount {
  const byTor = new Map<string, TorReceipt>();
  for (const { key, name } of facts.peers) {
    const peer = facts.reported?.bgp.find((each) => each.peer === key);
    const judged = facts.gone ? judgeGone(facts, key, peer) : judge(facts, key, peer);
    const receipt = { tor: name ?? peer?.name ?? key, ...judged };
    const tor = torOf(peer) ?? key;
    const other = byTor.get(tor);
    if (!other || BEST_FIRST.indexOf(receipt.state) < BEST_FIRST.indexOf(other.state)) byTor.set(tor, receipt);
  }
  const at = [...byTor.values()];
  const seen = at.filter(({ state }) => state === "seen").length;
  return { total: at.length, seen, ...(facts.gone ? { gone: true as const } : {}), at };
}

/** "seen at 1 of 2 ToRs; tor2: told, no other host of the network is there to show it"; "gone from 2 of 2 ToRs" */
export function summarizeTors({ total, seen, gone, at }: TorCount): string {
  const tors = `${gone ? "gone from" : "seen at"} ${seen} of ${total} ${total === 1 ? "ToR" : "ToRs"}`;
  const rest = at.filter(({ state }) => state !== "seen").map(({ tor, reason }) => `${tor}: ${reason}`);
  return [tors, ...rest].join("; ");
}

type Judged = Omit<TorReceipt, "tor">;

function judge(facts: TorFacts, key: string, peer: PeerReport | undefined): Judged {
  const { name, host } = facts;
  const there = facts.witnesses.flatMap(({ host: other, fabric }) =>
    fabric.seen
      .filter((each) => isSameTor({ key, tor: torOf(peer) }, each))
      .map(({ lacking }) => ({ other, lacking, isOfStep: isOfStep(facts, fabric) })),
  );
  const shows = there.find(({ isOfStep, lacking }) => isOfStep && lacking && !lacking.includes(name));
  if (shows) return { state: "seen", reason: `${shows.other} has it from there`, by: shows.other };
  const lacksHere = unheard(facts, peer) ?? untold(facts, peer);
  if (lacksHere) return lacksHere;
  const lacks = there.find(({ isOfStep }) => isOfStep);
  if (lacks) return { state: "missing", reason: `told by ${host}, but ${lacks.other} does not have it from there` };
  const [next] = there;
  if (next) return { state: "pending", reason: `told by ${host}; ${next.other} has yet to report this step` };
  return { state: "told", reason: `told by ${host}; no other host of the ${facts.what} is there to show it` };
}

/** Of several hosts that show something one that still has the route counts: a ToR is not seen to have let go by half. */
function judgeGone(facts: TorFacts, key: string, peer: PeerReport | undefined): Judged {
  const { name, host } = facts;
  const there = facts.witnesses.flatMap(({ host: other, fabric }) =>
    fabric.seen
      .filter((each) => isSameTor({ key, tor: torOf(peer) }, each))
      .map((each) => ({ ...each, other, isOfStep: isOfStep(facts, fabric) })),
  );
  const holds = there.find(({ isOfStep, strays }) => isOfStep && strays?.includes(name));
  if (holds) return { state: "held", reason: `${holds.other} still has it from there`, by: holds.other };
  const able = there.filter(({ isOfStep, deleted, lacking }) =>
    isOfStep ? deleted?.includes(name) : lacking && !lacking.includes(name),
  );
  const clear = able.find(({ isOfStep, strays }) => isOfStep && strays);
  if (clear) return { state: "seen", reason: `${clear.other} has it from there no more`, by: clear.other };
  const keeps = unheard(facts, peer) ?? notTakenBack(facts, peer);
  if (keeps) return keeps;
  const [next] = able;
  if (next) return { state: "pending", reason: `taken back by ${host}; ${next.other} has yet to show that it is gone` };
  return { state: "told", reason: `taken back by ${host}; no other host that had it from there can show it` };
}

/** What keeps the ToR from having heard that the route is no more; undefined: it was told. */
function notTakenBack(facts: TorFacts, peer: PeerReport | undefined): Judged | undefined {
  const { host, own, gone, reported } = facts;
  const waits = { state: "pending", reason: `${host} has yet to take it back` } as const;
  if (peer?.told !== true) return waits;
  const mute = muteness(facts);
  if (mute) return mute;
  const row = gone?.left ?? (own?.fabric && isOfStep(facts, own.fabric) ? own : undefined);
  return row && isNewer(reported, row) ? undefined : waits;
}

/** What a host shows is of the step, or a later one, and of a next hop that is where the host took it to be. */
function isOfStep({ seq, hop }: TorFacts, fabric: FabricRow): boolean {
  return fabric.seq >= seq && (hop === undefined || fabric.hops?.[hop.ip] === hop.vtep);
}

/** A host that carries the router and has the step, and never told anything of static routes: its agent is of before. */
function muteness({ seq, host, what, own }: TorFacts): Judged | undefined {
  if (what === "network" || !own || own.fabric || own.appliedSeq < seq) return undefined;
  return { state: "unknown", reason: `${host} does not tell which routes it announces` };
}

/** Of this report of the host's channel or a later one: what was told before may be less. */
function isNewer(reported: HostRow | undefined, own: ChannelRow): boolean {
  return reported !== undefined && !isLaterThan(own, reported);
}

/** What keeps the ToR from hearing anything of the host; undefined: nothing. */
function unheard({ host, reported, nowMs }: TorFacts, peer: PeerReport | undefined): Judged | undefined {
  if (!reported) return { state: "unknown", reason: `${host} never reported` };
  const silentMs = silenceOf(reported, nowMs);
  if (silentMs !== undefined) return { state: "unknown", reason: `${host} is offline ${formatDuration(silentMs)}` };
  if (!peer) return { state: "pending", reason: `${host} does not report a session with it yet` };
  if (peer.state !== "Established") {
    const since = formatDuration(Math.max(0, nowMs - peer.sinceMs));
    return { state: "down", reason: `the session with ${host} is ${peer.state} for ${since}` };
  }
  if (peer.families?.some(({ family, agreed }) => family === EVPN && !agreed))
    return { state: "down", reason: `EVPN is not agreed on the session with ${host}` };
  return undefined;
}

/** What keeps the ToR from having been told, as far as the host says; undefined: it was told. */
function untold(facts: TorFacts, peer: PeerReport | undefined): Judged | undefined {
  const { name, host, reported, own } = facts;
  const mute = muteness(facts);
  if (mute) return mute;
  const fabric = own?.fabric;
  if (!fabric || !isOfStep(facts, fabric)) return { state: "pending", reason: `${host} has yet to report this step` };
  if (!fabric.unannounced || fabric.unannounced.includes(name))
    return { state: "pending", reason: `${host} does not announce it` };
  if (!isNewer(reported, own) || peer?.told !== true) return { state: "pending", reason: `${host} has yet to tell it` };
  return undefined;
}

/** As bgp/family.ts names it. */
export const EVPN = "evpn";

/** By what the ToR says it is; where a session is down, or an agent older, by its address. A link's name says nothing here. */
function isSameTor(one: { key: string; tor: string | undefined }, other: FabricRow["seen"][number]): boolean {
  if (one.tor !== undefined && other.tor !== undefined) return one.tor === other.tor;
  return one.key === other.peer && parseIp(one.key) !== undefined;
}
