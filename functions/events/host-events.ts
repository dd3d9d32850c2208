// What a host's report says that the one before it did not: sessions that changed their state, new conflicts, new drift. Pure.

import type { ReportedEvent } from "../../shared/message/report.ts";
import type { HostRow } from "../report/report-items.ts";
import { newEvents } from "../report/reported-events.ts";
import type { Event } from "./event.ts";

type HostEvent = Omit<Event, "key">;

const KINDS: Readonly<Record<string, "conflict" | "drift">> = {
  conflict: "conflict",
  "duplicate-mac": "conflict",
  drift: "drift",
  "underlay-drift": "drift",
};

export function hostEvents(host: string, before: HostRow | undefined, after: HostRow): HostEvent[] {
  return [...sessions(host, before, after), ...told(host, newEvents(before, after))];
}

function sessions(host: string, before: HostRow | undefined, { bgp, lastSeenAt }: HostRow): HostEvent[] {
  const old = new Map(before?.bgp.map((each) => [each.peer, each]));
  const now = bgp.flatMap((peer): HostEvent[] => {
    const was = old.get(peer.peer);
    if (was?.state === peer.state && was.sinceMs === peer.sinceMs) return [];
    const data = { peer: peer.peer, ...(peer.name ? { name: peer.name } : {}), asn: peer.asn, state: peer.state };
    const at = new Date(peer.sinceMs).toISOString();
    return [{ kind: "bgp", at, host, data: { ...data, ...(was ? { before: was.state } : {}) } }];
  });
  const gone = [...old.values()].filter(({ peer }) => !bgp.some((each) => each.peer === peer));
  return [
    ...now,
    ...gone.map(({ peer, state }): HostEvent => {
      return { kind: "bgp", at: lastSeenAt, host, data: { peer, state: "removed", before: state } };
    }),
  ];
}

function told(host: string, events: readonly ReportedEvent[]): HostEvent[] {
  return events.flatMap(({ kind, atMs, detail }): HostEvent[] => {
    const as = KINDS[kind];
    if (!as) return [];
    // "<network>: …": what is said of a network begins with it.
    const [, network] = /^([a-z0-9-]{1,48}): /.exec(detail) ?? [];
    const resource = network === undefined ? {} : { resource: { kind: "network", id: network } };
    return [{ kind: as, at: new Date(atMs).toISOString(), host, ...resource, data: { detail } }];
  });
}
