// The command line of `npm start`. Pure.

import { isIP } from "node:net";
import { parseArgs } from "node:util";
import { StartFailure } from "./start-failure.ts";

export type CommandLine = {
  apiPort: number;
  brokerPort: number;
  brokerHost: string;
  controlPort: number;
  storePort: number;
  /** Undefined: in memory. */
  dataDir: string | undefined;
};

export const HELP = `Overspan on one machine: the template that is deployed, with DynamoDB's local engine and an MQTT broker.

  npm start -- [options]

  --api-port N       the HTTP API and its documentation page   (8080, on 127.0.0.1)
  --broker-port N    the MQTT broker                           (1883)
  --broker-host IP   the address hosts reach the broker at     (127.0.0.1)
  --store-port N     snapshots for the agents, on --broker-host (any free one)
  --control-port N   broker credentials, and its stop switch   (8081, on 127.0.0.1)
  --data DIR         where state survives a restart            (.overspan)
  --memory           keep state in memory instead
  --help             this text

A port of 0 takes any free one. Needs Java 17 or newer. DynamoDB's local engine cannot be bound to loopback: it listens
on a random port of every interface, without authentication. Run it on a machine whose network you trust.
`;

/** Reads the arguments; "help" if they ask for it, StartFailure if they are wrong. `defaultDataDir` is for `--data`. */
export function parseCommandLine(args: string[], defaultDataDir: string): CommandLine | "help" {
  let values: ReturnType<typeof read>;
  try {
    values = read(args);
  } catch (cause) {
    throw new StartFailure(`${(cause as Error).message} See npm start -- --help.`, { cause });
  }
  if (values.help) return "help";
  if (values.memory && values.data !== undefined)
    throw new StartFailure("--memory and --data exclude each other: state is in memory, or in the folder.");
  return {
    apiPort: parsePort("--api-port", values["api-port"]),
    brokerPort: parsePort("--broker-port", values["broker-port"]),
    brokerHost: parseAddress("--broker-host", values["broker-host"]),
    controlPort: parsePort("--control-port", values["control-port"]),
    storePort: parsePort("--store-port", values["store-port"]),
    dataDir: values.memory ? undefined : (values.data ?? defaultDataDir),
  };
}

function read(args: string[]) {
  return parseArgs({
    args,
    options: {
      "api-port": { type: "string", default: "8080" },
      "broker-port": { type: "string", default: "1883" },
      "broker-host": { type: "string", default: "127.0.0.1" },
      "control-port": { type: "string", default: "8081" },
      "store-port": { type: "string", default: "0" },
      data: { type: "string" },
      memory: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  }).values;
}

function parsePort(option: string, text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65535) return port;
  throw new StartFailure(`${option} must be a port from 0 to 65535, not "${text}".`);
}

function parseAddress(option: string, text: string): string {
  if (isIP(text) !== 0) return text;
  throw new StartFailure(`${option} must be an IP address of this machine, not "${text}".`);
}
