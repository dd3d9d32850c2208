// A host that comes back while the cloud is away: what was on its disk is in its kernel and told to its ToRs.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Agent } from "../../edge-agent/agent.ts";
import { openReplicaFiles } from "../../edge-agent/intent/replica-files.ts";
import { settled, startInMemory, VTEP } from "./agent-in-memory.ts";
import { createCloudModel, endpointBody, networkBody, vtepBody } from "./intent/cloud-model.ts";

const NETWORKS = ["blue", "red"];

let dir: string;
const agents: Agent[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "overspan-boot-"));
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.close();
  await rm(dir, { recursive: true, force: true });
});

/** One life of the agent on an empty kernel, with what is on the disk. */
async function boot({ connected }: { connected: boolean }) {
  const life = await startInMemory({ connected, replica: await openReplicaFiles(join(dir, "replica")) });
  const { agent, clock, transport } = life;
  agents.push(agent);
  const turn = async () => {
    for (let round = 0; round < 40; round++) {
      clock.advance(50, transport.settle);
      await settled();
    }
  };
  const held = () => agent.view().dataplane?.networks.map(({ vni, verified }) => ({ vni, verified })) ?? [];
  return { ...life, turn, held };
}

const on = (host: string, number: number) => Object.assign({}, endpointBody(number) as object, { host });

/** A life in which the cloud tells of two networks, with an endpoint here and one elsewhere on each. */
async function firstLife() {
  const life = await boot({ connected: true });
  const cloud = createCloudModel("h1");
  const bgp = { asn: 65001, peers: [{ address: "192.0.2.254", asn: 65001 }] };
  cloud.commit("host:h1", [
    { key: "host", body: { site: "s1", vtep: VTEP, bgp } },
    ...NETWORKS.map((id) => ({ key: `network/${id}`, body: {} })),
  ]);
  for (const [at, id] of NETWORKS.entries()) {
    cloud.commit(`net:${id}`, [
      { key: "network", body: { ...networkBody, vni: 100 + at, name: id } },
      { key: "vtep/h1", body: vtepBody(VTEP) },
      { key: "vtep/h2", body: vtepBody("192.0.2.2") },
      { key: `endpoint/e${at}1`, body: on("h1", 10 * at + 1) },
      { key: `endpoint/e${at}2`, body: on("h2", 10 * at + 2) },
    ]);
  }
  life.broker.connected();
  for (const message of cloud.answer({ v: 1, have: [] })) life.inbox(message);
  await life.turn();
  expect(life.held().map(({ verified }) => verified?.remote.length)).toEqual(NETWORKS.map(() => 1));
  await agents.pop()?.close();
  return life;
}

it("agent: boots while the cloud is away -> its kernel and its routes are those of its last life", async () => {
  const before = await firstLife();
  const now = await boot({ connected: false });
  await now.turn();
  expect(now.held()).toEqual(before.held());
  expect(now.agent.view().overlay.exports.length).toBeGreaterThan(0);
  expect(now.agent.view().overlay.exports).toEqual(before.agent.view().overlay.exports);
  expect(now.agent.view().mayDelete).toBe(false);
});

it("agent: boots while the cloud is away, one file is rotten -> set aside and told; all else is as it was", async () => {
  const before = await firstLife();
  const file = join(dir, "replica", "net.red.replica");
  const octets = await readFile(file);
  const middle = octets.length >> 1;
  octets.writeUInt8(octets.readUInt8(middle) ^ 1, middle);
  await writeFile(file, octets);
  const now = await boot({ connected: false });
  await now.turn();
  expect(now.held()).toEqual(before.held().filter(({ vni }) => vni === 100));
  expect(now.diary.recent().map(({ kind }) => kind)).toContain("replica-set-aside");
  expect(await readdir(join(dir, "replica"))).toContain("net.red.replica.set-aside");
});
