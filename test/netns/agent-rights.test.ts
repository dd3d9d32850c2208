// The agent's own rights: the built agent as a user that is not root, with the capabilities of its systemd unit and no
// others, does the whole job in a namespace: devices, entries, nftables, the BGP port.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { buildAgent } from "../../edge-agent/build.ts";
import { openReplicaFiles } from "../../edge-agent/intent/replica-files.ts";
import { applyEntry } from "../../edge-agent/intent/replica.ts";
import { createCloudModel, endpointBody, networkBody, vtepBody } from "../edge-agent/intent/cloud-model.ts";
import { writeIdentity } from "../local/enrolled-host.ts";
import { makeNamespace, type Namespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const UNIT = fileURLToPath(new URL("../../edge-agent/overspan-agent.service", import.meta.url));
/** Of util-linux, which every Debian has. */
const [SETPRIV, MOUNT, UMOUNT] = ["setpriv", "mount", "umount"] as const;
/** `nobody` of every Linux: no entry of it is needed. */
const UID = 65534;
const VTEP = "192.0.2.1";

/** The value of a setting of the unit file. */
function unit(setting: string): string {
  const found = new RegExp(`^${setting}=(.*)$`, "m").exec(readFileSync(UNIT, "utf8"));
  return found?.[1] ?? "";
}

const capabilities = unit("CapabilityBoundingSet").split(" ");

describe.runIf(requireKernel("root", "vxlan", "bridge"))("the agent's rights", () => {
  const dir = mkdtempSync(join(tmpdir(), "overspan-rights-"));
  const config = join(dir, "agent.json");
  let host: Namespace;
  let agent: ReturnType<typeof spawn>;
  let said = "";
  let mounted: string | undefined;

  /** The path, or one by which those can read it: a checkout may be in a folder that only its owner may enter. */
  function readableBy(who: readonly string[], path: string): string {
    if (spawnSync(SETPRIV, [...who, "test", "-r", path]).status === 0) return path;
    mounted = mkdtempSync(join(tmpdir(), "overspan-tree-"));
    chmodSync(mounted, 0o755);
    execFileSync(MOUNT, ["--bind", ROOT, mounted]);
    return join(mounted, relative(ROOT, path));
  }

  beforeAll(async () => {
    const bundle = await buildAgent();
    host = makeNamespace("rights");
    host.run(`ip addr add ${VTEP}/32 dev lo`);
    host.run("ip link add name tap1 type veth peer name machine1");
    const cloud = createCloudModel("h1");
    const bgp = { asn: 65001, peers: [{ address: "192.0.2.254", asn: 65001, passive: true }] };
    const entries = [
      cloud.commit("host:h1", [
        { key: "host", body: { site: "s1", vtep: VTEP, bgp } },
        { key: "network/blue", body: {} },
      ]),
      cloud.commit("net:blue", [
        { key: "network", body: networkBody },
        { key: "vtep/h1", body: vtepBody(VTEP) },
        { key: "vtep/h2", body: vtepBody("192.0.2.2") },
        { key: "endpoint/e1", body: endpointBody(1) },
        { key: "endpoint/e2", body: endpointBody(2, "h2") },
      ]),
    ];
    const store = await openReplicaFiles(join(dir, "replica"));
    for (const entry of entries) {
      const outcome = applyEntry(undefined, entry);
      if (outcome.kind !== "applied") throw new Error(outcome.kind);
      await store.save(outcome.replica);
    }
    await writeIdentity(dir, "h1");
    // Nobody answers at that broker: what is on disk is what counts.
    const broker = { url: "mqtts://127.0.0.1:9" };
    const settings = {
      host: "h1",
      broker,
      stateDir: dir,
      socket: join(dir, "run", "agent.sock"),
      bgp: { listenPort: 179 },
    };
    writeFileSync(config, JSON.stringify(settings), { mode: 0o600 });
    execFileSync("chown", ["-R", `${UID}:${UID}`, dir]);
    chmodSync(dir, 0o700);
    const wanted = capabilities.map((name) => `+${name.replace("CAP_", "").toLowerCase()}`).join(",");
    const who = ["--reuid", String(UID), "--regid", String(UID), "--clear-groups"];
    const rights = [`--inh-caps=-all,${wanted}`, `--ambient-caps=-all,${wanted}`, `--bounding-set=-all,${wanted}`];
    const run = [process.execPath, readableBy(who, bundle), "run", "--config", config];
    const words = ["netns", "exec", host.name, "setpriv"].concat(who, rights, "--no-new-privs", run);
    agent = spawn("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
    agent.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await vi.waitFor(() => expect(said).toContain("started"), { timeout: 30_000, interval: 50 });
  });

  afterAll(async () => {
    const ended = once(agent, "exit");
    agent.kill("SIGTERM");
    await ended;
    host.remove();
    if (mounted !== undefined) {
      execFileSync(UMOUNT, [mounted]);
      // Never more than an empty folder: what was mounted there is the checkout.
      rmdirSync(mounted);
    }
    rmSync(dir, { recursive: true, force: true });
  });

  it("rights: of the unit -> network administration and low ports, for a user of its own", () => {
    expect(capabilities).toEqual(["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"]);
    expect(unit("AmbientCapabilities")).toBe(unit("CapabilityBoundingSet"));
    expect([unit("User"), unit("NoNewPrivileges"), unit("UMask")]).toEqual(["overspan", "yes", "0077"]);
  });

  it("rights: of the process -> these and no others", () => {
    const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
    // CAP_NET_BIND_SERVICE is bit 10, CAP_NET_ADMIN bit 12 (linux/capability.h).
    for (const set of ["CapEff", "CapPrm", "CapBnd", "CapAmb"])
      expect(status).toMatch(new RegExp(`${set}:\\s*0*1400\\n`));
    expect(status).toMatch(new RegExp(`Uid:\\s+${UID}\\s+${UID}\\s+${UID}`));
    expect(status).toMatch(/NoNewPrivs:\s*1/);
  });

  it("rights: devices, entries, neighbours -> made", async () => {
    const fdb = () => host.run("bridge fdb show br ovbr100");
    await expect.poll(fdb, { timeout: 15_000 }).toContain("02:00:00:00:00:01 dev tap1 master ovbr100 static");
    await expect.poll(fdb, { timeout: 15_000 }).toContain("02:00:00:00:00:02 dev ovx100");
    await expect.poll(() => host.run("ip neigh show dev ovbr100"), { timeout: 15_000 }).toContain("10.0.0.2");
  });

  it("rights: guards of the ports -> made", async () => {
    await expect
      .poll(() => host.run("nft list chain bridge overspan guard-tap1"), { timeout: 15_000 })
      .toContain("02:00:00:00:00:01");
  });

  it("rights: the BGP port -> listened at; nothing is said to be lacking", async () => {
    // Port 179 is 00B3, state 0A is LISTEN (proc(5), /proc/net/tcp).
    const sockets = () => host.run("cat /proc/net/tcp /proc/net/tcp6");
    await expect.poll(sockets, { timeout: 15_000 }).toMatch(/:00B3 [0-9A-F]+:0000 0A/);
    expect(said).not.toMatch(/not permitted|EPERM|EACCES|errno 1\b/);
  });

  it("rights: files -> for the agent's user alone", () => {
    const modes = (path: string): string[] => {
      const { mode } = statSync(path);
      const inside = (mode & 0o170000) === 0o040000 ? readdirSync(path).flatMap((name) => modes(join(path, name))) : [];
      return [...((mode & 0o077) === 0 ? [] : [path]), ...inside];
    };
    expect(modes(dir)).toEqual([]);
  });
});
