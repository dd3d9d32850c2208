import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AgentView } from "../../../edge-agent/agent.ts";
import type { PeerSummary } from "../../../edge-agent/bgp/speaker.ts";
import { answerLocal } from "../../../edge-agent/local/answer.ts";
import { answerShow, showHelp } from "../../../edge-agent/local/show.ts";
import { fixedView, TOR } from "./fixed-view.ts";

const AGENT_DOC = readFileSync(new URL("../../../docs/agent.md", import.meta.url), "utf8");
const COMMANDS = Array.from(AGENT_DOC.matchAll(/^overspan-agent (show .*)$/gm), ([, command]) =>
  (command as string).replace(/\s+#.*/, "").trim(),
);

function ask(command: string, view: AgentView = fixedView()): string {
  const answer = answerShow(view, { command: command.split(" "), json: false });
  if ("error" in answer) throw new Error(answer.error);
  return answer.text;
}

function askJson(command: string, view: AgentView = fixedView()): unknown {
  const answer = answerShow(view, { command: command.split(" "), json: true });
  if ("error" in answer) throw new Error(answer.error);
  return JSON.parse(answer.text);
}

describe("show", () => {
  it("show: the commands of docs/agent.md -> each answers, and each view is documented", () => {
    for (const command of COMMANDS) {
      expect(ask(command), command).not.toBe("");
      askJson(command);
    }
    const views = showHelp().match(/show [a-z]+( [a-z]+)?(?= )/g) ?? [];
    expect(views.length).toBeGreaterThan(8);
    for (const view of views)
      expect(
        COMMANDS.some((command) => command.startsWith(view)),
        view,
      ).toBe(true);
  });

  it("show: every view of an agent that knows nothing yet -> says so", () => {
    const empty = fixedView({
      hostIntent: undefined,
      overlay: { networks: [], desired: { networks: [] }, exports: [], refusedExports: [], imports: new Set() },
      peers: [],
      fabric: [],
      moved: [],
      malformed: [],
    });
    for (const command of COMMANDS) expect(ask(command, empty), command).not.toBe("");
  });

  it.each([
    ["show weather", /unknown command "show weather"; there is:/],
    ["show bgp route", /usage: show bgp route MAC\|IP\|PREFIX/],
    ["show fdb ovx100", /usage: show fdb/],
  ])("show: %s -> an error that says what there is", (command, message) => {
    expect(answerShow(fixedView(), { command: command.split(" "), json: false })).toMatchObject({
      error: expect.stringMatching(message),
    });
  });
});

describe("show bgp", () => {
  it("show bgp summary: an established session -> FRR's columns", () => {
    expect(ask("show bgp summary")).toBe(
      [
        "BGP router identifier 192.0.2.1, local AS number 65021",
        "L2VPN EVPN: 3 routes imported, 3 routes of this host announced",
        "",
        "Neighbor     V  AS     MsgRcvd  MsgSent  Up/Down   State/PfxRcd  PfxSnt  Malformed",
        "192.0.2.254  4  65002  14       12       01:02:03  3             3       1",
        "",
        "Total number of neighbors 1",
      ].join("\n"),
    );
  });

  it("show bgp summary: never up -> the state and `never`", () => {
    const [peer] = fixedView().peers;
    if (!peer) throw new Error("the view has a peer");
    const text = ask("show bgp summary", fixedView({ peers: [{ ...peer, state: "Active", sessions: 0 }] }));
    expect(text).toMatch(/192\.0\.2\.254 .* never +Active /);
  });

  it("show bgp neighbor: one -> state, capabilities, counters and why the last session ended", () => {
    const text = ask(`show bgp neighbor ${TOR}`);
    expect(text).toContain("BGP neighbor is 192.0.2.254, remote AS 65002, local AS 65021, external link");
    expect(text).toContain("  BGP state = Established, up for 01:02:03");
    expect(text).toContain("  Hold time is 9 seconds, keepalive interval is 3 seconds");
    expect(text).toContain("    Address Family L2VPN EVPN\n    Route refresh");
    expect(text).toContain("    Not accepted: as-loop 2");
    expect(text).toContain("  Last reset: received Cease/Administrative Reset (6/4)");
    expect(ask("show bgp neighbor 192.0.2.9")).toBe("no BGP neighbor 192.0.2.9");
  });

  it("show bgp neighbor: every kind of capability, also unknown ones -> in words", () => {
    const [peer] = fixedView().peers;
    if (!peer) throw new Error("the view has a peer");
    const evpn = { afi: 25, safi: 70 };
    const capabilities: PeerSummary["capabilities"] = [
      { kind: "four-octet-as", asn: 4200000002 },
      { kind: "extended-message" },
      { kind: "enhanced-route-refresh" },
      {
        kind: "graceful-restart",
        restarted: true,
        notification: true,
        restartTimeSec: 120,
        families: [{ ...evpn, preserved: true }],
      },
      { kind: "graceful-restart", restarted: false, notification: false, restartTimeSec: 120, families: [] },
      { kind: "long-lived-graceful-restart", families: [{ ...evpn, preserved: false, staleTimeSec: 3600 }] },
      { kind: "extended-next-hop", families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
      { kind: "role", role: "peer" },
      { kind: "fqdn", host: "leaf1", domain: "ams.example" },
      { kind: "unknown", code: 128, value: "" },
      { kind: "multiprotocol", afi: 1, safi: 128 },
    ];
    const lines = ask("show bgp neighbor", fixedView({ peers: [{ ...peer, capabilities }] })).split("\n");
    const at = lines.indexOf("  Neighbor capabilities received:");
    expect(lines.slice(at + 1, at + 1 + capabilities.length).map((line) => line.trim())).toEqual([
      "4 Byte AS: 4200000002",
      "Extended Message",
      "Enhanced Route Refresh",
      "Graceful Restart: 120 s, restarted, notification, L2VPN EVPN (preserved)",
      "Graceful Restart: 120 s, no families: helper only",
      "Long-lived Graceful Restart: L2VPN EVPN 3600 s",
      "Extended nexthop: IPv4 Unicast over afi 2",
      "Role: peer",
      "Hostname: leaf1.ams.example",
      "Unknown 128: no value",
      "Address Family afi 1 safi 128",
    ]);
  });

  it("show bgp rib: the fabric's routes and ours -> by RD, with status codes and communities", () => {
    const lines = ask("show bgp rib").split("\n");
    const at = lines.indexOf("Route Distinguisher: 192.0.2.254:2");
    expect(lines.slice(at, at + 7)).toEqual([
      "Route Distinguisher: 192.0.2.254:2",
      " *> [2]:[0]:[48]:[02:aa:00:00:00:01]:[32]:[10.0.0.9]",
      "                    192.0.2.254              0             0 65002 65010 i",
      "                    RT:65002:10100 ET:8 MM:7, sticky MAC",
      " *> [3]:[0]:[32]:[192.0.2.254]",
      "                    192.0.2.254              0             0 65002 65010 i",
      "                    RT:65002:10100 ET:8",
    ]);
    expect(lines).toContain("Route Distinguisher: 192.0.2.1:10100");
    expect(lines).toContain(" *> [2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[10.0.0.1]");
    expect(lines).toContain(" *  [5]:[0]:[24]:[198.51.100.0]");
    expect(lines.at(-1)).toBe("Displayed 6 prefixes (6 paths)");
  });

  it("show bgp route: by IP -> its path in full; MACs in any form; an unknown one says so", () => {
    expect(ask("show bgp route 10.0.0.9")).toBe(
      [
        "BGP routing table entry for 192.0.2.254:2:[2]:[0]:[48]:[02:aa:00:00:00:01]:[32]:[10.0.0.9]",
        "Paths: (1 available, best #1)",
        "  65002 65010",
        "    192.0.2.254 from 192.0.2.254 (192.0.2.254)",
        "      Origin IGP, metric 0, valid, external, best",
        "      Extended Community: RT:65002:10100 ET:8 MM:7, sticky MAC",
        "      VNI 10100, in blue",
      ].join("\n"),
    );
    expect(ask("show bgp route 02-AA-00-00-00-01")).toContain("[10.0.0.9]");
    expect(ask("show bgp route 198.51.100.0/24")).toContain("Rmac:02:ee:00:00:00:04");
    expect(ask("show bgp route 02:00:00:00:00:01")).toContain("    192.0.2.1 (this host)");
    expect(ask("show bgp route 10.9.9.9")).toMatch(/^no route for 10\.9\.9\.9/);
  });

  it("show bgp errors: counted by consequence, the last ones in hex (RFC 7606)", () => {
    const text = ask("show bgp errors");
    expect(text).toMatch(/192\.0\.2\.254 +0 +1 +0/);
    expect(text).toContain("192.0.2.254: ORIGIN 9 is none of 0, 1 and 2 (3/6, treat-as-withdraw)\n    00 2c 02");
    expect(askJson("show bgp errors")).toMatchObject({
      counted: [{ peer: TOR, "treat-as-withdraw": 1 }],
      recent: [{ hex: "002c02", severity: "treat-as-withdraw" }],
    });
  });
});

describe("show evpn", () => {
  it("show evpn duplicate: a frozen MAC and a watched one -> the frozen one first, with its release (RFC 7432 15.1)", () => {
    expect(
      ask("show evpn duplicate")
        .split("\n")
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ["NETWORK", "MAC", "PLACE", "SEQ", "MOVES", "STATE", "RELEASED IN"],
      ["blue", "02:00:00:00:00:01", "192.0.2.1", "9", "5", "frozen for 00:01:00", "00:08:00"],
      ["blue", "02:aa:00:00:00:01", TOR, "7", "1", "watched", "-"],
    ]);
  });
});

describe("clear", () => {
  const agent = {
    view: () => fixedView(),
    clearDuplicate: (mac: string) => (mac === "02:00:00:00:00:01" ? ["blue"] : []),
  };
  const send = (command: string) => answerLocal(agent, { command: command.split(" "), json: false });

  it("clear: a frozen MAC in any form -> released, and where; another -> says that it is not frozen", () => {
    expect(send("clear evpn duplicate 02-00-00-00-00-01")).toEqual({ text: "02:00:00:00:00:01 is released in blue" });
    expect(send("clear evpn duplicate 02:00:00:00:00:02")).toMatchObject({
      text: "02:00:00:00:00:02 is frozen in no network",
    });
  });

  it.each([
    "clear",
    "clear everything",
    "clear evpn duplicate",
    "clear evpn duplicate all",
    "clear evpn duplicate 02:00:00:00:00:01 now",
  ])("clear: %s -> usage, nothing released", (command) => {
    expect(send(command)).toEqual({ error: "usage: clear evpn duplicate MAC" });
  });

  it("clear: any other verb -> the views, as before", () => {
    expect(send("show bgp summary")).toHaveProperty("text");
    expect(send("dance")).toMatchObject({ error: expect.stringContaining("unknown command") });
  });
});
