// The agent's config file: what concerns BGP sessions, and that a fault names its field.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../edge-agent/config.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "overspan-config-"));
  writeFileSync(join(dir, "key"), "k3y\n", { mode: 0o600 });
});
afterEach(() => rmSync(dir, { recursive: true }));

function config(bgp: object): string {
  const path = join(dir, "agent.json");
  const broker = { url: "mqtts://127.0.0.1" };
  writeFileSync(path, JSON.stringify({ host: "h1", broker, bgp }), { mode: 0o600 });
  return path;
}

describe("config: bgp", () => {
  it("key files by peer address -> keys without the line's end, by canonical address", async () => {
    const file = join(dir, "key");
    const read = await readConfig(config({ listenPort: 179, md5KeyFiles: { "192.0.2.1": file, "2001:DB8::1": file } }));
    expect(read.bgp.listenPort).toBe(179);
    expect([...read.md5Keys]).toEqual([
      ["192.0.2.1", "k3y"],
      ["2001:db8::1", "k3y"],
    ]);
  });

  it("a credential of systemd -> read where systemd decrypted it; none given, or no name -> refused by name", async () => {
    const named = (name: string) => config({ md5KeyFiles: { "192.0.2.1": `credential:${name}` } });
    expect([...(await readConfig(named("key"), dir)).md5Keys]).toEqual([["192.0.2.1", "k3y"]]);
    await expect(readConfig(named("key"))).rejects.toThrow(/has the unit LoadCredentialEncrypted=key\?$/);
    await expect(readConfig(named("../key"), dir)).rejects.toThrow(/names no credential/);
    await expect(readConfig(named("other"), dir)).rejects.toThrow(/cannot read bgp\.md5KeyFiles\.192\.0\.2\.1/);
  });

  it("a credential whose group may read it, as by systemd's access list -> taken; open to all -> refused", async () => {
    const named = config({ md5KeyFiles: { "192.0.2.1": "credential:key" } });
    chmodSync(join(dir, "key"), 0o440);
    expect((await readConfig(named, dir)).md5Keys.size).toBe(1);
    chmodSync(join(dir, "key"), 0o444);
    await expect(readConfig(named, dir)).rejects.toThrow(/mode 0444: it is a secret that others can reach; chmod 440/);
  });

  it("no bgp -> no keys, and no listening", async () => {
    const path = config({});
    expect((await readConfig(path)).md5Keys.size).toBe(0);
  });

  it.each([
    ["a peer that is no address", { tor1: "key" }, /bgp\.md5KeyFiles\.tor1: must be the address of a peer/],
    ["no such file", { "192.0.2.1": "/nonexistent" }, /cannot read bgp\.md5KeyFiles\.192\.0\.2\.1 \/nonexistent/],
  ])("%s -> refused by name", async (_, md5KeyFiles, reason) => {
    await expect(readConfig(config({ md5KeyFiles }))).rejects.toThrow(reason);
  });

  it.each([0o640, 0o604, 0o660])("a key file of mode %o -> refused, with what to do", async (mode) => {
    const file = join(dir, "key");
    chmodSync(file, mode);
    await expect(readConfig(config({ md5KeyFiles: { "192.0.2.1": file } }))).rejects.toThrow(
      `bgp.md5KeyFiles.192.0.2.1: ${file} has mode 0${mode.toString(8)}: it is a secret that others can reach; chmod 600 ${file}`,
    );
  });

  it.each([0o646, 0o644, 0o620])("a config file of mode %o -> refused, with what to do", async (mode) => {
    const path = config({});
    chmodSync(path, mode);
    await expect(readConfig(path)).rejects.toThrow(/has mode 06\d\d: it is the agent's alone; chmod 600 /);
  });

  it.each(["", "x".repeat(81)])("a key of %j -> refused, and not repeated", async (key) => {
    writeFileSync(join(dir, "key"), key);
    const path = config({ md5KeyFiles: { "192.0.2.1": join(dir, "key") } });
    await expect(readConfig(path)).rejects.toThrow(
      /^bgp\.md5KeyFiles\.192\.0\.2\.1: \S+ must hold a key of 1 to 80 octets$/,
    );
  });
});
