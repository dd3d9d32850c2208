// What tenant routers add to rtnetlink: rules, gateways' addresses, VRFs, and which notifications concern them. The vectors
// of rules and VRFs are what iproute2 6.1 sends (seen with strace).

import { describe, expect, it } from "vitest";
import { ROUTE_METRIC, routerTable, vrfName } from "../../../edge-agent/dataplane/router-state.ts";
import { ownerMark, routerMark, vxlanName } from "../../../edge-agent/dataplane/state.ts";
import type { WireRequest } from "../../../edge-agent/netlink/connection.ts";
import * as k from "../../../edge-agent/netlink/constants.ts";
import { gatewayRequest, parseGateway } from "../../../edge-agent/netlink/gateway-message.ts";
import { addVrf, type L3Link, parseL3Link, probeVrf } from "../../../edge-agent/netlink/l3-link-message.ts";
import { MessageWriter, type NetlinkMessage, parseMessages } from "../../../edge-agent/netlink/message.ts";
import { replaceRoute } from "../../../edge-agent/netlink/route-message.ts";
import { createRouterMonitor } from "../../../edge-agent/netlink/router-monitor.ts";
import { roleOf } from "../../../edge-agent/netlink/router-tables.ts";
import { parseRule, ruleRequest } from "../../../edge-agent/netlink/rule-message.ts";
import { ip, vni } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";
import { fromHex, toHex } from "./hex.ts";

const HEADER_BYTES = 16;
const CORE = routerMark("core", "acme");

function written(request: WireRequest): Buffer {
  const writer = new MessageWriter();
  request.write(writer, { type: request.type, flags: request.flags | k.NLM_F_REQUEST, seq: 1 });
  return writer.take();
}

const payloadOf = (request: WireRequest): Buffer => written(request).subarray(HEADER_BYTES);

describe("rules", () => {
  it("add: VRFs first -> as `ip rule add pref 1 l3mdev protocol 79`, and read back as ours", () => {
    const rule = { family: "ipv4", lookup: "vrf", priority: 1 } as const;
    const octets = written(ruleRequest("add", rule));
    expect(toHex(octets)).toBe(
      toHex(
        fromHex(`34000000 2000 0106 01000000 00000000  02 00 00 00 00 0000 01 00000000
          0800 0600 01000000  0500 1300 01 000000  0500 1500 4f 000000`),
      ),
    );
    expect(parseRule(octets.subarray(HEADER_BYTES))).toEqual({ ...rule, ours: true });
  });

  it("delete: the kernel's own first rule -> by table and priority 0", () => {
    const octets = written(ruleRequest("delete", { family: "ipv6", lookup: "local", priority: 0 }));
    expect(octets.readUInt16LE(4)).toBe(k.RTM_DELRULE);
    expect(toHex(octets.subarray(HEADER_BYTES))).toBe(
      toHex(fromHex("0a 00 00 00 ff 0000 01 00000000  0800 0600 00000000")),
    );
    const back = payloadOf(ruleRequest("add", { family: "ipv6", lookup: "local", priority: 0 }));
    expect(parseRule(back)).toEqual({ family: "ipv6", lookup: "local", priority: 0, ours: false });
  });

  it.each([
    ["another table", "02 00 00 00 fe 0000 01 00000000  0800 0600 fe7f0000"],
    ["a source prefix", "02 00 18 00 ff 0000 01 00000000  0800 0600 05000000  0800 0200 0a000000"],
    ["a mark", "02 00 00 00 ff 0000 01 00000000  0800 0600 05000000  0800 0a00 01000000"],
    ["another action", "02 00 00 00 ff 0000 08 00000000"],
    ["another family", "80 00 00 00 ff 0000 01 00000000"],
  ])("read: a rule with %s -> none of those that matter", (_, hex) => {
    expect(parseRule(fromHex(hex))).toBeUndefined();
  });
});

describe("gateways' addresses", () => {
  it.each([
    [ip("10.1.0.1"), 24, 0],
    [ip("fd00:1::1"), 64, 0],
    [ip("fe80::46f:ff:fe00:1"), 64, 253],
  ] as const)("%s/%i -> read back; no duplicate address detection, scope %i", (address, length, scope) => {
    const payload = payloadOf(gatewayRequest("add", 7, { ip: address, length }));
    expect(parseGateway(payload)).toEqual({ index: 7, ip: address, length });
    expect(payload.readUInt8(3)).toBe(scope);
    expect(toHex(payload)).toContain("0800080002000000");
    const gone = written(gatewayRequest("delete", 7, { ip: address, length }));
    expect(gone.readUInt16LE(4)).toBe(k.RTM_DELADDR);
    expect(toHex(gone)).not.toContain("0800080002000000");
  });

  it("read: without an address -> undefined", () => {
    expect(parseGateway(Buffer.alloc(8))).toBeUndefined();
  });
});

