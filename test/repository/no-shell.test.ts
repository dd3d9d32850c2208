// No program is run through a shell, where a name from outside could become a command: programs are started by file and
// list of arguments, and only where a folder's work is to run some.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Everything that runs on a host, in the cloud or on an operator's machine. */
const PRODUCT = ["shared", "functions", "edge-agent", "infra", "local", "lab", "cli", "scripts"];
/** The only files of what is deployed that start programs, and which. */
const STARTERS: Readonly<Record<string, string>> = { "edge-agent/nftables/nft.ts": "nft" };

const files = PRODUCT.flatMap((tree) => sources(join(ROOT, tree)));

describe("no shell", () => {
  it("no shell: the search -> saw the product", () => {
    expect(files.length).toBeGreaterThan(200);
    expect(files.map(({ path }) => path)).toContain("edge-agent/nftables/nft.ts");
  });

  it("no shell: exec, execSync, shell: true, eval, new Function -> nowhere", () => {
    const wrong = files.flatMap(({ path, code }) => {
      const through =
        /(?<![.\w])exec(?:Sync)?\(\s*["'`]|\bshell:\s*(?:true|["'`])|(?<![.\w])eval\(|new Function\(/.exec(code);
      const imported = /import\s*\{[^}]*\bexec(?:Sync)?\b[^}]*\}\s*from\s*"node:child_process"/.exec(code);
      return through || imported ? [`${path}: ${(through ?? imported)?.[0]}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it("no shell: programs are started from what is deployed -> by the one adapter of each", () => {
    const deployed = files.filter(({ path }) => /^(?:shared|functions|edge-agent)\//.test(path));
    const starters = deployed.filter(({ code }) => code.includes("node:child_process")).map(({ path }) => path);
    expect(starters).toEqual(Object.keys(STARTERS));
  });
});

/** Each file's code without its comments. */
function sources(dir: string): { readonly path: string; readonly code: string }[] {
  let entries: ReturnType<typeof readEntries>;
  try {
    entries = readEntries(dir);
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    if (["node_modules", "dist", "cdk.out"].includes(entry.name)) return [];
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sources(path);
    if (!entry.name.endsWith(".ts")) return [];
    const code = readFileSync(path, "utf8").replaceAll(/^\s*\/\/.*$|\/\*[^]*?\*\//gm, "");
    return [{ path: relative(ROOT, path), code }];
  });
}

function readEntries(dir: string) {
  return readdirSync(dir, { withFileTypes: true });
}
