// Our speaker as a process of its own, for a namespace, in one of two forms: the speaker alone with its Adj-RIB-In, or the
// whole agent, whose fabric routes go through overlay and dataplane into the kernel by netlink.
//
// Argument: JSON of SpeakerOptions. Standard input: "watch", "report", or "announce". Standard output: JSON lines of SpeakerSays.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import type { IpAddress, Ipv4 } from "../../shared/address/ip.ts";
import { createSpeaker, type Speaker, type SpeakerDeps, type SpeakerListener } from "../../edge-agent/bgp/speaker.ts";
import { createTcpTransport } from "../../edge-agent/bgp/transport.ts";
import { realClock as clock } from "../../edge-agent/real-clock.ts";
import { ASN, routesFrom, TARGET } from "./feed.ts";
import { epochMs } from "../epoch.ts";

export type SpeakerOptions = {
  readonly form: "table" | "kernel";
  readonly own: Ipv4;
  readonly peer: Ipv4;
  /** Connect to the peer; else wait for its connection. */
  readonly connect: boolean;
  /** Routes of its own, announced from the start. */
  readonly exports: number;
};

/** Times in milliseconds since the epoch. */
export type SpeakerSays =
  /** It listens or connects, and its own routes are ready to be told. */
  | { readonly event: "ready"; readonly atMs: number }
  | { readonly event: "established"; readonly atMs: number }
  | { readonly event: "announcing"; readonly atMs: number }
  | { readonly event: "first-route"; readonly atMs: number }
  /** `longestGapMs`: how long the event loop stood still at most since "watch". */
  | { readonly event: "report"; readonly routesIn: number; readonly longestGapMs: number };

const options = JSON.parse(process.argv[2] ?? "{}") as SpeakerOptions;
const deps: SpeakerDeps = {
  transport: createTcpTransport(),
  clock,
  random: Math.random,
  staleMs: 120_000,
  listen: { port: 179, address: options.own },
};
const WATCHED_EVERY_MS = 5;
const delay = monitorEventLoopDelay({ resolution: WATCHED_EVERY_MS });
const speaker = options.form === "table" ? speakerAlone() : await insideAgent();
say({ event: "ready", atMs: epochMs() });

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line === "watch") delay.enable();
    else if (line === "report") {
      const longestGapMs = Math.max(0, delay.max / 1e6 - WATCHED_EVERY_MS);
      say({ event: "report", routesIn: speaker.summary()[0]?.routesIn ?? 0, longestGapMs });
    } else announceOne();
  })
  .on("close", () => process.exit(0));

function speakerAlone(): Speaker {
  const alone = createSpeaker(deps, watching());
  alone.setImports((targets) => targets.includes(TARGET));
  alone.setExports(routesFrom(options.own, "mac", options.exports));
  const { own, peer, connect } = options;
  alone.configure({
    asn: ASN,
    routerId: own,
    peers: [{ address: peer, asn: ASN, passive: !connect, localAddress: own }],
  });
  return alone;
}

/** Loaded only when wanted, so that the speaker alone is as large as it is. */
async function insideAgent(): Promise<Speaker> {
  const { agentSpeaker } = await import("./agent-speaker.ts");
  return agentSpeaker({ ...options, clock }, (listener) => createSpeaker(deps, watching(listener)));
}

/** A listener that tells of the session and of the first route, and passes everything on. */
function watching(on?: SpeakerListener): SpeakerListener {
  let any = false;
  return {
    routes(changes) {
      if (!any) say({ event: "first-route", atMs: epochMs() });
      any = true;
      on?.routes(changes);
    },
    session(peer: IpAddress, state, detail) {
      if (state === "Established") say({ event: "established", atMs: epochMs() });
      on?.session(peer, state, detail);
    },
    endOfRib: (peer, family) => on?.endOfRib(peer, family),
    error(error) {
      process.stderr.write(`${error.detail}\n`);
      on?.error(error);
    },
  };
}

function announceOne(): void {
  const routes = routesFrom(options.own, "mac", 1);
  say({ event: "announcing", atMs: epochMs() });
  speaker.setExports(routes);
}

function say(event: SpeakerSays): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
