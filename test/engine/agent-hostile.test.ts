// What should never happen to an agent, and does: junk in its inbox, messages replayed or out of order, a broker that
// vanishes, a replica that rotted or cannot be written, and things that are deleted while it is away or running.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeInbox } from "../../shared/message/inbox.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import { type AgentWorld, openAgentWorld, PATIENCE, type TestAgent } from "./agent-world.ts";
import { openIdentityWorld } from "../local/enrolled-host.ts";

const HOSTS = ["h1", "h2", "h3"];
let world: AgentWorld;
let h1: TestAgent;
let vni = 30_000;

beforeAll(async () => {
  world = await openAgentWorld(HOSTS);
  h1 = await world.startAgent("h1");
  await world.startAgent("h2");
}, 120_000);

afterAll(() => world.close(), 60_000);

/** A network with one endpoint on each of h1 and h2, live. */
async function network(id: string): Promise<string> {
  vni++;
  await world.must("POST", "/networks", { id, tenant: "acme", name: id, vni, subnets: ["10.0.0.0/16"] });
  await attach(id, "h1", 1);
  await world.live((await attach(id, "h2", 2))["change"]);
  return id;
}

/** The endpoint `e<number>`, with its port there already. */
function attach(net: string, host: string, number: number): Promise<Record<string, unknown>> {
  const port = `p${vni}x${number}`;
  world.kernels.get(host)?.addInterface(port, { up: true });
  const mac = `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
  const body = { id: `e${number}`, host, mac, ips: [`10.0.0.${number}`], port };
  return world.must("POST", `/networks/${net}/endpoints`, body);
}

const inSync = (agent: TestAgent) => () => agent.agent.view().intent.inSync;

describe("inbox", () => {
  const delta = (entries: unknown, more: object = {}) =>
    JSON.stringify({ v: 1, host: "h1", kind: "delta", entries, ...more });
  const entry = { channel: "net:junk", seq: 1, prev: 0, digest: "0".repeat(16), forwarding: "0".repeat(16) };
  const JUNK: readonly (readonly [string, string | Uint8Array])[] = [
    ["nothing", ""],
    ["octets that are no UTF-8", Uint8Array.from([0xff, 0xfe, 0, 1])],
    ["half a message", delta([entry]).slice(0, 40)],
    ["128 KB of one letter", "x".repeat(131_072)],
    ["JSON nested 50,000 deep", "[".repeat(50_000) + "]".repeat(50_000)],
    ["null", "null"],
    ["an array", "[]"],
    ["a kind nobody knows", JSON.stringify({ v: 1, host: "h1", kind: "constructor" })],
    ["the next protocol's version", delta([], { v: PROTOCOL_VERSION + 1 })],
    ["entries that are no list", delta("all")],
    ["a channel that is a path", delta([{ ...entry, channel: "net:../../etc", changes: [] }])],
    ["a sequence number that is none", delta([{ ...entry, seq: 1e300, changes: [] }])],
    ["a member named __proto__", `{"v":1,"host":"h1","kind":"delta","__proto__":{"entries":[]}}`],
    ["a record that is none", delta([{ ...entry, changes: [{ key: "endpoint/a", version: 1, body: { mac: 7 } }] }])],
  ];

  it.each(JUNK)("inbox: %s -> counted, reported, and followed by a sync; the kernel stays", async (_name, payload) => {
    const before = { malformed: h1.counter("inbox-malformed"), answers: answersOf(h1) };
    const kernel = JSON.stringify(await world.kernels.get("h1")?.dump());
    h1.deliver(payload);
    expect(h1.counter("inbox-malformed")).toBe(before.malformed + 1);
    await expect.poll(() => answersOf(h1), PATIENCE).toBeGreaterThan(before.answers);
    expect(JSON.stringify(await world.kernels.get("h1")?.dump())).toBe(kernel);
  });

  it("inbox: every message of its life once more, forwards and backwards -> nothing changes", async () => {
    const net = await network("replay");
    await world.must("DELETE", `/networks/${net}/endpoints/e1`);
    await world.live((await attach(net, "h1", 3))["change"]);
    const all = [...h1.received];
    for (const payload of [...all, ...all.toReversed(), ...all]) h1.deliver(payload);
    await expect.poll(inSync(h1), PATIENCE).toBe(true);
    await world.converged(net, ["h1", "h2"]);
    await world.live((await world.must("PATCH", `/networks/${net}/endpoints/e3`, { ips: ["10.0.0.33"] }))["change"]);
    await world.converged(net, ["h1", "h2"]);
  });

  it("inbox: a step that does not sum up, and one from the future -> not applied, fetched anew", async () => {
    const net = await network("diverge");
    const held = h1.agent.view().intent.channels.get(`net:${net}`);
    if (!held) throw new Error("h1 does not hold the network");
    const lie = { key: "endpoint/e2", version: 99, body: null };
    const step = { channel: `net:${net}`, prev: held.seq, seq: held.seq + 1, forwarding: held.forwarding };
    const before = { answers: answersOf(h1), gaps: h1.counter("sync-gap") };
    h1.deliver(delta([{ ...step, digest: "00000000deadbeef", changes: [lie] }]));
    expect(h1.counter("sync-diverged")).toBe(1);
    await expect.poll(() => answersOf(h1), PATIENCE).toBeGreaterThan(before.answers);
    await world.converged(net, ["h1", "h2"]);
    const answers = answersOf(h1);
    h1.deliver(delta([{ ...step, prev: held.seq + 5, seq: held.seq + 6, digest: held.digest, changes: [] }]));
    expect(h1.counter("sync-gap"), "it may be that what is before it comes yet").toBe(before.gaps);
    await expect.poll(() => h1.counter("sync-gap"), PATIENCE).toBe(before.gaps + 1);
    await expect.poll(() => answersOf(h1), PATIENCE).toBeGreaterThan(answers);
    await world.converged(net, ["h1", "h2"]);
    await world.live((await world.must("PATCH", `/networks/${net}/endpoints/e2`, { ips: ["10.0.0.22"] }))["change"]);
    await world.converged(net, ["h1", "h2"]);
  });

  it("inbox: another host's channel -> refused, and nothing of it is held", async () => {
    const channel = "host:h2";
    h1.deliver(delta([{ ...entry, channel, changes: [{ key: "network/replay", version: 1, body: {} }] }]));
    expect(h1.counter("sync-foreign")).toBe(1);
    expect([...h1.agent.view().intent.channels.keys()]).not.toContain(channel);
  });
});

describe("broker", () => {
  it("broker: gone and back ten times while endpoints are written -> every kernel is as the API says", async () => {
    const net = await network("flaky");
    const changes: unknown[] = [];
    for (let number = 10; number < 20; number++) {
      const writing = attach(net, number % 2 ? "h1" : "h2", number);
      await world.runtime.broker.stop();
      changes.push((await writing)["change"]);
      await world.runtime.broker.start();
    }
    for (const change of changes) await world.live(change);
    await world.converged(net, ["h1", "h2"]);
  });

  it("agent: a certificate of another CA -> says so once, and works from its replica", async () => {
    const net = await network("forged");
    const { key: keyPem, cert: certificatePem } = await (await openIdentityWorld()).enrol("h1");
    await h1.close();
    h1 = await world.startAgent("h1", { identity: { keyPem, certificatePem } });
    await expect.poll(() => h1.counter("broker-error"), PATIENCE).toBe(1);
    expect(h1.agent.view()).toMatchObject({ brokerConnected: false, mayDelete: false });
    await world.converged(net, ["h1"]);
    await h1.close();
    h1 = await world.startAgent("h1");
    await expect.poll(inSync(h1), PATIENCE).toBe(true);
  });

  it("agent: a clock that is a year off, either way -> its receipts count all the same", async () => {
    const net = await network("clock");
    for (const clockOffMs of [-365 * 86_400_000, 365 * 86_400_000]) {
      await h1.close();
      h1 = await world.startAgent("h1", { clockOffMs });
      const ips = [`10.0.1.${clockOffMs > 0 ? 1 : 2}`];
      await world.live((await world.must("PATCH", `/networks/${net}/endpoints/e1`, { ips }))["change"]);
    }
    await h1.close();
    h1 = await world.startAgent("h1");
    await world.live((await world.must("PATCH", `/networks/${net}/endpoints/e1`, { ips: ["10.0.1.3"] }))["change"]);
  });
});

describe("replica", () => {
  it("replica: files cut, flipped, emptied and strange ones beside them -> set aside, fetched anew", async () => {
    const net = await network("rotten");
    await h1.close();
    const dir = world.replicaDir("h1");
    const files = (await readdir(dir)).filter((name) => name.endsWith(".replica"));
    expect(files.length).toBeGreaterThan(3);
    for (const [index, name] of files.entries()) {
      const text = await readFile(join(dir, name), "utf8");
      const [first = ""] = text.split("\n", 1);
      const rotten = [first.slice(0, -10), "", text.replace(/"seq":\d+/, '"seq":999'), `${"0".repeat(16)} null\n`];
      await writeFile(join(dir, name), rotten[index % rotten.length] ?? "");
    }
    await writeFile(join(dir, "net.blue.replica.new"), "half");
    await writeFile(join(dir, "net.blue.json"), `${"0".repeat(64)}\nnull\n`);
    const before = await setAsideIn(dir);
    h1 = await world.startAgent("h1");
    const expected = [...files, "net.blue.json"].sort();
    expect(h1.counter("replica-set-aside")).toBe(expected.length);
    expect((await setAsideIn(dir)).filter((name) => !before.includes(name))).toEqual(expected);
    expect(await readdir(dir)).not.toContain("net.blue.replica.new");
    await expect.poll(inSync(h1), PATIENCE).toBe(true);
    await world.converged(net, ["h1"]);
    await world.live((await world.must("PATCH", `/networks/${net}/endpoints/e1`, { ips: ["10.0.2.1"] }))["change"]);
  });

  it("replica: a file cut within its last change -> used as it was before that, and brought up to date", async () => {
    const net = await network("torn");
    await world.live((await world.must("PATCH", `/networks/${net}/endpoints/e1`, { ips: ["10.0.2.2"] }))["change"]);
    const held = h1.agent.view().intent.channels.get(`net:${net}`)?.seq ?? 0;
    await h1.close();
    const file = join(world.replicaDir("h1"), `net.${net}.replica`);
    const text = await readFile(file, "utf8");
    expect(text.trimEnd().split("\n").at(-1), "a change, appended").toContain('{"entry":');
    await writeFile(file, text.slice(0, -10));
    h1 = await world.startAgent("h1");
    expect(h1.counter("replica-set-aside")).toBe(0);
    expect(h1.agent.view().intent.channels.get(`net:${net}`)?.seq).toBe(held - 1);
    await expect.poll(inSync(h1), PATIENCE).toBe(true);
    await world.converged(net, ["h1", "h2"]);
    expect(h1.agent.view().intent.channels.get(`net:${net}`)?.seq).toBe(held);
  });

  it("replica: the disk is full for a while -> forwarding goes on, it is reported, and written when there is room", async () => {
    const net = await network("full");
    await h1.close();
    let full = true;
    h1 = await world.startAgent("h1", {
      store: (real) => ({
        ...real,
        save: (replica) => (full ? Promise.reject(new Error("ENOSPC: no space left")) : real.save(replica)),
      }),
    });
    await world.live((await world.must("PATCH", `/networks/${net}/endpoints/e1`, { ips: ["10.0.3.1"] }))["change"]);
    await expect.poll(() => h1.counter("replica-write-failed"), PATIENCE).toBeGreaterThan(0);
    full = false;
    const file = join(world.replicaDir("h1"), `net.${net}.replica`);
    await expect.poll(() => readFile(file, "utf8"), PATIENCE).toContain("10.0.3.1");
  });
});

describe("deletion", () => {
  it("deletion: a network while the host is away -> gone from the kernel once the host is back and in sync", async () => {
    const net = await network("away");
    await h1.close();
    for (const id of ["e1", "e2"]) await world.must("DELETE", `/networks/${net}/endpoints/${id}`);
    await world.must("DELETE", `/networks/${net}`);
    const of = async () => {
      const dump = await world.kernels.get("h1")?.dump();
      return dump?.networks.filter((one) => one.vni === vni).length;
    };
    expect(await of()).toBe(1);
    h1 = await world.startAgent("h1");
    await expect.poll(of, PATIENCE).toBe(0);
    await world.must("POST", "/networks", { id: net, tenant: "acme", name: net, vni, subnets: ["10.0.0.0/16"] });
    await attach(net, "h2", 2);
    await world.live((await attach(net, "h1", 1))["change"]);
    await world.converged(net, ["h1", "h2"]);
  });

  it("deletion: a host whose agent runs -> its kernel is cleared; created again, it serves again", async () => {
    const net = await network("host-gone");
    const h3 = await world.startAgent("h3");
    await world.live((await attach(net, "h3", 5))["change"]);
    await world.must("DELETE", `/networks/${net}/endpoints/e5`);
    await world.must("DELETE", "/hosts/h3");
    await expect.poll(() => h3.agent.view().hostIntent, PATIENCE).toBeUndefined();
    await expect.poll(async () => (await world.kernels.get("h3")?.dump())?.networks, PATIENCE).toEqual([]);
    expect((await world.api("GET", "/hosts/h3")).status).toBe(404);
    await world.must("POST", "/hosts", { id: "h3", site: "ams", vtep: "192.0.2.3" });
    await world.live((await attach(net, "h3", 5))["change"]);
    await world.converged(net, HOSTS);
  });
});

/** The names of the files that were set aside, as they were before, sorted. */
async function setAsideIn(dir: string): Promise<string[]> {
  const suffix = ".set-aside";
  const names = (await readdir(dir)).filter((name) => name.endsWith(suffix));
  return names.map((name) => name.slice(0, -suffix.length)).sort();
}

/** Complete answers to a sync. */
function answersOf({ received }: TestAgent): number {
  return received.filter((payload) => decodeInbox(payload).kind === "in-sync").length;
}
