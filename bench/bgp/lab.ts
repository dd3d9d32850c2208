// Two namespaces with one link for one measurement: in `bnch-rx` the side that is measured, in `bnch-tx` the endpoints that
// feed it. Every process of `bnch-rx` belongs to that side. Everything made is removed again.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundlePrograms } from "../bundle.ts";
import type { Ipv4 } from "../../shared/address/ip.ts";
import {
  addVni,
  eventually,
  inside,
  linkedNamespaces,
  removeNamespaces,
  run,
} from "../../test/edge-agent/bgp/namespace-lab.ts";
import { startTalker, type Talker } from "../talker.ts";
import { ASN, VNI } from "./feed.ts";
import type { FeederEvent, FeederOptions } from "./feeder.ts";
import type { SpeakerOptions, SpeakerSays } from "./speaker.ts";

export const RX = "bnch-rx";
const TX = "bnch-tx";
/** Of the measured side, and of the endpoints. */
export const RECEIVER = "10.96.0.1" as Ipv4;
export const FEEDER = "10.96.0.2" as Ipv4;
export const SECOND = "10.96.0.3" as Ipv4;

export class Lab {
  readonly dir: string;
  readonly #children: ChildProcess[] = [];
  /** What FRR's daemons leave behind when they are killed, by the pid that launched them. */
  readonly #crashLogs: string[] = [];

  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), "overspan-bench-"));
  }

  /** Bundles the two programs that run in namespaces, as the agent is bundled: no loader runs beside them. */
  async build(): Promise<void> {
    const here = fileURLToPath(new URL(".", import.meta.url));
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const programs = { speaker: `${here}speaker.ts`, feeder: `${here}feeder.ts` };
    await bundlePrograms(programs, `${root}bench/dist`, { split: true });
  }

  /** A fresh pair of namespaces. */
  reset(): void {
    linkedNamespaces(RX, TX, "10.96.0");
    inside(TX, `ip addr add ${SECOND}/24 dev to-router`);
  }

  /** Ends everything in the namespaces and removes them. */
  async clear(): Promise<void> {
    removeNamespaces(RX, TX);
    await eventually("the processes end", () =>
      this.#children.every((child) => child.exitCode !== null || child.signalCode !== null),
    );
    this.#children.length = 0;
    for (const path of this.#crashLogs) rmSync(path, { recursive: true, force: true });
    this.#crashLogs.length = 0;
  }

  /** Ends the lab for good. */
  async remove(): Promise<void> {
    await this.clear();
    rmSync(this.dir, { recursive: true, force: true });
    rmSync(fileURLToPath(new URL("../dist", import.meta.url)), { recursive: true, force: true });
  }

  feeder(options: FeederOptions): Talker<FeederEvent> {
    return this.#talker(TX, "feeder", options);
  }

  speaker(options: SpeakerOptions, where: "rx" | "tx" = "rx"): Talker<SpeakerSays> {
    return this.#talker(where === "rx" ? RX : TX, "speaker", options);
  }

  /** zebra and bgpd (section "FRR" of its documentation: `-s`, or zebra ends in a flood of routes). */
  frr(form: "receiver" | "kernel" | "reflector"): void {
    if (form === "kernel") addVni(RX, VNI, RECEIVER);
    const dir = mkdtempSync("/tmp/overspan-bench-frr-");
    this.#crashLogs.push(dir, `/run/frr/${RX}`);
    chownSync(dir, Number(run("id", "-u", "frr")), Number(run("id", "-g", "frr")));
    writeFileSync(join(dir, "frr.conf"), frrConfig(form));
    for (const [daemon, ...more] of [["zebra", "-s", "90000000"], ["bgpd"]] as const) {
      const files = ["-f", join(dir, "frr.conf"), "-i", join(dir, `${daemon}.pid`), "-z", join(dir, "zserv.api")];
      const args = [
        "-d",
        "-N",
        RX,
        "-u",
        "frr",
        "-g",
        "frr",
        ...files,
        "--vty_socket",
        dir,
        "-A",
        "127.0.0.1",
        ...more,
      ];
      const started = spawnSync("ip", ["netns", "exec", RX, `/usr/lib/frr/${daemon}`, ...args]);
      if (started.status !== 0) throw new Error(`${daemon} does not start: ${started.stderr}`);
      this.#crashLogs.push(`/var/tmp/frr/${daemon}.${started.pid}`);
      if (daemon === "bgpd") this.#vty = dir;
    }
  }

  #vty = "";

  /** Routes that FRR's bgpd has of the feeder. */
  frrRoutes(): number {
    const text = run("vtysh", "--vty_socket", this.#vty, "-c", "show bgp l2vpn evpn summary json");
    const { peers } = JSON.parse(text) as { peers: Record<string, { pfxRcd?: number }> };
    return peers[FEEDER]?.pfxRcd ?? 0;
  }

  gobgp(): void {
    const config = join(this.dir, "gobgpd.toml");
    writeFileSync(config, GOBGP_CONFIG);
    const args = ["-t", "toml", "-f", config, "--api-hosts", "127.0.0.1:50051", "--pprof-disable"];
    this.#children.push(spawn("ip", ["netns", "exec", RX, "gobgpd", ...args], { stdio: "ignore" }));
  }

  gobgpRoutes(): number {
    const neighbor = JSON.parse(inside(RX, `gobgp -j neighbor ${FEEDER}`)) as {
      afi_safis?: { state?: { received?: number } }[];
    };
    return neighbor.afi_safis?.[0]?.state?.received ?? 0;
  }

  /** The processes of the measured side. */
  pids(): number[] {
    return run("ip", "netns", "pids", RX).split("\n").filter(Boolean).map(Number);
  }

  /** Remote MACs in the kernel of the measured side. */
  kernelRoutes(device: string): number {
    const count = `bridge fdb show dev ${device} | grep -cE "(dst ${FEEDER}|nhid [0-9]+) self" || true`;
    return Number(run("ip", "netns", "exec", RX, "sh", "-c", count));
  }

  /** Neighbours with an address of the feed on a device of the measured side. */
  kernelNeighbours(device: string): number {
    const count = `ip -4 neigh show dev ${device} nud all | grep -c "^10\\..* lladdr" || true`;
    return Number(run("ip", "netns", "exec", RX, "sh", "-c", count));
  }

  #talker<E extends { readonly event: string }>(namespace: string, program: string, options: object): Talker<E> {
    const script = fileURLToPath(new URL(`../dist/${program}.mjs`, import.meta.url));
    const talker = startTalker<E>(namespace, script, options);
    this.#children.push(talker.child);
    return talker;
  }
}

function frrConfig(form: "receiver" | "kernel" | "reflector"): string {
  const peer = form === "reflector" ? "HOSTS" : FEEDER;
  return [
    "hostname rx",
    `router bgp ${ASN}`,
    ` bgp router-id ${RECEIVER}`,
    " no bgp default ipv4-unicast",
    ...(form === "reflector" ? [" neighbor HOSTS peer-group"] : []),
    ` neighbor ${peer} remote-as ${ASN}`,
    ...(form === "reflector" ? [" bgp listen range 10.96.0.0/24 peer-group HOSTS"] : []),
    " address-family l2vpn evpn",
    `  neighbor ${peer} activate`,
    ...(form === "reflector" ? ["  neighbor HOSTS route-reflector-client"] : []),
    ...(form === "kernel" ? ["  advertise-all-vni"] : []),
    " exit-address-family",
    "",
  ].join("\n");
}

const GOBGP_CONFIG = `[global.config]
as=${ASN}
router-id="${RECEIVER}"
port=179
[[neighbors]]
[neighbors.config]
neighbor-address="${FEEDER}"
peer-as=${ASN}
[neighbors.transport.config]
passive-mode=true
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name="l2vpn-evpn"
`;
