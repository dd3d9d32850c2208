// The switch's configuration in FRR's words, judged by FRR itself: `vtysh -C` knows every command of its version.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { frrConfig } from "../../../functions/api/fabric-config.ts";
import { FabricPeer, Host } from "../../../shared/model/resource.ts";
import { requireKernel } from "../../netns/require-root.ts";

const STORED = {
  version: 1,
  createdAt: "2026-11-22T12:00:00.000Z",
  updatedAt: "2026-11-22T12:00:00.000Z",
  change: "c",
};
const tor = FabricPeer.parse({
  id: "tor1",
  site: "fra",
  asn: 65100,
  addresses: ["192.0.2.1", "2001:db8::1", "fe80::1"],
  ...STORED,
});

function host(id: string, vtep: string, peer: object, asn = 65101): Host {
  return Host.parse({ id, site: "fra", vtep, bgp: { asn, routerId: "192.0.2.9", peers: [peer] }, ...STORED });
}

const VTYSH = "/usr/bin/vtysh";
const peer = { address: "192.0.2.1", asn: 65100 };
const HOSTS = [
  host("plain", "192.0.2.11", peer),
  host("timers", "192.0.2.12", { ...peer, holdTimeSec: 9, keepaliveTimeSec: 2, maximumRoutes: { limit: 1000 } }),
  host("no-hold-time", "192.0.2.13", { ...peer, holdTimeSec: 0 }),
  host("far", "192.0.2.14", { ...peer, multihop: 3, sourceAddress: "192.0.2.114", port: 1179, passive: true }),
  host("near", "192.0.2.15", { ...peer, ttlSecurityHops: 1 }),
  host("internal", "192.0.2.16", { ...peer, multihop: 3 }, 65100),
  host("ipv6", "2001:db8::17", { ...peer, address: "2001:db8::1" }),
  host("unnumbered", "192.0.2.18", { ...peer, address: "fe80::1", interface: "eth0" }),
  host("elsewhere", "192.0.2.19", { ...peer, address: "192.0.2.99" }),
];

describe.runIf(requireKernel("frr"))("configuration", () => {
  test.each([
    ["of all kinds of hosts", HOSTS],
    ["of none", []],
  ])("configuration: %s -> FRR takes every line", (_, hosts) => {
    const folder = mkdtempSync(join(tmpdir(), "overspan-fabric-config-"));
    const file = join(folder, "frr.conf");
    try {
      writeFileSync(file, frrConfig(tor, hosts));
      execFileSync(VTYSH, ["-C", "-f", file], { stdio: "pipe" });
      writeFileSync(file, frrConfig(tor, hosts).replace("no bgp default", "no bgp defaults"));
      expect(() => execFileSync(VTYSH, ["-C", "-f", file], { stdio: "pipe" })).toThrow(/Unknown command/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test("configuration: each host with its own terms; those of other ToRs are left out", () => {
  const text = frrConfig(tor, HOSTS);
  expect(text).toContain("Generated of 8 hosts.");
  expect(text).not.toContain("elsewhere");
  expect(text).toContain("! unnumbered peers over its link eth0");
  expect(text).toContain(" neighbor 192.0.2.12 timers 2 9\n");
  expect(text).toContain(" neighbor 192.0.2.13 timers 0 0\n");
  expect(text).toContain(" neighbor 192.0.2.114 ebgp-multihop 3\n");
  expect(text).not.toContain("neighbor 192.0.2.114 passive");
  expect(text).toContain("  neighbor 192.0.2.16 route-reflector-client\n");
  expect(text).not.toContain("neighbor 192.0.2.16 ebgp-multihop");
});
