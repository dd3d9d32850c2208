// Brings in the Debian packages that the demo and the tests stand on: as root on a machine with apt it installs what is
// missing and says so; elsewhere it names the command. Daemons of the packages are kept from starting on their own.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

type Need = { readonly file: string; readonly package: string; readonly why: string };

const SEARCH = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

const FOR_LAB: readonly Need[] = [
  { file: "java", package: "default-jre-headless", why: "runs DynamoDB's local engine" },
  { file: "ip", package: "iproute2", why: "makes namespaces and links" },
  { file: "ping", package: "iputils-ping", why: "sends the test traffic" },
  { file: "/usr/lib/frr/bgpd", package: "frr", why: "is the ToR" },
  { file: "nft", package: "nftables", why: "holds the guards of the ports" },
];
const FOR_TESTS: readonly Need[] = [
  ...FOR_LAB,
  { file: "curl", package: "curl", why: "runs the commands that npm start suggests" },
  { file: "tcpdump", package: "tcpdump", why: "counts what crosses the underlay" },
  { file: "gobgpd", package: "gobgpd", why: "is another router to agree with" },
  { file: "exabgp", package: "exabgp", why: "reads what we send over BGP" },
  { file: "chromium", package: "chromium", why: "opens the pages" },
  { file: "zsh", package: "zsh", why: "reads its completion of the command line" },
  { file: "fish", package: "fish", why: "reads its completion of the command line" },
  { file: "linux.uml", package: "user-mode-linux", why: "is a kernel with VRF" },
  { file: "modprobe", package: "kmod", why: "loads that kernel's modules" },
];

/** What of `needs` is not on this machine. */
function missing(needs: readonly Need[]): readonly Need[] {
  return needs.filter(
    ({ file }) => !(file.startsWith("/") ? [file] : SEARCH.map((dir) => `${dir}/${file}`)).some(runs),
  );
}

/** Installs what is missing for `purpose`, or prints how to; true if all is there now. */
export function preparePackages(purpose: "lab" | "tests", print: (line: string) => void): boolean {
  const needs = purpose === "lab" ? FOR_LAB : FOR_TESTS;
  const lacking = missing(needs);
  if (lacking.length === 0) return true;
  const names = [...new Set(lacking.map((need) => need.package))];
  for (const need of lacking) print(`missing: ${need.file} (${need.why})`);
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    print(`install with: sudo apt-get install --no-install-recommends ${names.join(" ")}`);
    return false;
  }
  print(`installing Debian packages: ${names.join(" ")}`);
  withoutServiceStarts(() => {
    apt("update", "-q");
    apt("install", "-q", "-y", "--no-install-recommends", ...names);
  });
  const still = missing(needs);
  for (const need of still) print(`still missing after the installation: ${need.file}`);
  return still.length === 0;
}

function apt(...words: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const result = spawnSync("apt-get", words, { env, encoding: "utf8" });
  if (result.status !== 0) process.stderr.write(`apt-get ${words[0]}: ${result.stderr}\n`);
}

/** Debian starts a package's daemons when it is installed, unless policy-rc.d says no; a lab's FRR is started by hand. */
function withoutServiceStarts(act: () => void): void {
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    act();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const complete = preparePackages(process.argv[2] === "lab" ? "lab" : "tests", console.log);
  // A developer's laptop goes on: the tests that lack something skip and say why. CI does not.
  if (!complete && process.env["CI"]) process.exitCode = 1;
}
