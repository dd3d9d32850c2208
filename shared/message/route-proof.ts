// What a report proves of what the fabric holds of a channel's routes: of the endpoints of a network, named by MAC, and of
// the static routes of a router, named by prefix and next hop (edge-agent/report/confirmation.ts).

import * as z from "zod";
import { IpField, MacField } from "../model/fields.ts";
import { parseIp } from "../address/ip.ts";
import { parsePrefix } from "../address/prefix.ts";
import { type StaticName, staticName } from "./forwarding.ts";
import { DigestField } from "./inbox.ts";

/** The sum over the lines of so many endpoints or static routes (forwarding.ts). */
export const LineProof = z.object({ digest: DigestField, count: z.number().int().min(0) });
export type LineProof = z.infer<typeof LineProof>;

/** As many as a report names of what a proof lacks. */
export const MOST_LACKING = 16;
/** Of so many deleted ones of a channel, the last ones, an agent remembers who had passed them on. */
export const MOST_DELETED = 64;
/** Of a router whose static routes have more next hops at a site, an agent does not tell where they are. */
export const MOST_HOPS = 64;
/** As many peers as a report names. */
const MOST_PEERS = 16;

/** A proof with what it lacks by name; absent: more than can be named, or an older agent. */
export type NamedProof<K extends string> = LineProof & { lacking?: K[] | undefined };

const StaticNameField = z
  .string()
  .max(128)
  .transform((text, context): StaticName => {
    const [prefix, nextHop, ...rest] = text.split(" ");
    const parsed = { prefix: parsePrefix(prefix ?? ""), nextHop: parseIp(nextHop ?? "") };
    if (parsed.prefix && parsed.nextHop && rest.length === 0) return staticName(parsed.prefix, parsed.nextHop);
    context.addIssue({ code: "custom", message: "must be a prefix and a next hop" });
    return z.NEVER;
  });

function lackingOf<Name extends z.ZodType<string>>(name: Name) {
  return z.array(name).max(MOST_LACKING).optional();
}

/** What this host announces of its own; and per established peer, what its routes confirm of the site's other hosts'. */
function proofsOf<Name extends z.ZodType<string>>(name: Name) {
  const lacking = lackingOf(name);
  return {
    announced: LineProof.extend({ lacking }),
    seen: z.array(LineProof.extend({ peer: z.string().max(64), lacking })).max(MOST_PEERS),
  };
}

/**
 * Of an established peer that sent its whole table. `deleted`: what is declared no more, and it had passed on, on the session
 * that is up, until it was deleted. Only of these does it say something that they do not stray: of any other, the peer may
 * hold a route that it never passes on.
 */
function strayOf<Name extends z.ZodType<string>>(name: Name) {
  return { peer: z.string().max(64), deleted: z.array(name).max(MOST_DELETED).default([]) };
}

const endpoints = proofsOf(MacField);
const statics = proofsOf(StaticNameField);

/** Of a network, the parts of its line in a report; absent without BGP. */
export const EndpointProofs = {
  /** The endpoints of this host that it announces: what every peer that is `told` was sent. */
  announced: endpoints.announced.optional(),
  /** Per established peer, the endpoints of the site's other hosts whose very routes it passed on: MAC, IPs and VTEP. */
  seen: endpoints.seen.optional(),
  /**
   * What is still passed on of what is gone. `macs`: those of which the peer passes on a route to another place than where they
   * are declared, of those that were declared in this agent's time; absent: more than are named.
   */
  strays: z
    .object({ peers: z.array(z.object({ ...strayOf(MacField), macs: lackingOf(MacField) })).max(MOST_PEERS) })
    .optional(),
  /**
   * The site's endpoints, this host's own included, as the proofs above took them to be: the cloud knows the sum at every
   * step, and so which step the proofs are of.
   */
  site: LineProof.optional(),
};

/** The same of a router's static routes by machines at this site. */
export const StaticProofs = z.object({
  ...statics,
  /** `routes`: those that the peer passes on by way of a host where the next hop was, and is no more, or is for nobody. */
  strays: z.array(z.object({ ...strayOf(StaticNameField), routes: lackingOf(StaticNameField) })).max(MOST_PEERS),
  site: LineProof,
  /** All static routes of the router, also by machines elsewhere: the cloud knows this sum at every step. */
  whole: LineProof,
  /** Where the machines at this site are that are next hops, as the proofs took them to be; absent: more than are named. */
  hops: z
    .array(z.object({ ip: IpField, vtep: IpField }))
    .max(MOST_HOPS)
    .optional(),
});
export type StaticProofs = z.infer<typeof StaticProofs>;
