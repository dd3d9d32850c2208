// A network namespace for one test, and commands inside it. All names begin with `dpt`, so that a crashed run's
// leftovers are recognised; each namespace is removed by whoever made it.

import { execFileSync, spawn } from "node:child_process";

export type Namespace = {
  readonly name: string;
  /** Runs a command inside and returns what it printed; throws with its error text. */
  run(command: string): string;
  remove(): void;
};

let count = 0;

/** Makes a namespace with its loopback up. */
export function makeNamespace(role: string): Namespace {
  const name = `dpt-${process.pid}-${++count}-${role}`;
  execFileSync("ip", ["netns", "add", name]);
  const run = (command: string): string => {
    const words = ["netns", "exec", name, ...command.split(" ")];
    return execFileSync("ip", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  };
  run("ip link set lo up");
  return { name, run, remove: () => execFileSync("ip", ["netns", "del", name]) };
}

/** A veth pair between two namespaces, quiet on both ends (no IPv6 chatter that bridges would learn from). */
export function linkNamespaces(a: Namespace, aPort: string, b: Namespace, bPort: string): void {
  execFileSync("ip", [
    "-n",
    a.name,
    "link",
    "add",
    "name",
    aPort,
    "type",
    "veth",
    "peer",
    "name",
    bPort,
    "netns",
    b.name,
  ]);
  a.run(`ip link set ${aPort} addrgenmode none`);
  b.run(`ip link set ${bPort} addrgenmode none`);
}

/** A running command inside; `ended` is all that it printed, `stop` sends SIGINT first. */
export function startIn(
  namespace: Namespace,
  command: string,
): { readonly ended: Promise<string>; readonly stop: () => Promise<string> } {
  const child = spawn("ip", ["netns", "exec", namespace.name, ...command.split(" ")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const ended = new Promise<string>((resolve) => child.once("close", () => resolve(output)));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return {
    ended,
    stop: () => {
      child.kill("SIGINT");
      return ended;
    },
  };
}
