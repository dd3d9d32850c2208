// The broker against hosts that misbehave, with real MQTT clients. The policy is the one that is deployed.

import { App } from "aws-cdk-lib";
import { Stack } from "aws-cdk-lib";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { addHostPolicy } from "../../infra/iot.ts";
import { type Broker, BrokerStopped, mqttBroker } from "../../local/broker.ts";
import { type Template, templateResolver } from "../../local/cloudformation.ts";
import { startIotDataPlane } from "../../local/iot-data-plane.ts";
import { parseIotPolicy } from "../../local/iot-policy.ts";
import type { LocalServer } from "../../local/http-server.ts";
import { type EnrolledHost, HOST_POLICY, type IdentityWorld, openIdentityWorld } from "../local/enrolled-host.ts";

const inbox = (host: string) => `overspan/v1/hosts/${host}/inbox`;
const report = (host: string) => `overspan/v1/hosts/${host}/report`;

let broker: Broker;
let dataPlane: LocalServer;
let nowMs = 0;
let world: IdentityWorld;
const enrolled: Record<string, EnrolledHost> = {};
const published: { topic: string; payload: string }[] = [];
const clients: MqttClient[] = [];
const log: string[] = [];

beforeAll(async () => {
  world = await openIdentityWorld();
  for (const host of ["h1", "h2"]) enrolled[host] = await world.enrol(host);
  broker = mqttBroker({
    host: "127.0.0.1",
    port: 0,
    policy: parseIotPolicy(deployedHostPolicy()),
    policyName: HOST_POLICY,
    identities: world.identities,
    tls: { ...(await world.authority.serve(["127.0.0.1"])), caPem: world.authority.caPem },
    nowMs: () => nowMs,
    log: (line) => log.push(line),
  });
  broker.onPublished("#", (topic, payload) => {
    if (topic.startsWith("overspan/")) published.push({ topic, payload: Buffer.from(payload).toString() });
  });
  await broker.start();
  dataPlane = await startIotDataPlane({ broker, log: (line) => log.push(line) });
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  published.length = 0;
  log.length = 0;
  // A second later every connection may publish again.
  nowMs += 1000;
});

afterAll(async () => {
  await dataPlane.close();
  await broker.stop();
});

function deployedHostPolicy(): unknown {
  const app = new App({ analyticsReporting: false });
  const stack = new Stack(app, "Test");
  addHostPolicy(stack);
  const template = app.synth().getStackByName("Test").template as Template;
  const resolve = templateResolver(template, { ref: (id) => id, attribute: (id) => id });
  return resolve(template.Resources.HostPolicy?.Properties?.PolicyDocument);
}

async function connect(host: string, options: Partial<IClientOptions> = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(broker.url(), {
    clientId: host,
    ...tlsOf(host),
    reconnectPeriod: 0,
    ...options,
  });
  clients.push(client);
  client.on("error", () => {});
  return client;
}

function tlsOf(host: string): Partial<IClientOptions> {
  const { key, cert, ca } = enrolled[host] ?? {};
  return { ...(key && { key }), ...(cert && { cert }), ca: ca ?? world.authority.caPem };
}

/** True if the connection ends before MQTT has said a word. */
function isCutOff(url: string, options: Partial<IClientOptions>): Promise<boolean> {
  const client = mqtt.connect(url, { clientId: "h1", reconnectPeriod: 0, ...options });
  clients.push(client);
  client.on("error", () => {});
  return new Promise((resolve) => {
    client.once("connect", () => resolve(false));
    client.once("close", () => resolve(true));
  });
}

const closed = (client: MqttClient) => new Promise<void>((resolve) => client.once("close", () => resolve()));

function inboxOf(client: MqttClient): string[] {
  const messages: string[] = [];
  client.on("message", (topic, payload) => messages.push(`${topic} ${payload.toString()}`));
  return messages;
}

/** Publishes and answers whether the broker ended the connection for it. */
async function publishIsRefused(client: MqttClient, topic: string, options: object = {}): Promise<boolean> {
  const ended = closed(client).then(() => true);
  const acknowledged = client.publishAsync(topic, "x", { qos: 1, ...options }).then(
    () => false,
    () => true,
  );
  return await Promise.race([ended, acknowledged]);
}

describe("broker: a host with its own credential", () => {
  it("broker: own inbox -> granted, and what the cloud publishes arrives", async () => {
    const client = await connect("h1");
    const messages = inboxOf(client);
    expect(await client.subscribeAsync(inbox("h1"), { qos: 1 })).toMatchObject([{ qos: 1 }]);
    await broker.publish(inbox("h1"), Buffer.from("one"), 1);
    await expect.poll(() => messages).toEqual([`${inbox("h1")} one`]);
  });

  it("broker: own sync and report -> accepted and handed to the rules", async () => {
    const client = await connect("h1");
    await client.publishAsync(report("h1"), "r", { qos: 1 });
    await client.publishAsync("overspan/v1/hosts/h1/sync", "s", { qos: 0 });
    await expect.poll(() => published.map(({ payload }) => payload)).toEqual(["r", "s"]);
  });
});

