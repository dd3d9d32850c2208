// A raw BGP endpoint as a process of its own, for a namespace: connects, sends a prepared feed when told, and counts what it
// is sent without decoding it, so that it costs next to nothing beside the receiver under test.
//
// Argument: JSON of FeederOptions. Standard input: "send" or "report". Standard output: JSON lines of FeederEvent.

import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Ipv4 } from "../../shared/address/ip.ts";
import { Framer } from "../../edge-agent/bgp/wire/framer.ts";
import { Afi, AttributeCode, AttributeFlag, Safi } from "../../edge-agent/bgp/wire/iana.ts";
import {
  encodeMessage,
  HEADER_OCTETS,
  MAX_EXTENDED_MESSAGE_OCTETS,
  MAX_MESSAGE_OCTETS,
} from "../../edge-agent/bgp/wire/message.ts";
import { Reader } from "../../edge-agent/bgp/wire/reader.ts";
import { ASN } from "./feed.ts";
import { epochMs } from "../epoch.ts";

export type FeederOptions = {
  readonly to: string;
  readonly from: Ipv4;
  /** File of whole messages. */
  readonly feed?: string;
  /** Offer extended messages (RFC 8654). */
  readonly extended: boolean;
};

/** Times in milliseconds since the epoch. */
export type FeederEvent =
  | { readonly event: "established"; readonly atMs: number }
  | { readonly event: "sending"; readonly atMs: number }
  | {
      readonly event: "report";
      /** Reachable routes, and the UPDATEs that carried them. */
      readonly routes: number;
      readonly updates: number;
      readonly firstMs: number;
      readonly lastMs: number;
    };

const options = JSON.parse(process.argv[2] ?? "{}") as FeederOptions;
const feed = options.feed === undefined ? new Uint8Array(0) : readFileSync(options.feed);
const counts = { routes: 0, updates: 0, firstMs: 0, lastMs: 0 };
const framer = new Framer();
let socket: Socket | undefined;
let established = false;

connect();
setInterval(() => {
  if (established) socket?.write(encodeMessage({ type: "KEEPALIVE" }));
}, 20_000);
createInterface({ input: process.stdin })
  .on("line", (line) => (line === "send" ? send() : say({ event: "report", ...counts })))
  .on("close", () => process.exit(0));

function send(): void {
  say({ event: "sending", atMs: epochMs() });
  socket?.write(feed);
}

/** Tries until somebody answers: the receiver may not be up yet. */
function connect(): void {
  const attempt = createConnection({ host: options.to, port: 179, localAddress: options.from, noDelay: true });
  attempt.on("error", () => setTimeout(connect, 50));
  attempt.once("connect", () => {
    socket = attempt;
    attempt.write(encodeMessage({ type: "OPEN", open: ourOpen() }));
    attempt.on("data", (octets) => framer.push(octets, receive, ({ reason }) => fail(reason)));
  });
}

function ourOpen() {
  return {
    version: 4,
    asn: ASN,
    holdTimeSec: 180,
    routerId: options.from,
    capabilities: [
      { kind: "multiprotocol", afi: Afi.L2VPN, safi: Safi.EVPN },
      { kind: "route-refresh" },
      { kind: "four-octet-as", asn: ASN },
      ...(options.extended ? [{ kind: "extended-message" } as const] : []),
    ],
  } as const;
}

function receive(message: Uint8Array): boolean {
  const type = message[18];
  if (type === 1) {
    framer.maxOctets = options.extended ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS;
    socket?.write(encodeMessage({ type: "KEEPALIVE" }));
  } else if (type === 2) count(message);
  else if (type === 3) fail(`NOTIFICATION ${message[19]}/${message[20]}`);
  else if (type === 4 && !established) {
    established = true;
    say({ event: "established", atMs: epochMs() });
  }
  return true;
}

function count(message: Uint8Array): void {
  const routes = reachableRoutes(message);
  if (routes === 0) return;
  const now = epochMs();
  if (counts.routes === 0) counts.firstMs = now;
  counts.lastMs = now;
  counts.routes += routes;
  counts.updates++;
}

/** The frames in MP_REACH_NLRI (RFC 4760 3, RFC 7432 7). */
function reachableRoutes(message: Uint8Array): number {
  const reader = new Reader(message, HEADER_OCTETS);
  reader.view(reader.u16());
  const attributes = reader.sub(reader.u16());
  while (attributes.remaining > 0) {
    const flags = attributes.u8();
    const code = attributes.u8();
    const value = attributes.sub((flags & AttributeFlag.EXTENDED_LENGTH) === 0 ? attributes.u8() : attributes.u16());
    if (code !== AttributeCode.MP_REACH_NLRI) continue;
    value.view(3);
    value.view(value.u8() + 1);
    let frames = 0;
    while (value.remaining > 0) {
      value.u8();
      value.view(value.u8());
      frames++;
    }
    return frames;
  }
  return 0;
}

function say(event: FeederEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function fail(reason: string): never {
  process.stderr.write(`feeder: ${reason}\n`);
  process.exit(1);
}
