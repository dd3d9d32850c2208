// One unicast family of one peer: the routes that policy let in, and this host's own prefixes as the peer is told them, with our
// end of the session as next hop. Its upkeep is that of every family (family-ribs.ts).

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Clock } from "../clock.ts";
import type { Generations } from "./adj-rib-in.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import type { ExportContext } from "./export.ts";
import { nextHopSelf, type PreparedPrefix, preparePrefix, unicastForm } from "./export-form.ts";
import { prefixFamily, type UnicastFamily } from "./family.ts";
import { type FamilyListener, FamilyRibs } from "./family-ribs.ts";
import type { Negotiated, PeerRestart } from "./negotiation.ts";
import type { FamilySummary, PeerConfig } from "./peer-summary.ts";
import type { Session } from "./session.ts";
import { UnicastRibIn, type UnicastSource } from "./unicast-rib-in.ts";
import { type ReceivedUnicast, unicastPath, type UnicastPolicy } from "./unicast-route.ts";
import type { PathAttributes } from "./wire/attribute-table.ts";
import type { UnicastPart } from "./wire/update.ts";

export type UnicastShared = {
  readonly clock: Clock;
  readonly policy: () => UnicastPolicy;
  /** Who the peer is, as of the last session, and who we are to it. */
  readonly source: () => UnicastSource;
};

export class UnicastRibs {
  readonly family: UnicastFamily;
  readonly upkeep: FamilyRibs;
  readonly #shared: UnicastShared;
  readonly #ribIn: UnicastRibIn;
  /** Undefined without a session, or where our end of it is no next hop for the family. */
  #ribOut: AdjRibOut<PreparedPrefix> | undefined;
  /** Why nothing can be announced. */
  #note: string | undefined;

  /** Stale routes of a peer that promised nothing are not kept: what would go on forwarding may be a dead router. */
  constructor(family: UnicastFamily, config: PeerConfig, shared: UnicastShared, on: FamilyListener) {
    const ribIn = new UnicastRibIn(family);
    const { clock, policy } = shared;
    const table = {
      get size() {
        return ribIn.size;
      },
      get staleCount() {
        return ribIn.staleCount;
      },
      rejected: ribIn.rejected,
      get generation() {
        return ribIn.generation;
      },
      markStale: () => ribIn.markStale(),
      sweepStale: (generations?: Generations) => ribIn.sweepStale(generations),
      beginLongLived: () => ribIn.beginLongLived(),
      clear: () => ribIn.clear(),
    };
    const maximum = () => policy().maximumRoutes ?? config.maximumRoutes;
    this.family = family;
    const options = { clock, staleMs: 0, maximum, longLived: config.longLived };
    this.upkeep = new FamilyRibs(family, table, options, on);
    this.#shared = shared;
    this.#ribIn = ribIn;
  }

  routes(): ReceivedUnicast[] {
    return this.#ribIn.routes(this.#shared.source());
  }

  /** What the peer was told. */
  told(): Prefix[] {
    return Array.from(this.#ribOut?.routes() ?? [], ({ prefix }) => prefix);
  }

  summary(): FamilySummary {
    return { ...this.upkeep.summary(), ...(this.#note !== undefined && { note: this.#note }) };
  }

  /** True if the routes held have changed since the last call. */
  takeChanged(): boolean {
    return this.#ribIn.takeChanged();
  }

  /** The family is agreed on a session that is Established. */
  up(session: Session, agreed: Negotiated, context: ExportContext, before: PeerRestart | undefined): void {
    const { family } = this;
    const nextHop = nextHopSelf(family, session.localAddress, agreed);
    const { role, routerId } = this.#shared.source();
    const form = unicastForm(family, { ...context, role }, nextHop ?? { address: routerId });
    // Without a next hop there are no routes, but End-of-RIB is due all the same.
    const ribOut = new AdjRibOut(form, agreed.maxMessageOctets, nextHop ? this.#announced() : []);
    this.#ribOut = nextHop && ribOut;
    this.#note = nextHop ? undefined : `nothing can be announced: ${whyNoNextHop(family, session.localAddress)}`;
    this.upkeep.up(session, agreed, ribOut, before);
  }

  /** The session is over; what becomes of the routes held is the upkeep's. */
  sessionEnded(): void {
    this.#ribOut = undefined;
    this.#note = undefined;
  }

  /** Takes in what an UPDATE says of the family. */
  update(part: UnicastPart, attributes: PathAttributes): void {
    const path = part.nextHop && unicastPath(attributes, part.nextHop);
    this.#ribIn.apply(part, path, this.#shared.source(), this.#shared.policy());
    this.upkeep.learned();
  }

  /** Drops what policy no longer lets in, and announces what it says now. */
  policyChanged(changed: { readonly accepts: boolean }): void {
    if (changed.accepts) this.#ribIn.refilter(this.#shared.source(), this.#shared.policy());
    const ribOut = this.#ribOut;
    if (!ribOut) return;
    const wanted = this.#announced();
    for (const { key } of ribOut.routes()) if (!wanted.some((route) => route.key === key)) ribOut.withdraw(key);
    const told = new Set<string>(this.told());
    for (const route of wanted) if (!told.has(route.key)) ribOut.announce(route);
  }

  #announced(): PreparedPrefix[] {
    const { announce } = this.#shared.policy();
    return announce.filter((prefix) => prefixFamily(prefix) === this.family).map(preparePrefix);
  }
}

function whyNoNextHop(family: UnicastFamily, local: IpAddress | undefined): string {
  if (family === "ipv6-unicast") return "IPv6 routes need a session over IPv6";
  return local === undefined ? "our end of the session is not known" : "the peer takes no IPv6 next hops (RFC 8950)";
}
