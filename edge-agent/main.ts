// overspan-agent: the command line, and the one place that makes real sockets, clocks and files.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startAgent } from "./agent.ts";
import { createSpeaker } from "./bgp/speaker.ts";
import { createTcpTransport } from "./bgp/transport.ts";
import type { Clock } from "./clock.ts";
import { DEFAULT_SOCKET, readConfig } from "./config.ts";
import { connectBroker } from "./intent/mqtt.ts";
import { openReplicaFiles } from "./intent/replica-files.ts";
import { answerShow, showHelp } from "./local/show.ts";
import { askSocket, serveSocket } from "./local/socket.ts";
import { createDiary } from "./log.ts";
import { createNetlinkKernel } from "./netlink/kernel.ts";

const HELP = `overspan-agent: VXLAN and BGP EVPN on this host, as the cloud wants it

usage:
  overspan-agent run --config FILE      run in the foreground until SIGTERM or SIGINT; forwarding goes on after it ends
  overspan-agent show VIEW [NAME]       show what a running agent knows
  overspan-agent --help | --version

views:
${showHelp()}

options:
  --config FILE    run: the config file, JSON (docs/agent.md)
  --socket PATH    show: the agent's socket (default: that of --config, else ${DEFAULT_SOCKET})
  --json           show: print JSON`;

const clock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (afterMs, callback) => {
    const timer = setTimeout(callback, afterMs);
    return () => clearTimeout(timer);
  },
};

function version(): string {
  const manifest = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

async function run(configPath: string): Promise<void> {
  const config = await readConfig(configPath);
  const diary = createDiary(clock.wallMs, (line) => process.stderr.write(`${line}\n`));
  const replica = await openReplicaFiles(join(config.stateDir, "replica"));
  const kernel = await createNetlinkKernel({ log: (text: string) => diary.warn("netlink", text) });
  const agent = await startAgent({
    host: config.host,
    broker: connectBroker({ host: config.host, ...config.broker, password: config.password }, diary),
    kernel,
    replica,
    speaker: (listener) =>
      createSpeaker(
        { transport: createTcpTransport(), clock, random: Math.random, staleMs: config.staleRoutesSec * 1000 },
        listener,
      ),
    clock,
    random: Math.random,
    diary,
    identity: { version: version(), startedAtMs: clock.wallMs(), kernel: release() },
    compareEveryMs: config.compareEverySec * 1000,
  });
  const socket = await serveSocket(config.socket, (request) => answerShow(agent.view(), request));
  diary.info("started", `host ${config.host}, broker ${config.broker.url}, socket ${config.socket}`);
  const stop = (signal: string) => {
    diary.info("stopping", `${signal}; the kernel keeps forwarding`);
    Promise.all([socket.close(), agent.close()]).then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

async function show(
  words: readonly string[],
  options: { socket?: string; config?: string; json: boolean },
): Promise<void> {
  const path = options.socket ?? (options.config ? await socketOf(options.config) : DEFAULT_SOCKET);
  const answer = await askSocket(path, { command: ["show", ...words], json: options.json });
  if ("error" in answer) throw new Error(answer.error);
  console.log(answer.text);
}

/** The socket that a config file names, without needing its password file. */
async function socketOf(configPath: string): Promise<string> {
  const { socket } = JSON.parse(await readFile(configPath, "utf8")) as { socket?: string };
  return socket ?? DEFAULT_SOCKET;
}

function fail(error: unknown): never {
  console.error(`overspan-agent: ${(error as Error).message}`);
  process.exit(1);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: "string" },
      socket: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      version: { type: "boolean", default: false },
    },
  });
  const [verb, ...words] = positionals;
  if (values.version) console.log(version());
  else if (values.help || verb === undefined) console.log(HELP);
  else if (verb === "run" && values.config) await run(values.config);
  else if (verb === "run") throw new Error("run needs --config FILE");
  else if (verb === "show") {
    const { socket, config, json } = values;
    await show(words, { json, ...(socket !== undefined && { socket }), ...(config !== undefined && { config }) });
  } else throw new Error(`unknown command "${verb}"; see overspan-agent --help`);
}

main().catch(fail);
