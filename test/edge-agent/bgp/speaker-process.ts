// A speaker as a process of its own, so that a test can run it inside a network namespace. Commands come as JSON lines on
// standard input; everything the listener hears, and the answers to `query`, go as JSON lines to standard output.

import { createInterface } from "node:readline";
import { type IpAddress, parseIp } from "../../../shared/address/ip.ts";
import { realClock as clock } from "../../../edge-agent/real-clock.ts";
import type { ExportedRoute } from "../../../edge-agent/bgp/route.ts";
import { createSpeaker, type SpeakerConfig, type SpeakerDeps } from "../../../edge-agent/bgp/speaker.ts";
import { createDiscovery } from "../../../edge-agent/bgp/transport-discovery.ts";
import { createTcpTransport } from "../../../edge-agent/bgp/transport.ts";
import { loadSocketCalls } from "../../../edge-agent/bgp/transport-socket.ts";

export type Command =
  | { readonly type: "configure"; readonly config: SpeakerConfig | null }
  | { readonly type: "exports"; readonly routes: readonly ExportedRoute[] }
  | { readonly type: "imports"; readonly targets: readonly string[] }
  | { readonly type: "md5"; readonly keys: Readonly<Record<string, string>> }
  | { readonly type: "query"; readonly id: number }
  | { readonly type: "close"; readonly purpose?: "restart" };

const words: Partial<Record<string, string>> = Object.fromEntries(process.argv.slice(2).map((it) => it.split("=", 2)));
const { staleMs = "120000", listenPort, md5 = "", hostName, restart, restartTimeSec = "120" } = words;
// `md5=ADDRESS/KEY,ADDRESS/KEY`
const md5Keys = new Map(
  md5.split(",").flatMap((pair): [IpAddress, string][] => {
    const [address, key] = pair.split("/");
    return key === undefined ? [] : [[parseIp(address ?? "") as IpAddress, key]];
  }),
);
const listen = listenPort === undefined ? {} : { listen: { port: Number(listenPort) } };
const calls = await loadSocketCalls();
const transport = createTcpTransport({ md5Keys, calls });
const deps: SpeakerDeps = {
  transport,
  discovery: createDiscovery(calls, clock),
  clock,
  random: Math.random,
  staleMs: Number(staleMs),
  hostName,
  // `restart=preserved` or `restart=lost`
  restart: restart === undefined ? undefined : { timeSec: Number(restartTimeSec), preserved: restart === "preserved" },
  ...listen,
};

function say(event: object): void {
  process.stdout.write(`${JSON.stringify({ atMs: Date.now(), ...event })}\n`);
}

const speaker = createSpeaker(deps, {
  routes: (changes) =>
    say({
      event: "routes",
      announced: changes.flatMap(({ after }) => after ?? []),
      withdrawn: changes.flatMap(({ before, after }) => (before && !after ? [before] : [])),
    }),
  session: (peer, state, detail) => say({ event: "session", peer, state, detail }),
  endOfRib: (peer) => say({ event: "end-of-rib", peer }),
  error: (error) => say({ event: "error", ...error }),
});

function obey(command: Command): void {
  switch (command.type) {
    case "configure":
      return speaker.configure(command.config ?? undefined);
    case "exports":
      return speaker.setExports(command.routes);
    case "imports": {
      const targets = new Set(command.targets);
      return speaker.setImports((carried) => carried.some((target) => targets.has(target)));
    }
    case "md5":
      return transport.setMd5Keys(new Map(Object.entries(command.keys).map(([peer, key]) => [peer as IpAddress, key])));
    case "query":
      return say({ event: "answer", id: command.id, summary: speaker.summary(), ribIn: speaker.ribIn() });
    case "close":
      void speaker.close(command.purpose).then(() => process.exit(0));
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => obey(JSON.parse(line) as Command))
  .on("close", () => process.exit(0));
