// What is read back and how it is shown to an operator.

import { describe, expect, it } from "vitest";
import { describeNetworks } from "../../../edge-agent/dataplane/describe.ts";
import type { ActualNetwork } from "../../../edge-agent/dataplane/kernel.ts";
import { describeProblem } from "../../../edge-agent/dataplane/problem.ts";
import { readBack } from "../../../edge-agent/dataplane/read-back.ts";
import { isOwnerMark, ownerMark } from "../../../edge-agent/dataplane/state.ts";
import { ip, mac, vni } from "../../contract/kernel.ts";

const owner = ownerMark("blue", "acme");
const ONE = mac("02:00:00:00:00:01");
const TWO = mac("02:00:00:00:00:02");
const THREE = mac("02:00:00:00:00:03");

const FULL: ActualNetwork = {
  vni: vni(100),
  bridge: { name: "ovbr100", owner, mtuBytes: 1450, up: true },
  vxlan: {
    name: "ovx100",
    owner,
    mtuBytes: 1450,
    up: true,
    vtep: ip("192.0.2.1"),
    udpPort: 4789,
    learning: false,
    master: "ovbr100",
    portLearning: false,
    neighSuppress: true,
  },
  ports: [
    { name: "tap1", up: true },
    { name: "tap2", up: false },
  ],
  bridgeEntries: [
    { mac: ONE, port: "tap1", pinned: true },
    { mac: TWO, port: "ovx100", pinned: true },
    { mac: THREE, port: "tap2", pinned: true },
    { mac: mac("02:00:00:00:00:04"), port: "tap1", pinned: false },
  ],
  vxlanEntries: [
    { mac: TWO, vtep: ip("192.0.2.2") },
    { mac: ONE, vtep: ip("192.0.2.2") },
  ],
  flood: [ip("192.0.2.3"), ip("192.0.2.2")],
  neighbours: [
    { ip: ip("10.0.0.2"), mac: TWO, ours: true },
    { ip: ip("10.0.0.9"), mac: THREE, ours: false },
  ],
};

describe("readBack", () => {
  it("halves, learned entries, ports that are down, others' neighbours -> do not count", () => {
    expect(readBack(FULL)).toEqual({
      vni: 100,
      owner,
      vtep: "192.0.2.1",
      mtuBytes: 1450,
      ports: [{ name: "tap1" }],
      local: [{ mac: ONE, port: "tap1" }],
      remote: [{ mac: TWO, vtep: "192.0.2.2" }],
      flood: ["192.0.2.2", "192.0.2.3"],
      neighbours: [{ ip: "10.0.0.2", mac: TWO }],
    });
  });

  it("the vxlan device is down or off the bridge -> nothing remote forwards", () => {
    for (const change of [{ up: false }, { master: undefined }]) {
      const vxlan = FULL.vxlan && { ...FULL.vxlan, ...change };
      expect(readBack({ ...FULL, vxlan })).toMatchObject({ remote: [], flood: [], local: [{ mac: ONE }] });
    }
  });

  it("a device is missing -> nothing to report", () => {
    expect(readBack({ ...FULL, vxlan: undefined })).toBeUndefined();
    expect(readBack({ ...FULL, bridge: undefined })).toBeUndefined();
  });
});

describe("describeNetworks", () => {
  it("two networks -> the form of `bridge fdb show` and `ip neigh`, by VNI", () => {
    const blue = readBack(FULL);
    if (!blue) throw new Error("not read back");
    const green = { ...blue, vni: vni(5), ports: [], local: [], remote: [], flood: [], neighbours: [] };
    expect(describeNetworks([blue, green])).toBe(
      [
        `vni 5 (${owner}) local 192.0.2.1 mtu 1450`,
        "",
        `vni 100 (${owner}) local 192.0.2.1 mtu 1450`,
        "port tap1 master ovbr100",
        "02:00:00:00:00:01 dev tap1 master ovbr100 static",
        "02:00:00:00:00:02 dev ovx100 dst 192.0.2.2 self extern_learn",
        "02:00:00:00:00:02 dev ovx100 extern_learn master ovbr100",
        "00:00:00:00:00:00 dev ovx100 dst 192.0.2.2 self permanent",
        "00:00:00:00:00:00 dev ovx100 dst 192.0.2.3 self permanent",
        "10.0.0.2 dev ovbr100 lladdr 02:00:00:00:00:02 PERMANENT proto 79",
      ].join("\n"),
    );
  });
});

describe("describeProblem", () => {
  it("a refused op -> the op, the errno and the kernel's words", () => {
    const op = { kind: "add-flood", vni: vni(100), vxlan: "ovx100", vtep: ip("192.0.2.2") } as const;
    const failure = { op, code: "ENOMEM", message: "no room" };
    expect(describeProblem({ kind: "op-failed", vni: vni(100), failure, more: 2 })).toBe(
      "kernel refused add-flood: ENOMEM, no room (and 2 more)",
    );
  });
});

describe("ownerMark", () => {
  it("ours -> recognised; an operator's alias or none -> not", () => {
    expect(isOwnerMark(owner)).toBe(true);
    expect(isOwnerMark("uplink to overspan")).toBe(false);
    expect(isOwnerMark(undefined)).toBe(false);
  });
});
