// What notifications mean to the dataplane, and that the rest of the machine's chatter means nothing.

import { describe, expect, it } from "vitest";
import type { KernelEvent } from "../../../edge-agent/dataplane/kernel.ts";
import * as k from "../../../edge-agent/netlink/constants.ts";
import { type Link, type LinkChange, writeLink } from "../../../edge-agent/netlink/link-message.ts";
import { createLinkTable } from "../../../edge-agent/netlink/link-table.ts";
import { MessageWriter, type NetlinkMessage, parseMessages } from "../../../edge-agent/netlink/message.ts";
import { createMonitor } from "../../../edge-agent/netlink/monitor.ts";
import { type NeighbourChange, writeNeighbour } from "../../../edge-agent/netlink/neighbour-message.ts";
import { addNexthop, deleteNexthop } from "../../../edge-agent/netlink/nexthop-message.ts";
import { createNexthopTable } from "../../../edge-agent/netlink/nexthop-table.ts";
import { ip, mac } from "../../contract/kernel.ts";
import { fromHex } from "./hex.ts";

const ALIAS = "overspan net=blue tenant=acme";
const MAC = mac("02:00:00:00:00:01");
const VTEP = ip("192.0.2.9");

function link(name: string, index: number, more: Partial<Link> = {}): Link {
  const rest = { loopback: false, mac: undefined, mtuBytes: 1500, alias: undefined, master: undefined };
  return { name, index, kind: "veth", up: true, vxlan: undefined, port: undefined, ...rest, ...more };
}

const VXLAN = { vni: 100, local: ip("192.0.2.1"), udpPort: 4789, sourcePorts: undefined, learning: false };
const LINKS = [
  link("tap1", 5, { master: 2 }),
  link("ovbr100", 2, { kind: "bridge", alias: ALIAS }),
  link("ovx100", 3, { kind: "vxlan", alias: ALIAS, master: 2, vxlan: VXLAN }),
  link("eth0", 9),
];

function open() {
  const links = createLinkTable();
  const nexthops = createNexthopTable();
  links.reset(LINKS);
  const events: KernelEvent[] = [];
  const stale: number[] = [];
  const monitor = createMonitor({
    links,
    nexthops,
    onStaleLink: (index) => void stale.push(index),
    onStaleAddresses: () => void stale.push(-1),
    emit: (event) => void events.push(event),
  });
  const hear = (message: Pick<NetlinkMessage, "type" | "payload">): KernelEvent[] => {
    events.length = 0;
    monitor.take(message);
    return [...events];
  };
  return { links, nexthops, stale, hear };
}

function message(type: number, write: (writer: MessageWriter) => void): NetlinkMessage {
  const writer = new MessageWriter();
  write(writer);
  const [first] = parseMessages(writer.take());
  if (!first) throw new Error("nothing written");
  return { ...first, payload: first.payload, type };
}

function linkMessage(type: number, change: LinkChange): NetlinkMessage {
  return message(type, (writer) => writeLink(writer, { type, flags: 0, seq: 0 }, change));
}

/** Without NDA_MASTER, which only the kernel writes; the port's ifindex says which bridge. */
function entryMessage(type: number, entry: Partial<NeighbourChange>): NetlinkMessage {
  const whole = { family: k.AF_BRIDGE, index: 5, state: k.NUD_NOARP, flags: 0, mac: MAC, ...entry };
  return message(type, (writer) => writeNeighbour(writer, { type, flags: 0, seq: 0 }, whole));
}

