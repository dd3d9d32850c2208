// HTTP as the commands need it: the token, patience with 429, 503 and a broken connection where a retry is safe, and one
// failure for "no answer". No message here ever holds a header.

import { EXIT } from "./exit-code.ts";
import { Failure } from "./failure.ts";
import type { Settings } from "./settings.ts";
import type { World } from "./world.ts";

const ATTEMPTS = 5;
const LONGEST_PAUSE_MS = 10_000;
const FIRST_PAUSE_MS = 200;

export type Transport = (request: Request) => Promise<Response>;

export function createTransport(
  { api, token, from }: Settings,
  { fetch, sleep, interrupted }: Pick<World, "fetch" | "sleep" | "interrupted">,
): Transport {
  return async (request) => {
    for (let attempt = 1; ; attempt++) {
      const last = attempt === ATTEMPTS || interrupted.aborted || !isSafeToRepeat(request);
      const answer = await once(request).catch((cause: unknown) => {
        if (last) throw unreachable(api, from, cause);
        return undefined;
      });
      const busy = answer === undefined || answer.status === 429 || answer.status === 503;
      if (answer && (!busy || last)) return answer;
      await answer?.arrayBuffer();
      await sleep(pauseMs(answer, attempt));
    }
  };

  function once(request: Request): Promise<Response> {
    const copy = new Request(request.clone(), {
      // Nobody else is to be told the token.
      redirect: "error",
      signal: AbortSignal.any([request.signal, interrupted]),
    });
    if (token !== undefined) copy.headers.set("authorization", `Bearer ${token}`);
    return fetch(copy);
  }
}

function isSafeToRepeat({ method, headers }: Request): boolean {
  return method === "GET" || headers.has("idempotency-key");
}

function pauseMs(answer: Response | undefined, attempt: number): number {
  const askedSec = Number(answer?.headers.get("retry-after") ?? Number.NaN);
  const ms = Number.isFinite(askedSec) ? askedSec * 1000 : FIRST_PAUSE_MS * 2 ** (attempt - 1);
  return Math.min(ms, LONGEST_PAUSE_MS);
}

function unreachable(api: string, from: string, cause: unknown): Failure {
  const next = ["is it running, and is that its address? set it with OVERSPAN_API, --api or a context"];
  return new Failure(EXIT.unreachable, `no answer from ${api} (from ${from}): ${reasonOf(cause)}`, next, { cause });
}

/** fetch says "fetch failed" and hides the reason in its cause. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = (inner as { code?: unknown }).code;
  if (typeof code === "string") return code;
  return inner instanceof Error ? inner.message : "unknown reason";
}
