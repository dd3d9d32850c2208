// Says whether this machine can run a kernel test. In CI a missing feature is an error, so that no test is lost
// silently; elsewhere the reason is printed once and the caller skips.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export type Feature = "root" | "vxlan" | "bridge" | "frr";

const probed = new Map<Feature, string | undefined>();

/**
 * True if all features are here. Use as `describe.runIf(requireKernel("root", "vxlan"))`.
 * @throws in CI, when one is missing.
 */
export function requireKernel(...features: Feature[]): boolean {
  const reasons = features.map(missing).filter((reason) => reason !== undefined);
  if (reasons.length === 0) return true;
  const text = `kernel test cannot run here: ${reasons.join("; ")}`;
  if (process.env["CI"]) throw new Error(text);
  console.warn(`${text} (skipped)`);
  return false;
}

function missing(feature: Feature): string | undefined {
  if (!probed.has(feature)) probed.set(feature, probe(feature));
  return probed.get(feature);
}

function probe(feature: Feature): string | undefined {
  switch (feature) {
    case "root":
      return process.getuid?.() === 0 ? undefined : "it needs root";
    case "vxlan":
      return probeLink("vxlan", ["type", "vxlan", "id", "1", "dstport", "4789"]);
    case "bridge":
      return probeLink("bridge", ["type", "bridge"]);
    case "frr":
      return existsSync("/usr/lib/frr/bgpd") ? undefined : "FRR is not installed (apt-get install frr)";
  }
}

/** Makes a device of the kind in a namespace of its own, which goes away with the process. */
function probeLink(kind: string, type: readonly string[]): string | undefined {
  const result = spawnSync("unshare", ["-n", "ip", "link", "add", "name", "ovprobe", ...type], { encoding: "utf8" });
  if (result.error) return `unshare and iproute2 are needed to probe for ${kind}: ${result.error.message}`;
  return result.status === 0 ? undefined : `the kernel has no ${kind}: ${result.stderr.trim()}`;
}