describe("broker: who may connect", () => {
  it.each<[string, Partial<IClientOptions>]>([
    ["a user name and password besides", { clientId: "h2", username: "h2", password: "guess" }],
    ["a client id that is a path", { clientId: "../h1" }],
    ["another host's client id", { clientId: "h2" }],
    ["an empty client id", { clientId: "" }],
    ["a client id that starts with its own", { clientId: "h1-2" }],
    [
      "a will on another host's report",
      { will: { topic: report("h2"), payload: Buffer.from("w"), qos: 1, retain: false } },
    ],
    ["a will on an inbox", { will: { topic: inbox("h1"), payload: Buffer.from("w"), qos: 1, retain: false } }],
    ["a retained will", { will: { topic: report("h1"), payload: Buffer.from("w"), qos: 1, retain: true } }],
  ])("broker: %s -> refused", async (_name, options) => {
    await expect(connect("h1", options)).rejects.toThrow(/Connection refused|connack/i);
  });

  it("broker: no certificate -> no connection at all", async () => {
    expect(await isCutOff(broker.url(), { ca: world.authority.caPem })).toBe(true);
    await expect.poll(() => log.join()).toMatch(/refused: .*certificate/);
  });

  it("broker: a certificate of another CA, with the same names -> no connection at all", async () => {
    const forger = await openIdentityWorld();
    const { key, cert } = await forger.enrol("h1");
    expect(await isCutOff(broker.url(), { key, cert, ca: world.authority.caPem })).toBe(true);
  });

  it("broker: no TLS -> nothing is answered", async () => {
    expect(await isCutOff(broker.url().replace("mqtts:", "mqtt:"), {})).toBe(true);
  });

  it("broker: a certificate that names h1 but is attached to h2 -> speaks for h2 only", async () => {
    const { key, cert } = await world.enrol("h2", "h1");
    await expect(connect("h1", { key, cert })).rejects.toThrow(/Not authorized/);
  });

  it("broker: a certificate that is not active, or has no policy -> refused", async () => {
    const { certificateId, key, cert } = await world.enrol("h1");
    await world.identities.setStatus(certificateId, "INACTIVE");
    await expect(connect("h1", { key, cert })).rejects.toThrow(/Not authorized/);
    await world.identities.setStatus(certificateId, "ACTIVE");
    await world.identities.detachPolicy(certificateId, HOST_POLICY);
    await expect(connect("h1", { key, cert })).rejects.toThrow(/Not authorized/);
  });

  it("broker: a certificate is revoked -> its connection ends at once and none comes again; others stay", async () => {
    const { certificateId, key, cert } = await world.enrol("h1");
    const stolen = await connect("h1", { key, cert });
    const ended = closed(stolen);
    const other = await connect("h2");
    await world.identities.setStatus(certificateId, "REVOKED");
    await ended;
    await expect(connect("h1", { key, cert })).rejects.toThrow(/Not authorized/);
    expect(other.connected).toBe(true);
  });

  it("broker: another user with h1's client id -> refused, and h1 stays connected", async () => {
    const victim = await connect("h1");
    const messages = inboxOf(victim);
    await victim.subscribeAsync(inbox("h1"), { qos: 1 });
    await expect(connect("h2", { clientId: "h1" })).rejects.toThrow(/Not authorized/);
    await broker.publish(inbox("h1"), Buffer.from("still here"), 1);
    await expect.poll(() => messages).toHaveLength(1);
    expect(victim.connected).toBe(true);
  });

  it("broker: h1 itself once more -> the old connection ends, as with AWS IoT", async () => {
    const first = await connect("h1");
    const firstClosed = closed(first);
    await connect("h1");
    await firstClosed;
  });

  it("broker: a will on its own report -> published when the connection breaks", async () => {
    const client = await connect("h1", {
      will: { topic: report("h1"), payload: Buffer.from("gone"), qos: 1, retain: false },
    });
    client.stream.destroy();
    await expect.poll(() => published).toEqual([{ topic: report("h1"), payload: "gone" }]);
  });
});

describe("broker: what a host may not subscribe to", () => {
  it.each([
    inbox("h2"),
    "#",
    "+/v1/hosts/h1/inbox",
    "overspan/v1/hosts/+/inbox",
    "overspan/v1/hosts/h1/#",
    "overspan/v1/hosts/h1/+",
    report("h1"),
    report("h2"),
    "$SYS/#",
    "$SYS/+/new/clients",
    "$dropped",
  ])("broker: %s -> SUBACK 0x80, and nothing arrives", async (filter) => {
    const client = await connect("h1");
    const messages = inboxOf(client);
    await expect(client.subscribeAsync(filter, { qos: 1 })).rejects.toThrow(/Unspecified error|128/);
    await broker.publish(inbox("h2"), Buffer.from("secret"), 1);
    await connect("h2");
    await client.subscribeAsync(inbox("h1"), { qos: 1 });
    await broker.publish(inbox("h1"), Buffer.from("last"), 1);
    await expect.poll(() => messages).toEqual([`${inbox("h1")} last`]);
  });

  it("broker: own and another's inbox in a kept session -> the other's is not kept either", async () => {
    const first = await connect("h1", { clean: false });
    await first.subscribeAsync([inbox("h1"), inbox("h2")], { qos: 1 }).catch(() => {});
    await first.endAsync();
    await broker.publish(inbox("h2"), Buffer.from("secret"), 1);
    await broker.publish(inbox("h1"), Buffer.from("mine"), 1);
    const second = mqtt.connect(broker.url(), {
      clientId: "h1",
      ...tlsOf("h1"),
      clean: false,
    });
    clients.push(second);
    const messages = inboxOf(second);
    await expect.poll(() => messages).toEqual([`${inbox("h1")} mine`]);
    await broker.publish(inbox("h2"), Buffer.from("secret"), 1);
    await broker.publish(inbox("h1"), Buffer.from("last"), 1);
    await expect.poll(() => messages).toEqual([`${inbox("h1")} mine`, `${inbox("h1")} last`]);
  });
});

