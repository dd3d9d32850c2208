// The direction of imports, read from the source: what may use what, and which packages belong to adapters only.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The product's folders; the fewest files each must show, so that a broken search cannot pass. */
const TREES: Record<string, number> = {
  shared: 15,
  functions: 30,
  "edge-agent": 50,
  infra: 5,
  local: 10,
  lab: 8,
  cli: 15,
};

type Import = { file: string; target: string };

const files = Object.keys(TREES).flatMap((tree) => sources(join(ROOT, tree)));
const imports = files.flatMap(importsOf);

/** What a folder may import of ours, besides itself. Longest matching prefix counts. */
const MAY_IMPORT: readonly (readonly [string, readonly string[], string])[] = [
  ["shared/", [], "shared imports nothing of ours"],
  ["functions/domain/", ["shared/"], "the domain is pure: no store, no transport"],
  ["functions/", ["shared/", "functions/"], "functions and the agent meet in shared only"],
  ["edge-agent/bgp/", ["shared/", "edge-agent/clock.ts"], "bgp knows no EVPN policy and no kernel"],
  ["edge-agent/evpn/", ["shared/", "edge-agent/bgp/route.ts"], "evpn knows no socket and no kernel"],
  [
    "edge-agent/intent/",
    ["shared/", "edge-agent/clock.ts", "edge-agent/log.ts"],
    "intent knows neither BGP nor the kernel",
  ],
  [
    "edge-agent/underlay/",
    [
      "shared/",
      "edge-agent/bgp/unicast-route.ts",
      "edge-agent/dataplane/pass-loop.ts",
      "edge-agent/dataplane/route-kernel.ts",
      "edge-agent/clock.ts",
      "edge-agent/log.ts",
    ],
    "the underlay decides on routes; it knows no socket and no netlink",
  ],
  [
    "edge-agent/dataplane/",
    ["shared/", "edge-agent/clock.ts"],
    "dataplane knows neither BGP nor netlink; it owns the Kernel port",
  ],
  [
    "edge-agent/netlink/",
    ["shared/", "edge-agent/dataplane/", "edge-agent/clock.ts"],
    "netlink implements dataplane's port",
  ],
  [
    "edge-agent/nftables/",
    ["shared/", "edge-agent/dataplane/", "edge-agent/netlink/"],
    "nftables implements dataplane's port",
  ],
  ["edge-agent/", ["shared/", "edge-agent/"], "functions and the agent meet in shared only"],
  ["infra/", ["shared/"], "infra deploys files; it imports no function"],
  ["local/", ["shared/", "infra/"], "local runs the synthesised template, not the functions' source"],
  ["cli/", ["shared/", "functions/api/client.ts"], "the command line speaks to the API and to nothing behind it"],
  ["lab/", ["shared/", "local/", "edge-agent/", "functions/", "infra/"], "the lab may use everything"],
];

/** Packages of the outside world, and the only files that may touch them. */
const ADAPTERS: readonly (readonly [RegExp, RegExp])[] = [
  [/^mqtt$/, /^(edge-agent\/intent\/mqtt|local\/|lab\/)/],
  [/^netlink(\/|$)/, /^edge-agent\/netlink\//],
  [/^koffi$/, /^edge-agent\/(netlink\/|bgp\/transport|local\/peer-credentials)/],
  [/^node:(net|tls|dgram)$/, /^(edge-agent\/(bgp\/transport|intent\/mqtt|local\/socket)|local\/|lab\/)/],
  [/^node:child_process$/, /^(edge-agent\/nftables\/nft\.|local\/|lab\/|infra\/|cli\/main)/],
  [/^@aws-sdk\/client-/, /^(functions\/|local\/)/],
  [/^aws-cdk-lib/, /^infra\//],
  [/^constructs$/, /^infra\//],
  [/^aedes/, /^(local|lab)\//],
  [/^jose$/, /^(functions\/api\/tokens|local\/token-issuer)/],
];

describe("imports", () => {
  it.each(Object.entries(TREES))("imports: %s -> at least %d files were read", (tree, fewest) => {
    expect(files.filter((file) => file.startsWith(`${tree}/`)).length).toBeGreaterThanOrEqual(fewest);
  });

  it("imports: of our own files -> in the one direction", () => {
    const wrong = imports.flatMap(({ file, target }) => {
      if (!target.startsWith(".")) return [];
      const rule = MAY_IMPORT.find(([prefix]) => file.startsWith(prefix));
      const path = normalize(join(dirname(file), target));
      const allowed = rule && [...rule[1], rule[0]].some((prefix) => path.startsWith(prefix));
      return allowed ? [] : [`${file} imports ${path}: ${rule?.[2] ?? "a folder without a rule"}`];
    });
    expect(wrong).toEqual([]);
  });

  it("imports: of SDKs, sockets and processes -> in adapters only", () => {
    const wrong = imports.flatMap(({ file, target }) =>
      ADAPTERS.filter(([name, where]) => name.test(target) && !where.test(file)).map(() => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it("imports: of the agent -> only packages that its own package.json names, in the root's versions", () => {
    const agent = manifest("edge-agent/package.json").dependencies ?? {};
    const root = manifest("package.json");
    const all: Record<string, string> = { ...root.dependencies, ...root.devDependencies };
    const used = new Set(
      imports
        .filter(
          ({ file, target }) => file.startsWith("edge-agent/") && file !== "edge-agent/build.ts" && isPackage(target),
        )
        .map(({ target }) => /^(@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? target),
    );
    expect([...used].sort()).toEqual(Object.keys(agent).sort());
    for (const [name, version] of Object.entries(agent)) expect([name, all[name]]).toEqual([name, version]);
  });

  it("imports: clocks and chance -> only where a process begins, and timers in adapters", () => {
    const mayHaveTimers = /^edge-agent\/(main|real-clock\.ts$|netlink\/|nftables\/|bgp\/transport)/;
    const wrong = files.filter((file) => {
      if (!/^(shared|functions\/domain|edge-agent)\//.test(file) || mayHaveTimers.test(file)) return false;
      const code = readFileSync(join(ROOT, file), "utf8").replaceAll(/\/\/.*|\/\*[^]*?\*\//g, "");
      return /\b(Date\.now|Math\.random|performance\.now)\b|(?<![.\w])set(Timeout|Interval)\(/.test(code);
    });
    expect(wrong).toEqual([]);
    const clocks = imports.filter(
      ({ file, target }) => file.startsWith("edge-agent/") && target.endsWith("real-clock.ts"),
    );
    expect(clocks.map(({ file }) => file).sort()).toEqual(["edge-agent/main-uninstall.ts", "edge-agent/main.ts"]);
  });
});

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (["node_modules", "dist", "cdk.out"].includes(entry.name)) return [];
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".ts") ? [relative(ROOT, path)] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = text.matchAll(
    /^\s*(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"|\bimport\("([^"]+)"\)|^import "([^"]+)"/gm,
  );
  return Array.from(found, (match) => ({ file, target: (match[1] ?? match[2] ?? match[3]) as string }));
}

function isPackage(target: string): boolean {
  return !target.startsWith(".") && !target.startsWith("node:");
}

function manifest(path: string): { dependencies?: Record<string, string>; devDependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8")) as ReturnType<typeof manifest>;
}
