import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadPeerCredentials } from "../../../edge-agent/local/peer-credentials.ts";
import { askSocket, serveSocket, type SocketAccess } from "../../../edge-agent/local/socket.ts";

describe("local socket", () => {
  let dir: string;
  let path: string;
  let server: { close(): Promise<void> } | undefined;
  const echo = (request: { command: readonly string[]; json: boolean }) => ({ text: JSON.stringify(request) });
  let access: SocketAccess;
  beforeEach(async () => {
    access = { peerOf: await loadPeerCredentials(), ownUid: process.geteuid?.() ?? 0 };
    dir = await mkdtemp(join(tmpdir(), "overspan-socket-"));
    path = join(dir, "agent.sock");
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    await rm(dir, { recursive: true, force: true });
  });

  it("local socket: a request -> its answer, and only the owner may open it", async () => {
    server = await serveSocket(path, echo, access);
    expect(await askSocket(path, { command: ["show", "summary"], json: true })).toEqual({
      text: '{"command":["show","summary"],"json":true}',
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("local socket: an error in the view -> an answer that says so, and the next request is served", async () => {
    const failing = () => {
      throw new Error("no such thing");
    };
    server = await serveSocket(path, failing, access);
    expect(await askSocket(path, { command: [], json: false })).toEqual({ error: "no such thing" });
    expect(await askSocket(path, { command: [], json: false })).toEqual({ error: "no such thing" });
  });

  it.each(["hello", "null", "[]"])("local socket: %s -> an answer that says what is expected", async (line) => {
    server = await serveSocket(path, echo, access);
    const answer = await new Promise<string>((resolve) => {
      const socket = createConnection(path, () => socket.write(`${line}\n`));
      socket.once("data", (data) => {
        socket.destroy();
        resolve(data.toString());
      });
    });
    expect((JSON.parse(answer) as { error: string }).error).toMatch(/expected|JSON/);
  });

  it("local socket: nobody there -> says to start the agent", async () => {
    await expect(askSocket(path, { command: [], json: false })).rejects.toThrow(/is it running/);
  });

  it("local socket: a file left by a killed agent -> replaced; a live agent's -> refused", async () => {
    await writeFile(path, "");
    server = await serveSocket(path, echo, access);
    await expect(serveSocket(path, echo, access)).rejects.toThrow(/another agent answers/);
    expect(await askSocket(path, { command: ["x"], json: false })).toHaveProperty("text");
  });
});
