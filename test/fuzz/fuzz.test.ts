// All fuzz targets for a short time, as a process of their own, and the search itself.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseRouteDistinguisher, rdFromOctets, rdToOctets } from "../../shared/address/rd.ts";
import type { Coverage } from "./coverage.ts";
import { search } from "./fuzz.ts";
import { chanceOf, MAX_INPUT_OCTETS, mutate } from "./mutate.ts";
import { decodedForGood } from "./target.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const SECONDS = 40;

function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
}

describe("fuzz", () => {
  it(`every decoder for ${SECONDS} s in all -> nothing is found`, { timeout: 300_000 }, async () => {
    const { code, output } = await run("--seconds", String(SECONDS));
    expect(code, output).toBe(0);
    expect(output.match(/ ok$/gm)?.length, output).toBeGreaterThan(20);
  });

  it("each decoder of what a peer sends -> has a target", () => {
    const wire = new URL("../../edge-agent/bgp/wire/", import.meta.url);
    const sources = readdirSync(wire).map((name) => readFileSync(new URL(name, wire), "utf8"));
    const decoders = sources.flatMap((text) =>
      Array.from(text.matchAll(/^export function (decode\w+)/gm), (it) => it[1]),
    );
    expect(decoders.length).toBeGreaterThan(10);
    const targets = readFileSync(new URL("./targets-bgp.ts", import.meta.url), "utf8");
    expect(decoders.filter((name) => !targets.includes(` ${name}(`) && !targets.includes(`, ${name})`))).toEqual([]);
  });

  it("a target that does not exist -> refused, with those that do", { timeout: 60_000 }, async () => {
    const { code, output } = await run("--target", "nothing");
    expect(code).toBe(2);
    expect(output).toContain("evpn-nlri");
  });

  it("an input that breaks a promise -> the search ends with it", () => {
    const coverage: Coverage = { take: () => new Map(), isNew: () => false, learn: () => undefined, size: () => 0 };
    let left = 100_000;
    const { finding, runs } = search(
      {
        name: "long inputs",
        seeds: [Uint8Array.of(1, 2, 3)],
        run: (octets) => {
          if (octets.length > 20) throw new Error("too long");
        },
      },
      { coverage, chance: chanceOf(1), isOver: () => left-- === 0, before: () => undefined },
    );
    expect(finding?.error).toContain("too long");
    expect(finding?.input.length).toBeGreaterThan(20);
    expect(runs).toBeGreaterThan(1);
  });

  it("one seed -> the same inputs, none of them too long", () => {
    const inputs = (seed: number) => {
      const chance = chanceOf(seed);
      return Array.from({ length: 500 }, () =>
        mutate([new Uint8Array(MAX_INPUT_OCTETS), Uint8Array.of(7)], [], chance),
      );
    };
    expect(inputs(5)).toEqual(inputs(5));
    expect(inputs(5)).not.toEqual(inputs(6));
    expect(Math.max(...inputs(5).map(({ length }) => length))).toBe(MAX_INPUT_OCTETS);
  });

  it("a decoder that keeps a view of its input -> told", () => {
    const octets = Uint8Array.of(1, 2, 3);
    expect(() => decodedForGood(octets, (it) => [it.subarray(1)])).toThrow("receive buffer");
    expect(decodedForGood(Uint8Array.of(1, 2), (it) => it[1])).toBe(2);
  });
});

describe("found by fuzzing", () => {
  it("a route distinguisher of an unknown type -> written as it was read, not as 0:0", () => {
    const octets = Uint8Array.of(0x00, 0xd7, 0x0a, 0x63, 0, 1, 0, 2);
    const rd = rdFromOctets(octets);
    expect(rd).toBe("?215:0a6300010002");
    expect(rdToOctets(rd)).toEqual(octets);
    expect(parseRouteDistinguisher(rd)).toBeUndefined();
  });
});
