// ExaBGP as an independent decoder of what we send: every UPDATE that the Adj-RIB-Out can make is given to ExaBGP's own
// parser (`exabgp --decode`), which knows nothing of ours. It needs neither root nor a namespace. ExaBGP 4.2 prints the
// originator of an RT-3 and the prefix of an RT-5 as `ip`, and a label as [its 20 bits, all 24]. It refuses EVPN with an
// IPv6 next hop, which bgp-gobgp.test.ts shows, and misreads lengths beyond 255 octets if another message follows.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { AdjRibOut } from "../../edge-agent/bgp/adj-rib-out.ts";
import { type ExportContext, type PreparedExport, prepareExport } from "../../edge-agent/bgp/export.ts";
import { evpnForm } from "../../edge-agent/bgp/export-form.ts";
import { type Esi, type EvpnRoute, type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";

const EXABGP = "/usr/sbin/exabgp";
const VTEP = parseIp("10.0.0.2") as Ipv4;
const RD = "10.0.0.2:100" as RouteDistinguisher;
const MAC = "02:bb:00:00:00:01" as Mac;
const ESI = "00010203040506070809" as Esi;
const VNI = 70000 as Vni;
const IBGP: ExportContext = { asn: 65000 as Asn, internal: true, asOctets: 4 };

function requireExabgp(): boolean {
  if (existsSync(EXABGP)) return true;
  if (process.env["CI"]) throw new Error("ExaBGP is not installed (apt-get install exabgp)");
  console.warn("ExaBGP is not installed (apt-get install exabgp) (skipped)");
  return false;
}

/** What ExaBGP's JSON says of one UPDATE. */
type Update = {
  attribute?: Record<string, unknown> & { "extended-community"?: { string: string }[] };
  announce?: Record<string, Record<string, Nlri[]>>;
  withdraw?: Record<string, Nlri[]>;
};
type Nlri = Record<string, unknown> & { code: number; parsed: boolean };

describe.runIf(requireExabgp())("bgp with ExaBGP as the decoder", () => {
  const dir = mkdtempSync(join(tmpdir(), "overspan-exabgp-"));
  afterAll(() => rmSync(dir, { recursive: true }));

  /** What ExaBGP reads in each message, long ones alone. */
  function decode(messages: readonly Uint8Array[], peerAsn = 65000): (Update | "end-of-rib")[] {
    if (messages.every((it) => it.length < 256)) return parse(messages, peerAsn);
    return messages.flatMap((it) => parse([it], peerAsn));
  }

  /** Runs ExaBGP's parser over messages one after the other; throws if it finds fault with one. */
  function parse(messages: readonly Uint8Array[], peerAsn: number): (Update | "end-of-rib")[] {
    const config = join(dir, `${peerAsn}.conf`);
    const session = `router-id 10.0.0.1; local-address 10.0.0.1; local-as 65000; peer-as ${peerAsn};`;
    writeFileSync(config, `neighbor ${VTEP} { ${session} family { l2vpn evpn; } }\n`);
    const hex = messages.map((octets) => Buffer.from(octets).toString("hex")).join("");
    const env = { ...process.env, "exabgp.daemon.user": process.getuid?.() === 0 ? "root" : "nobody" };
    const text = execFileSync(EXABGP, ["--decode", hex, config], {
      encoding: "utf8",
      env: { ...env, "exabgp.api.cli": "false" },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 30_000,
    });
    expect(text).not.toContain("could not parse");
    return text
      .split("\n")
      .filter((line) => line.includes("update json "))
      .map((line) => {
        // Its MAC addresses are in capitals; nothing else that is compared has any.
        const { neighbor } = JSON.parse(line.slice(line.indexOf("{")).toLowerCase()) as {
          neighbor: { message: { update?: Update; eor?: { afi: string; safi: string } } };
        };
        const { update, eor } = neighbor.message;
        if (eor) expect(eor).toEqual({ afi: "l2vpn", safi: "evpn" });
        return update ?? "end-of-rib";
      });
  }

  function sent(routes: readonly ExportedRoute[], context = IBGP): { rib: EvpnRibOut; messages: Uint8Array[] } {
    const rib = new AdjRibOut(evpnForm(context), 4096);
    for (const route of routes) rib.announce(prepareExport(route));
    return { rib, messages: drain(rib) };
  }

  function exported(nlri: EvpnRoute, more: Partial<ExportedRoute> = {}): ExportedRoute {
    return { nlri, nextHop: VTEP, routeTargets: ["65000:70000" as RouteTarget], ...more };
  }

  /** The only UPDATE but for End-of-RIB, and its only route. */
  function single(route: ExportedRoute, context = IBGP, peerAsn = 65000) {
    const [update, end] = decode(sent([route], context).messages, peerAsn);
    if (!update || update === "end-of-rib") throw new Error("ExaBGP saw no UPDATE");
    expect(end).toBe("end-of-rib");
    const [[nextHop, routes] = ["", []]] = Object.entries(update.announce?.["l2vpn evpn"] ?? {});
    expect(routes).toHaveLength(1);
    const communities = (update.attribute?.["extended-community"] ?? []).map((it) => it.string);
    return { nextHop, nlri: routes[0], attributes: update.attribute, communities };
  }

  const macIp = { type: "mac-ip", rd: RD, esi: ZERO_ESI, ethernetTag: 0, mac: MAC, vni: VNI } as const;

  it("route type 2, MAC only -> RD, MAC, label, target, encapsulation (RFC 7432 7.2, RFC 8365 5.1)", () => {
    const { nextHop, nlri, communities, attributes } = single(exported(macIp));
    expect(nextHop).toBe(VTEP);
    expect(nlri).toMatchObject({ code: 2, parsed: true, rd: RD, "ethernet-tag": 0, mac: MAC, label: [[4375, VNI]] });
    expect(nlri).not.toHaveProperty("ip");
    expect(communities).toEqual(["target:65000:70000", "encap:vxlan"]);
    expect(attributes).toMatchObject({ origin: "igp", "local-preference": 100 });
  });

  it("route type 2 with IPv4 and IPv6 -> the address", () => {
    for (const text of ["192.168.100.21", "2001:db8::21"]) {
      const { nlri } = single(exported({ ...macIp, ip: parseIp(text) as IpAddress }));
      expect(nlri).toMatchObject({ code: 2, mac: MAC, ip: text });
    }
  });

  it("mobility with sequence and sticky, router's MAC -> both communities (RFC 7432 7.7, RFC 9135 8.1)", () => {
    const routerMac = "02:ee:00:00:00:02" as Mac;
    const { communities } = single(exported(macIp, { mobility: { sequence: 7, sticky: true }, routerMac }));
    expect(communities.join("\n")).toMatch(/mac-mobility:7.*sticky/i);
    expect(communities).toHaveLength(4);
  });

  it("route type 3 -> originator and PMSI tunnel: ingress replication to the VTEP (RFC 7432 7.3, RFC 6514 5)", () => {
    const nlri = { type: "imet", rd: RD, ethernetTag: 0, originator: VTEP } as const;
    const update = single(exported(nlri, { pmsi: { vni: VNI } }));
    expect(update.nlri).toMatchObject({ code: 3, parsed: true, rd: RD, ip: VTEP });
    expect(JSON.stringify(update.attributes)).toMatch(/pmsi:ingressreplication:.*10\.0\.0\.2/);
  });

  it("route type 5 with IPv4 and IPv6 -> prefix, length, gateway (RFC 9136 3.1)", () => {
    for (const [prefix, gateway] of [
      ["198.51.100.0/24", "0.0.0.0"],
      ["2001:db8:1::/48", "::"],
    ] as const) {
      const nlri = { type: "ip-prefix", rd: RD, esi: ZERO_ESI, ethernetTag: 0, vni: VNI } as const;
      const route = { ...nlri, prefix: prefix as Prefix, gateway: gateway as IpAddress };
      const [ip, length] = prefix.split("/");
      expect(single(exported(route)).nlri).toMatchObject({ code: 5, parsed: true, rd: RD, ip, iplen: Number(length) });
    }
  });

  it("route types 1 and 4 -> the segment (RFC 7432 7.1, 7.4)", () => {
    const autoDiscovery = { type: "ethernet-ad", rd: RD, esi: ESI, ethernetTag: 0, vni: VNI } as const;
    expect(single(exported(autoDiscovery)).nlri).toMatchObject({ code: 1, parsed: true, rd: RD });
    const segment = { type: "ethernet-segment", rd: RD, esi: ESI, originator: VTEP } as const;
    expect(single(exported(segment)).nlri).toMatchObject({ code: 4, parsed: true, rd: RD });
  });

  it("an external session -> AS_PATH with our number, no LOCAL_PREF (RFC 4271 5.1)", () => {
    const context: ExportContext = { asn: 64999 as Asn, internal: false, asOctets: 4 };
    const { attributes } = single(exported(macIp), context, 64999);
    expect(attributes?.["as-path"]).toEqual([64999]);
    expect(attributes).not.toHaveProperty("local-preference");
  });

  it("300 routes, then 3 withdrawn -> full UPDATEs, and a withdrawal of the 3", () => {
    const routes = Array.from({ length: 300 }, (_, i) => {
      const mac = `02:00:00:00:0${i >> 8}:${(i & 0xff).toString(16).padStart(2, "0")}` as Mac;
      return exported({ ...macIp, mac });
    });
    const { rib, messages } = sent(routes);
    for (const { nlri } of routes.slice(0, 3)) rib.withdraw(prepareExport(exported(nlri)).key);
    const updates = decode([...messages, ...drain(rib)]).filter((it) => it !== "end-of-rib");
    const announced = updates.map((it) => Object.values(it.announce?.["l2vpn evpn"] ?? {}).flat().length);
    expect(announced).toEqual([115, 115, 70, 0]);
    expect(updates.at(-1)?.withdraw?.["l2vpn evpn"]?.map((it) => it["mac"])).toEqual(
      [0, 1, 2].map((i) => `02:00:00:00:00:0${i}`),
    );
  });
});

type EvpnRibOut = AdjRibOut<PreparedExport>;

function drain(rib: EvpnRibOut): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let next = rib.nextMessage(); next; next = rib.nextMessage()) messages.push(next);
  return messages;
}
