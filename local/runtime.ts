// The local runtime: the synthesised template on one machine. It synthesises, reads the plan and starts each part:
//
//   HTTP API --> functions (worker threads) --> DynamoDB's local engine --> stream pump --> functions
//   MQTT broker <-- IoT data plane <-- functions            MQTT broker --> IoT rules --> functions
//   object store <-- functions                              object store --> agents, by signed URL
//   KMS <-- functions (what must be kept of secrets)
//   token issuer <-- functions (its keys)                   npm run token --> people, by the key file

import { randomBytes } from "node:crypto";
import { currentPlan, KEPT_DIR } from "./assembly.ts";
import { type Broker, type BrokerLimits, checkBrokerPort, mqttBroker } from "./broker.ts";
import { openCertificateAuthority } from "./certificate-authority.ts";
import { startControl } from "./control.ts";
import { type DataFolder, openDataFolder } from "./data-folder.ts";
import { type DynamodbEngine, startDynamodbEngine } from "./dynamodb-engine.ts";
import { type LocalFunctions, localFunctions } from "./functions.ts";
import { LOOPBACK } from "./http-server.ts";
import { startHttpApi } from "./http-api.ts";
import { openIdentities } from "./identities.ts";
import { startIotControlPlane } from "./iot-control-plane.ts";
import { startIotDataPlane } from "./iot-data-plane.ts";
import { findJava } from "./java.ts";
import { parseIotPolicy } from "./iot-policy.ts";
import { startKms } from "./kms.ts";
import { startObjectStore } from "./object-store.ts";
import { startIotRules } from "./iot-rules.ts";
import { logName, type Plan } from "./plan.ts";
import { startPumps } from "./pumps.ts";
import { everyByTimer, startSchedules } from "./schedules.ts";
import type { Pump } from "./stream-pump.ts";
import { startTokenIssuer, type TokenOrder } from "./token-issuer.ts";

export type LocalOptions = {
  /** Where state survives a restart; absent: in memory. */
  dataDir?: string;
  /** 0: any free port. */
  apiPort: number;
  brokerPort: number;
  /** The address that hosts reach the broker at; default 127.0.0.1. */
  brokerHost?: string;
  brokerLimits?: Partial<BrokerLimits>;
  controlPort: number;
  /** Of the object store, on `brokerHost`; default any free port. */
  storePort?: number;
  /** Other handlers than the repository's, for tests of the runtime itself: a folder with `<name>/lambda.ts`. */
  functionsDir?: string;
  environment?: NodeJS.ProcessEnv;
  /** For tests that make the store fail: given the engine's URL, the URL that the functions are to use. */
  storeBehind?: (engineUrl: string) => Promise<string>;
  log: (line: string) => void;
};

export type LocalRuntime = {
  apiUrl: string;
  brokerUrl: string;
  controlUrl: string;
  /** A token for the API, by default an operator's. */
  token: (order?: TokenOrder) => Promise<string>;
  /** What `npm run token -- --key` signs with, while this runs. */
  tokenKeyFile: string;
  /** A token for `overspan-agent join`, from the API; rejects if there is no such host. */
  joinToken: (host: string) => Promise<string>;
  broker: { stop: () => Promise<void>; start: () => Promise<void> };
  /**
   * Ends the environment of the function with this name in the log, whatever it does just then.
   * @returns how many invocations that interrupted
   */
  killFunction: (name: string) => number;
  /** Kills the store as SIGKILL does and starts it from its disk. @throws if its state is in memory */
  restartStore: () => Promise<void>;
  /** Resolves when everything written so far has been through the stream, and hosts' messages through the rules. */
  settled: () => Promise<void>;
  /** Resolves with the reason if a part ends by itself; the runtime is of no use then, but close() still tidies up. */
  failed: Promise<string>;
  close: () => Promise<void>;
};

/** Starts everything; on failure ends what it had started. StartFailure if the user can mend the reason. */
export async function startLocal(options: LocalOptions): Promise<LocalRuntime> {
  const closers: (() => Promise<void>)[] = [];
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= closeAll(closers));
  try {
    return await start(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  // The last that was started is the first to go: nothing loses what it still needs.
  for (const closer of closers.reverse()) await closer().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, "not everything could be ended");
}

