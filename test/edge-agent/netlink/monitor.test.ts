// Which notifications concern the dataplane: other hands' changes do, our own echoes and the rest of the machine do not.

import { describe, expect, it } from "vitest";
import * as k from "../../../edge-agent/netlink/constants.ts";
import { type Link, type LinkChange, writeLink } from "../../../edge-agent/netlink/link-message.ts";
import { MessageWriter, type NetlinkMessage, parseMessages } from "../../../edge-agent/netlink/message.ts";
import { createMonitor } from "../../../edge-agent/netlink/monitor.ts";
import { writeNeighbour } from "../../../edge-agent/netlink/neighbour-message.ts";
import { ip, mac } from "../../contract/kernel.ts";
import { fromHex } from "./hex.ts";

const OWN = 4711;
const ALIAS = "overspan net=blue tenant=acme";

function link(name: string, index: number, more: Partial<Link> = {}): Link {
  const rest = { loopback: false, mtuBytes: 1500, alias: undefined, master: undefined };
  return { name, index, kind: "veth", up: true, vxlan: undefined, port: undefined, ...rest, ...more };
}

const LINKS = [
  link("ovbr100", 2, { kind: "bridge", alias: ALIAS }),
  link("ovx100", 3, {
    kind: "vxlan",
    alias: ALIAS,
    master: 2,
    vxlan: { vni: 100, local: ip("192.0.2.1"), udpPort: 4789, learning: false },
  }),
  link("tap1", 5, { master: 2 }),
  link("eth0", 9),
];

function opened(): ReturnType<typeof createMonitor> {
  const monitor = createMonitor();
  monitor.onDump(LINKS);
  return monitor;
}

function message(type: number, port: number, write: (writer: MessageWriter) => void): NetlinkMessage {
  const writer = new MessageWriter();
  write(writer);
  const [first] = parseMessages(writer.take());
  if (!first) throw new Error("nothing written");
  return { ...first, type, port };
}

function linkMessage(type: number, change: LinkChange, port = 0): NetlinkMessage {
  return message(type, port, (writer) => writeLink(writer, { type, flags: 0, seq: 0 }, change));
}

/** Without NDA_MASTER, which only the kernel writes; the port's ifindex says which bridge. */
function entryMessage(type: number, entry: Partial<Parameters<typeof writeNeighbour>[2]>, port = 0): NetlinkMessage {
  const whole = {
    family: k.AF_BRIDGE,
    index: 5,
    state: k.NUD_NOARP,
    flags: 0,
    mac: mac("02:00:00:00:00:01"),
    dst: undefined,
    ...entry,
  };
  return message(type, port, (writer) => writeNeighbour(writer, { type, flags: 0, seq: 0 }, whole));
}

const CHANGED = [{ kind: "network-changed", vni: 100 }];

describe("monitor: links", () => {
  it("a new interface -> appeared; its later chatter -> nothing; gone -> gone", () => {
    const monitor = opened();
    const tap = { index: 20, name: "tap9" };
    expect(monitor.onMessage(linkMessage(k.RTM_NEWLINK, tap), OWN)).toEqual([{ kind: "link-appeared", name: "tap9" }]);
    expect(monitor.onMessage(linkMessage(k.RTM_NEWLINK, { ...tap, up: true }), OWN)).toEqual([]);
    expect(monitor.onMessage(linkMessage(k.RTM_DELLINK, tap), OWN)).toEqual([{ kind: "link-gone", name: "tap9" }]);
  });

  it("an interface leaves a bridge, or is renamed -> it may be the awaited one", () => {
    const monitor = opened();
    expect(monitor.onMessage(linkMessage(k.RTM_NEWLINK, { index: 5, name: "tap1" }), OWN)).toEqual([
      { kind: "link-appeared", name: "tap1" },
    ]);
    expect(monitor.onMessage(linkMessage(k.RTM_NEWLINK, { index: 9, name: "tap2" }), OWN)).toEqual([
      { kind: "link-appeared", name: "tap2" },
    ]);
  });

  it("our device or our port changes -> its network; by our own request -> nothing", () => {
    const monitor = opened();
    const change = { index: 2, name: "ovbr100", mtuBytes: 900 };
    expect(monitor.onMessage(linkMessage(k.RTM_NEWLINK, change), OWN)).toEqual(CHANGED);
    expect(monitor.onMessage(linkMessage(k.RTM_NEWLINK, change, OWN), OWN)).toEqual([]);
    expect(monitor.onMessage(linkMessage(k.RTM_NEWLINK, { index: 5, name: "tap1", master: 2 }), OWN)).toEqual(CHANGED);
  });

  it("a device that we delete -> nothing of what goes with it, until the next dump", () => {
    const monitor = opened();
    monitor.forget(2);
    monitor.forget(3);
    const ofBridge = { index: 2, name: "ovbr100", alias: ALIAS };
    expect(monitor.onMessage(linkMessage(k.RTM_NEWLINK, ofBridge), OWN)).toEqual([]);
    expect(monitor.onMessage(entryMessage(k.RTM_DELNEIGH, { index: 3, flags: k.NTF_SELF }), OWN)).toEqual([]);
    expect(monitor.onMessage(linkMessage(k.RTM_DELLINK, ofBridge), OWN)).toEqual([]);
    monitor.onDump(LINKS);
    expect(monitor.onMessage(linkMessage(k.RTM_DELLINK, ofBridge), OWN)).toEqual([
      { kind: "link-gone", name: "ovbr100" },
    ]);
  });

  it("AF_BRIDGE: a port leaves -> its network, and the link is not taken for deleted", () => {
    const monitor = opened();
    const left = fromHex("07000000 05000000 00000000 00000000");
    const event = { type: k.RTM_DELLINK, flags: 0, seq: 0, port: 0, payload: left };
    expect(monitor.onMessage(event, OWN)).toEqual(CHANGED);
    expect(monitor.onMessage(event, OWN)).toEqual(CHANGED);
  });
});

