// The routes that this speaker announces, and what a new whole set changes of them. A route that is as it was costs one
// lookup and a comparison of its fields; only new and changed ones are encoded.

import {
  attributesKeyOf,
  isSendable,
  longestPathOctets,
  type PreparedExport,
  prepareExport,
  sameExport,
} from "./export.ts";
import type { ExportedRoute } from "./route.ts";
import { RouteTable } from "./route-table.ts";

/** What peers are to be told; `unsendable` routes do not fit any message and are left out. */
export type ExportChanges = {
  readonly announce: readonly PreparedExport[];
  readonly withdraw: readonly string[];
  readonly unsendable: readonly PreparedExport[];
};

type Entry = { readonly prepared: PreparedExport; generation: number };
/** One key text for all routes with equal attributes, and how long those get. */
type Attributes = { readonly key: string; readonly pathOctets: number };

const ATTRIBUTES_SLACK = 64;

export class ExportSet {
  readonly #routes = new RouteTable<Entry>();
  readonly #attributes = new Map<string, Attributes>();
  #generation = 0;

  *values(): IterableIterator<PreparedExport> {
    for (const { prepared } of this.#routes.values()) yield prepared;
  }

  /** Makes `routes` the whole set. */
  replace(routes: readonly ExportedRoute[]): ExportChanges {
    const announce: PreparedExport[] = [];
    const unsendable: PreparedExport[] = [];
    this.#generation++;
    for (const route of routes) {
      const known = this.#routes.get(route.nlri);
      if (known && sameExport(known.prepared.route, route)) {
        known.generation = this.#generation;
        continue;
      }
      const { key, pathOctets } = this.#attributesOf(route);
      const prepared = prepareExport(route, key);
      if (isSendable(prepared, pathOctets)) {
        this.#routes.set(route.nlri, { prepared, generation: this.#generation });
        announce.push(prepared);
      } else {
        unsendable.push(prepared);
      }
    }
    return { announce, withdraw: this.#sweep(), unsendable };
  }

  /** Removes what was not in the last set. */
  #sweep(): string[] {
    const gone: PreparedExport[] = [];
    for (const { prepared, generation } of this.#routes.values()) {
      if (generation !== this.#generation) gone.push(prepared);
    }
    for (const { route } of gone) this.#routes.delete(route.nlri);
    return gone.map(({ key }) => key);
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
