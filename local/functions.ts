// The template's functions, each as its unmodified bundle in a worker thread with the environment that the template
// gives it. Unlike Lambda, one worker serves concurrent invocations; as in Lambda, an invocation that exceeds its
// timeout ends the environment, and the next invocation gets a fresh one.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { LOCAL_REGION } from "./cloudformation.ts";
import { type FunctionPlan, logName } from "./plan.ts";

/** Any credentials will do for the local engine; they name nobody. */
export const LOCAL_CREDENTIALS = { accessKeyId: "local", secretAccessKey: "local" } as const;

export type LocalFunctions = {
  /** Invokes and returns the function's answer; rejects with FunctionFailure. */
  invoke: (name: string, event: unknown) => Promise<unknown>;
  /** Invokes without an answer, and again if it fails, as often as the template says. */
  invokeAsync: (name: string, event: unknown) => void;
  /** Resolves when no asynchronous invocation is under way. */
  idle: () => Promise<void>;
  close: () => Promise<void>;
};

/** A function threw, exceeded its time, or its environment ended. */
export class FunctionFailure extends Error {
  override readonly name = "FunctionFailure";
}

export type FunctionsOptions = {
  functions: readonly FunctionPlan[];
  dynamodbUrl: string;
  iotDataPlaneUrl: string;
  log: (line: string) => void;
};

/** Lambda waits a minute before the first retry of an asynchronous event; nobody at a terminal would. */
const ASYNC_RETRY_MS = 1000;

type Waiting = { resolve: (answer: unknown) => void; reject: (error: Error) => void; timer: NodeJS.Timeout };
type Environment = { worker: Worker; waiting: Map<string, Waiting> };
type FromWorker =
  | { ready: true }
  | { id: string; answer: string }
  | { id: string; failure: { name: string; message: string; stack?: string } };

/** Starts no worker yet: each starts with its first invocation. */
export function localFunctions(options: FunctionsOptions): LocalFunctions {
  const plans = new Map(options.functions.map((plan) => [plan.name, plan]));
  const environments = new Map<string, Environment>();
  const underWay = new Set<Promise<void>>();
  const closing = new AbortController();

  const environmentOf = (plan: FunctionPlan): Environment => {
    const running = environments.get(plan.name);
    if (running) return running;
    const environment: Environment = { worker: startWorker(plan, options), waiting: new Map() };
    environments.set(plan.name, environment);
    environment.worker.on("message", (message: FromWorker) => settle(environment, message));
    environment.worker.on("error", (error) => end(plan, environment, `ended: ${error.message}`));
    environment.worker.on("exit", () => end(plan, environment, "ended"));
    return environment;
  };

  const end = (plan: FunctionPlan, environment: Environment, reason: string): void => {
    if (environments.get(plan.name) === environment) environments.delete(plan.name);
    for (const waiting of environment.waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new FunctionFailure(`${logName(plan.name)} ${reason}`));
    }
    environment.waiting.clear();
  };

  const invoke = (name: string, event: unknown): Promise<unknown> => {
    const plan = plans.get(name);
    if (!plan) return Promise.reject(new Error(`there is no function ${name}`));
    if (closing.signal.aborted) return Promise.reject(new FunctionFailure(`${name}: the runtime is being closed`));
    const environment = environmentOf(plan);
    return new Promise((resolve, reject) => {
      const id = randomUUID();
      const timer = setTimeout(() => {
        options.log(`${logName(name)}: timed out after ${plan.timeoutMs / 1000} s`);
        end(plan, environment, `timed out after ${plan.timeoutMs / 1000} s`);
        void environment.worker.terminate();
      }, plan.timeoutMs);
      environment.waiting.set(id, { resolve, reject, timer });
      environment.worker.postMessage({ id, event: JSON.stringify(event), deadlineAtMs: Date.now() + plan.timeoutMs });
    });
  };

  const invokeWithRetries = async (name: string, event: unknown): Promise<void> => {
    const retries = plans.get(name)?.asyncRetries ?? 0;
    for (let retry = 0; ; retry++) {
      try {
        await invoke(name, event);
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
    invoke,
    invokeAsync(name, event) {
      const invocation = invokeWithRetries(name, event).finally(() => underWay.delete(invocation));
      underWay.add(invocation);
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    async close() {
      closing.abort();
      const workers = [...environments.values()].map(({ worker }) => worker.terminate());
      await Promise.all([...workers, ...underWay]);
    },
  };
}

function settle(environment: Environment, message: FromWorker): void {
  if ("ready" in message) return;
  const waiting = environment.waiting.get(message.id);
  if (!waiting) return;
  environment.waiting.delete(message.id);
  clearTimeout(waiting.timer);
  if ("answer" in message) return waiting.resolve(JSON.parse(message.answer) as unknown);
  const { name, message: text, stack } = message.failure;
  const failure = new FunctionFailure(`${name}: ${text}`);
  if (stack) failure.stack = stack;
  waiting.reject(failure);
}

function startWorker(plan: FunctionPlan, options: FunctionsOptions): Worker {
  const worker = new Worker(new URL("./function-worker.mjs", import.meta.url), {
    workerData: {
      moduleUrl: pathToFileURL(plan.module).href,
      exportName: plan.exportName,
      functionName: plan.name,
      memoryMb: plan.memoryMb,
    },
    env: environmentVariables(plan, options),
    // Not the TypeScript loader of this process: the bundle must run on Node alone.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: plan.memoryMb },
    stdout: true,
    stderr: true,
  });
  for (const stream of [worker.stdout, worker.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n"))
        if (line.trim() && !isMetric(line)) options.log(`${logName(plan.name)}: ${line}`);
    });
  return worker;
}

/** Lines in CloudWatch's embedded metric format, which in the cloud become metrics and which nobody reads here. */
function isMetric(line: string): boolean {
  return line.startsWith('{"_aws":') && line.includes('"CloudWatchMetrics"');
}

/** What Lambda's runtime and the template set, and the SDK's own settings that lead it to this machine. */
function environmentVariables(plan: FunctionPlan, options: FunctionsOptions): Record<string, string> {
  return {
    TZ: ":UTC",
    AWS_REGION: LOCAL_REGION,
    AWS_DEFAULT_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    AWS_LAMBDA_FUNCTION_NAME: plan.name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(plan.memoryMb),
    // In the cloud they run on Node.js 22; this machine's Node is the user's choice.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    // The user's own AWS configuration must not reach the functions.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_ENDPOINT_URL_DYNAMODB: options.dynamodbUrl,
    AWS_ENDPOINT_URL_IOT_DATA_PLANE: options.iotDataPlaneUrl,
    ...plan.environment,
  };
}