describe("monitor: entries", () => {
  it("another hand deletes or adds a declared entry -> its network", () => {
    const monitor = opened();
    expect(monitor.onMessage(entryMessage(k.RTM_DELNEIGH, {}), OWN)).toEqual(CHANGED);
    const tunnel = { index: 3, flags: k.NTF_SELF, state: k.NUD_REACHABLE, dst: ip("192.0.2.9") };
    expect(monitor.onMessage(entryMessage(k.RTM_NEWNEIGH, tunnel), OWN)).toEqual(CHANGED);
  });

  it("learned entries, ports' own addresses, other bridges -> nothing", () => {
    const monitor = opened();
    expect(monitor.onMessage(entryMessage(k.RTM_NEWNEIGH, { state: k.NUD_REACHABLE }), OWN)).toEqual([]);
    expect(monitor.onMessage(entryMessage(k.RTM_NEWNEIGH, { state: k.NUD_PERMANENT }), OWN)).toEqual([]);
    expect(monitor.onMessage(entryMessage(k.RTM_DELNEIGH, { index: 9 }), OWN)).toEqual([]);
  });

  it("the echo of our own write -> nothing, once; the same by another hand later -> its network", () => {
    const monitor = opened();
    monitor.expect({ index: 5, mac: mac("02:00:00:00:00:01"), dst: undefined, flags: k.NTF_MASTER }, true);
    expect(monitor.awaited()).toBe(1);
    expect(monitor.onMessage(entryMessage(k.RTM_DELNEIGH, {}), OWN)).toEqual([]);
    expect(monitor.awaited()).toBe(0);
    expect(monitor.onMessage(entryMessage(k.RTM_DELNEIGH, {}), OWN)).toEqual(CHANGED);
  });

  it("deleted without effect, then added by us -> another hand's deletion is not taken for the echo", () => {
    const monitor = opened();
    const key = { index: 5, mac: mac("02:00:00:00:00:01"), dst: undefined, flags: k.NTF_MASTER };
    monitor.expect(key, true);
    monitor.expect(key, false);
    expect(monitor.onMessage(entryMessage(k.RTM_NEWNEIGH, {}), OWN)).toEqual([]);
    expect(monitor.onMessage(entryMessage(k.RTM_DELNEIGH, {}), OWN)).toEqual(CHANGED);
  });

  it("neighbours on our bridge: ours or permanent -> its network; by our request, or resolved by ARP -> nothing", () => {
    const monitor = opened();
    const entry = { family: k.AF_INET, index: 2, dst: ip("10.0.0.7") };
    const permanent = { ...entry, state: k.NUD_PERMANENT };
    expect(monitor.onMessage(entryMessage(k.RTM_NEWNEIGH, permanent), OWN)).toEqual(CHANGED);
    expect(monitor.onMessage(entryMessage(k.RTM_DELNEIGH, { ...entry, state: 0x20, protocol: 79 }), OWN)).toEqual(
      CHANGED,
    );
    expect(monitor.onMessage(entryMessage(k.RTM_NEWNEIGH, permanent, OWN), OWN)).toEqual([]);
    expect(monitor.onMessage(entryMessage(k.RTM_NEWNEIGH, { ...entry, state: k.NUD_REACHABLE }), OWN)).toEqual([]);
  });
});
