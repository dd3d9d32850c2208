// A client of the HTTP API as a provisioning system would write one: JSON in, JSON out, problems (RFC 9457) as errors.

import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";

const PAUSE_MS = 200;

const Written = z.looseObject({ id: z.string(), change: z.string() });
/** A resource as the API answers a write: its id, and the change whose receipt can be asked for. */
export type Written = z.infer<typeof Written>;

const Deleted = z.looseObject({ change: z.string() });

const Receipt = z.looseObject({
  state: z.enum(["accepted", "published", "live"]),
  hosts: z.looseObject({ total: z.number(), live: z.number() }),
  tors: z.looseObject({ total: z.number(), seen: z.number() }).optional(),
  summary: z.string(),
});
export type Receipt = z.infer<typeof Receipt>;

const Problem = z.looseObject({
  title: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.looseObject({ field: z.string().optional(), reason: z.string().optional() })).optional(),
});

export type Api = {
  create(path: string, body: object): Promise<Written>;
  change(path: string, patch: object): Promise<Written>;
  act(path: string, body: object): Promise<Written>;
  remove(path: string): Promise<{ change: string }>;
  /** The receipt once the change is live, or seen at every ToR too; or what it is when the patience ends. */
  receipt(change: string, patienceMs: number, until?: "live" | "seen"): Promise<Receipt>;
};

/** How long one request may wait in the API: well below the timeouts of gateways and functions. */
const WAIT_MS = 8000;

/** `token` is a provisioning system's, sent with every request. */
export function createApi(baseUrl: string, token: string, nowMs: () => number): Api {
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { "content-type": type } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(40_000),
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as unknown;
    throw new Error(`${method} ${path} was answered ${response.status}: ${explain(text)}`);
  };
  return {
    create: async (path, body) => Written.parse(await call("POST", path, body)),
    change: async (path, patch) => Written.parse(await call("PATCH", path, patch)),
    act: async (path, body) => Written.parse(await call("POST", path, body)),
    remove: async (path) => Deleted.parse(await call("DELETE", path)),
    async receipt(change, patienceMs, until = "live") {
      const end = nowMs() + patienceMs;
      for (;;) {
        const waitMs = Math.round(Math.min(WAIT_MS, Math.max(0, end - nowMs())));
        const receipt = Receipt.parse(await call("GET", `/v1/changes/${change}?wait=${until}&timeoutMs=${waitMs}`));
        const { state, tors = { seen: 0, total: 0 } } = receipt;
        const isThere = state === "live" && (until === "live" || tors.seen === tors.total);
        if (isThere || nowMs() >= end) return receipt;
        // What is told and not yet seen is answered at once.
        await sleep(PAUSE_MS);
      }
    },
  };
}

function explain(text: string): string {
  try {
    const { title, detail, errors = [] } = Problem.parse(JSON.parse(text));
    const fields = errors.map(({ field, reason }) => [field, reason].filter(Boolean).join(" "));
    return [title, detail, ...fields].filter(Boolean).join("; ");
  } catch {
    return text.slice(0, 300);
  }
}
