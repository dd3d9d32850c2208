// ExaBGP as an independent reader of everything that we send: OPEN with all capabilities, KEEPALIVE, routes of all types and
// families, End-of-RIB, withdrawals, ROUTE-REFRESH and NOTIFICATION, as its own JSON tells them. Over loopback, so it needs no
// root. What ExaBGP 4.2 cannot read is not asked of it: EVPN with an IPv6 next hop (bgp-gobgp.test.ts shows that), EVPN where
// the extended next hop capability is agreed (so IPv4 with IPv6 next hops has a session of its own), the text of a NOTIFICATION.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realClock as clock } from "../../edge-agent/real-clock.ts";
import { type Esi, type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import { createSpeaker, type PeerConfig, type Speaker } from "../../edge-agent/bgp/speaker.ts";
import { createTcpTransport } from "../../edge-agent/bgp/transport.ts";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { eventually, hasEnded } from "../edge-agent/bgp/namespace-lab.ts";

const EXABGP = "/usr/sbin/exabgp";
/** EVPN with an external peer, EVPN with an internal one without extended messages, and unicast over IPv6. */
const [EXTERNAL, INTERNAL, OVER_IPV6] = ["127.0.0.1", "127.0.0.2", "::1"] as const;
const VTEP = parseIp("10.0.0.2") as Ipv4;
const [OUR_ASN, THEIR_ASN] = [4200000002 as Asn, 65000 as Asn];
const RD = "10.0.0.2:100" as RouteDistinguisher;
const ESI = "00010203040506070809" as Esi;
const VNI = 70000 as Vni;

function requireExabgp(): boolean {
  if (existsSync(EXABGP)) return true;
  if (process.env["CI"]) throw new Error("ExaBGP is not installed (apt-get install exabgp)");
  console.warn("ExaBGP is not installed (apt-get install exabgp) (skipped)");
  return false;
}

type Update = {
  readonly attribute?: Readonly<Record<string, unknown>> & { "extended-community"?: readonly { string: string }[] };
  readonly announce?: Readonly<Record<string, Readonly<Record<string, readonly Nlri[]>>>>;
  readonly withdraw?: Readonly<Record<string, readonly Nlri[]>>;
};
type Nlri = Readonly<Record<string, unknown>> & { readonly code?: number };
/** What ExaBGP says of one message that it received, by the message's type. */
type Told = {
  readonly type: string;
  readonly neighbor: {
    readonly address: { readonly peer: string };
    readonly direction?: string;
    readonly open?: {
      readonly hold_time: number;
      readonly router_id: string;
      readonly capabilities: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    readonly message?: { readonly eor?: { readonly afi: string; readonly safi: string }; readonly update?: Update };
    readonly "route-refresh"?: object;
    readonly notification?: object;
  };
};

const shared = { nextHop: VTEP, routeTargets: ["65000:70000" as RouteTarget] };
const ofSegment = { rd: RD, esi: ZERO_ESI, ethernetTag: 0, vni: VNI } as const;
const macIp = (mac: string, ip?: string): ExportedRoute["nlri"] => {
  const address = ip === undefined ? {} : { ip: ip as IpAddress };
  return { ...ofSegment, type: "mac-ip", mac: mac as Mac, ...address };
};
const prefix = (text: string, gateway: string): ExportedRoute["nlri"] => {
  return { ...ofSegment, type: "ip-prefix", prefix: text as Prefix, gateway: gateway as IpAddress };
};
const [MAC, MOVED] = ["02:bb:00:00:00:01", "02:bb:00:00:00:02"] as const;
const ROUTES: readonly ExportedRoute[] = [
  { ...shared, nlri: macIp(MAC) },
  { ...shared, nlri: macIp(MAC, "192.168.100.21") },
  { ...shared, nlri: macIp(MAC, "2001:db8::21") },
  {
    ...shared,
    nlri: macIp(MOVED),
    mobility: { sequence: 7, sticky: true },
    routerMac: "02:ee:00:00:00:02" as Mac,
  },
  { ...shared, nlri: { type: "imet", rd: RD, ethernetTag: 0, originator: VTEP }, pmsi: { vni: VNI } },
  { ...shared, nlri: prefix("198.51.100.0/24", "0.0.0.0") },
  { ...shared, nlri: prefix("2001:db8:1::/48", "::") },
  { ...shared, nlri: { ...ofSegment, type: "ethernet-ad", esi: ESI } },
  { ...shared, nlri: { type: "ethernet-segment", rd: RD, esi: ESI, originator: VTEP } },
];

describe.runIf(requireExabgp())("bgp with ExaBGP as the reader", () => {
  const dir = mkdtempSync(join(tmpdir(), "overspan-exabgp-"));
  const said = join(dir, "said.json");
  let daemon: ChildProcess;
  let speaker: Speaker;

  /** What ExaBGP received of one type from a session so far. */
  const heard = (type: string, peer: string): Told["neighbor"][] =>
    (existsSync(said) ? readFileSync(said, "utf8") : "")
      .split("\n")
      .slice(0, -1)
      // A refresh has its names in quotes twice; MAC addresses are in capitals.
      .map((line) => (line.includes('"refresh"') ? line.replaceAll('""', '"') : line).toLowerCase())
      .map((line) => JSON.parse(line) as Partial<Told>)
      .flatMap((told) => (told.type === type && told.neighbor?.direction === "receive" ? [told.neighbor] : []))
      .filter(({ address }) => address.peer === peer);
  const some = (type: string, peer: string) =>
    eventually(type, () => {
      const all = heard(type, peer);
      return all.length > 0 && all;
    });
  const updates = (peer: string) => heard("update", peer).flatMap(({ message }) => message?.update ?? []);
  const announcedIn = (update: Update, family: string) =>
    Object.entries(update.announce?.[family] ?? {}).flatMap(([nextHop, routes]) =>
      routes.map((route) => ({ nextHop, route })),
    );
  const announced = (peer: string, family = "l2vpn evpn") => updates(peer).flatMap((it) => announcedIn(it, family));
  const ends = (peer: string) => heard("update", peer).flatMap(({ message }) => message?.eor ?? []);
  /** The communities of the UPDATE with such a route. */
  const communitiesOf = (like: (route: Nlri) => boolean): string[] => {
    const update = updates(EXTERNAL).find((it) => announcedIn(it, "l2vpn evpn").some(({ route }) => like(route)));
    return (update?.attribute?.["extended-community"] ?? []).map((it) => it.string);
  };

  beforeAll(async () => {
    const port = await freePort();
    writeFileSync(join(dir, "sink.mjs"), sinkSource(said));
    writeFileSync(join(dir, "exabgp.conf"), configText(join(dir, "sink.mjs")));
    const env = {
      "exabgp.tcp.bind": `${EXTERNAL} ${INTERNAL} ${OVER_IPV6}`,
      "exabgp.tcp.port": String(port),
      "exabgp.daemon.user": userInfo().username,
      "exabgp.api.cli": "false",
    };
    daemon = spawn(EXABGP, [join(dir, "exabgp.conf")], { stdio: "ignore", env: { ...process.env, ...env } });
    speaker = createSpeaker(
      {
        transport: createTcpTransport(),
        clock,
        random: Math.random,
        staleMs: 0,
        hostName: "host-a",
        restart: { timeSec: 120, preserved: true },
      },
      { routes: () => undefined, session: () => undefined, endOfRib: () => undefined, error: () => undefined },
    );
    const longLived = { families: ["evpn"], staleSec: 600 } as const;
    const peers: PeerConfig[] = [
      { port, address: EXTERNAL as IpAddress, asn: THEIR_ASN, role: "customer", longLived },
      { port, address: INTERNAL as IpAddress, localAddress: INTERNAL as IpAddress, asn: OUR_ASN },
      { port, address: OVER_IPV6 as IpAddress, asn: THEIR_ASN, families: ["ipv4-unicast", "ipv6-unicast"] },
    ];
    speaker.setImports(() => true);
    const announce = ["10.0.0.2/32", "2001:db8::2/128"] as Prefix[];
    speaker.setUnicastPolicy({ refuse: () => undefined, announce }, { accepts: true });
    speaker.setExports(ROUTES);
    speaker.configure({ asn: OUR_ASN, routerId: VTEP, peers });
    await eventually(
      "all sessions, and End-of-RIB of all families",
      () => ends(EXTERNAL).length === 1 && ends(INTERNAL).length === 1 && ends(OVER_IPV6).length === 2,
      30_000,
    );
  });

  afterAll(async () => {
    await speaker.close();
    daemon.kill("SIGTERM");
    await hasEnded(daemon);
    rmSync(dir, { recursive: true });
  });

  it("OPEN and KEEPALIVE -> every capability as its RFC has it; those that ExaBGP does not know as their octets", async () => {
    const [{ open } = {}] = await some("open", EXTERNAL);
    expect(open).toMatchObject({ hold_time: 90, router_id: VTEP });
    expect(open?.capabilities).toMatchObject({
      1: { families: ["l2vpn/evpn"] },
      2: { variant: "rfc" },
      6: { name: "extended-message" },
      9: { raw: "03" },
      64: { time: 120, "address-family-flags": { "l2vpn/evpn": ["restart"] }, "restart-flags": ["forwarding"] },
      65: { asn4: OUR_ASN },
      70: { name: "enhanced-route-refresh" },
      71: { raw: "00194680000258" },
      73: { raw: "06686f73742d6100" },
    });
    expect(heard("open", OVER_IPV6)[0]?.open?.capabilities).toMatchObject({
      1: { families: ["ipv4/unicast", "ipv6/unicast"] },
      5: { conversion: ["ipv4/unicast/ipv6"] },
    });
    expect(heard("keepalive", EXTERNAL)).not.toEqual([]);
  });

  it("routes of types 1 to 5 -> next hop, RD, label and what each type has (RFC 7432 7, RFC 9136 3.1)", () => {
    const code = (n: number) => announced(EXTERNAL).flatMap(({ route }) => (route.code === n ? [route] : []));
    for (const { nextHop, route } of announced(EXTERNAL)) {
      expect(nextHop).toBe(VTEP);
      expect(route).toMatchObject({ parsed: true, rd: RD });
    }
    expect(code(1)).toHaveLength(1);
    const ofMac = { "ethernet-tag": 0, label: [[4375, VNI]] };
    const ips = ["192.168.100.21", "2001:db8::21"];
    expect(code(2)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...ofMac, mac: MOVED }),
        ...ips.map((ip) => expect.objectContaining({ ...ofMac, mac: MAC, ip })),
      ]),
    );
    expect(code(2).filter((route) => route["mac"] === MAC && route["ip"] === undefined)).toHaveLength(1);
    expect(code(2)).toHaveLength(4);
    expect(code(3)).toMatchObject([{ ip: VTEP }]);
    expect(code(4)).toHaveLength(1);
    expect(new Set(code(5).map((route) => `${String(route["ip"])}/${String(route["iplen"])}`))).toEqual(
      new Set(["198.51.100.0/24", "2001:db8:1::/48"]),
    );
  });

  it("communities -> target and encapsulation, mobility with sequence and sticky, router's MAC (RFC 7432 7.7, RFC 9135 8.1)", () => {
    expect(communitiesOf((route) => route["mac"] === MAC)).toEqual(["target:65000:70000", "encap:vxlan"]);
    const moved = communitiesOf((route) => route["mac"] === MOVED);
    expect(moved.join("\n")).toMatch(/mac-mobility:7.*sticky/);
    expect(moved).toHaveLength(4);
    const flooding = updates(EXTERNAL).find((it) =>
      announcedIn(it, "l2vpn evpn").some(({ route }) => route.code === 3),
    );
    expect(JSON.stringify(flooding?.attribute)).toMatch(/pmsi:ingressreplication:.*10\.0\.0\.2/);
  });

  it("an external session -> AS_PATH with our number, no LOCAL_PREF; an internal one the reverse (RFC 4271 5.1)", () => {
    expect(updates(EXTERNAL)[0]?.attribute).toMatchObject({ origin: "igp", "as-path": [OUR_ASN] });
    expect(updates(EXTERNAL)[0]?.attribute).not.toHaveProperty("local-preference");
    expect(updates(INTERNAL)[0]?.attribute).toMatchObject({ origin: "igp", "local-preference": 100 });
    expect(updates(INTERNAL)[0]?.attribute).not.toHaveProperty("as-path");
    expect(announced(INTERNAL)).toHaveLength(ROUTES.length);
  });

  it("unicast over IPv6 -> IPv4 with an IPv6 next hop (RFC 8950), and IPv6", () => {
    expect(announced(OVER_IPV6, "ipv4 unicast")).toMatchObject([
      { nextHop: OVER_IPV6, route: { nlri: "10.0.0.2/32" } },
    ]);
    expect(announced(OVER_IPV6, "ipv6 unicast")).toMatchObject([
      { nextHop: OVER_IPV6, route: { nlri: "2001:db8::2/128" } },
    ]);
  });

  it("300 routes more, then all but 3 of them withdrawn -> full UPDATEs of 4096 octets, and withdrawals", async () => {
    const many = Array.from({ length: 300 }, (_, i): ExportedRoute => {
      const mac = `02:00:00:00:0${i >> 8}:${(i & 0xff).toString(16).padStart(2, "0")}`;
      return { ...shared, nlri: macIp(mac) };
    });
    const before = updates(INTERNAL).length;
    speaker.setExports([...ROUTES, ...many]);
    await eventually("all", () => announced(INTERNAL).length === ROUTES.length + many.length);
    const counts = updates(INTERNAL)
      .slice(before)
      .map((it) => announcedIn(it, "l2vpn evpn").length);
    expect(counts).toEqual([115, 115, 70]);
    speaker.setExports([...ROUTES, ...many.slice(0, 3)]);
    const withdrawn = () => updates(INTERNAL).flatMap(({ withdraw }) => withdraw?.["l2vpn evpn"] ?? []);
    await eventually("the withdrawals", () => withdrawn().length === 297);
    expect(withdrawn()[0]).toMatchObject({ code: 2, mac: "02:00:00:00:00:03" });
  });

  it("routes are asked for, the peer is removed -> ROUTE-REFRESH, and NOTIFICATION 6/3", async () => {
    speaker.setImports(() => false);
    speaker.setImports(() => true);
    const [refresh] = await some("refresh", EXTERNAL);
    expect(refresh?.["route-refresh"]).toEqual({ afi: "l2vpn", safi: "evpn", subtype: "query" });
    speaker.configure({ asn: OUR_ASN, routerId: VTEP, peers: [] });
    const [end] = await some("notification", EXTERNAL);
    expect(end?.notification).toMatchObject({ code: 6, subcode: 3 });
  });
});

