// Results in the format that was asked for: for people a table, for programs JSON or YAML whole.

import { stringify } from "yaml";
import type { Kind, Resource } from "../resource/kind.ts";
import { refText } from "../resource/ref.ts";
import { tableLines } from "./table.ts";

export type Format = "table" | "wide" | "json" | "yaml" | "name";

/** Any value for a program; undefined if the format is for people. */
export function formatValue(value: unknown, format: Format): string | undefined {
  if (format === "json") return `${JSON.stringify(value, undefined, 2)}\n`;
  if (format === "yaml") return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
  return undefined;
}

/** A list of resources of a kind. */
export function formatList(resources: readonly Resource[], kind: Kind, format: Format): string {
  const forPrograms = formatValue(resources, format);
  if (forPrograms !== undefined) return forPrograms;
  if (format === "name") return resources.map((resource) => `${refText(kind, resource)}\n`).join("");
  if (resources.length === 0) return `no ${kind.plural}\n`;
  const columns = kind.columns.filter((column) => format === "wide" || !column.wide);
  return `${tableLines(resources, columns).join("\n")}\n`;
}

/** One resource. */
export function formatOne(resource: Resource, kind: Kind, format: Format): string {
  return formatValue(resource, format) ?? formatList([resource], kind, format);
}
