// An agent as a process of its own, so that a test can run it inside a network namespace: the real kernel there, a real BGP
// speaker, and a broker that is this process's standard input and output, one JSON line each way.
//
//   stdin    {"inbox": message}   {"view": number}   {"close": true}
//   stdout   {"report": report}   {"view": number, "routers": …}   {"log": line}

import { createInterface } from "node:readline";
import { realClock as clock } from "../../edge-agent/real-clock.ts";
import { startAgent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import { createTcpTransport } from "../../edge-agent/bgp/transport.ts";
import type { BrokerConnection } from "../../edge-agent/intent/mqtt.ts";
import { routersView } from "../../edge-agent/local/show-routers.ts";
import { createDiary } from "../../edge-agent/log.ts";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import { openNetlinkRouters } from "../../edge-agent/netlink/routers.ts";

const [host = "h1"] = process.argv.slice(2);
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
const diary = createDiary(clock.wallMs, (line) => say({ log: line }));
let handlers: Parameters<BrokerConnection["listen"]>[0] | undefined;
const log = (text: string): void => diary.warn("netlink", text);
const agent = await startAgent({
  host,
  broker: {
    connected: true,
    publish: (topic, payload) => topic === "report" && say({ report: JSON.parse(payload) as unknown }),
    listen: (each) => {
      handlers = each;
    },
    close: async () => undefined,
  },
  kernel: await createNetlinkKernel({ log }),
  routers: await openNetlinkRouters({ log }),
  replica: {
    load: async () => ({ replicas: [], setAside: [] }),
    save: async () => undefined,
    remove: async () => undefined,
  },
  snapshots: {
    open: () => {
      throw new Error("nothing is offered here");
    },
  },
  speaker: (listener) =>
    createSpeaker(
      {
        transport: createTcpTransport({ md5Keys: new Map(), calls: undefined }),
        clock,
        random: Math.random,
        staleMs: 120_000,
      },
      listener,
    ),
  clock,
  random: Math.random,
  diary,
  identity: { version: "test", startedAtMs: clock.wallMs(), kernel: "test" },
  compareEveryMs: 30_000,
});
handlers?.connected();
createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line) as { inbox?: unknown; view?: number; close?: boolean };
  if (command.inbox !== undefined) handlers?.inbox(Buffer.from(JSON.stringify(command.inbox)));
  if (command.view !== undefined) say({ view: command.view, ...routersView(agent.view().routers) });
  if (command.close) void agent.close().then(() => process.exit(0));
});
