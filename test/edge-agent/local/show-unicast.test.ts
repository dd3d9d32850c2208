// What `show` says of the underlay, in full.

import { describe, expect, it } from "vitest";
import type { AgentView } from "../../../edge-agent/agent.ts";
import type { FamilySummary } from "../../../edge-agent/bgp/peer-summary.ts";
import { answerShow } from "../../../edge-agent/local/show.ts";
import { decide } from "../../../edge-agent/underlay/best-path.ts";
import { reach } from "../../../edge-agent/underlay/reach.ts";
import { desiredRoutes } from "../../../edge-agent/underlay/route-diff.ts";
import type { IpAddress, Ipv4 } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { LINK1, LINK2, received, REMOTE, TOR1, TOR2, unnumbered } from "../underlay/routes.ts";
import { fixedView } from "./fixed-view.ts";

/** That of the fixed view. */
const VTEP = "192.0.2.1" as Ipv4;
const OLD = "10.0.0.9/32" as Prefix;

function underlay(): AgentView["underlay"] {
  const routes = [
    received(TOR1, { med: 0 }),
    received(TOR2, { stale: true, llgrStale: true }),
    received(TOR1, { prefix: "10.0.0.3/32" as Prefix }),
    received(TOR2, { prefix: "10.0.0.3/32" as Prefix }),
    received("203.0.113.1" as IpAddress, {
      prefix: "10.0.0.4/32" as Prefix,
      internal: true,
      localPref: 100,
      asPath: [],
    }),
    unnumbered("eth1", "fe80::1", { family: "ipv6-unicast", prefix: "2001:db8::2/128" as Prefix }),
  ];
  const links = [LINK1, LINK2];
  const decisions = decide(routes, (route) => reach(route, links), { maximumPaths: 8, multipathRelax: true });
  const desired = desiredRoutes(decisions, VTEP, { addresses: new Set([VTEP]) });
  const [first, ...others] = desired;
  if (!first) throw new Error("there are routes");
  return {
    config: { announceVtep: true, accept: [{ prefix: "10.0.0.0/8" as Prefix, ge: 32 }], multipathRelax: true },
    routes,
    told: new Map([[TOR1, [`${VTEP}/32` as Prefix]]]),
    whole: false,
    report: {
      decisions,
      desired,
      installed: [
        { ...first, hops: [{ device: "eth2", via: TOR2 }] },
        ...others.slice(0, 1),
        { prefix: OLD, hops: [{ device: "eth1", via: TOR1 }], source: VTEP },
      ],
      remaining: { ops: [], taken: [], withheld: [OLD] },
      problems: ["10.0.0.4/32 is not installed: next hop 203.0.113.1 is on no link of this host"],
      counters: { passes: 3, retries: 0, applied: 4, refused: 0, drift: 1 },
    },
  };
}

function ask(command: string, view: AgentView): string {
  const answer = answerShow(view, { command: command.split(" "), json: false });
  if ("error" in answer) throw new Error(answer.error);
  return answer.text;
}

const view = () => fixedView({ underlay: underlay() });

describe("show bgp ipv4|ipv6 unicast", () => {
  it("show bgp ipv4 unicast: best, multipath, stale and unusable paths -> FRR's codes and columns", () => {
    expect(ask("show bgp ipv4 unicast", view())).toBe(
      [
        "Status codes: * valid, > best, = multipath, i - internal, S stale",
        "Origin codes: i - IGP, e - EGP, ? - incomplete",
        "",
        "      Network       Next Hop                Metric  LocPrf  Weight  Path",
        " *>   192.0.2.1/32  0.0.0.0 (this host)     0               32768   i",
        " *>   10.0.0.2/32   192.0.2.1 dev eth1      0               0       65001 i",
        "S*                  198.51.100.1 dev eth2                   0       65002 i",
        " *>   10.0.0.3/32   192.0.2.1 dev eth1                      0       65001 i",
        " *=                 198.51.100.1 dev eth2                   0       65002 i",
        "   i  10.0.0.4/32   203.0.113.1 (off-link)          100     0       i",
        "",
        "Displayed 4 routes and 6 paths",
      ].join("\n"),
    );
  });

  it("show bgp ipv4 unicast: one, by address or prefix, and one that is not there", () => {
    for (const word of ["10.0.0.3", "10.0.0.3/32"]) {
      expect(ask(`show bgp ipv4 unicast ${word}`, view())).toMatch(/10\.0\.0\.3\/32[^]*1 route and 2 paths/);
    }
    expect(ask("show bgp ipv4 unicast 10.9.9.9", view())).toBe("no IPv4 Unicast routes for 10.9.9.9");
  });

  it("show bgp ipv6 unicast: by a link-local neighbour -> with its link", () => {
    expect(ask("show bgp ipv6 unicast", view())).toContain("2001:db8::2/128  fe80::1 dev eth1");
  });
});

