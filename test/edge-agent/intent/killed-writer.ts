// A process that writes a replica for ever, for replica-crash.test.ts to kill: `killed-writer.ts DIR FIRST_SEQ`. After
// each save it prints the seq that is durable. The history is the same in every run.

import { applyEntry, type ChannelReplica } from "../../../edge-agent/intent/replica.ts";
import { openReplicaFiles } from "../../../edge-agent/intent/replica-files.ts";
import type { LogEntry } from "../../../shared/message/inbox.ts";
import { createCloudModel, endpointBody } from "./cloud-model.ts";

const KEYS = 40;

/** The channel's log, entry by entry, always the same. */
export function* endlessLog(): Generator<LogEntry> {
  const cloud = createCloudModel("h1");
  for (let i = 0; ; i++) {
    const remove = i % 7 === 6;
    const changes = [{ key: `endpoint/e${i % KEYS}`, body: remove ? null : endpointBody(i % 250) }];
    yield cloud.commit("net:blue", changes);
  }
}

async function main(dir: string): Promise<void> {
  const store = await openReplicaFiles(dir);
  const { replicas, setAside } = await store.load();
  if (setAside.length > 0) throw new Error(JSON.stringify(setAside));
  let held: ChannelReplica | undefined = replicas[0];
  let batch: LogEntry[] = [];
  for (const entry of endlessLog()) {
    if (entry.seq <= (held?.seq ?? 0)) continue;
    const outcome = applyEntry(held, entry);
    if (outcome.kind !== "applied") throw new Error(`${outcome.kind} at ${entry.seq}`);
    held = outcome.replica;
    batch.push(entry);
    if (batch.length < 3) continue;
    await store.save(held, batch);
    batch = [];
    process.stdout.write(`${held.seq}\n`);
  }
}

const [, script, dir] = process.argv;
if (script?.endsWith("killed-writer.ts") && dir) await main(dir);
