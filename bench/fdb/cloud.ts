// The cloud of one agent of the fdb bench, a process of its own in the agent's namespace: a broker over mutual TLS that answers
// a sync with "you hold everything", and says when the agent's reports prove every channel live (decision 3).
//
// Argument: JSON of CloudOptions. Standard output: JSON lines of CloudSays.

import { readFileSync } from "node:fs";
import { createServer } from "node:tls";
import { Aedes } from "aedes";
import { Report } from "../../shared/message/report.ts";
import { SyncRequest } from "../../shared/message/sync.ts";
import { hostTopic, parseHostTopic } from "../../shared/message/topic.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import { inRange } from "../../shared/message/range.ts";
import { BROKER, type CloudKnows } from "./state.ts";
import { epochMs } from "../epoch.ts";

export type CloudOptions = { readonly file: string };

/** `live`: once for each connection of the agent. Times in milliseconds since the epoch. */
export type CloudSays = { readonly event: "ready" } | { readonly event: "live"; readonly atMs: number };

const { file } = JSON.parse(process.argv[2] ?? "{}") as CloudOptions;
const { channels, tls } = JSON.parse(readFileSync(file, "utf8")) as CloudKnows;
const waiting = new Set<string>();
const aedes = await Aedes.createBroker();
aedes.on("client", () => {
  for (const { channel, seq } of channels) if (seq > 0 && channel.startsWith("net:")) waiting.add(channel);
});
aedes.on("publish", (packet) => {
  const topic = parseHostTopic(packet.topic);
  if (topic?.lane === "sync") answer(topic.host, SyncRequest.parse(JSON.parse(packet.payload.toString())));
  if (topic?.lane === "report") take(Report.parse(JSON.parse(packet.payload.toString())));
});
createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (socket) => aedes.handle(socket)).listen(
  BROKER.port,
  BROKER.address,
  () => say({ event: "ready" }),
);
process.stdin.on("end", () => process.exit(0)).resume();

function answer(host: string, { request, from, to }: SyncRequest): void {
  const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  const held = channels.filter(({ channel }) => inRange(range, channel));
  const message = {
    v: PROTOCOL_VERSION,
    host,
    kind: "in-sync",
    channels: held.map(({ channel, seq, digest }) => ({ channel, seq, digest })),
    ...(request !== undefined && { request }),
    ...range,
  };
  const payload = Buffer.from(JSON.stringify(message));
  aedes.publish(
    { cmd: "publish", topic: hostTopic(host, "inbox"), payload, qos: 1, retain: false, dup: false },
    () => undefined,
  );
}

function take(report: Report): void {
  if (waiting.size === 0) return;
  const atMs = epochMs();
  for (const { channel, kernel } of report.channels) {
    if (kernel !== undefined && kernel === channels.find((each) => each.channel === channel)?.forwarding) {
      waiting.delete(channel);
    }
  }
  if (waiting.size === 0) say({ event: "live", atMs });
}

function say(event: CloudSays): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