describe("broker: what a host may not publish", () => {
  it.each<[string, string, object]>([
    ["another host's report", report("h2"), {}],
    ["another host's inbox", inbox("h2"), {}],
    ["its own inbox", inbox("h1"), {}],
    ["a topic of its own making", "overspan/v1/hosts/h1/report/more", {}],
    ["a system topic", "$SYS/x/new/clients", {}],
    ["a retained report", report("h1"), { retain: true }],
    ["QoS 2", report("h1"), { qos: 2 }],
  ])("broker: %s -> connection closed, nothing delivered", async (_, topic, options) => {
    const client = await connect("h1");
    expect(await publishIsRefused(client, topic, options)).toBe(true);
    expect(published).toEqual([]);
  });

  it("broker: a payload over 128 KB -> connection closed", async () => {
    const client = await connect("h1");
    const ended = closed(client);
    client.publish(report("h1"), Buffer.alloc(128 * 1024 + 1), { qos: 1 });
    await ended;
    expect(published).toEqual([]);
  });

  it("broker: more than 100 a second -> the excess is dropped, in both directions", async () => {
    const client = await connect("h1");
    const messages = inboxOf(client);
    await client.subscribeAsync(inbox("h1"), { qos: 1 });
    await Promise.all(Array.from({ length: 130 }, (_, n) => client.publishAsync(report("h1"), String(n), { qos: 1 })));
    expect(published).toHaveLength(100);
    for (let n = 0; n < 130; n++) await broker.publish(inbox("h1"), Buffer.from(String(n)), 1);
    nowMs += 1000;
    await broker.publish(inbox("h1"), Buffer.from("later"), 1);
    await expect.poll(() => messages.at(-1)).toBe(`${inbox("h1")} later`);
    expect(messages).toHaveLength(101);
  });
});

describe("IoT data plane", () => {
  const post = (path: string, body: string | Buffer = "x") =>
    fetch(`${dataPlane.url}${path}`, { method: "POST", body });

  it("IoT data plane: an encoded topic -> published", async () => {
    const response = await post(`/topics/${encodeURIComponent(inbox("h1"))}?qos=1`, "hello");
    expect([response.status, await response.json()]).toMatchObject([200, { message: "OK" }]);
    expect(published).toEqual([{ topic: inbox("h1"), payload: "hello" }]);
  });

  it.each<[string, string, number]>([
    ["a wildcard", "/topics/a%2F%2B?qos=1", 400],
    ["no topic", "/topics/?qos=1", 400],
    ["QoS 2", "/topics/a?qos=2", 400],
    ["retained", "/topics/a?qos=1&retain=true", 400],
    ["a broken escape", "/topics/%zz", 404],
    ["another call", "/things/h1/shadow", 404],
  ])("IoT data plane: %s -> an error of the service's form", async (_, path, status) => {
    const response = await post(path);
    expect(response.status).toBe(status);
    expect(response.headers.get("x-amzn-errortype")).toMatch(/Exception$/);
  });

  it("IoT data plane: over 128 KB -> 413", async () => {
    expect((await post("/topics/a?qos=1", Buffer.alloc(128 * 1024 + 1))).status).toBe(413);
  });

  it("IoT data plane: the request of a web page -> 403", async () => {
    const headers = { origin: "https://example.net" };
    expect((await fetch(`${dataPlane.url}/topics/a`, { method: "POST", headers })).status).toBe(403);
  });
});

describe("broker: stop and start", () => {
  it("broker: stopped -> connections end, nobody gets in, the data plane says 503; started -> as before", async () => {
    const url = broker.url();
    const client = await connect("h1");
    const ended = closed(client);
    await broker.stop();
    await ended;
    await expect(connect("h1", { connectTimeout: 1000 })).rejects.toThrow(/ECONNREFUSED|closed/);
    await expect(broker.publish("a", new Uint8Array(), 1)).rejects.toThrow(BrokerStopped);
    expect((await fetch(`${dataPlane.url}/topics/a`, { method: "POST", body: "x" })).status).toBe(503);
    await broker.start();
    expect(broker.url()).toBe(url);
    await (await connect("h1")).publishAsync(report("h1"), "back", { qos: 1 });
    await expect.poll(() => published).toEqual([{ topic: report("h1"), payload: "back" }]);
  });
});
