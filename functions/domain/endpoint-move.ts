// Moves of endpoints to another host, at once or in two phases for live migration. Prepared: the target host carries the
// network and has port and guards ready, while the endpoint stays where it is. Activated: it is there, with the mobility
// sequence raised (RFC 7432 section 15). Make before break: nothing of the source goes before the activation.

import type { Endpoint } from "../../shared/model/resource.ts";
import type { MoveEndpoint } from "./command.ts";
import { type EndpointFacts, endpointRef, type Identity, replaceEndpoint } from "./endpoint.ts";
import { parentRefusal, planNothing, requireLive } from "./plan.ts";
import { type Context, type Decision, refuse } from "./write.ts";

type Facts = Omit<EndpointFacts, "free">;

/** To another host, at `port` there or the same name. To the host it is on: a change of port at most, and no move. */
export function moveEndpoint(facts: Facts, command: MoveEndpoint, context: Context): Decision<Endpoint> {
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const { next, ...before } = live.resource;
  const { host } = command;
  const target = { kind: "host", id: host } as const;
  const missing = parentRefusal("host", target, facts.hosts[host] ?? { state: "absent" });
  if (missing) return refuse(missing);
  if (next && next.host !== host) return refuse({ kind: "move-prepared", ref, host: next.host });
  const { port = next?.port ?? before.port } = command;
  if (host === before.host) {
    if (port === before.port) return planNothing(live.resource);
    return replaceEndpoint(facts, { live, content: { ...before, ...named(port) }, action: "change" }, context);
  }
  const content = { ...before, host, ...named(port), mobility: before.mobility + 1 };
  return replaceEndpoint(facts, { live, content, action: "move" }, context);
}

/** Prepared already for that place: nothing. For another: refused until it is abandoned. */
export function prepareMove(facts: Facts, command: MoveEndpoint, context: Context): Decision<Endpoint> {
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const before = live.resource;
  const { host, port = before.port } = command;
  if (host === before.host) return refuse({ kind: "same-host", ref, host });
  const { next } = before;
  if (next?.host === host && next.port === port) return planNothing(before);
  if (next) return refuse({ kind: "move-prepared", ref, host: next.host });
  const content = { ...before, next: { host, ...named(port), change: context.change } };
  return replaceEndpoint(facts, { live, content, action: "prepare" }, context);
}

/** `unready`: why the target is not ready yet, undefined if it is or nobody cares. */
export function activateMove(
  facts: Facts & { unready: string | undefined },
  command: Identity,
  context: Context,
): Decision<Endpoint> {
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const { next, ...before } = live.resource;
  if (!next) return refuse({ kind: "move-not-prepared", ref });
  if (facts.unready !== undefined) {
    return refuse({ kind: "move-not-ready", ref, host: next.host, reason: facts.unready });
  }
  const content = { ...before, host: next.host, ...named(next.port), mobility: before.mobility + 1 };
  return replaceEndpoint(facts, { live, content, action: "move" }, context);
}

/** Nothing prepared: nothing to do. */
export function abandonMove(facts: Facts, command: Identity, context: Context): Decision<Endpoint> {
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const { next, ...content } = live.resource;
  if (!next) return planNothing(live.resource);
  return replaceEndpoint(facts, { live, content, action: "abandon" }, context);
}

/** An absent port is absent in the resource too. */
function named(port: string | undefined): { port?: string } {
  return port === undefined ? {} : { port };
}
