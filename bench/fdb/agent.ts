// The whole agent as it is installed, in a namespace of the fdb bench: intent from disk, a broker over mutual TLS, the real
// kernel. Its memory is the target's, since a host runs that and not the dataplane alone. It has no ToR here.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { usageOf } from "../bgp/usage.ts";
import { epochMs } from "../epoch.ts";
import type { Figures } from "../form.ts";
import { startTalker } from "../talker.ts";
import type { CloudOptions, CloudSays } from "./cloud.ts";
import type { FdbLab } from "./lab.ts";
import { CLOUD_FILE, CONFIG_FILE, writeState } from "./state.ts";

/** After all is live: what is collected by then, stays. */
const REST_MS = 3_000;
const LIVE_WITHIN_MS = 180_000;

export type AgentSize = { readonly endpoints: number; readonly networks: number; readonly vteps: number };

/** Starts it, waits until the cloud has proof of all, and lets it rest: memory at rest, CPU of that rest. */
export async function agentAtRest(lab: FdbLab, size: AgentSize): Promise<Figures> {
  const run = await openRun(lab, size);
  const { pid } = await run.start();
  await sleep(REST_MS);
  const before = usageOf([pid]);
  await sleep(REST_MS);
  const { cpuS, rssMb } = usageOf([pid]);
  return { rssMb, idleCpuPercent: ((cpuS - before.cpuS) / (REST_MS / 1000)) * 100 };
}

/** The same from an empty kernel; then it is killed, and another one takes over what is there. */
export async function agentTwice(lab: FdbLab, size: AgentSize): Promise<Figures> {
  const run = await openRun(lab, size);
  const first = await run.start();
  const written = usageOf([first.pid]);
  await run.kill();
  const second = await run.start();
  const adopted = usageOf([second.pid]);
  await sleep(REST_MS);
  const { rssMb: restMb } = usageOf([second.pid]);
  return {
    wallS: first.wallS,
    cpuS: written.cpuS,
    againS: second.wallS,
    againCpuS: adopted.cpuS,
    rssMb: Math.max(written.peakRssMb, adopted.peakRssMb),
    restMb,
  };
}

async function openRun(lab: FdbLab, size: AgentSize) {
  const folder = await stateFolder(lab, size);
  const options: CloudOptions = { file: join(folder, CLOUD_FILE) };
  const cloud = startTalker<CloudSays>(lab.namespace, lab.program("cloud.mjs"), options);
  lab.owns(cloud.child);
  await cloud.take("ready");
  let agent: ChildProcess | undefined;
  return {
    /** From the start of the process to the report that proves all of it. */
    start: async (): Promise<{ readonly pid: number; readonly wallS: number }> => {
      const startMs = epochMs();
      const script = lab.program("agent/overspan-agent.js");
      const args = ["netns", "exec", lab.namespace, script, "run", "--config", join(folder, CONFIG_FILE)];
      // ip becomes env and that the agent, as it is started on a host, so that the pid is the agent's.
      agent = spawn("ip", args, { stdio: "ignore" });
      lab.owns(agent);
      const { atMs } = await cloud.take("live", LIVE_WITHIN_MS);
      return { pid: agent.pid as number, wallS: (atMs - startMs) / 1000 };
    },
    kill: async (): Promise<void> => {
      agent?.kill("SIGKILL");
      if (agent && agent.signalCode === null) await once(agent, "exit");
    },
  };
}

/** The state is written once for each size: nothing of a round changes it. */
async function stateFolder(lab: FdbLab, size: AgentSize): Promise<string> {
  const made = join(lab.dir, `state-${size.networks}-${size.endpoints}`);
  if (!existsSync(made)) await writeState(made, size);
  return made;
}
