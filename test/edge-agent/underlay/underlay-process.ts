// The underlay of an agent as a process of its own, so that a test can run it inside a network namespace: the real speaker, the
// lanes of peers and of the underlay, and the real routes of the kernel. Commands come as JSON lines on standard input;
// answers go as JSON lines to standard output.

import { createInterface } from "node:readline";
import { realClock as clock } from "../../../edge-agent/real-clock.ts";
import { createSpeaker } from "../../../edge-agent/bgp/speaker.ts";
import { createTcpTransport } from "../../../edge-agent/bgp/transport.ts";
import { createDiscovery } from "../../../edge-agent/bgp/transport-discovery.ts";
import { loadSocketCalls } from "../../../edge-agent/bgp/transport-socket.ts";
import { toHex } from "../../../edge-agent/bgp/wire/hex.ts";
import type { IntentState } from "../../../edge-agent/intent/intent.ts";
import { createPeersLane } from "../../../edge-agent/lane/peers.ts";
import { createUnderlayLane } from "../../../edge-agent/lane/underlay.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import { openNetlinkRoutes } from "../../../edge-agent/netlink/routes.ts";
import { hostChannel, HostRecord } from "../../../shared/model/record.ts";

export type Command =
  | { readonly type: "record"; readonly record: object }
  | { readonly type: "query"; readonly id: number }
  | { readonly type: "close" };

const HOST = "h1";
const records = new Map<string, { body: HostRecord }>();
const intent = { host: HOST, inSync: true, channels: new Map([[hostChannel(HOST), { records }]]) };
const diary = createDiary(clock.wallMs, (line) => process.stderr.write(`${line}\n`));
const calls = await loadSocketCalls();
const kernel = await openNetlinkRoutes({ log: (text) => process.stderr.write(`${text}\n`) });
/** The UPDATEs of each peer as they came, without the marker. */
const updates: { readonly peer: string; readonly hex: string }[] = [];

const speaker = createSpeaker(
  {
    transport: createTcpTransport({ md5Keys: new Map(), calls }),
    discovery: createDiscovery(calls, clock),
    clock,
    random: Math.random,
    staleMs: 120_000,
    restart: { timeSec: 120, preserved: true },
    observer: {
      established: () => undefined,
      update: (peer, message) => updates.push({ peer, hex: toHex(message.subarray(16)) }),
      down: () => undefined,
    },
  },
  {
    routes: () => undefined,
    unicast: () => lane.unicast?.(),
    session: (peer, state, detail) => {
      process.stderr.write(`${peer} ${state} ${detail ?? ""}\n`);
      lane.session?.(peer, state === "Established");
    },
    endOfRib: (peer, family) => lane.endOfRib?.(peer, family),
    error: ({ detail }) => process.stderr.write(`${detail}\n`),
  },
);
const context = { clock, diary, intent: intent as unknown as IntentState, speaker, reportChanged: () => undefined };
const lane = createUnderlayLane(context, { kernel, compareEveryMs: 30_000 });
const peers = createPeersLane(context);

function obey(command: Command): void {
  const change = new Map([[hostChannel(HOST), "whole"]]) as never;
  switch (command.type) {
    case "record":
      records.set("host", { body: HostRecord.parse(command.record) });
      lane.intent?.(change);
      peers.intent?.(change);
      return;
    case "query": {
      const { told, ...view } = lane.view();
      const answer = { id: command.id, summary: speaker.summary(), updates, ...view, told: [...told] };
      process.stdout.write(`${JSON.stringify(answer)}\n`);
      return;
    }
    case "close":
      void Promise.resolve(lane.close?.())
        .then(() => speaker.close("restart"))
        .then(() => process.exit(0));
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => obey(JSON.parse(line) as Command))
  .on("close", () => process.exit(0));
