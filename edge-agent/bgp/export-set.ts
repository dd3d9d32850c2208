// The routes that this speaker announces, and what a new whole set or a few changes make of them. A route that is as it was
// costs one lookup and a comparison of its fields; only new and changed ones are encoded.

import {
  attributesKeyOf,
  isSendable,
  longestPathOctets,
  type PreparedExport,
  prepareExport,
  sameExport,
} from "./export.ts";
import { type ExportChange, type ExportedRoute, routeKey } from "./route.ts";

/** What peers are to be told; `unsendable` routes do not fit any message and are left out. */
export type ExportDifference = {
  readonly announce: readonly PreparedExport[];
  readonly withdraw: readonly string[];
  readonly unsendable: readonly PreparedExport[];
};

type Draft = { announce: PreparedExport[]; withdraw: string[]; unsendable: PreparedExport[] };
/** One key text for all routes with equal attributes, and how long those get. */
type Attributes = { readonly key: string; readonly pathOctets: number };

const ATTRIBUTES_SLACK = 64;

export class ExportSet {
  /** By `routeKey`. */
  readonly #routes = new Map<string, PreparedExport>();
  readonly #attributes = new Map<string, Attributes>();

  values(): IterableIterator<PreparedExport> {
    return this.#routes.values();
  }

  /** Makes `routes` the whole set. */
  replace(routes: readonly ExportedRoute[]): ExportDifference {
    const draft = newDraft();
    const wanted = new Set<string>();
    for (const route of routes) {
      const key = routeKey(route.nlri);
      wanted.add(key);
      this.#put(key, route, draft);
    }
    for (const key of this.#routes.keys()) if (!wanted.has(key)) this.#remove(key, draft);
    return draft;
  }

  /** Changes the set by these; the last word on a route counts. */
  change(changes: readonly ExportChange[]): ExportDifference {
    const draft = newDraft();
    // Each route once: told apart into announcements and withdrawals, two changes of one would lose their order.
    const last = new Map(changes.map(({ key, route }) => [key, route]));
    for (const [key, route] of last) {
      if (route) this.#put(key, route, draft);
      else this.#remove(key, draft);
    }
    return draft;
  }

  #put(key: string, route: ExportedRoute, draft: Draft): void {
    const known = this.#routes.get(key);
    if (known && sameExport(known.route, route)) return;
    const attributes = this.#attributesOf(route);
    const prepared = prepareExport(route, { key, attributesKey: attributes.key });
    if (isSendable(prepared, attributes.pathOctets)) {
      this.#routes.set(key, prepared);
      draft.announce.push(prepared);
    } else {
      draft.unsendable.push(prepared);
      this.#remove(key, draft);
    }
  }

  #remove(key: string, draft: Draft): void {
    if (this.#routes.delete(key)) draft.withdraw.push(key);
  }

  #attributesOf(route: ExportedRoute): Attributes {
    const key = attributesKeyOf(route);
    const known = this.#attributes.get(key);
    if (known) return known;
    // Those of routes that are no more would gather here for ever.
    if (this.#attributes.size > this.#routes.size + ATTRIBUTES_SLACK) this.#attributes.clear();
    const made = { key, pathOctets: longestPathOctets(route) };
    this.#attributes.set(key, made);
    return made;
  }
}

function newDraft(): Draft {
  return { announce: [], withdraw: [], unsendable: [] };
}
