import { describe, expect, it } from "vitest";
import type { PeerSummary } from "../../../edge-agent/bgp/speaker.ts";
import { createIntent } from "../../../edge-agent/intent/intent.ts";
import { channelReports, peerReport, startReports } from "../../../edge-agent/report/report.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import { type Digest, digestSum, EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import type { StaticName } from "../../../shared/message/forwarding.ts";
import { ChannelReport, PeerReport, Report } from "../../../shared/message/report.ts";
import { MOST_LACKING } from "../../../shared/message/route-proof.ts";
import { FakeClock } from "../bgp/fake-network.ts";
import { fixedView } from "../local/fixed-view.ts";

const [peer] = fixedView().peers as [PeerSummary];
const one = "0000000000000001" as Digest;

/** Reports on a clock that building one moves on by `tookMs`. */
function reporting(peers: readonly PeerSummary[] = []) {
  const clock = new FakeClock();
  const sentMs: number[] = [];
  let tookMs = 0;
  let skewMs = 0;
  const reports = startReports({
    agent: { version: "test", startedAtMs: 0, kernel: "6.18" },
    clock: { nowMs: () => clock.nowMs() + skewMs, wallMs: clock.wallMs, setTimer: clock.setTimer },
    random: () => 0.5,
    content: () => {
      skewMs += tookMs;
      return {
        channels: [],
        inSync: true,
        bgp: peers.map(peerReport),
        counters: new Map(),
        events: [],
        capabilities: {},
      };
    },
    send: (payload) => {
      expect(Report.safeParse(JSON.parse(payload)).success).toBe(true);
      sentMs.push(clock.nowMs());
    },
  });
  return {
    reports,
    clock,
    sentMs,
    takes: (ms: number) => void (tookMs = ms),
    pass: (ms: number) => clock.advance(ms, () => undefined),
  };
}

describe("reports", () => {
  it("reports: many changes -> one report soon; then every 30 s by itself", () => {
    const { reports, sentMs, pass } = reporting();
    for (let i = 0; i < 100; i++) reports.changed();
    pass(20);
    expect(sentMs).toEqual([20]);
    pass(60_000);
    expect(sentMs).toEqual([20, 30_020, 60_020]);
    reports.close();
  });

  it("reports: building one takes long, and changes go on -> it takes a twentieth of the time at most", () => {
    const { reports, sentMs, takes, pass } = reporting();
    takes(10);
    for (let ms = 0; ms < 2000; ms += 10) {
      reports.changed();
      pass(10);
    }
    expect(sentMs.length).toBeGreaterThan(5);
    expect(sentMs.length).toBeLessThan(12);
    reports.close();
  });

  it("reports: the machine stood still during one -> the next comes within 5 s all the same", () => {
    const { reports, sentMs, takes, pass } = reporting();
    takes(3000);
    reports.changed();
    pass(20);
    takes(0);
    reports.changed();
    pass(5000);
    expect(sentMs).toEqual([20, 5020]);
    reports.close();
  });

  it("reports: a peer is up and not told everything yet -> looked at again within a second", () => {
    const families = peer.families.map((family) => ({ ...family, told: false }));
    const { reports, sentMs, pass } = reporting([{ ...peer, families }]);
    reports.changed();
    pass(3100);
    expect(sentMs).toEqual([20, 1020, 2020, 3020]);
    reports.close();
  });

  it("reports: closed -> no timer is left, and none comes of a late change", () => {
    const { reports, clock, pass } = reporting();
    reports.changed();
    pass(50);
    reports.changed();
    reports.close();
    reports.changed();
    expect(clock.pending).toBe(0);
  });

  const noPeers = { peers: [], sentAll: () => true };

  it("channel report: parts of two lanes -> their sum and all problems; one not read back yet -> no digest", () => {
    const intent = createIntent("h1", []);
    const records = new Map();
    intent.channels.set("net:blue", { channel: "net:blue", seq: 3, digest: one, forwarding: one, records });
    const part = { kernel: one, problems: ["a"] };
    const [line] = channelReports(intent, () => [part, { ...part, problems: ["b"] }], noPeers);
    expect(line).toEqual({
      channel: "net:blue",
      seq: 3,
      digest: one,
      kernel: digestSum([one, one]),
      problems: ["a", "b"],
    });
    expect(channelReports(intent, () => [part, { kernel: undefined, problems: [] }], noPeers)[0]).not.toHaveProperty(
      "kernel",
    );
    expect(channelReports(intent, () => [], noPeers)[0]).not.toHaveProperty("kernel");
  });

  it("channel report: what a peer confirms -> only of one that is up, and holds nothing from before", () => {
    const intent = createIntent("h1", []);
    const records = new Map();
    intent.channels.set("net:blue", { channel: "net:blue", seq: 3, digest: one, forwarding: one, records });
    const other = "192.0.2.253" as IpAddress;
    const seen = [peer.peer, other].map((name) => ({ peer: name, digest: one, count: 1 }));
    const announced = { digest: EMPTY_DIGEST, count: 0, lacking: [] };
    const gone = ["02:00:00:00:00:01" as Mac];
    const strays = { byPeer: new Map([[peer.peer, new Set(gone)]]), deleted: new Map([[peer.peer, gone]]) };
    const fabric = { announced, seen, strays, site: { digest: one, count: 1 } };
    const part = { kernel: one, problems: [], fabric };
    const whole = new Set<string>([peer.peer, other]);
    const line = (...peers: PeerSummary[]) =>
      channelReports(intent, () => [part], { peers, sentAll: (each) => whole.has(each) })[0];
    expect(line(peer, { ...peer, peer: other })?.strays).toEqual({
      peers: [
        { peer: peer.peer, macs: gone, deleted: gone },
        { peer: other, macs: [], deleted: [] },
      ],
    });
    expect(line({ ...peer, staleRoutes: 1 }, { ...peer, peer: other, state: "Active" })?.strays?.peers).toEqual([]);
    whole.clear();
    expect(line(peer)?.strays?.peers).toEqual([]);
    const many = Array.from({ length: MOST_LACKING + 1 }, (_, n) => `02:00:00:00:01:${n + 10}` as Mac);
    strays.byPeer.set(peer.peer, new Set(many));
    whole.add(peer.peer);
    expect(line(peer)?.strays?.peers).toEqual([{ peer: peer.peer, deleted: gone }]);
    expect(line(peer, { ...peer, peer: other, state: "Active" })?.seen).toEqual(seen.slice(0, 1));
    expect(line({ ...peer, staleRoutes: 1 })).not.toHaveProperty("seen");
    expect(line(peer)).not.toHaveProperty("announced");
    expect(line(peer)?.site).toEqual(fabric.site);
    expect(line()).not.toHaveProperty("site");
  });
});

