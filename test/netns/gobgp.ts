// GoBGP as the ToR in a namespace: its config, its daemon, and its command line. One passive neighbour.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import { hasEnded, inside } from "../edge-agent/bgp/namespace-lab.ts";

export type Gobgp = {
  /** `gobgp global rib …`, and what it printed. */
  rib(line: string): string;
  /** Starts the daemon again after `end`. */
  start(): void;
  /** Ends the daemon and waits until it has ended. */
  end(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it and removes its files. */
  remove(): Promise<void>;
};

/** True if GoBGP is installed; throws in CI if it is not. */
export function requireGobgp(): boolean {
  if (existsSync("/usr/bin/gobgpd")) return true;
  if (process.env["CI"]) throw new Error("GoBGP is not installed (apt-get install gobgpd)");
  console.warn("GoBGP is not installed (apt-get install gobgpd) (skipped)");
  return false;
}

/** Starts the daemon in `namespace`, with iBGP to `neighbour`. */
export function startGobgp(options: {
  namespace: string;
  routerId: IpAddress;
  neighbour: IpAddress;
  asn: Asn;
  /** As GoBGP names them; default L2VPN EVPN alone. */
  families?: readonly string[];
  /** Seconds that GoBGP asks its peers to wait for its restart; absent: no graceful restart. */
  restartTimeSec?: number;
  /** Helps with long-lived graceful restart (RFC 9494), and asks for as many seconds of its own; absent: no. */
  longLivedSec?: number;
}): Gobgp {
  const { namespace } = options;
  const dir = mkdtempSync(join(tmpdir(), "overspan-gobgp-"));
  const config = join(dir, "gobgpd.toml");
  writeFileSync(config, configText(options));
  let daemon: ChildProcess;
  const gobgp: Gobgp = {
    rib: (line) => inside(namespace, `gobgp global rib ${line}`),
    start() {
      const words = ["gobgpd", "-t", "toml", "-f", config, "--api-hosts", "127.0.0.1:50051", "--pprof-disable"];
      daemon = spawn("ip", ["netns", "exec", namespace, ...words], { stdio: "ignore" });
    },
    async end(signal = "SIGTERM") {
      daemon.kill(signal);
      await hasEnded(daemon);
    },
    async remove() {
      await gobgp.end();
      rmSync(dir, { recursive: true });
    },
  };
  gobgp.start();
  return gobgp;
}

function configText(options: Parameters<typeof startGobgp>[0]): string {
  const { routerId, neighbour, asn, restartTimeSec, longLivedSec, families = ["l2vpn-evpn"] } = options;
  const restart = [
    "[neighbors.graceful-restart.config]",
    "enabled=true",
    `restart-time=${restartTimeSec}`,
    ...(longLivedSec === undefined ? [] : ["long-lived-enabled=true"]),
  ];
  const longLived = ["[neighbors.afi-safis.long-lived-graceful-restart.config]", "enabled=true"];
  const ofFamily = [
    "[neighbors.afi-safis.mp-graceful-restart.config]",
    "enabled=true",
    ...(longLivedSec === undefined ? [] : [...longLived, `restart-time=${longLivedSec}`]),
  ];
  return [
    "[global.config]",
    `as=${asn}`,
    `router-id="${routerId}"`,
    "port=179",
    "[[neighbors]]",
    "[neighbors.config]",
    `neighbor-address="${neighbour}"`,
    `peer-as=${asn}`,
    "[neighbors.transport.config]",
    "passive-mode=true",
    ...(restartTimeSec === undefined ? [] : restart),
    ...families.flatMap((family) => [
      "[[neighbors.afi-safis]]",
      "[neighbors.afi-safis.config]",
      `afi-safi-name="${family}"`,
      ...(restartTimeSec === undefined ? [] : ofFamily),
    ]),
    "",
  ].join("\n");
}
