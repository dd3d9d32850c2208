// npm run lab -- up | down | status: the lab from the command line. Wires only; what it does is in the files beside it.

import { parseArgs } from "node:util";
import { parseVni } from "../shared/address/vni.ts";
import { downLab } from "./down.ts";
import { upLab } from "./lab.ts";
import { checkRequirements, formatMissing } from "./requirements.ts";
import { DEFAULT_STATE_DIR } from "./state.ts";
import { formatStatus, labStatus } from "./status.ts";
import { DEFAULT_MACHINES, DEFAULT_TOPOLOGY } from "./topology.ts";

const HELP = `Two sites in network namespaces: a ToR (FRR) and two hosts each, bare metal behind the ToRs, a WAN between.

  npm run lab -- up       bring it up, with a tenant's machine or two on each host
  npm run lab -- down     remove it, also after a crash
  npm run lab -- status   what is there; with --json for programs

  --state DIR    where the lab keeps its record, default ${DEFAULT_STATE_DIR}
  --prefix NAME  starts the name of every namespace, default ${DEFAULT_TOPOLOGY.prefix}
  --net A.B.C    the management network, a /24, default ${DEFAULT_TOPOLOGY.managementNet}
  --vni N        the network that the ToRs carry for their bare metal, default ${DEFAULT_TOPOLOGY.vni}
  --force        down: also while another process uses the lab
  --json         status as JSON
  --help         this text

Look inside:   ip netns exec ovl-s1-h1 ip link
               vtysh --vty_socket ${DEFAULT_STATE_DIR}/frr/ovl-s1-tor -c "show bgp l2vpn evpn"
Exit status:   0 done; 1 failed, or the status is not "up"; 2 wrong usage`;

/** Wrong usage: the message, without a stack. */
class UsageError extends Error {}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const vni = parseVni(Number(values.vni));
  if (vni === undefined) throw new UsageError(`--vni must be 1 to 16777215, not ${values.vni}`);
  const topology = { prefix: values.prefix, managementNet: values.net, vni };
  const { state: stateDir } = values;
  const [command, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`one command at a time, not also "${rest.join(" ")}"`);
  switch (command) {
    case "up":
      return up({ ...topology, stateDir });
    case "down":
      return down({ stateDir, prefix: values.prefix, force: values.force });
    case "status": {
      const status = await labStatus(stateDir, values.prefix);
      console.log(values.json ? JSON.stringify(status, null, 2) : formatStatus(status));
      return status.state === "up" ? 0 : 1;
    }
    default:
      throw new UsageError(command === undefined ? "up, down or status?" : `there is no command "${command}"`);
  }
}

async function up(options: typeof DEFAULT_TOPOLOGY & { readonly stateDir: string }): Promise<number> {
  const { missing } = await checkRequirements();
  if (missing.length > 0) {
    console.error(formatMissing(missing));
    return 1;
  }
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
  }
  const lab = await upLab({ ...options, lasting: true, machines: DEFAULT_MACHINES, signal: interrupted.signal }, say);
  say(`up: ${lab.hosts.length} hosts, ${lab.machines().length} machines. "npm run lab -- status" shows them`);
  return 0;
}

async function down(options: Parameters<typeof downLab>[0]): Promise<number> {
  const report = await downLab(options, say);
  for (const note of report.notes) console.error(`note: ${note}`);
  const { namespaces, processes } = report;
  say(
    report.foundBy === "nothing" ? "there was no lab" : `down: ${namespaces.length} namespaces, ${processes} processes`,
  );
  return 0;
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        state: { type: "string", default: DEFAULT_STATE_DIR },
        prefix: { type: "string", default: DEFAULT_TOPOLOGY.prefix },
        net: { type: "string", default: DEFAULT_TOPOLOGY.managementNet },
        vni: { type: "string", default: String(DEFAULT_TOPOLOGY.vni) },
        force: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function say(line: string): void {
  console.log(line);
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError || error instanceof RangeError;
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}${usage ? " (--help tells more)" : ""}`);
  process.exitCode = usage ? 2 : 1;
}
