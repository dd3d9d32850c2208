// What happens, as a reader of GET /v1/events is told it, and which of it he wants. Pure.

import * as z from "zod";

export const EVENT_KINDS = ["change", "receipt", "conflict", "drift", "bgp"] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** `tenant`: whose it is; absent for what is the operator's. `data` is told as it is. */
export const Event = z.object({
  /** The same when it is told twice. */
  key: z.string(),
  kind: z.enum(EVENT_KINDS),
  /** ISO 8601. */
  at: z.string(),
  tenant: z.string().optional(),
  /** The kind of the resource that it is about, and of what is in a network or router, which one. */
  resource: z
    .object({ kind: z.string(), id: z.string(), network: z.string().optional(), router: z.string().optional() })
    .optional(),
  host: z.string().optional(),
  data: z.record(z.string(), z.unknown()),
});
export type Event = z.infer<typeof Event>;

/** A place in the log of events: an item, and how many of its events were read. */
export type Position = { readonly seq: number; readonly index: number };

export type EventFilter = {
  readonly kind?: readonly EventKind[] | undefined;
  /** Kinds of resources. */
  readonly resource?: readonly string[] | undefined;
  readonly network?: string | undefined;
  readonly host?: string | undefined;
  /** Each of them is to be its tenant. */
  readonly tenants: readonly string[];
};

/** What is nobody's, is not of any tenant: a filter by tenant leaves it out. */
export function wants({ kind, resource, network, host, tenants }: EventFilter, event: Event): boolean {
  const of = event.resource;
  return (
    (kind?.includes(event.kind) ?? true) &&
    (resource === undefined || (of !== undefined && resource.includes(of.kind))) &&
    (network === undefined || of?.network === network || (of?.kind === "network" && of.id === network)) &&
    (host === undefined || event.host === host || (of?.kind === "host" && of.id === host)) &&
    tenants.every((tenant) => event.tenant === tenant)
  );
}

export function formatPosition({ seq, index }: Position): string {
  return `${seq}-${index}`;
}

export function parsePosition(text: string): Position | undefined {
  const [, seq, index] = /^(\d{1,15})-(\d{1,6})$/.exec(text) ?? [];
  return seq === undefined || index === undefined ? undefined : { seq: Number(seq), index: Number(index) };
}
