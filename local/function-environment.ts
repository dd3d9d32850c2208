// One execution environment of a function: its unmodified bundle in a worker thread, with the environment variables that
// the template gives it. Unlike Lambda's it serves concurrent invocations; like Lambda's it loads the bundle before the
// clock of the first invocation starts, and it ends when an invocation exceeds its time.

import { randomUUID } from "node:crypto";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { LOCAL_REGION } from "./cloudformation.ts";
import { type FunctionPlan, logName } from "./plan.ts";

/** A function threw, exceeded its time, or its environment ended. */
export class FunctionFailure extends Error {
  override readonly name = "FunctionFailure";
}

export type FunctionEnvironment = {
  /** Rejects with FunctionFailure. */
  invoke: (event: unknown) => Promise<unknown>;
  /** Ends at once; how many invocations that interrupted. */
  kill: () => number;
  terminate: () => Promise<void>;
};

export type EnvironmentOptions = {
  plan: FunctionPlan;
  dynamodbUrl: string;
  iotDataPlaneUrl: string;
  iotUrl: string;
  kmsUrl: string;
  broker: { url: string; caPem: string };
  /** Of the object store: signed URLs lead to it too. */
  s3Url: string;
  /** Whose tokens the API takes. */
  tokens: { issuer: string; audience: string; keysUrl: string };
  /** The object store checks them; the engine takes any. */
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** Called once, when this environment can serve no more. */
  ended: () => void;
  log: (line: string) => void;
};

type Invocation = {
  id: string;
  event: string;
  resolve: (answer: unknown) => void;
  reject: (error: Error) => void;
  timer?: NodeJS.Timeout;
};
type FromWorker =
  | { ready: true }
  | { id: string; answer: string }
  | { id: string; failure: { name: string; message: string; stack?: string } };

/** Lambda gives a bundle 10 s to load; a loaded machine gets more. */
const LOAD_TIMEOUT_MS = 60_000;

/** Starts loading the bundle; invocations wait for it. */
export function startEnvironment(options: EnvironmentOptions): FunctionEnvironment {
  const { plan, log } = options;
  const invocations = new Map<string, Invocation>();
  const worker = startWorker(options);
  let state: "loading" | "ready" | "ended" = "loading";

  const end = (reason: string): void => {
    if (state === "ended") return;
    state = "ended";
    clearTimeout(loadTimer);
    options.ended();
    for (const { timer, reject } of invocations.values()) {
      clearTimeout(timer);
      reject(new FunctionFailure(`${logName(plan.name)} ${reason}`));
    }
    invocations.clear();
    void worker.terminate();
  };
  const timeOut = (what: string, afterMs: number): NodeJS.Timeout =>
    setTimeout(() => {
      log(`${logName(plan.name)}: ${what} after ${afterMs / 1000} s`);
      end(`${what} after ${afterMs / 1000} s`);
    }, afterMs);
  const loadTimer = timeOut("did not load", LOAD_TIMEOUT_MS);

  const send = (invocation: Invocation): void => {
    invocation.timer = timeOut("timed out", plan.timeoutMs);
    const { id, event } = invocation;
    worker.postMessage({ id, event, deadlineAtMs: Date.now() + plan.timeoutMs });
  };

  worker.on("message", (message: FromWorker) => {
    if (state === "ended") return;
    if ("ready" in message) {
      state = "ready";
      clearTimeout(loadTimer);
      for (const invocation of invocations.values()) send(invocation);
      return;
    }
    const invocation = invocations.get(message.id);
    if (!invocation) return;
    invocations.delete(message.id);
    clearTimeout(invocation.timer);
    settle(invocation, message);
  });
  worker.on("error", (error) => end(`ended: ${error.message}`));
  worker.on("exit", () => end("ended"));

  return {
    invoke: (event) =>
      new Promise((resolve, reject) => {
        if (state === "ended") return reject(new FunctionFailure(`${logName(plan.name)} ended`));
        const invocation: Invocation = { id: randomUUID(), event: JSON.stringify(event), resolve, reject };
        invocations.set(invocation.id, invocation);
        if (state === "ready") send(invocation);
      }),
    kill() {
      const interrupted = invocations.size;
      end("was killed");
      return interrupted;
    },
    async terminate() {
      end("ended");
      await worker.terminate();
    },
  };
}

function settle(invocation: Invocation, message: Exclude<FromWorker, { ready: true }>): void {
  if ("answer" in message) return invocation.resolve(JSON.parse(message.answer) as unknown);
  const { name, message: text, stack } = message.failure;
  const failure = new FunctionFailure(`${name}: ${text}`);
  if (stack) failure.stack = stack;
  invocation.reject(failure);
}

function startWorker(options: EnvironmentOptions): Worker {
  const { plan, log } = options;
  const worker = new Worker(new URL("./function-worker.mjs", import.meta.url), {
    workerData: {
      moduleUrl: pathToFileURL(plan.module).href,
      exportName: plan.exportName,
      functionName: plan.name,
      memoryMb: plan.memoryMb,
    },
    env: environmentVariables(options),
    // Not the TypeScript loader of this process: the bundle must run on Node alone.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: plan.memoryMb },
    stdout: true,
    stderr: true,
  });
  for (const stream of [worker.stdout, worker.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) if (line.trim() && !isMetric(line)) log(`${logName(plan.name)}: ${line}`);
    });
  return worker;
}

/** Lines in CloudWatch's embedded metric format, which in the cloud become metrics and which nobody reads here. */
function isMetric(line: string): boolean {
  return line.startsWith('{"_aws":') && line.includes('"CloudWatchMetrics"');
}

/** What Lambda's runtime and the template set, and the SDK's own settings that lead it to this machine. */
function environmentVariables(options: EnvironmentOptions): Record<string, string> {
  const { plan, dynamodbUrl, iotDataPlaneUrl, iotUrl, kmsUrl, broker, s3Url, tokens, credentials } = options;
  return {
    TZ: ":UTC",
    AWS_REGION: LOCAL_REGION,
    AWS_DEFAULT_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_LAMBDA_FUNCTION_NAME: plan.name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(plan.memoryMb),
    // In the cloud they run on Node.js 22; this machine's Node is the user's choice.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    // The user's own AWS configuration must not reach the functions.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
    AWS_ENDPOINT_URL_IOT_DATA_PLANE: iotDataPlaneUrl,
    AWS_ENDPOINT_URL_IOT: iotUrl,
    AWS_ENDPOINT_URL_KMS: kmsUrl,
    AWS_ENDPOINT_URL_S3: s3Url,
    ...plan.environment,
    // In the cloud the broker's address is the template's to know, and its CA everybody's.
    OVERSPAN_BROKER_URL: broker.url,
    OVERSPAN_BROKER_CA: broker.caPem,
    // There its issuer is a parameter of the template.
    OVERSPAN_TOKEN_ISSUER: tokens.issuer,
    OVERSPAN_TOKEN_AUDIENCE: tokens.audience,
    OVERSPAN_TOKEN_KEYS_URL: tokens.keysUrl,
  };
}
