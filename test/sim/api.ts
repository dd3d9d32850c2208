// The API of all simulations of a process. Making it takes as long as a third of a small simulation, and nothing in it
// outlives a request; so it is made once, and stands on the ports of the simulation that is running.

import { type ApiOptions, createApi } from "../../functions/api/app.ts";

/** What a simulation gives the API. */
export type SimApiPorts = Omit<ApiOptions, "events" | "rate">;

let running: SimApiPorts | undefined;
let shared: ReturnType<typeof createApi> | undefined;

/** The API, on these ports from now on. One simulation runs at a time. */
export function apiOn(ports: SimApiPorts): ReturnType<typeof createApi> {
  running = ports;
  shared ??= createApi({
    store: late((on) => on.store),
    hosts: late((on) => on.hosts),
    receipts: late((on) => on.receipts),
    identities: late((on) => on.identities),
    secrets: late((on) => on.secrets),
    clock: late((on) => on.clock),
    random: (octets) => current().random(octets),
    log: (line) => current().log(line),
    identify: (headers) => current().identify(headers),
  });
  return shared;
}

/** A port that is looked up at each use. */
function late<T extends object>(of: (on: SimApiPorts) => T): T {
  return new Proxy({} as T, { get: (_, name) => Reflect.get(of(current()), name) as unknown });
}

function current(): SimApiPorts {
  if (!running) throw new Error("no simulation runs");
  return running;
}