async function start(
  options: LocalOptions,
  closers: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<LocalRuntime> {
  const { log } = options;
  const nowMs = () => performance.now();
  // The servers come up first, since a busy port is the most likely fault and Java takes seconds; until `parts` is
  // there they answer 503.
  let parts: { functions: LocalFunctions; plan: Plan; pumps: Pump[] } | undefined;
  const invokeApi = (event: unknown) =>
    parts ? parts.functions.invoke(parts.plan.apiFunction, event) : Promise.resolve(STARTING);
  const wrote = () => parts?.pumps.forEach((pump) => pump.nudge());
  const api = await startHttpApi({ port: options.apiPort, invoke: invokeApi, wrote, nowMs: Date.now, log });
  closers.push(api.close);

  const folder = await openDataFolder(options.dataDir);
  closers.push(folder.close);
  const issuer = await startTokenIssuer({ keyFile: folder.tokenKeyFile, now: Date.now, log });
  closers.push(issuer.close);
  const authority = await openCertificateAuthority({ store: folder.secrets, now: Date.now });
  const identities = await openIdentities(folder.secrets);
  const lateBroker: { current?: Broker } = {};
  const control = await startControl({
    port: options.controlPort,
    broker: {
      start: async () => await lateBroker.current?.start(),
      stop: async () => await lateBroker.current?.stop(),
      running: () => lateBroker.current?.running() ?? false,
    },
    deadLetters: folder.deadLetters,
    log,
  });
  closers.push(control.close);
  await checkBrokerPort(options.brokerHost ?? LOOPBACK, options.brokerPort);

  const [plan, engine] = await startEngineAndSynthesize(options, folder, closers);
  const broker = mqttBroker({
    host: options.brokerHost ?? LOOPBACK,
    port: options.brokerPort,
    policy: parseIotPolicy(plan.hostPolicy.document),
    policyName: plan.hostPolicy.name,
    identities,
    tls: { ...(await authority.serve([options.brokerHost ?? LOOPBACK, "localhost"])), caPem: authority.caPem },
    ...(options.brokerLimits ? { limits: options.brokerLimits } : {}),
    nowMs,
    log,
  });
  closers.push(broker.stop);
  const dataPlane = await startIotDataPlane({ broker, log });
  closers.push(dataPlane.close);
  const controlPlane = await startIotControlPlane({ authority, identities, log });
  closers.push(controlPlane.close);
  const kms = await startKms({ store: folder.secrets, keys: plan.keys, log });
  closers.push(kms.close);

  // Of this run alone: who is not a function can sign nothing.
  const credentials = { accessKeyId: "local", secretAccessKey: randomBytes(24).toString("base64url") };
  const objects = await startObjectStore({
    host: options.brokerHost ?? LOOPBACK,
    port: options.storePort ?? 0,
    credentials,
    buckets: () => plan.buckets,
    nowMs: Date.now,
    log,
  });
  closers.push(objects.close);

  // Started before the functions, which tell hosts where it is.
  await broker.start();
  lateBroker.current = broker;
  const functions = localFunctions({
    functions: plan.functions,
    dynamodbUrl: (await options.storeBehind?.(engine.url)) ?? engine.url,
    iotDataPlaneUrl: dataPlane.url,
    iotUrl: controlPlane.url,
    kmsUrl: kms.url,
    broker: { url: broker.url(), caPem: authority.caPem },
    s3Url: objects.url,
    tokens: issuer,
    credentials,
    log,
  });
  closers.push(functions.close);
  functions.warm();
  startIotRules(plan.rules, broker, functions.invokeAsync);
  closers.push(startSchedules(plan.schedules, everyByTimer, functions.invokeAsync));
  const pumps = await startPumps({ plan, engine, folder, credentials, functions, nowMs, log }, closers);
  parts = { functions, plan, pumps };
  log(`the template runs: ${plan.functions.length} functions, ${plan.rules.length} rules, ${pumps.length} stream`);

  const failed = engine.died.then((reason) => `DynamoDB's local engine ended: ${reason}`);
  return {
    apiUrl: api.url,
    brokerUrl: broker.url(),
    controlUrl: control.url,
    token: issuer.mint,
    tokenKeyFile: folder.tokenKeyFile,
    joinToken: async (host) => joinToken(api.url, host, await issuer.mint({ subject: "local" })),
    broker: { start: broker.start, stop: broker.stop },
    killFunction(name) {
      const victim = plan.functions.find((each) => logName(each.name) === name);
      if (!victim) throw new RangeError(`there is no function ${name}`);
      return functions.kill(victim.name);
    },
    restartStore: engine.restart,
    async settled() {
      await functions.idle();
      await Promise.all(pumps.map((pump) => pump.settled()));
    },
    failed,
    close,
  };
}

/** Both take seconds, and neither needs the other. */
async function startEngineAndSynthesize(
  options: LocalOptions,
  folder: DataFolder,
  closers: (() => Promise<void>)[],
): Promise<[Plan, DynamodbEngine]> {
  const { log, environment = process.env } = options;
  // Asked first, so that who has no Java need not wait for a synthesis to be told.
  const java = await findJava(environment);
  const starting = startDynamodbEngine({ java, databaseDir: folder.databaseDir, environment }).then((engine) => {
    // Registered here, so that it is ended also if the synthesis fails.
    closers.push(engine.close);
    log(`DynamoDB's local engine answers at ${engine.url}, data ${folder.databaseDir ?? "in memory"}`);
    return engine;
  });
  const { functionsDir } = options;
  const sources = functionsDir ? { functionsDir } : { keptDir: KEPT_DIR };
  const synthesizing = currentPlan({ outDir: folder.templateDir, ...sources, log });
  const [engine, plan] = await Promise.allSettled([starting, synthesizing]);
  if (engine.status === "rejected") throw engine.reason;
  if (plan.status === "rejected") throw plan.reason;
  return [plan.value, engine.value];
}

const STARTING = { statusCode: 503, headers: { "retry-after": "1" }, body: '{"message":"starting"}\n' };

async function joinToken(apiUrl: string, host: string, operator: string): Promise<string> {
  const response = await fetch(`${apiUrl}/v1/hosts/${encodeURIComponent(host)}/join-tokens`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${operator}` },
    body: "{}",
  });
  const { token, detail } = (await response.json()) as { token?: string; detail?: string };
  if (token === undefined) throw new Error(`no join token for ${host}: ${detail ?? response.status}`);
  return token;
}
