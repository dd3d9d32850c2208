import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openRaisedSequences } from "../../../edge-agent/lane/raised-sequences.ts";
import { macOf } from "../evpn/fabric-routes.ts";

describe("raised sequences on disk", () => {
  let folder: string;
  let warnings: string[];
  const log = { warn: (kind: string) => void warnings.push(kind) };
  const open = () => openRaisedSequences(join(folder, "raised.json"), log);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "overspan-raised-"));
    warnings = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("raised sequences: kept -> known to the next process, the last word counts", () => {
    const all = [1, 2].map((n) => ({ network: "blue", mac: macOf(n), sequence: 0xffffffff - n }));
    const file = open();
    expect(file.known).toEqual([]);
    file.keep(all.slice(0, 1));
    file.keep(all);
    expect(open().known).toEqual(all);
    expect(statSync(join(folder, "raised.json")).mode & 0o777).toBe(0o600);
    expect(warnings).toEqual([]);
  });

  it.each(["", "{", `{"format":2,"raised":[]}`, `{"format":1,"raised":[{"network":"blue","mac":"x","sequence":1}]}`])(
    "raised sequences: a file that says %j -> reported, and nothing is known",
    (text) => {
      writeFileSync(join(folder, "raised.json"), text);
      expect(open().known).toEqual([]);
      expect(warnings).toEqual(["raised-sequences-unread"]);
    },
  );

  it("raised sequences: a folder that is not there -> reported, the agent goes on", () => {
    openRaisedSequences(join(folder, "none", "raised.json"), log).keep([]);
    expect(warnings).toEqual(["raised-sequences-unwritten"]);
  });
});
