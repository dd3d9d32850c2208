// What is read back and how it is shown to an operator.

import { describe, expect, it } from "vitest";
import { describeNetworks } from "../../../edge-agent/dataplane/describe.ts";
import type { ActualNetwork } from "../../../edge-agent/dataplane/kernel.ts";
import { describeProblem } from "../../../edge-agent/dataplane/problem.ts";
import { createBreath } from "../../../edge-agent/dataplane/breath.ts";
import { setDevices } from "../../../edge-agent/dataplane/network.ts";
import { viewVerified } from "../../../edge-agent/dataplane/read-back.ts";
import { createTables } from "../../../edge-agent/dataplane/tables.ts";
import { isOwnerMark, type NetworkState, ownerMark, ownerOf, routerMark } from "../../../edge-agent/dataplane/state.ts";
import { ip, mac, vni } from "../../contract/kernel.ts";

const owner = ownerMark("blue", "acme");
const ONE = mac("02:00:00:00:00:01");
const TWO = mac("02:00:00:00:00:02");
const THREE = mac("02:00:00:00:00:03");

const TUNNEL = { form: "nexthop", vteps: [ip("192.0.2.2")], vni: undefined } as const;

/** What is verified of a network that was read so. */
async function readBack(network: ActualNetwork): Promise<NetworkState | undefined> {
  const tables = createTables("nexthop");
  await tables.load(
    network,
    "event",
    createBreath(() => 0),
  );
  setDevices(tables.network(network.vni), network);
  return viewVerified(tables.network(network.vni))?.state();
}

const FULL: ActualNetwork = {
  vni: vni(100),
  bridge: { name: "ovbr100", owner, mac: mac("06:6f:00:00:64:01"), mtuBytes: 1450, up: true },
  vxlan: {
    name: "ovx100",
    owner,
    mtuBytes: 1450,
    up: true,
    vtep: ip("192.0.2.1"),
    udpPort: 4789,
    sourcePorts: undefined,
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
    { mac: TWO, tunnel: TUNNEL },
    { mac: ONE, tunnel: TUNNEL },
  ],
  flood: [ip("192.0.2.3"), ip("192.0.2.2")],
  neighbours: [
    { ip: ip("10.0.0.2"), mac: TWO, ours: true },
    { ip: ip("10.0.0.9"), mac: THREE, ours: false },
  ],
};

describe("readBack", () => {
  it("halves, learned entries, ports that are down, others' neighbours -> do not count", async () => {
    expect(await readBack(FULL)).toEqual({
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

  it("the vxlan device is down or off the bridge -> nothing remote forwards", async () => {
    for (const change of [{ up: false }, { master: undefined }]) {
      const vxlan = FULL.vxlan && { ...FULL.vxlan, ...change };
      expect(await readBack({ ...FULL, vxlan })).toMatchObject({ remote: [], flood: [], local: [{ mac: ONE }] });
    }
  });

  it("a device is missing -> nothing to report", async () => {
    expect(await readBack({ ...FULL, vxlan: undefined })).toBeUndefined();
    expect(await readBack({ ...FULL, bridge: undefined })).toBeUndefined();
  });
});

describe("describeNetworks", () => {
  it("two networks -> the form of `bridge fdb show` and `ip neigh`, by VNI", async () => {
    const blue = await readBack(FULL);
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
    expect(ownerOf(owner)).toBe("network");
    expect(isOwnerMark(routerMark("core", "acme"))).toBe(false);
    expect(ownerOf(routerMark("core", "acme"))).toBe("router");
    expect(isOwnerMark("uplink to overspan")).toBe(false);
    expect(isOwnerMark(undefined)).toBe(false);
  });
});
