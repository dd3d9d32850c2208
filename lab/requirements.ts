// What a lab needs of the machine, all of it checked at once, so that nobody installs one package per attempt.
// Kernel features are tried for real, in a namespace that goes away with the process that tries.

import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { FRR_DAEMONS } from "./frr.ts";
import { CommandError, commandEnvironment, run } from "./netns.ts";

/** `why`: what it is for; `remedy`: what to do, as a command where there is one. */
export type Missing = { readonly what: string; readonly why: string; readonly remedy: string };

const PROGRAMS = [
  { program: "ip", package: "iproute2", why: "makes namespaces and links" },
  { program: "bridge", package: "iproute2", why: "shows what the ToRs' kernels forward" },
  { program: "unshare", package: "util-linux", why: "tries kernel features" },
  { program: "ping", package: "iputils-ping", why: "sends the test traffic" },
  { program: "vtysh", package: "frr", why: "asks the ToRs what they know" },
] as const;

const DAEMON_FILES = [
  { file: "zebra", why: "connects the ToRs' BGP to the kernel" },
  { file: "bgpd", why: "is the ToRs' BGP EVPN speaker" },
] as const;

const KERNEL_FEATURES = [
  { feature: "network namespaces", command: "link set lo up", config: "CONFIG_NET_NS" },
  { feature: "veth", command: "link add name ovprobe type veth peer name ovprobe2", config: "CONFIG_VETH" },
  { feature: "bridge", command: "link add name ovprobe type bridge", config: "CONFIG_BRIDGE" },
  { feature: "vxlan", command: "link add name ovprobe type vxlan id 1 dstport 4789", config: "CONFIG_VXLAN" },
] as const;

/** Lists everything that is missing; empty when a lab can be brought up. */
export async function checkRequirements(): Promise<{ missing: readonly Missing[] }> {
  const programs = PROGRAMS.filter(({ program }) => !onPath(program)).map(
    ({ program, package: name, why }): Missing => ({ what: program, why: `it ${why}`, remedy: installs(name) }),
  );
  const daemons = DAEMON_FILES.filter(({ file }) => !executable(join(FRR_DAEMONS, file))).map(
    ({ file, why }): Missing => ({ what: join(FRR_DAEMONS, file), why: `it ${why}`, remedy: installs("frr") }),
  );
  if (process.platform !== "linux") {
    const why = "namespaces, VXLAN and bridges are the Linux kernel's";
    return { missing: [{ what: "Linux", why, remedy: "use a Debian machine or virtual machine" }] };
  }
  if (process.getuid?.() !== 0) {
    const why = "network namespaces can be made by root only";
    return { missing: [{ what: "root", why, remedy: "run the command as root (sudo)" }, ...programs, ...daemons] };
  }
  const canProbe = onPath("ip") && onPath("unshare");
  return { missing: [...programs, ...daemons, ...(canProbe ? await missingKernelFeatures() : [])] };
}

/** One line per missing thing, under a heading. */
export function formatMissing(missing: readonly Missing[]): string {
  const width = Math.max(...missing.map(({ what }) => what.length));
  const rows = missing.map(({ what, why, remedy }) => `  ${what.padEnd(width)}  ${why}; ${remedy}`);
  return ["This machine lacks what the lab needs:", ...rows].join("\n");
}

async function missingKernelFeatures(): Promise<Missing[]> {
  const results = await Promise.all(
    KERNEL_FEATURES.map(async ({ feature, command, config }): Promise<Missing | undefined> => {
      const refusal = await refusalOf(["unshare", "--net", "ip", ...command.split(" ")]);
      if (refusal === undefined) return undefined;
      const remedy = `use a kernel with ${config} (Debian's linux-image-amd64 has it), and privileges if in a container`;
      return { what: `kernel: ${feature}`, why: `the kernel refuses (${refusal})`, remedy };
    }),
  );
  const missing = results.filter((result) => result !== undefined);
  // Without namespaces every other try fails as well, for a reason that is not its own.
  const namespaces = missing.filter(({ what }) => what === "kernel: network namespaces");
  return namespaces.length > 0 ? namespaces : missing;
}

async function refusalOf(argv: readonly string[]): Promise<string | undefined> {
  try {
    await run(argv);
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.stderr.trim().split("\n").join(" ") || error.message;
  }
}

function installs(name: string): string {
  return `apt-get install ${name}`;
}

function onPath(program: string): boolean {
  const folders = commandEnvironment()["PATH"]?.split(":") ?? [];
  return folders.some((folder) => executable(join(folder, program)));
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
