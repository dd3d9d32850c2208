// docs/security.md names a test for each of its rules: each is there, and each attacker has rules.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const text = readFileSync(join(ROOT, "docs/security.md"), "utf8");

it("threat model: every test that it names -> is there", () => {
  const named = new Set(text.match(/\btest\/[\w./-]+\.test\.ts\b/g));
  expect(named.size).toBeGreaterThan(25);
  expect([...named].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

it("threat model: every attacker of the table -> a section of rules, each with its test", () => {
  const attackers = /## Attackers\n([^]*?)\n\n/.exec(text)?.[1] ?? "";
  const names = [...attackers.matchAll(/^\| ([A-Za-z ]+?) \|/gm)].map(([, name]) => name).slice(1);
  expect(names).toHaveLength(6);
  for (const name of names) {
    const title = `${name?.charAt(0).toUpperCase()}${name?.slice(1)}`;
    const section = new RegExp(`^## ${title}\n([^]*?)(?=^## )`, "m").exec(text)?.[1];
    const rules = (section ?? "").split("\n").filter((line) => /^\| (?!Rule |-)/.test(line));
    expect(rules.length, title).toBeGreaterThan(2);
    for (const rule of rules) expect(rule).toMatch(/\| test\/[\w./, -]+\.test\.ts \|$/);
  }
});
