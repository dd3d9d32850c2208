// overspan-agent: the command line. Loads the agent itself only for `run`, so that `show` answers at once.

import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { CLEAR_HELP } from "./local/answer.ts";
import { showHelp } from "./local/show.ts";
import { askSocket, DEFAULT_SOCKET } from "./local/socket.ts";
import { agentVersion } from "./version.ts";

const DEFAULT_CONFIG = "/etc/overspan/agent.json";
const DEFAULT_STATE_DIR = "/var/lib/overspan";

const HELP = `overspan-agent: VXLAN and BGP EVPN on this host, as the cloud wants it

usage:
  overspan-agent run --config FILE      run in the foreground until SIGTERM or SIGINT; forwarding goes on after it ends
  overspan-agent join --api URL --host ID --token-file FILE
                                        get this host's certificate, and write the config file if there is none
  overspan-agent show VIEW [NAME]       show what a running agent knows
  overspan-agent ${CLEAR_HELP}   release a MAC that was frozen for moving too often
  overspan-agent uninstall --keep-forwarding | --remove
                                        with the agent stopped: say what of it is in the kernel, and leave it there to
                                        forward on, or remove it all
  overspan-agent --help | --version

views:
${showHelp()}

options:
  --config FILE    run: the config file, JSON (docs/agent.md); join: default ${DEFAULT_CONFIG}
  --state-dir DIR  join: where the identity and the replica are kept (default ${DEFAULT_STATE_DIR})
  --socket PATH    show, clear: the agent's socket (default: that of --config, else ${DEFAULT_SOCKET})
  --json           show, clear: print JSON`;

async function ask(
  words: readonly string[],
  options: { socket?: string; config?: string; json: boolean },
): Promise<void> {
  const path = options.socket ?? (options.config ? await socketOf(options.config) : DEFAULT_SOCKET);
  const answer = await askSocket(path, { command: words, json: options.json });
  if ("error" in answer) throw new Error(answer.error);
  console.log(answer.text);
}

async function join(values: {
  api?: string | undefined;
  host?: string | undefined;
  "token-file"?: string | undefined;
  config?: string | undefined;
  "state-dir"?: string | undefined;
}): Promise<void> {
  const { api, host, "token-file": tokenFile, config: configFile = DEFAULT_CONFIG } = values;
  if (!api || !host || !tokenFile) throw new Error("join needs --api URL, --host ID and --token-file FILE");
  const { joinHost } = await import("./identity/join.ts");
  const stateDir = values["state-dir"] ?? DEFAULT_STATE_DIR;
  for (const line of await joinHost({ api, host, tokenFile, configFile, stateDir })) console.log(line);
}

/** The socket that a config file names, without reading the rest. */
async function socketOf(configPath: string): Promise<string> {
  const { socket } = JSON.parse(await readFile(configPath, "utf8")) as { socket?: string };
  return socket ?? DEFAULT_SOCKET;
}

function fail(error: unknown): never {
  console.error(`overspan-agent: ${(error as Error).message}`);
  process.exit(1);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: "string" },
      api: { type: "string" },
      host: { type: "string" },
      "token-file": { type: "string" },
      "state-dir": { type: "string" },
      socket: { type: "string" },
      json: { type: "boolean", default: false },
      "keep-forwarding": { type: "boolean", default: false },
      remove: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      version: { type: "boolean", default: false },
    },
  });
  const [verb] = positionals;
  if (values.version) console.log(agentVersion());
  else if (values.help || verb === undefined) console.log(HELP);
  else if (verb === "run" && values.config) await (await import("./main.ts")).runAgent(values.config);
  else if (verb === "run") throw new Error("run needs --config FILE");
  else if (verb === "join") await join(values);
  else if (verb === "show" || verb === "clear") {
    const { socket, config, json } = values;
    await ask(positionals, { json, ...(socket !== undefined && { socket }), ...(config !== undefined && { config }) });
  } else if (verb === "uninstall") {
    const { socket, config, remove, "keep-forwarding": keep } = values;
    if (remove === keep) throw new Error("uninstall needs either --keep-forwarding or --remove");
    const at = socket ?? (config === undefined ? DEFAULT_SOCKET : await socketOf(config));
    const { runUninstall } = await import("./main-uninstall.ts");
    const done = await runUninstall({ mode: remove ? "remove" : "keep-forwarding", socket: at, say: console.log });
    process.exit(done ? 0 : 1);
  } else throw new Error(`unknown command "${verb}"; see overspan-agent --help`);
}

main().catch(fail);
