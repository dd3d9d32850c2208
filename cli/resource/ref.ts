// How one resource is named on the command line: `vm1` of a kind without a parent, `web/vm1` with one, and anything as
// `kind/…` where the kind is not said otherwise.

import { usage } from "../failure.ts";
import { type Kind, kindOf, type Resource } from "./kind.ts";

export type Ref = { kind: Kind; id: string; parent?: string };

/** `web/vm1`, or `vm1` with the parent given apart; `endpoint/web/vm1` too. */
export function parseRef(text: string, kind: Kind, parent?: string): Ref {
  const [first = "", ...rest] = text.split("/");
  const bare = kindOf(first)?.name === kind.name && rest.length >= (kind.parent ? 2 : 1) ? rest.join("/") : text;
  if (!kind.parent) {
    if (bare !== "" && !bare.includes("/")) return { kind, id: bare };
    throw usage(`"${text}" names no ${kind.name}`, `say its id, such as overspan get ${kind.name} ID`);
  }
  const isPart = kind.path === undefined;
  const at = bare.indexOf("/");
  const wholePrefix = isPart && parent !== undefined && bare.split("/").length === 2;
  if (parent !== undefined && (at < 0 || wholePrefix)) return { kind, id: bare, parent };
  const [named, id] = [bare.slice(0, at), bare.slice(at + 1)];
  if (at < 1 || id === "" || (!isPart && id.includes("/"))) {
    const shown = isPart ? "web/10.1.0.0/24" : `${kind.parent.toUpperCase()}/ID`;
    throw usage(
      `"${text}" names no ${kind.name}`,
      `say ${shown}, or --${kind.parent} and the ${isPart ? "prefix" : "id"}`,
    );
  }
  if (parent !== undefined && parent !== named) {
    throw usage(`"${text}" is of ${kind.parent} ${named}, but --${kind.parent} says ${parent}`);
  }
  return { kind, id, parent: named };
}

/** `endpoint/web/vm1`, of a resource as the API gave it. */
export function refText(kind: Kind, resource: Resource): string {
  const parent = kind.parent === undefined ? [] : [String(resource[kind.parent])];
  return [kind.name, ...parent, String(resource["id"])].join("/");
}

/** The same, of a reference. */
export function nameOf({ kind, id, parent }: Ref): string {
  return [kind.name, ...(parent === undefined ? [] : [parent]), id].join("/");
}

/** The path of its collection. */
export function collectionPath(kind: Kind, parent: string | undefined): string {
  if (kind.path === undefined) throw new Error(`${kind.name} has no path`);
  return kind.path.replace("{parent}", encodeURIComponent(parent ?? ""));
}

/** The path of a resource. */
export function pathOf({ kind, id, parent }: Ref): string {
  return `${collectionPath(kind, parent)}/${encodeURIComponent(id)}`;
}
