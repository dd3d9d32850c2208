import { describe, expect, it } from "vitest";
import { type NetworkState, ownerMark } from "../../../edge-agent/dataplane/state.ts";
import type { MacEntry, MacTable } from "../../../edge-agent/evpn/mac-table.ts";
import { kernelDigest } from "../../../edge-agent/report/kernel-digest.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import type { Vni } from "../../../shared/address/vni.ts";
import { endpointLines, floodLine, forwardingDigest } from "../../../shared/message/forwarding.ts";

const [own, other, tor] = ["192.0.2.1", "192.0.2.2", "192.0.2.254"] as [IpAddress, IpAddress, IpAddress];
const [near, far, bare] = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"] as [Mac, Mac, Mac];
const [nearIp, farIp, bareIp] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as [IpAddress, IpAddress, IpAddress];

const entry = (source: MacEntry["source"], mac: Mac, vtep: IpAddress, ip: IpAddress): MacEntry => ({
  mac,
  source,
  vtep,
  ips: [ip],
  mobility: 0,
  confirmed: false,
});
const table: MacTable = {
  entries: [entry("local", near, own, nearIp), entry("intent", far, other, farIp), entry("fabric", bare, tor, bareIp)],
  flood: [
    { vtep: other, source: "intent" },
    { vtep: tor, source: "fabric" },
  ],
  conflicts: [],
};
const actual: NetworkState = {
  vni: 100 as Vni,
  owner: ownerMark("blue", "acme"),
  vtep: own,
  mtuBytes: 1450,
  ports: [{ name: "tap1" }],
  local: [{ mac: near, port: "tap1" }],
  remote: [
    { mac: far, vtep: other },
    { mac: bare, vtep: tor },
  ],
  flood: [other, tor],
  neighbours: [
    { ip: nearIp, mac: near },
    { ip: farIp, mac: far },
    { ip: bareIp, mac: bare },
  ],
};
/** What the cloud computes: it knows the declared endpoints and member VTEPs, not the bare metal. */
const intended = forwardingDigest([
  floodLine(own),
  floodLine(other),
  ...endpointLines({ mac: near, ips: [nearIp] }, own),
  ...endpointLines({ mac: far, ips: [farIp] }, other),
]);

describe("kernel digest", () => {
  it("kernel digest: the kernel holds intent and the fabric's entries -> the cloud's digest", () => {
    expect(kernelDigest(actual, table)).toBe(intended);
  });

  it.each([
    ["a local port is not attached", { local: [] }],
    ["a remote entry is missing", { remote: actual.remote.slice(1) }],
    ["a remote entry points elsewhere", { remote: [{ mac: far, vtep: tor }, ...actual.remote.slice(1)] }],
    ["a member is not flooded to", { flood: [tor] }],
    ["an entry is left over", { neighbours: [...actual.neighbours, { ip: "10.0.0.9" as IpAddress, mac: far }] }],
  ])("kernel digest: %s -> another digest", (_, change) => {
    expect(kernelDigest({ ...actual, ...change }, table)).not.toBe(intended);
  });

  it("kernel digest: devices not there -> none, so the network cannot be live", () => {
    expect(kernelDigest(undefined, table)).toBeUndefined();
  });
});
