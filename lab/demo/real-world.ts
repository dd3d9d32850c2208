// The world of the story for real: the local runtime in this process, the lab's namespaces with FRR, and one agent
// process on each host, started from the bundle that is shipped.

import { execFile as execFileWithCallback } from "node:child_process";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildAgent } from "../../edge-agent/build.ts";
import { askSocket } from "../../edge-agent/local/socket.ts";
import { type LocalRuntime, startLocal } from "../../local/runtime.ts";
import { DAEMONS } from "../frr.ts";
import { type Lab, type LabProcess, upLab } from "../lab.ts";
import { frrDirectory, workDirectory } from "../state.ts";
import { buildTopology, DEFAULT_TOPOLOGY } from "../topology.ts";
import type { AgentSummary, World } from "./world.ts";

const execFile = promisify(execFileWithCallback);

export type RealWorldOptions = {
  readonly stateDir: string;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
};

/** The longest log kept in memory of the cloud's side, lines. */
const CLOUD_LOG_LINES = 200;
const LAST_LINES = 12;

/** Brings everything up; what a failure leaves behind is removed. */
export async function openRealWorld({ stateDir, signal, progress }: RealWorldOptions): Promise<World> {
  const cloudLog: string[] = [];
  const log = (line: string) => {
    cloudLog.push(line);
    cloudLog.splice(0, cloudLog.length - CLOUD_LOG_LINES);
  };
  // The broker listens on the lab's management address, which must be there first.
  let whenLinked: () => void = () => undefined;
  const linked = new Promise<void>((resolve) => {
    whenLinked = resolve;
  });
  const upping = upLab({ stateDir, signal, linked: whenLinked }, progress);
  const starting = Promise.race([linked, upping]).then(() => startCloud(log, progress));
  const [up, cloud, built] = await Promise.allSettled([upping, starting, buildAgent()]);
  if (up.status === "fulfilled" && cloud.status === "fulfilled" && built.status === "fulfilled" && !signal.aborted) {
    return realWorld({ lab: up.value, local: cloud.value, bundle: built.value, cloudLog });
  }
  if (up.status === "fulfilled") await up.value.down(progress);
  if (cloud.status === "fulfilled") await cloud.value.close();
  signal.throwIfAborted();
  throw [up, cloud, built].find((one) => one.status === "rejected")?.reason;
}

async function startCloud(log: (line: string) => void, progress: (line: string) => void): Promise<LocalRuntime> {
  const { rootAddress } = buildTopology(DEFAULT_TOPOLOGY).management;
  const local = await startLocal({ apiPort: 0, brokerPort: 0, brokerHost: rootAddress, controlPort: 0, log });
  progress(`the cloud's template runs on this machine: API ${local.apiUrl}, broker ${local.brokerUrl}`);
  return local;
}

type Parts = { readonly lab: Lab; readonly local: LocalRuntime; readonly bundle: string; readonly cloudLog: string[] };