describe("VRFs", () => {
  it("creation -> as `ip link add name ovr5000 type vrf table 1300005000`, then mark, then up", () => {
    const [create, mark, up] = addVrf({ name: "ovr5000", owner: CORE, table: routerTable(vni(5000)) });
    if (!create || !mark || !up) throw new Error("three requests are needed");
    expect(create.flags).toBe(k.NLM_F_CREATE | k.NLM_F_EXCL);
    expect(toHex(payloadOf(create))).toBe(
      toHex(
        fromHex(`${"00".repeat(16)}  0c00 0300 6f76723530303000
          1800 1280 0800 0100 76726600  0c00 0280 0800 0100 88807c4d`),
      ),
    );
    expect(parseL3Link(payloadOf(create))).toMatchObject({ name: "ovr5000", kind: "vrf", table: 1_300_005_000 });
    expect(parseL3Link(payloadOf(mark)).alias).toBe(CORE);
    expect(parseL3Link(payloadOf(up)).up).toBe(true);
  });

  it("probe -> a VRF without a table, which is never made", () => {
    expect(parseL3Link(payloadOf(probeVrf("ovrprobe"))).table).toBeUndefined();
  });
});

const plain: L3Link = {
  ...parseL3Link(Buffer.alloc(16)),
  index: 5,
  name: vrfName(vni(5000)),
  kind: "vrf",
  alias: CORE,
  table: routerTable(vni(5000)),
};

describe("whose a link is", () => {
  const vxlan = { vni: 5000, local: ip("192.0.2.1"), udpPort: 4789, learning: false } as unknown as L3Link["vxlan"];

  it.each([
    ["a VRF of ours", plain, { kind: "vrf", vni: 5000 }],
    ["an L3 VNI of ours", { ...plain, name: vxlanName(vni(5000)), kind: "vxlan", vxlan }, { kind: "vxlan", vni: 5000 }],
    [
      "a network's bridge",
      { ...plain, name: "ovbr100", kind: "bridge", alias: ownerMark("blue", "acme") },
      { kind: "bridge", vni: 100 },
    ],
    ["a VRF without our mark", { ...plain, alias: undefined }, undefined],
    ["our mark under another name", { ...plain, name: "blue" }, undefined],
    [
      "a network's vxlan device",
      { ...plain, name: "ovx5000", kind: "vxlan", vxlan, alias: ownerMark("blue", "acme") },
      undefined,
    ],
    ["a name of another VNI than the device's", { ...plain, name: "ovx5001", kind: "vxlan", vxlan }, undefined],
  ])("%s -> %o", (_, link, role) => {
    expect(roleOf(link)).toEqual(role);
  });
});

describe("router monitor", () => {
  const OWN_PORT = 7;
  const message = (request: WireRequest, port = 0): NetlinkMessage => {
    const [parsed] = parseMessages(written(request));
    if (!parsed) throw new Error("nothing was written");
    return { ...parsed, payload: parsed.payload, port };
  };
  const monitor = createRouterMonitor();
  monitor.onDump([plain]);
  const route = (table: number, protocol = 79) =>
    replaceRoute({
      prefix: prefix("10.2.0.7/32"),
      table,
      protocol,
      type: "unicast",
      metric: ROUTE_METRIC,
      hops: [{ index: 5 }],
    });

  it("a route of a router's table by another hand -> compare; ours, the kernel's, another table's -> nothing", () => {
    const heard = (table: number, protocol?: number, port?: number) =>
      monitor.concerns(message(route(table, protocol), port), OWN_PORT);
    expect(heard(routerTable(vni(5000)))).toBe(true);
    expect(heard(routerTable(vni(5000)), 79, OWN_PORT)).toBe(false);
    expect(heard(routerTable(vni(5000)), k.RTPROT_KERNEL)).toBe(false);
    expect(heard(k.RT_TABLE_MAIN)).toBe(false);
    expect(heard(70_000)).toBe(false);
  });

  it("rules and addresses by another hand -> compare, ours not", () => {
    const rule = ruleRequest("add", { family: "ipv4", lookup: "vrf", priority: 1 });
    const address = gatewayRequest("delete", 9, { ip: ip("10.1.0.1"), length: 24 });
    for (const request of [rule, address]) {
      expect(monitor.concerns(message(request), OWN_PORT)).toBe(true);
      expect(monitor.concerns(message(request, OWN_PORT), OWN_PORT)).toBe(false);
    }
  });

  it("a VRF of others, which may stand in the way -> compare", () => {
    const [create] = addVrf({ name: "theirs", owner: "", table: 9 });
    if (!create) throw new Error("no request");
    expect(monitor.concerns(message(create), OWN_PORT)).toBe(true);
  });
});
