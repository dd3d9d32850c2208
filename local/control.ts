// The local runtime's own controls: stopping the broker for a demonstration, and what was given up. Loopback only, and
// open to every user of this machine.
//
//   POST /local/broker/stop | start     200 {running}
//   GET  /local/dead-letters            200 [{queue, reason, records}]: stream records that were given up, oldest first

import type { Broker } from "./broker.ts";
import type { DeadLetter } from "./data-folder.ts";
import { type LocalServer, sendJson, startServer } from "./http-server.ts";

export type ControlOptions = {
  port: number;
  broker: Pick<Broker, "start" | "stop" | "running">;
  deadLetters: () => readonly DeadLetter[];
  log: (line: string) => void;
};

export function startControl(options: ControlOptions): Promise<LocalServer> {
  const { broker } = options;
  const settings = { what: "control endpoint", port: options.port, option: "--control-port", log: options.log };
  return startServer(settings, async (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] as string;
    if (request.method === "GET" && path === "/local/dead-letters")
      return sendJson(response, 200, options.deadLetters());
    if (request.method !== "POST") return sendJson(response, 405, { message: "only POST" }, { allow: "POST" });
    if (path === "/local/broker/stop") await broker.stop();
    else if (path === "/local/broker/start") await broker.start();
    else return sendJson(response, 404, { message: "not found" });
    sendJson(response, 200, { running: broker.running() });
  });
}
