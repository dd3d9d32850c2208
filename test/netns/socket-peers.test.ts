// The agent's socket and other users of its machine: processes with other uids and groups, whose credentials the kernel
// tells. The file's mode alone would keep some of them out; it is opened wide here, so that the second lock is seen to hold.

import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { groupId, loadPeerCredentials, rightsOf } from "../../edge-agent/local/peer-credentials.ts";
import { serveSocket } from "../../edge-agent/local/socket.ts";
import { requireKernel } from "./require-root.ts";

const [OWN, READERS, OTHER] = [65_000, 65_001, 65_002] as const;

/** Connects, asks for one thing and prints the answer, in a process of its own. */
const CLIENT = `
  const socket = require("node:net").createConnection(process.argv[1], () => socket.write(process.argv[2] + "\\n"));
  let text = "";
  socket.on("data", (octets) => { text += octets; if (text.includes("\\n")) socket.destroy(); });
  socket.on("error", (error) => { console.log(JSON.stringify({ error: error.code })); socket.destroy(); });
  socket.on("close", () => console.log(text.trim()));
`;

describe.runIf(requireKernel("root"))("the agent's socket", () => {
  let dir: string;
  let path: string;
  let server: { close(): Promise<void> };
  const asked: string[] = [];

  beforeEach(async () => {
    asked.length = 0;
    dir = mkdtempSync(join(tmpdir(), "overspan-peers-"));
    chmodSync(dir, 0o711);
    path = join(dir, "agent.sock");
    const access = { peerOf: await loadPeerCredentials(), ownUid: OWN, readers: READERS };
    const answer = ({ command }: { command: readonly string[] }) => {
      asked.push(command.join(" "));
      return { text: "done" };
    };
    server = await serveSocket(path, answer, access);
  });
  afterEach(async () => {
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** As a user with a group of its own and these supplementary ones. */
  async function ask(uid: number, groups: readonly number[], ...command: string[]): Promise<unknown> {
    const who = [
      `--reuid=${uid}`,
      `--regid=${uid}`,
      groups.length > 0 ? `--groups=${groups.join(",")}` : "--clear-groups",
    ];
    const words = [...who, process.execPath, "-e", CLIENT, path, JSON.stringify({ command, json: false })];
    const { stdout } = await promisify(execFile)("setpriv", words, { cwd: "/" });
    return JSON.parse(stdout.trim().split("\n")[0] ?? "");
  }

  it("socket: its mode -> 0660 of the agent's user and the readers' group", () => {
    const { mode, uid, gid } = statSync(path);
    expect([mode & 0o777, uid, gid]).toEqual([0o660, OWN, READERS]);
  });

  it("socket: root and the agent's own user -> may show and act", async () => {
    for (const uid of [0, OWN]) {
      expect(await ask(uid, [], "show", "summary")).toEqual({ text: "done" });
      expect(await ask(uid, [], "clear", "evpn", "duplicate", "x")).toEqual({ text: "done" });
    }
    expect(asked).toHaveLength(4);
  });

  it("socket: a member of the readers' group, by a supplementary one too -> may show, and not act", async () => {
    expect(await ask(OTHER, [READERS], "show", "summary")).toEqual({ text: "done" });
    expect(await ask(READERS, [], "show", "summary")).toEqual({ text: "done" });
    expect(await ask(OTHER, [4, READERS, 5], "clear", "evpn")).toEqual({
      error: expect.stringMatching(/nothing else/),
    });
    expect(await ask(OTHER, [READERS])).toEqual({ error: expect.stringMatching(/nothing else/) });
    expect(asked).toEqual(["show summary", "show summary"]);
  });

  it("socket: anybody else -> kept out by the mode; with the mode open to all, by the credentials", async () => {
    expect(await ask(OTHER, [], "show", "summary")).toEqual({ error: "EACCES" });
    chmodSync(path, 0o666);
    chownSync(path, 0, 0);
    for (const groups of [[], [4, 5], [OWN]]) {
      expect(await ask(OTHER, groups, "show", "summary")).toEqual({ error: expect.stringMatching(/and not you/) });
    }
    expect(asked).toEqual([]);
  });
});

describe("rights at the socket", () => {
  it("rights: by uid and groups; of a peer that the kernel does not name -> none", () => {
    const who = { ownUid: OWN, readers: READERS };
    expect(rightsOf({ uid: 0, groups: [] }, who)).toBe("act");
    expect(rightsOf({ uid: OWN, groups: [] }, who)).toBe("act");
    expect(rightsOf({ uid: OTHER, groups: [1, READERS] }, who)).toBe("read");
    expect(rightsOf({ uid: READERS, groups: [OTHER] }, who)).toBe("none");
    expect(rightsOf({ uid: OTHER, groups: [READERS] }, { ownUid: OWN })).toBe("none");
    expect(rightsOf(undefined, who)).toBe("none");
  });

  it("group: by name or number; one that is not there -> said so", async () => {
    expect(await groupId("root")).toBe(0);
    expect(await groupId("123")).toBe(123);
    await expect(groupId("no-such-group")).rejects.toThrow("socketGroup: there is no group no-such-group");
  });
});