describe("show underlay", () => {
  it("show underlay: routes as desired, as they are, and why not", () => {
    expect(ask("show underlay", view()).replaceAll(/ {2,}/g, "  ")).toBe(
      [
        `the VTEP is announced to ${TOR1}; 1 prefix-list entry accepted; up to 8 paths, relaxed`,
        "",
        "Prefix  Next hops  Kernel",
        `${REMOTE}  192.0.2.1 dev eth1 src 192.0.2.1  differs: 198.51.100.1 dev eth2 src 192.0.2.1`,
        "10.0.0.3/32  192.0.2.1 dev eth1, 198.51.100.1 dev eth2 src 192.0.2.1  installed",
        "2001:db8::2/128  fe80::1 dev eth1  not installed",
        "10.0.0.9/32  192.0.2.1 dev eth1 src 192.0.2.1  left by an earlier process, until all tables are here",
        "problem: 10.0.0.4/32 is not installed: next hop 203.0.113.1 is on no link of this host",
        "put right after another hand: 1",
      ].join("\n"),
    );
  });

  it("show underlay: no configuration, or the kernel not read yet -> says so", () => {
    expect(ask("show underlay", fixedView())).toContain("takes no part in the underlay");
    const early = { ...underlay(), report: undefined };
    expect(ask("show underlay", fixedView({ underlay: early }))).toContain("the kernel was not read yet");
  });
});

describe("show bgp summary and neighbor, with several families", () => {
  const [peer] = fixedView().peers;
  if (!peer) throw new Error("the view has a peer");
  const [evpn] = peer.families;
  if (!evpn) throw new Error("the peer has a family");
  const ipv4: FamilySummary = { ...evpn, family: "ipv4-unicast", routesIn: 2, routesOut: 1 };
  const ipv6: FamilySummary = { ...evpn, family: "ipv6-unicast", agreed: false, note: "nothing can be announced: why" };
  const peers = [{ ...peer, families: [evpn, ipv4, ipv6] }];

  it("show bgp summary: -> a table for each; NoNeg for what the peer lacks", () => {
    const text = ask("show bgp summary", fixedView({ peers, underlay: underlay() }));
    expect(text).toMatch(/^L2VPN EVPN Summary:\nNeighbor[^\n]*\n192\.0\.2\.254 .* 01:02:03 +3 +3 +1$/m);
    expect(text).toMatch(/^IPv4 Unicast Summary:\nNeighbor[^\n]*\n192\.0\.2\.254 .* 01:02:03 +2 +1 +1$/m);
    expect(text).toMatch(/^IPv6 Unicast Summary:\nNeighbor[^\n]*\n192\.0\.2\.254 .* 01:02:03 +NoNeg +NoNeg +1$/m);
  });

  it("show bgp summary: an external peer without policy -> (Policy) in both directions (RFC 8212)", () => {
    const text = ask("show bgp summary", fixedView({ peers }));
    expect(text).toMatch(/^IPv4 Unicast Summary:\nNeighbor[^\n]*\n192\.0\.2\.254 .* \(Policy\) +\(Policy\) +1$/m);
    expect(text).not.toMatch(/EVPN Summary:\nNeighbor[^\n]*\n[^\n]*Policy/);
  });

  it("show bgp neighbor: -> each family with its counts and notes", () => {
    const text = ask("show bgp neighbor", fixedView({ peers }));
    expect(text).toContain(
      "  For address family: IPv4 Unicast\n    2 accepted prefixes, 0 of them stale\n    1 prefixes sent",
    );
    expect(text).toContain("  For address family: IPv6 Unicast (not agreed)");
    expect(text).toContain("    Note: nothing can be announced: why");
  });
});
