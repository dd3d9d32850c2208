// The template's functions, by name: each has at most one environment at a time, made when it is first needed and made
// anew after it ended. Asynchronous invocations (of IoT rules) are repeated as often as the template says.

import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type FunctionEnvironment, FunctionFailure, startEnvironment } from "./function-environment.ts";
import type { Credentials } from "./object-store.ts";
import { type FunctionPlan, logName } from "./plan.ts";
import { waitingRoom } from "./waiting-room.ts";

export type LocalFunctions = {
  /** Loads every bundle in the background, so that no first request waits for it. */
  warm: () => void;
  /** Invokes and returns the function's answer; rejects with FunctionFailure. */
  invoke: (name: string, event: unknown) => Promise<unknown>;
  /** Invokes without an answer, and again if it fails, as often as the template says. */
  invokeAsync: (name: string, event: unknown) => void;
  /**
   * Ends the function's environment in the middle of what it does, as happens to Lambda's: the next invocation gets a new one.
   * @returns how many invocations that interrupted
   */
  kill: (name: string) => number;
  /** Resolves when no asynchronous invocation is under way. */
  idle: () => Promise<void>;
  close: () => Promise<void>;
};

export type FunctionsOptions = {
  functions: readonly FunctionPlan[];
  dynamodbUrl: string;
  iotDataPlaneUrl: string;
  iotUrl: string;
  kmsUrl: string;
  /** What hosts that join are told. */
  broker: { url: string; caPem: string };
  s3Url: string;
  /** Whose tokens the API takes. */
  tokens: { issuer: string; audience: string; keysUrl: string };
  credentials: Credentials;
  log: (line: string) => void;
};

/** Lambda waits a minute before the first retry of an asynchronous event; nobody at a terminal would. */
const ASYNC_RETRY_MS = 1000;

export function localFunctions(options: FunctionsOptions): LocalFunctions {
  const plans = new Map(options.functions.map((plan) => [plan.name, plan]));
  const environments = new Map<string, FunctionEnvironment>();
  const underWay = new Set<Promise<void>>();
  const closing = new AbortController();
  // Each event that waits to be tried again listens: of a fleet that lost its broker hundreds do.
  setMaxListeners(Number.POSITIVE_INFINITY, closing.signal);
  const rooms = new Map(options.functions.map(({ name, atOnce }) => [name, waitingRoom(atOnce)]));

  const environmentOf = (plan: FunctionPlan): FunctionEnvironment => {
    const running = environments.get(plan.name);
    if (running) return running;
    const environment = startEnvironment({ ...options, plan, ended: () => environments.delete(plan.name) });
    environments.set(plan.name, environment);
    return environment;
  };

  const invoke = async (name: string, event: unknown): Promise<unknown> => {
    const plan = plans.get(name);
    if (!plan) throw new Error(`there is no function ${name}`);
    if (closing.signal.aborted) throw new FunctionFailure(`${logName(name)}: the runtime is being closed`);
    return await environmentOf(plan).invoke(event);
  };

  const invokeWithRetries = async (name: string, event: unknown): Promise<void> => {
    const retries = plans.get(name)?.asyncRetries ?? 0;
    for (let retry = 0; ; retry++) {
      try {
        await rooms.get(name)?.(() => invoke(name, event));
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        const again = retry < retries;
        options.log(`${logName(name)}: ${(error as Error).message}${again ? ", trying again" : ", event dropped"}`);
        if (!again) return;
      }
      await delay(ASYNC_RETRY_MS, undefined, { signal: closing.signal }).catch(() => {});
    }
  };

  return {
    warm() {
      for (const plan of plans.values()) environmentOf(plan);
    },
    invoke,
    invokeAsync(name, event) {
      const invocation = invokeWithRetries(name, event).finally(() => underWay.delete(invocation));
      underWay.add(invocation);
    },
    kill(name) {
      if (!plans.has(name)) throw new Error(`there is no function ${name}`);
      return environments.get(name)?.kill() ?? 0;
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    async close() {
      closing.abort();
      const ending = [...environments.values()].map((environment) => environment.terminate());
      await Promise.all([...ending, ...underWay]);
    },
  };
}
