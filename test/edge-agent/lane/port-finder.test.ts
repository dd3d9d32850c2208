// Ports that have no name: which interface is whose, and that lanes hear when one comes or goes.

import { describe, expect, it } from "vitest";
import { findPort, type HostPort } from "../../../edge-agent/dataplane/host-ports.ts";
import { createMemoryHostPorts } from "../../../edge-agent/dataplane/memory-host-ports.ts";
import { createPortFinder } from "../../../edge-agent/lane/port-finder.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import type { EndpointRecord } from "../../../shared/model/record.ts";
import { mac } from "../../contract/kernel.ts";
import { createFakeClock } from "../dataplane/fake-clock.ts";

const MAC = mac("52:54:00:00:00:01");
const port = (name: string, more: Partial<HostPort> = {}): HostPort => ({
  name,
  mac: undefined,
  permanentMac: undefined,
  alias: undefined,
  kind: "",
  loopback: false,
  ours: false,
  attached: undefined,
  ...more,
});
const find = (...ports: HostPort[]) => findPort({ id: "web1", mac: MAC }, ports);

describe("findPort", () => {
  it.each<readonly [string, HostPort]>([
    ["its own address", port("p1", { mac: MAC })],
    ["its permanent address", port("p1", { mac: mac("02:00:00:00:00:09"), permanentMac: MAC })],
    ["a tap of libvirt's (fe:)", port("p1", { kind: "tun", mac: mac("fe:54:00:00:00:01") })],
    ["an alias that names the endpoint", port("p1", { alias: "vm 7 overspan-endpoint=web1" })],
  ])("an interface with %s -> found", (_, candidate) => {
    expect(find(port("other", { mac: mac("02:00:00:00:00:09") }), candidate)).toEqual({ kind: "found", port: "p1" });
  });

  it.each<readonly [string, HostPort]>([
    ["the loopback device", port("lo", { mac: MAC, loopback: true })],
    ["our own bridge", port("ovbr100", { mac: MAC, ours: true })],
    ["a foreign bridge, which takes a port's address", port("br0", { mac: MAC, kind: "bridge" })],
    ["a veth whose first octet differs", port("v1", { mac: mac("fe:54:00:00:00:01"), kind: "veth" })],
    ["an alias of an endpoint whose id begins alike", port("v1", { alias: "overspan-endpoint=web10" })],
  ])("%s -> not it", (_, candidate) => {
    expect(find(candidate)).toEqual({ kind: "missing" });
  });

  it("an alias and another with the MAC -> the alias counts", () => {
    const told = port("p2", { alias: "overspan-endpoint=web1" });
    expect(find(port("p1", { mac: MAC }), told)).toEqual({ kind: "found", port: "p2" });
  });

  it("two with the MAC -> ambiguous, both named", () => {
    expect(find(port("p2", { mac: MAC }), port("p1", { mac: MAC }))).toEqual({
      kind: "ambiguous",
      ports: ["p1", "p2"],
    });
  });
});

describe("port finder", () => {
  const record: EndpointRecord = { host: "h1", mac: MAC, ips: [], mobility: 0 };
  const open = async () => {
    const clock = createFakeClock();
    const hostPorts = createMemoryHostPorts();
    const changes: string[][] = [];
    const diary = createDiary(
      () => 0,
      () => undefined,
    );
    const finder = createPortFinder({ host: "h1", hostPorts, clock, log: diary });
    finder.onChange((changed) => changes.push([...changed].map(([channel, keys]) => `${channel} ${[...keys].join()}`)));
    await clock.advance(0);
    const resolved = (body: EndpointRecord = record) =>
      (finder.resolve("blue", "endpoint/web1", body) as EndpointRecord).port;
    return { clock, hostPorts, finder, changes, resolved };
  };

  it("the interface comes and goes -> its record changes, and lanes are told of it", async () => {
    const { clock, hostPorts, finder, changes, resolved } = await open();
    expect(resolved()).toBeUndefined();
    hostPorts.put({ name: "vnet0", kind: "tun", mac: mac("fe:54:00:00:00:01") });
    await clock.advance(100);
    expect([resolved(), changes.at(-1)]).toEqual(["vnet0", ["net:blue endpoint/web1"]]);
    expect(finder.resolve("blue", "endpoint/web1", record)).toBe(finder.resolve("blue", "endpoint/web1", record));
    hostPorts.remove("vnet0");
    await clock.advance(100);
    expect([resolved(), changes.at(-1)]).toEqual([undefined, ["net:blue endpoint/web1"]]);
    await finder.close();
  });

  it("a second one with the MAC -> none is taken, and the problem says which there are", async () => {
    const { clock, hostPorts, finder, resolved } = await open();
    hostPorts.put({ name: "p1", mac: MAC });
    hostPorts.put({ name: "p2", mac: MAC });
    await clock.advance(100);
    expect(resolved()).toBeUndefined();
    expect(finder.problems("blue")).toEqual([`endpoint web1 names no port, and p1, p2 all could be the one of ${MAC}`]);
    expect(finder.problems("green")).toEqual([]);
    await finder.close();
  });

  it("a named port, another host's endpoint, other records -> left as they are", async () => {
    const { finder, resolved } = await open();
    expect(resolved({ ...record, port: "tap9" })).toBe("tap9");
    expect(resolved({ ...record, host: "h2" })).toBeUndefined();
    const body = { tenant: "acme" } as never;
    expect(finder.resolve("blue", "network", body)).toBe(body);
    await finder.close();
  });
});
