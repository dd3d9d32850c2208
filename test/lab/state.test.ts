import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createState, frrDirectory, type LabState, readState, removeState, statePath } from "../../lab/state.ts";

const INITIAL: LabState = {
  version: 1,
  createdAt: "2026-11-22T12:00:00.000Z",
  prefix: "ovl-",
  vni: 10100,
  managementNet: "198.18.255",
  phase: "starting",
  lasting: false,
  owner: { pid: 1, startTicks: "5", command: "init" },
  namespaces: [],
  rootLinks: [],
  processes: [],
  frr: [],
  machines: [],
};

let parent: string;
let directory: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "ovl-state-"));
  directory = join(parent, "lab");
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

describe("state", () => {
  test("state: a change -> on disk before update returns", () => {
    const file = createState(directory, INITIAL);
    file?.update((state) => ({ ...state, namespaces: ["ovl-wan"] }));
    expect(readState(directory)).toEqual({ kind: "lab", state: { ...INITIAL, namespaces: ["ovl-wan"] } });
    expect(readdirSync(directory)).toEqual(["state.json"]);
  });

  test("state: a second lab with the same folder -> refused, the first one's record is untouched", () => {
    createState(directory, INITIAL);
    expect(createState(directory, { ...INITIAL, prefix: "abc-" })).toBeUndefined();
    expect(readState(directory)).toEqual({ kind: "lab", state: INITIAL });
  });

  test.each(["", "{", "[]", '{"version":2}', `${JSON.stringify(INITIAL)}x`])("state: file %j -> unusable", (text) => {
    mkdirSync(directory);
    writeFileSync(statePath(directory), text);
    expect(readState(directory).kind).toBe("unusable");
  });

  test("state: no folder -> none", () => {
    expect(readState(directory)).toEqual({ kind: "none" });
  });

  test("state: remove -> its own files and the empty folder go, twice over", () => {
    createState(directory, INITIAL);
    mkdirSync(frrDirectory(directory, "ovl-s1-tor"), { recursive: true });
    removeState(directory);
    removeState(directory);
    expect(existsSync(directory)).toBe(false);
  });

  test("state: remove in a folder with other files -> they stay", () => {
    createState(directory, INITIAL);
    writeFileSync(join(directory, "mine.txt"), "x");
    removeState(directory);
    expect(readdirSync(directory)).toEqual(["mine.txt"]);
  });
});
