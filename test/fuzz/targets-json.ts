// The decoders of messages over the broker, which take JSON from the other side: every fault is a value, never an exception.

import { decodeInbox, decodeJson } from "../../shared/message/inbox.ts";
import { Report } from "../../shared/message/report.ts";
import { SyncRequest } from "../../shared/message/sync.ts";
import { createCloudModel, endpointBody, networkBody, vtepBody } from "../edge-agent/intent/cloud-model.ts";
import type { Target } from "./target.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const json = (value: unknown): Uint8Array => text(JSON.stringify(value));

const KINDS = ["delta", "snapshot", "in-sync", "leave", "offer", "retry", "bundle"];
const VALUES = ["null", "true", "{}", "[]", '""', "-1", "0", "1e999", "9007199254740993", '"\\ud800"', "[[[["];
const FIELDS = ['"__proto__":{},', '"kind":', '"body":null,'];
const WORDS = [...KINDS.map((kind) => JSON.stringify(kind)), ...VALUES, ...FIELDS].map(text);

const cloud = createCloudModel("h1");
const entry = cloud.commit("net:blue", [
  { key: "network", body: networkBody },
  { key: "vtep/h1", body: vtepBody("192.0.2.1") },
  { key: "endpoint/e1", body: endpointBody(1) },
]);
const report = {
  v: 1,
  atMs: 1_700_000_000_000,
  number: 1,
  agent: { version: "0.1.0", startedAtMs: 0, kernel: "6.1" },
  inSync: true,
  channels: [{ channel: "net:blue", seq: 1, digest: "0123456789abcdef", problems: ["the kernel refused"] }],
  bgp: [{ peer: "192.0.2.254", asn: 65001, state: "Established", sinceMs: 0, routesIn: 2, routesOut: 1 }],
  counters: { "bgp-malformed-message": 1 },
  events: [{ atMs: 0, kind: "conflict", detail: "blue" }],
};

export const JSON_TARGETS: readonly Target[] = [
  target("inbox", [cloud.delta(entry), ...cloud.answer({ v: 1, have: [] })], decodeInbox),
  target("sync", [{ v: 1, have: [{ channel: "net:blue", seq: 1, digest: "0123456789abcdef" }] }], (octets) =>
    decodeJson(octets, SyncRequest),
  ),
  target("report", [report], (octets) => decodeJson(octets, Report)),
];

function target(name: string, seeds: readonly unknown[], decode: (octets: Uint8Array) => unknown): Target {
  return {
    name,
    seeds: seeds.map(json),
    words: WORDS,
    run(octets) {
      const decoded = decode(octets);
      if (decoded === undefined || decoded === null) throw new Error("neither a message nor a reason");
    },
  };
}