/** Writes what comes to a file. (The pipe from ExaBGP does not block, which cat and tee do not bear.) */
function sinkSource(file: string): string {
  return `import { createWriteStream } from "node:fs";\nprocess.stdin.pipe(createWriteStream(${JSON.stringify(file)}));\n`;
}

function configText(sink: string): string {
  const neighbour = (address: string, peerAsn: Asn, families: string, capabilities = "", more = ""): string =>
    [
      `neighbor ${address} {`,
      ` router-id 10.0.0.1; local-address ${address}; local-as ${peerAsn}; peer-as ${OUR_ASN}; passive true;`,
      ` capability { route-refresh enable; graceful-restart 60; ${capabilities} }`,
      ` family { ${families} } ${more}`,
      " api { processes [ sink ]; receive { parsed; open; update; keepalive; refresh; notification; } }",
      "}",
    ].join("\n");
  return [
    `process sink { run ${process.execPath} ${sink}; encoder json; }`,
    neighbour(EXTERNAL, THEIR_ASN, "l2vpn evpn;", "extended-message enable;"),
    neighbour(INTERNAL, OUR_ASN, "l2vpn evpn;", "extended-message disable;"),
    neighbour(OVER_IPV6, THEIR_ASN, "ipv4 unicast; ipv6 unicast;", "nexthop enable;", "nexthop { ipv4 unicast ipv6; }"),
    "",
  ].join("\n");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, EXTERNAL, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || !address) throw new Error("no port");
  return address.port;
}
