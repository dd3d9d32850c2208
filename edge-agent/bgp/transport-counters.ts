// Why connections do not come about, as far as the kernel tells: its counters of segments dropped for their TCP MD5
// signature or their TTL (/proc/net/netstat). They are of the whole host, so they are hints and no proof.

import { readFileSync } from "node:fs";

/** Counters of `TcpExt` that concern us, with what each means. */
const DROPS: Readonly<Record<string, string>> = {
  TCPMD5NotFound: "without an MD5 signature",
  TCPMD5Unexpected: "with an MD5 signature though no key is configured",
  TCPMD5Failure: "with a wrong MD5 signature",
  TCPMinTTLDrop: "from more hops away than ttlSecurityHops allows",
};

export type DropCounters = Readonly<Record<string, number>>;

/** Reads the counters; none where there is no such file. */
export function readDropCounters(path = "/proc/net/netstat"): DropCounters {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  const [names = [], values = []] = text
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  return Object.fromEntries(Object.keys(DROPS).map((name) => [name, Number(values[names.indexOf(name)] ?? 0)]));
}

/** Says which counters rose; undefined if none did. */
export function describeDrops(before: DropCounters, after: DropCounters): string | undefined {
  const risen = Object.entries(DROPS).filter(([name]) => (after[name] ?? 0) > (before[name] ?? 0));
  if (risen.length === 0) return undefined;
  return risen.map(([name, meaning]) => `the kernel drops segments ${meaning} (${name})`).join(", ");
}
