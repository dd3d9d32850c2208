// Which hosts a write concerns by itself, and the waves that follow: those of canary hosts first. Pure. What reaches all
// hosts of a network or router in one channel (networks, routers, prefixes) concerns no host by itself: it cannot be a
// canary's.

export type AskedWrite = {
  method: "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  body?: Record<string, unknown> | undefined;
  ifMatch?: string | undefined;
};
export type AskedWave = { name?: string | undefined; writes: AskedWrite[] };

/** An endpoint whose host must be looked up, since the write does not say it. */
export type PlacedEndpoint = { network: string; id: string; at: "host" | "next" };

type Concern = string | PlacedEndpoint;

const HOST = /^\/v1\/hosts\/([^/:?]+)(\?|$)/;
const HOSTS = /^\/v1\/hosts(\?|$)/;
const ENDPOINTS = /^\/v1\/networks\/([^/:?]+)\/endpoints(:batch)?(\?|$)/;
const ENDPOINT = /^\/v1\/networks\/([^/:?]+)\/endpoints\/([^/:?]+)(?::(\w+))?(\?|$)/;

/** The hosts that a write concerns: by name, or by an endpoint that is there. */
export function concernOf({ path, body = {} }: AskedWrite): Concern[] {
  const [, host] = HOST.exec(path) ?? [];
  if (host !== undefined) return [host];
  if (HOSTS.test(path)) return textOf(body["id"]);
  const [, network = "", batch] = ENDPOINTS.exec(path) ?? [];
  if (network !== "") return batch === undefined ? textOf(body["host"]) : itemsOf(network, body["items"]);
  const [, of = "", id = "", verb] = ENDPOINT.exec(path) ?? [];
  if (of === "") return [];
  const named = textOf(body["host"]);
  return named.length > 0 ? named : [{ network: of, id, at: verb === "activateMove" ? "next" : "host" }];
}

function itemsOf(network: string, items: unknown): Concern[] {
  if (!Array.isArray(items)) return [];
  return items.flatMap((item: { op?: unknown; id?: unknown; endpoint?: { host?: unknown } }): Concern[] =>
    item?.op === "delete"
      ? textOf(item.id).map((id): Concern => ({ network, id, at: "host" }))
      : textOf(item?.endpoint?.host),
  );
}

function textOf(value: unknown): string[] {
  return typeof value === "string" ? [value] : [];
}

/**
 * The writes of canary hosts, then the others, each in their order. `mixed`: one concerns canary hosts and others at once,
 * by its index. `none`: no write concerns a canary host.
 */
export function canaryFirst(
  writes: readonly { write: AskedWrite; hosts: readonly string[] }[],
  canaries: ReadonlySet<string>,
): { kind: "waves"; waves: AskedWave[] } | { kind: "mixed"; at: number } | { kind: "none" } {
  const parts = writes.map(({ hosts }) => {
    const inside = hosts.filter((host) => canaries.has(host)).length;
    return inside === 0 ? "rest" : inside === hosts.length ? "canary" : "mixed";
  });
  const at = parts.indexOf("mixed");
  if (at >= 0) return { kind: "mixed", at };
  const of = (part: string) => writes.flatMap(({ write }, index) => (parts[index] === part ? [write] : []));
  const [canary, rest] = [of("canary"), of("rest")];
  if (canary.length === 0) return { kind: "none" };
  const waves = [{ name: "canary", writes: canary }, ...(rest.length > 0 ? [{ name: "rest", writes: rest }] : [])];
  return { kind: "waves", waves };
}