describe("monitor: links", () => {
  it("a new interface -> host; the same again -> nothing; changed, gone -> host", () => {
    const { hear, links } = open();
    const tap = { index: 20, name: "tap9", up: false };
    const host = [{ kind: "host", name: "tap9" }];
    expect(hear(linkMessage(k.RTM_NEWLINK, tap))).toEqual(host);
    expect(hear(linkMessage(k.RTM_NEWLINK, tap))).toEqual([]);
    expect(hear(linkMessage(k.RTM_NEWLINK, { ...tap, up: true }))).toEqual(host);
    expect(hear(linkMessage(k.RTM_DELLINK, tap))).toEqual(host);
    expect(links.byName.has("tap9")).toBe(false);
  });

  it("an interface is enslaved to our bridge, and leaves -> it is our port, and no longer", () => {
    const { hear, links } = open();
    hear(linkMessage(k.RTM_NEWLINK, { index: 9, name: "eth0", master: 2 }));
    expect(links.role(9)).toEqual({ vni: 100, kind: "port", name: "eth0" });
    hear(linkMessage(k.RTM_NEWLINK, { index: 9, name: "eth0" }));
    expect(links.role(9)).toBeUndefined();
  });

  it("a device of ours goes, or loses its mark -> emptied; its entries are no concern any more", () => {
    const { hear } = open();
    expect(hear(linkMessage(k.RTM_DELLINK, { index: 3, name: "ovx100" }))).toEqual([
      { kind: "emptied", vni: 100, device: "vxlan" },
      { kind: "host", name: "ovx100" },
    ]);
    expect(hear(entryMessage(k.RTM_DELNEIGH, { index: 3, flags: k.NTF_SELF }))).toEqual([]);
    expect(hear(linkMessage(k.RTM_NEWLINK, { index: 2, name: "ovbr100", kind: "bridge", alias: "mine" }))).toEqual([
      { kind: "emptied", vni: 100, device: "bridge" },
      { kind: "host", name: "ovbr100" },
    ]);
    expect(hear(entryMessage(k.RTM_DELNEIGH, {}))).toEqual([]);
  });

  it("AF_BRIDGE: the flags of a port of ours -> it is asked for, and not taken for deleted", () => {
    const { hear, stale, links } = open();
    const left = fromHex("07000000 05000000 00000000 00000000");
    const event = { type: k.RTM_DELLINK, payload: left };
    expect(hear(event)).toEqual([{ kind: "host", name: "tap1" }]);
    expect([stale, links.byName.has("tap1")]).toEqual([[5], true]);
  });

  it("an address -> host", () => {
    const { hear, stale } = open();
    expect(hear({ type: k.RTM_NEWADDR, payload: Buffer.alloc(8) })).toHaveLength(1);
    expect(stale).toEqual([-1]);
  });
});

describe("monitor: entries", () => {
  it("bridge entries on a port -> pinned, learned, gone", () => {
    const { hear } = open();
    const entry = { kind: "bridge-entry", vni: 100, mac: MAC, port: "tap1" };
    expect(hear(entryMessage(k.RTM_NEWNEIGH, {}))).toEqual([{ ...entry, state: "pinned" }]);
    expect(hear(entryMessage(k.RTM_NEWNEIGH, { state: k.NUD_REACHABLE }))).toEqual([{ ...entry, state: "learned" }]);
    expect(hear(entryMessage(k.RTM_DELNEIGH, {}))).toEqual([{ ...entry, state: "gone" }]);
  });

  it("ports' own addresses, other bridges' entries -> nothing", () => {
    const { hear } = open();
    expect(hear(entryMessage(k.RTM_NEWNEIGH, { state: k.NUD_PERMANENT }))).toEqual([]);
    expect(hear(entryMessage(k.RTM_DELNEIGH, { index: 9 }))).toEqual([]);
  });

  it("tunnels: plain, with a VNI, by a group -> where they lead; the same place is the same object", () => {
    const { hear } = open();
    const own = { index: 3, flags: k.NTF_SELF, state: k.NUD_REACHABLE };
    const tunnelOf = (entry: Partial<NeighbourChange>) => {
      const [event] = hear(entryMessage(k.RTM_NEWNEIGH, { ...own, ...entry }));
      return event?.kind === "vxlan-entry" ? event.tunnel : undefined;
    };
    const plain = { form: "dst", vteps: [VTEP], vni: undefined };
    expect(tunnelOf({ dst: VTEP })).toEqual(plain);
    expect(tunnelOf({ dst: VTEP })).toBe(tunnelOf({ dst: VTEP }));
    expect(tunnelOf({ dst: VTEP, vni: 7000 })).toEqual({ ...plain, vni: 7000 });
    expect(tunnelOf({ nexthop: 77 })).toEqual({ form: "nexthop", vteps: [], vni: undefined });
    expect(hear(entryMessage(k.RTM_DELNEIGH, { ...own, dst: VTEP }))).toEqual([
      { kind: "vxlan-entry", vni: 100, mac: MAC, tunnel: undefined },
    ]);
    expect(hear(entryMessage(k.RTM_NEWNEIGH, { ...own, mac: mac("00:00:00:00:00:00"), dst: VTEP }))).toEqual([
      { kind: "flood", vni: 100, vtep: VTEP, present: true },
    ]);
  });

  it("neighbours on our bridge: permanent ones with their protocol; others -> not declared", () => {
    const { hear } = open();
    const entry = { family: k.AF_INET, index: 2, dst: ip("10.0.0.7") };
    const event = { kind: "neighbour", vni: 100, ip: "10.0.0.7" };
    const permanent = { ...entry, state: k.NUD_PERMANENT };
    expect(hear(entryMessage(k.RTM_NEWNEIGH, { ...permanent, protocol: 79 }))).toEqual([
      { ...event, mac: MAC, ours: true },
    ]);
    expect(hear(entryMessage(k.RTM_NEWNEIGH, permanent))).toEqual([{ ...event, mac: MAC, ours: false }]);
    const gone = [{ ...event, mac: undefined, ours: false }];
    expect(hear(entryMessage(k.RTM_NEWNEIGH, { ...entry, state: k.NUD_REACHABLE }))).toEqual(gone);
    expect(hear(entryMessage(k.RTM_DELNEIGH, permanent))).toEqual(gone);
    expect(hear(entryMessage(k.RTM_NEWNEIGH, { ...permanent, index: 5 }))).toEqual([]);
  });
});