it("channel report: a router's static routes -> in a part of their own, of peers that can be believed; what is too much is not named", () => {
  const intent = createIntent("h1", []);
  intent.channels.set("rtr:core", { channel: "rtr:core", seq: 3, digest: one, forwarding: one, records: new Map() });
  const other = "192.0.2.253" as IpAddress;
  const [lost, gone] = ["10.9.0.0/16 10.1.0.7", "10.8.0.0/16 10.1.0.7"] as StaticName[];
  const proof = { digest: one, count: 1, lacking: [lost] as StaticName[] };
  const hop = { ip: "10.1.0.7" as IpAddress, vtep: "192.0.2.1" as IpAddress };
  const site = { digest: one, count: 2 };
  const statics = {
    announced: proof,
    seen: [peer.peer, other].map((each) => ({ peer: each, ...proof })),
    strays: {
      byPeer: new Map([[peer.peer, new Set([lost] as StaticName[])]]),
      deleted: new Map([[peer.peer, [gone] as StaticName[]]]),
    },
    site,
    whole: site,
    hops: [hop] as (typeof hop)[] | undefined,
  };
  const part = () => ({ kernel: one, problems: [], statics });
  const line = (...peers: PeerSummary[]) =>
    channelReports(intent, () => [part()], { peers, sentAll: (each) => each === peer.peer })[0];
  const both = line(peer, { ...peer, peer: other });
  expect(both?.statics).toEqual({
    announced: proof,
    seen: [
      { peer: peer.peer, ...proof },
      { peer: other, ...proof },
    ],
    strays: [{ peer: peer.peer, routes: [lost], deleted: [gone] }],
    site,
    whole: site,
    hops: [hop],
  });
  expect(ChannelReport.parse(both)).toEqual(both);
  // What a reader of before knows of it: nothing.
  expect(both).not.toHaveProperty("seen");
  expect(line({ ...peer, staleRoutes: 1 })?.statics).toMatchObject({ seen: [], strays: [] });
  expect(line()).not.toHaveProperty("statics");
  const many = Array.from({ length: MOST_LACKING + 1 }, (_, n) => `10.${n}.0.0/16 10.1.0.7` as StaticName);
  statics.strays.byPeer.set(peer.peer, new Set(many));
  statics.hops = undefined;
  expect(line(peer)?.statics?.strays).toEqual([{ peer: peer.peer, deleted: [gone] }]);
  expect(line(peer)?.statics).not.toHaveProperty("hops");
  const bad = { ...both, statics: { ...both?.statics, announced: { ...proof, lacking: ["10.9.0.0/16"] } } };
  expect(ChannelReport.safeParse(bad).success).toBe(false);
});

it("report: a session -> what show bgp neighbor says of it, a long reason cut to what a report takes", () => {
  const malformed = { "attribute-discard": 1, "treat-as-withdraw": 2, "session-reset": 3 };
  const lost = {
    ...peer,
    state: "Active" as const,
    staleRoutes: 5,
    sessions: 7,
    malformed,
    lastError: "x".repeat(400),
  };
  const report = peerReport(lost);
  expect(report).toMatchObject({ staleRoutes: 5, sessions: 7, malformed, lastError: "x".repeat(300) });
  expect(PeerReport.parse(report)).toEqual(report);
});