function realWorld({ lab, local, bundle, cloudLog }: Parts): World {
  const agents = new Map<string, LabProcess>();
  const folder = (host: string) => join(workDirectory(lab.stateDir), host);
  const socket = (host: string) => join(folder(host), "agent.sock");
  const namespaceOf = (name: string): string => {
    const all = [...lab.machines(), ...lab.bareMetal, ...lab.hosts.map((host) => ({ ...host, name: host.id }))];
    const one = all.find((candidate) => candidate.name === name);
    if (!one) throw new RangeError(`there is no machine ${name}`);
    return one.namespace;
  };
  return {
    label: "",
    apiUrl: local.apiUrl,
    token: (tenant) => local.token({ subject: "demo", ...(tenant === undefined ? {} : { tenant, scope: "write" }) }),
    sites: lab.sites,
    hosts: lab.hosts,
    bareMetal: lab.bareMetal,
    async addMachine(spec) {
      await lab.addMachine(spec);
    },
    moveMachine: (name, host) => lab.moveMachine(name, host),
    async startAgent(host) {
      const config = await writeAgentFiles({ bundle, local, host, folder: folder(host), socket: socket(host) });
      const argv = [process.execPath, bundle, "run", "--config", config];
      const logFile = agentLog(folder(host));
      agents.set(host, await lab.spawn(namespaceOf(host), argv, { what: `agent of ${host}`, logFile }));
    },
    async killAgent(host) {
      const agent = agents.get(host);
      if (!agent) throw new RangeError(`no agent runs on ${host}`);
      agent.kill("SIGKILL");
      await agent.exited;
    },
    agentSummary: (host) => askSummary(socket(host)),
    stopBroker: () => local.broker.stop(),
    startBroker: () => local.broker.start(),
    ping: (from, ip, how) => lab.ping(namespaceOf(from), ip, how),
    startPing: (from, ip, how) => lab.startPing(namespaceOf(from), ip, how),
    torRoutes: (site) => lab.vtysh(site, "show bgp l2vpn evpn"),
    async lastWords(part) {
      const [kind, name] = part.split(" ");
      if (kind === "agent") return lastLines([agentLog(folder(name ?? ""))]);
      if (kind === "tor") return lastLines(torLogs(lab, name ?? ""));
      return cloudLog.slice(-LAST_LINES);
    },
    async close() {
      // The lab first: agents that lose their broker would only fill their logs.
      const { notes } = await lab.down(() => undefined);
      await local.close();
      return notes;
    },
  };
}

async function writeAgentFiles(agent: {
  readonly bundle: string;
  readonly local: LocalRuntime;
  readonly host: string;
  readonly folder: string;
  readonly socket: string;
}): Promise<string> {
  const { bundle, local, host, folder, socket } = agent;
  const config = join(folder, "agent.json");
  const stateDir = join(folder, "state");
  // One that was killed has its certificate still.
  if (await exists(config)) return config;
  await joinHost({ bundle, local, host, folder, config, stateDir });
  const written = JSON.parse(await readFile(config, "utf8")) as object;
  // What is of this machine only: where the lab asks the agent, and a store of snapshots without a certificate.
  await writeFile(config, `${JSON.stringify({ ...written, socket, allowPlainSnapshots: true }, null, 2)}\n`);
  return config;
}

/** As an operator does it: a token from the API, and the agent's own command. */
async function joinHost(agent: {
  readonly bundle: string;
  readonly local: LocalRuntime;
  readonly host: string;
  readonly folder: string;
  readonly config: string;
  readonly stateDir: string;
}): Promise<void> {
  const { bundle, local, host, folder, config, stateDir } = agent;
  const tokenFile = join(folder, "join-token");
  await mkdir(folder, { recursive: true });
  await writeFile(tokenFile, await local.joinToken(host), { mode: 0o600 });
  const words = ["join", "--api", local.apiUrl, "--host", host, "--token-file", tokenFile];
  await execFile(process.execPath, [bundle, ...words, "--config", config, "--state-dir", stateDir]);
  await rm(tokenFile);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function askSummary(socket: string): Promise<AgentSummary | undefined> {
  try {
    const answer = await askSocket(socket, { command: ["show", "summary"], json: true });
    return "text" in answer ? (JSON.parse(answer.text) as AgentSummary) : undefined;
  } catch {
    // Nobody listens yet, or no longer: the caller asks again until its deadline.
    return undefined;
  }
}

function agentLog(folder: string): string {
  return join(folder, "agent.log");
}

function torLogs(lab: Lab, siteId: string): string[] {
  const namespace = lab.sites.find(({ id }) => id === siteId)?.tor.namespace ?? "";
  return DAEMONS.map((daemon) => join(frrDirectory(lab.stateDir, namespace), `${daemon}.log`));
}

async function lastLines(files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return texts.flatMap((text) => text.trim().split("\n").slice(-LAST_LINES)).filter((line) => line !== "");
}
