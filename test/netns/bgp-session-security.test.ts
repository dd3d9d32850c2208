// TCP MD5 (RFC 2385) and GTSM (RFC 5082) against FRR, over IPv4 and IPv6: the right key, wrong and missing ones, TTLs
// that do not fit, and what is said of each. A key must never be seen in what the speaker says.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import type { PeerConfig, PeerSummary } from "../../edge-agent/bgp/speaker.ts";
import {
  eventually,
  Frr,
  inside,
  linkedNamespaces,
  removeNamespaces,
  SpeakerInNamespace,
} from "../edge-agent/bgp/namespace-lab.ts";
import { requireKernel } from "./require-root.ts";

const ROUTER = "bgs-sec-frr";
const SPEAKER = "bgs-sec-speaker";
const TOR = parseIp("10.97.0.1") as IpAddress;
const TOR6 = parseIp("2001:db8:97::1") as IpAddress;
const OURS = "10.97.0.2";
const OURS6 = "2001:db8:97::2";
const TOR_ASN = 65000;
const OUR_ASN = 65001;
const KEY = "b9f2-secret";

describe.runIf(requireKernel("root", "frr"))("bgp sessions protected, with FRR", () => {
  let frr: Frr;
  let speaker: SpeakerInNamespace | undefined;

  const configure = (...lines: string[]): void => {
    frr.show(["configure terminal", `router bgp ${TOR_ASN}`, ...lines].join("\n"));
  };
  const summary = async (address: IpAddress): Promise<PeerSummary | undefined> =>
    (await speaker?.ask())?.summary.find((it) => it.address === address);
  const start = (peers: Partial<PeerConfig>[], ...options: string[]): void => {
    speaker = new SpeakerInNamespace(SPEAKER, ...options);
    const whole = peers.map((peer) => ({ address: TOR, asn: TOR_ASN as Asn, ...peer }));
    speaker.tell({ type: "configure", config: { asn: OUR_ASN as Asn, routerId: OURS as Ipv4, peers: whole } });
  };
  const established = (address: IpAddress) =>
    eventually(`Established with ${address}`, async () => (await summary(address))?.state === "Established");
  const lastError = (pattern: RegExp) =>
    eventually(`the reason ${pattern}`, async () => {
      const { state, lastError: text = "no reason yet" } = (await summary(TOR)) ?? {};
      if (pattern.test(text)) return state !== "Established";
      throw new Error(`${state}: ${text}`);
    });

  beforeAll(() => {
    linkedNamespaces(ROUTER, SPEAKER, "10.97.0");
    inside(ROUTER, `ip addr add ${TOR6}/64 dev to-speaker nodad`);
    inside(SPEAKER, `ip addr add ${OURS6}/64 dev to-router nodad`);
    const neighbour = (address: string): string[] => [
      ` neighbor ${address} remote-as ${OUR_ASN}`,
      ` neighbor ${address} timers connect 1`,
    ];
    const lines = [" no bgp default ipv4-unicast", " no bgp ebgp-requires-policy", " no bgp network import-check"];
    const activate = [OURS, OURS6].map((address) => `  neighbor ${address} activate`);
    frr = new Frr(
      ROUTER,
      [
        "hostname tor",
        `router bgp ${TOR_ASN}`,
        ` bgp router-id ${TOR}`,
        ...lines,
        ...neighbour(OURS),
        ...neighbour(OURS6),
        " address-family l2vpn evpn",
        ...activate,
        " exit-address-family",
        "",
      ].join("\n"),
    );
  });

  afterEach(async () => {
    const said = JSON.stringify([speaker?.events, (await speaker?.ask())?.summary]);
    await speaker?.stop();
    speaker = undefined;
    expect(said).not.toContain("secret");
    configure(
      ...[OURS, OURS6].flatMap((it) => [`no neighbor ${it} password`, `no neighbor ${it} ttl-security hops 1`]),
    );
  });

  afterAll(async () => {
    try {
      await frr.stop();
    } finally {
      removeNamespaces(ROUTER, SPEAKER);
    }
  });

  it("IPv4 and IPv6, MD5 and GTSM on both ends -> both Established", async () => {
    for (const it of [OURS, OURS6]) configure(`neighbor ${it} password ${KEY}`, `neighbor ${it} ttl-security hops 1`);
    const peers = [
      { ttlSecurityHops: 1, localAddress: OURS as IpAddress },
      { address: TOR6, ttlSecurityHops: 1 },
    ];
    start(peers, `md5=${TOR}/${KEY},${TOR6}/${KEY}`);
    await established(TOR);
    await established(TOR6);
    const shown = frr.json("show bgp neighbors") as Record<string, { gtsmHops?: number; bgpState: string }>;
    for (const it of [OURS, OURS6]) expect(shown[it]).toMatchObject({ bgpState: "Established" });
  });

  it.each([OURS, OURS6])("the peer connects, from FRR to %s, with key and TTL -> Established", async (ours) => {
    configure(`neighbor ${ours} password ${KEY}`, `neighbor ${ours} ttl-security hops 1`);
    const address = ours === OURS ? TOR : TOR6;
    start([{ address, ttlSecurityHops: 1, passive: true }], `md5=${address}/${KEY}`, "listenPort=179");
    await established(address);
  });

  it("a wrong key -> never up, and the reason is shown", async () => {
    configure(`neighbor ${OURS} password ${KEY}`);
    start([{}], `md5=${TOR}/another-secret`);
    await lastError(/^no answer; is the TCP MD5 key the same on both ends\?$/);
    await speaker?.stop();
    start([{}], `md5=${TOR}/another-secret`, "listenPort=179");
    await lastError(/^no answer; .*segments with a wrong MD5 signature \(TCPMD5Failure\)/);
  });

  it.each([
    ["another key", [`md5=${TOR}/another-secret`], true, "with a wrong MD5 signature (TCPMD5Failure)"],
    ["no key here", [], true, "with an MD5 signature though no key is configured (TCPMD5Unexpected)"],
    ["a key here only", [`md5=${TOR}/${KEY}`], false, "without an MD5 signature (TCPMD5NotFound)"],
  ])(
    "FRR connects to us, passive: %s -> never up, and the reason is shown",
    async (_, options, signs, reason) => {
      if (signs) configure(`neighbor ${OURS} password ${KEY}`);
      start([{ passive: true }], ...options, "listenPort=179");
      const shown = async () => {
        const text = (await summary(TOR))?.lastError ?? "no reason yet";
        if (text.startsWith("the peer is waited for; ") && text.includes(`the kernel drops segments ${reason}`))
          return true;
        throw new Error(text);
      };
      await eventually("the reason", shown, 25_000);
      expect(speaker?.events).toContainEqual(
        expect.objectContaining({ event: "session", state: "Idle", detail: expect.stringContaining(reason) }),
      );
    },
    40_000,
  );

  it.each(["listening", "connecting"])("another key while the process runs, %s -> used from then on", async (how) => {
    configure(`neighbor ${OURS} password ${KEY}`);
    const listening = how === "listening";
    start([{ passive: listening }], `md5=${TOR}/an-old-secret`, ...(listening ? ["listenPort=179"] : []));
    await eventually("an attempt", async () => (await speaker?.ask())?.summary.length === 1);
    expect((await speaker?.ask())?.summary).not.toMatchObject([{ state: "Established" }]);
    speaker?.tell({ type: "md5", keys: { [TOR]: KEY } });
    await established(TOR);
    // The session that stands is not disturbed by a change of keys.
    speaker?.tell({ type: "md5", keys: { [TOR]: "a-new-secret" } });
    expect((await speaker?.ask())?.summary).toMatchObject([{ state: "Established", sessions: 1 }]);
  });

  it("a key on our side only -> never up, and the reason is shown", async () => {
    start([{}], `md5=${TOR}/${KEY}`, "listenPort=179");
    await lastError(/segments without an MD5 signature \(TCPMD5NotFound\)/);
  });

  it("a key on FRR's side only -> never up, and the reason is shown", async () => {
    configure(`neighbor ${OURS} password ${KEY}`);
    start([{}], "listenPort=179");
    await lastError(/segments with an MD5 signature though no key is configured \(TCPMD5Unexpected\)/);
  });

  it("FRR wants TTL 255 and we send 64 -> never up", async () => {
    configure(`neighbor ${OURS} ttl-security hops 1`);
    start([{ multihop: 64, holdTimeSec: 3 }]);
    await lastError(/do both ends agree on the hops\?$/);
  });

  it("we want TTL 255 and FRR sends 1 -> never up, and the reason is shown", async () => {
    start([{ ttlSecurityHops: 1 }]);
    await lastError(/segments from more hops away than ttlSecurityHops allows \(TCPMinTTLDrop\)/);
  });
});
