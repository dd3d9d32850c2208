// Waiting in a request, in one place: how long a caller may ask for, and looking again until it is so or the time is up.
// What is looked at, and when it is enough, is the operation's.

import { z } from "@hono/zod-openapi";
import type { Clock } from "./execute.ts";

/** The longest wait, ms: under the 30 s after which API Gateway gives up on us. */
export const MAX_WAIT_MS = 25_000;

/** Pauses between two looks, ms: each twice the one before, up to `longest`. */
export type Pauses = { readonly first: number; readonly longest: number };

const GROWING: Pauses = { first: 100, longest: 1000 };

/** A query parameter of milliseconds from 0 to `mostMs`, which is the default too; the operation fills that in. */
export function waitParameter(description: string, mostMs = MAX_WAIT_MS) {
  const reason = `must be a whole number of milliseconds from 0 to ${mostMs}`;
  return z
    .string()
    .regex(/^\d{1,5}$/, reason)
    .transform(Number)
    .refine((ms) => ms <= mostMs, reason)
    .optional()
    .openapi({ type: "integer", minimum: 0, maximum: mostMs, default: mostMs, description, example: 10_000 });
}

/** What a look found: the answer as it is now, and whether waiting longer could make it better. */
export type Look<T> = { readonly enough: boolean; readonly answer: T };

/**
 * The first answer that is enough, or the one that there is after `withinMs`. `look` is given the time until which it may
 * go on by itself; it is called at least once.
 */
export async function answerWithin<T>(
  clock: Clock,
  { withinMs, pauses = GROWING }: { readonly withinMs: number; readonly pauses?: Pauses },
  look: (deadlineMs: number) => Promise<Look<T>>,
): Promise<T> {
  const deadlineMs = clock.now() + withinMs;
  for (let pauseMs = pauses.first; ; pauseMs = Math.min(pauses.longest, pauseMs * 2)) {
    const { enough, answer } = await look(deadlineMs);
    const leftMs = deadlineMs - clock.now();
    if (enough || leftMs <= 0) return answer;
    await clock.sleep(Math.min(pauseMs, leftMs));
  }
}
