// What the endpoints of a network make of its ports' guards, flags and mirrors.

import { describe, expect, it } from "vitest";
import { mayRoute, portGuard } from "../../../edge-agent/dataplane/guard-state.ts";
import { mirrorsOf, portPolicies } from "../../../edge-agent/lane/guard-policy.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import type { EndpointRecord, NetworkRecord } from "../../../shared/model/record.ts";
import { ip, mac, vni } from "../../contract/kernel.ts";

const network = (more: Partial<NetworkRecord> = {}): NetworkRecord => ({
  tenant: "acme",
  name: "blue",
  vni: vni(100),
  subnets: [],
  ...more,
});
const record = (number: number, more: Partial<EndpointRecord> = {}): EndpointRecord => ({
  host: "h1",
  mac: mac(`02:00:00:00:00:0${number}`),
  ips: [ip(`10.0.0.${number}`)],
  mobility: 0,
  ...more,
});
const policy = (records: readonly EndpointRecord[], definition = network()) =>
  portPolicies(
    definition,
    records.map((each) => ({ port: "tap1", record: each })),
  ).get("tap1");

describe("port policies", () => {
  it("an endpoint with addresses and allowed pairs -> each MAC with its own", () => {
    const pair = { ip: "10.0.0.254/32" as Prefix, mac: mac("00:00:5e:00:01:07") };
    const own = { ip: "10.9.0.0/16" as Prefix };
    expect(policy([record(1, { allowedAddresses: [pair, own] })])?.guard).toEqual({
      port: "tap1",
      vni: 100,
      mode: "enforce",
      sources: [
        { mac: "00:00:5e:00:01:07", prefixes: ["10.0.0.254/32"] },
        { mac: "02:00:00:00:00:01", prefixes: ["10.0.0.1/32", "10.9.0.0/16"] },
      ],
      stormPacketsPerSec: undefined,
    });
  });

  it("an endpoint without addresses -> any address, the MAC only", () => {
    expect(policy([record(1, { ips: [] })])?.guard.sources).toEqual([
      { mac: "02:00:00:00:00:01", prefixes: undefined },
    ]);
  });

  it("two endpoints on a port, one of them open -> both may send, and nothing is enforced", () => {
    const both = policy([record(1), record(2, { portSecurity: false })]);
    expect(both?.guard.mode).toBe("observe");
    expect(both?.guard.sources.map((source) => source.mac)).toEqual(["02:00:00:00:00:01", "02:00:00:00:00:02"]);
  });

  it("a learning network -> only open ports learn", () => {
    const learning = network({ learning: true });
    expect(policy([record(1)], learning)).toMatchObject({ guard: { mode: "enforce" }, flags: { learning: false } });
    const open = policy([record(1, { portSecurity: false })], learning);
    expect(open).toMatchObject({ guard: { mode: "learn" }, flags: { learning: true } });
  });

  it("isolated, promiscuous, a storm limit -> flags and limit", () => {
    const limited = network({ stormPacketsPerSec: 50 });
    expect(policy([record(1, { isolated: true, promiscuous: true })], limited)).toMatchObject({
      guard: { stormPacketsPerSec: 50 },
      flags: { isolated: true, flood: false, learning: false },
      promiscuous: true,
    });
  });
});

describe("mirrors", () => {
  it("one promiscuous port -> copies of all devices that exist, but of its own", () => {
    const policies = portPolicies(network(), [
      { port: "tap1", record: record(1) },
      { port: "tap2", record: record(2, { promiscuous: true }) },
      { port: "tap3", record: record(3) },
    ]);
    const mirrors = mirrorsOf(network(), policies, (device) => device !== "tap3");
    const to = [{ port: "tap2", macs: ["02:00:00:00:00:02"] }];
    expect([...mirrors.values()]).toEqual([
      { from: "ovx100", to },
      { from: "tap1", to },
    ]);
  });

  it("two promiscuous ports -> each copies to the other; one that is away gets none", () => {
    const policies = portPolicies(network(), [
      { port: "tap1", record: record(1, { promiscuous: true }) },
      { port: "tap2", record: record(2, { promiscuous: true }) },
    ]);
    const both = mirrorsOf(network(), policies, () => true);
    expect(both.get("tap1")?.to.map(({ port }) => port)).toEqual(["tap2"]);
    expect(both.get("ovx100")?.to.map(({ port }) => port)).toEqual(["tap1", "tap2"]);
    expect(mirrorsOf(network(), policies, (device) => device === "tap1")).toEqual(new Map());
  });
});

describe("guards", () => {
  const guard = (prefixes: readonly string[]) =>
    portGuard({
      port: "tap1",
      vni: vni(100),
      mode: "enforce",
      sources: [{ mac: mac("02:00:00:00:00:01"), prefixes: prefixes as Prefix[] }],
      stormPacketsPerSec: undefined,
    });

  it("prefixes inside others, in any order -> the widest only, one form", () => {
    const one = guard(["10.1.2.0/24", "10.1.0.0/16", "10.1.2.3/32", "fd00::/64", "fd00::1/128"]);
    expect(one).toEqual(guard(["fd00::1/128", "fd00::/64", "10.1.0.0/16"]));
    expect(one.sources[0]?.prefixes).toEqual(["10.1.0.0/16", "fd00::/64"]);
  });

  it("every address of a family allowed -> a router of that family", () => {
    expect([mayRoute(guard(["0.0.0.0/0"]), "ipv4"), mayRoute(guard(["0.0.0.0/0"]), "ipv6")]).toEqual([true, false]);
    expect(mayRoute(guard(["10.0.0.0/8"]), "ipv4")).toBe(false);
  });
});
