// Which endpoint of a host goes where: the fewest-endpoints target first, one that is prepared stays so. Pure.

export type Target = { host: string; endpoints: number };
export type Moving = { network: string; id: string; port?: string; next?: string };
export type Assignment = { network: string; id: string; to: string; isPrepared: boolean };

/** Each endpoint with its target; `targets` must not be empty. The same input gives the same answer. */
export function assign(endpoints: readonly Moving[], targets: readonly Target[]): Assignment[] {
  const load = new Map(targets.map(({ host, endpoints }) => [host, endpoints]));
  // A host that is no target, but that something is prepared for, does not become one.
  const add = (host: string) => load.has(host) && load.set(host, (load.get(host) ?? 0) + 1);
  const ordered = [...endpoints].sort((a, b) => key(a).localeCompare(key(b)));
  return ordered.map(({ network, id, next }) => {
    const to = next ?? lightest(load);
    add(to);
    return { network, id, to, isPrepared: next !== undefined };
  });
}

function key({ network, id }: Moving): string {
  return `${network}/${id}`;
}

function lightest(load: ReadonlyMap<string, number>): string {
  const [best] = [...load].sort(([hostA, a], [hostB, b]) => a - b || hostA.localeCompare(hostB));
  if (!best) throw new Error("no targets");
  return best[0];
}

/** What is known of a host that may be a target. */
export type Candidate = {
  id: string;
  site: string;
  /** ms since its last report; undefined: never. */
  silentMs: number | undefined;
  inSync: boolean;
};

const SILENT_AFTER_MS = 90_000;

/** Why a host is no target unless it is named; undefined if it is one. */
export function reasonNotEligible(candidate: Candidate, from: { id: string; site: string }): string | undefined {
  const { id, site, silentMs, inSync } = candidate;
  if (id === from.id) return "it is the one to be evacuated";
  if (site !== from.site) return `it is in site ${site}`;
  if (silentMs === undefined) return "it has never reported";
  if (silentMs > SILENT_AFTER_MS) return `it is offline for ${Math.round(silentMs / 1000)} s`;
  return inSync ? undefined : "it is not in sync";
}
