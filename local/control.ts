// The local runtime's own controls, which the cloud has elsewhere: a host's broker credential (there: an IoT certificate)
// and stopping the broker for a demonstration. Loopback only, and open to every user of this machine.
//
//   POST /local/hosts/{id}/credential   200 {username, password, brokerUrl}; 404 if there is no such host
//   POST /local/broker/stop | start     200 {running}
//   GET  /local/dead-letters            200 [{queue, reason, records}]: stream records that were given up, oldest first

import type { Broker } from "./broker.ts";
import type { DeadLetter } from "./data-folder.ts";
import { type LocalServer, sendJson, startServer } from "./http-server.ts";

export type Credential = { username: string; password: string; brokerUrl: string };

export type ControlOptions = {
  port: number;
  /** Undefined if there is no such host. */
  enrol: (host: string) => Promise<Credential | undefined>;
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
    const host = /^\/local\/hosts\/([a-z0-9-]+)\/credential$/.exec(path)?.[1];
    if (host !== undefined) {
      const credential = await options.enrol(host);
      if (credential) return sendJson(response, 200, credential, { "cache-control": "no-store" });
      return sendJson(response, 404, { message: `there is no host ${host}: create it through the API first` });
    }
    if (path === "/local/broker/stop") await broker.stop();
    else if (path === "/local/broker/start") await broker.start();
    else return sendJson(response, 404, { message: "not found" });
    sendJson(response, 200, { running: broker.running() });
  });
}
