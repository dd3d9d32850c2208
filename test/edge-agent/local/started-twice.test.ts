// A second agent on the same host, started by mistake: the real process, against a socket that answers already.

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { serveSocket } from "../../../edge-agent/local/socket.ts";

const CLI = fileURLToPath(new URL("../../../edge-agent/cli.ts", import.meta.url));

it("agent: started while another one runs -> ends with the reason, and never speaks to the broker", async () => {
  const folder = await mkdtemp(join(tmpdir(), "overspan-twice-"));
  let connections = 0;
  const broker = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve));
  const socket = join(folder, "agent.sock");
  const first = await serveSocket(socket, () => ({ text: "the first" }), { peerOf: undefined, ownUid: 0 });
  try {
    const url = `mqtts://127.0.0.1:${(broker.address() as AddressInfo).port}`;
    const config = {
      host: "h1",
      broker: { url },
      stateDir: join(folder, "state"),
      socket,
    };
    await writeFile(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
    const second = await run(["run", "--config", join(folder, "config.json")]);
    expect(second.status).toBe(1);
    expect(second.errors).toContain(`overspan-agent: another agent answers at ${socket}: stop it first`);
    expect(connections).toBe(0);
  } finally {
    await first.close();
    await new Promise((resolve) => broker.close(resolve));
    await rm(folder, { recursive: true, force: true });
  }
}, 30_000);

function run(words: readonly string[]): Promise<{ status: unknown; errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ["--import", "tsx", CLI, ...words], { timeout: 25_000 }, (error, _stdout, errors) =>
      resolve({ status: error?.code ?? 0, errors }),
    );
  });
}