describe("nexthop table", () => {
  const made = (request: ReturnType<typeof addNexthop>, type = k.RTM_NEWNEXTHOP) =>
    message(type, (writer) => request.write(writer, { type, flags: 0, seq: 0 }));
  const A = ip("192.0.2.2");
  const B = ip("2001:db8::2");
  const nexthop = (id: number, gateway: typeof A, protocol = 79) =>
    made(addNexthop({ id, protocol, gateway, group: undefined }));
  const group = (id: number, members: number[], protocol = 79) =>
    made(addNexthop({ id, protocol, gateway: undefined, group: members }));

  it("nexthops and a group are told of -> known by id, and found again by VTEPs, without a request", () => {
    const { hear, nexthops } = open();
    for (const each of [nexthop(1, A), nexthop(2, B), group(3, [1, 2])]) expect(hear(each)).toEqual([]);
    expect(nexthops.tunnelOf(3)).toEqual({ form: "nexthop", vteps: [A, B], vni: undefined });
    expect(nexthops.use([A, B])).toEqual({ id: 3, requests: [] });
    expect(nexthops.tunnels()).toHaveLength(1);
  });

  it("a member is lost, and the group -> told with the object that entries go by", () => {
    const { hear, nexthops } = open();
    for (const each of [nexthop(1, A), nexthop(2, B), group(3, [1, 2])]) hear(each);
    const before = nexthops.tunnelOf(3);
    const [moved] = hear(group(3, [2]));
    expect(moved).toMatchObject({ kind: "tunnel", after: { vteps: [B] } });
    expect(moved?.kind === "tunnel" && moved.before).toBe(before);
    expect(hear(made(deleteNexthop(3), k.RTM_DELNEXTHOP))).toEqual([
      {
        kind: "tunnel",
        before: nexthops.tunnelOf(3) ?? { form: "nexthop", vteps: [B], vni: undefined },
        after: undefined,
      },
    ]);
    expect(nexthops.tunnelOf(3)).toBeUndefined();
  });

  it("a nexthop is given another VTEP -> all its groups lead elsewhere", () => {
    const { hear, nexthops } = open();
    for (const each of [nexthop(1, A), group(3, [1])]) hear(each);
    expect(hear(nexthop(1, VTEP))).toMatchObject([{ before: { vteps: [A] }, after: { vteps: [VTEP] } }]);
    expect(nexthops.use([VTEP])).toEqual({ id: 3, requests: [] });
  });

  it("others' nexthops -> read, never used, never dropped; their ids are not taken", () => {
    const { hear, nexthops } = open();
    for (const each of [nexthop(0x4f000001, A, 186), group(0x4f000002, [0x4f000001], 186)]) hear(each);
    expect(nexthops.tunnelOf(0x4f000002)?.vteps).toEqual([A]);
    expect([nexthops.tunnels(), nexthops.drop([A])]).toEqual([[], []]);
    const own = nexthops.use([A]);
    expect([own.id, own.requests.length]).toEqual([0x4f000004, 2]);
  });

  it("used twice before the kernel answers -> one group; after a dump without it -> made again", () => {
    const { nexthops } = open();
    const first = nexthops.use([A]);
    expect(nexthops.use([A])).toEqual({ id: first.id, requests: [] });
    nexthops.reset([]);
    expect(nexthops.use([A]).requests).toHaveLength(2);
  });

  it("drop: alone -> one message for nexthop and group; a member that others have -> the group only", () => {
    const { nexthops } = open();
    nexthops.use([A]);
    expect(nexthops.drop([A])).toHaveLength(1);
    nexthops.use([A, B]);
    expect(nexthops.drop([A, B])).toHaveLength(2);
    nexthops.use([B]);
    expect(nexthops.drop([A, B])).toHaveLength(1);
    expect(nexthops.drop([VTEP])).toEqual([]);
  });
});
