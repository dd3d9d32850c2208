// Graceful restart of EVPN against GoBGP, which keeps EVPN routes over a restart of ours (FRR 8.4 does not), and has one
// of its own to help with (RFC 4724). GoBGP refuses a peer for some seconds after its session ended.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import type { PeerSummary } from "../../edge-agent/bgp/speaker.ts";
import {
  eventually,
  inside,
  linkedNamespaces,
  removeNamespaces,
  SpeakerInNamespace,
} from "../edge-agent/bgp/namespace-lab.ts";
import { type Gobgp, requireGobgp, startGobgp } from "./gobgp.ts";
import { requireKernel } from "./require-root.ts";

const ROUTER = "bgs-gobgp";
const SPEAKER = "bgs-gobgp-speaker";
const TOR = parseIp("10.95.0.1") as IpAddress;
const VTEP = parseIp("10.95.0.2") as Ipv4;
const ASN = 65000 as Asn;
/** GoBGP's own times, and how long it is asked to keep our routes as the last resort. */
const [RESTART_SEC, LONG_LIVED_SEC, OUR_LONG_LIVED_SEC] = [60, 100, 300];

function exported(n: number): ExportedRoute {
  const rd = `${VTEP}:100` as RouteDistinguisher;
  const mac = `02:bb:00:00:00:0${n}` as Mac;
  return {
    nlri: { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac, vni: 100 as Vni },
    nextHop: VTEP,
    routeTargets: ["65000:100" as RouteTarget],
  };
}

describe.runIf(requireKernel("root") && requireGobgp())("bgp graceful restart with GoBGP", () => {
  let gobgp: Gobgp;
  let speaker: SpeakerInNamespace;

  const rib = (line: string): string => gobgp.rib(line);
  /** The last octets of our MACs in GoBGP's table; what a daemon that is not up yet says is no table. */
  const ours = (): string =>
    [...rib("-a evpn").matchAll(/02:bb:00:00:00:0(\d)/g)]
      .map((it) => Number(it[1]))
      .toSorted((a, b) => a - b)
      .join("");
  const summary = async (): Promise<PeerSummary | undefined> => (await speaker.ask()).summary[0];
  const startSpeaker = (routes: number[], ...words: string[]): void => {
    speaker = new SpeakerInNamespace(SPEAKER, "restart=preserved", ...words);
    speaker.tell({ type: "imports", targets: ["65000:100"] });
    speaker.tell({ type: "exports", routes: routes.map(exported) });
    const peer = { address: TOR, asn: ASN, longLived: { families: ["evpn"], staleSec: OUR_LONG_LIVED_SEC } } as const;
    speaker.tell({ type: "configure", config: { asn: ASN, routerId: VTEP, peers: [peer] } });
  };
  const established = () =>
    eventually(
      "Established",
      async () => {
        const { state, lastError } = (await summary()) ?? {};
        if (state === "Established") return true;
        throw new Error(`${state}: ${lastError}`);
      },
      25_000,
    );

  beforeAll(async () => {
    linkedNamespaces(ROUTER, SPEAKER, "10.95.0");
    gobgp = startGobgp({
      namespace: ROUTER,
      routerId: TOR,
      neighbour: VTEP,
      asn: ASN,
      restartTimeSec: RESTART_SEC,
      longLivedSec: LONG_LIVED_SEC,
    });
    startSpeaker([1, 2]);
    await established();
  });

  afterAll(async () => {
    try {
      await speaker.stop();
      await gobgp.remove();
    } finally {
      removeNamespaces(ROUTER, SPEAKER);
    }
  });

  it("our process ends for a restart -> GoBGP keeps our routes; back with one less -> End-of-RIB sweeps it there", async () => {
    await eventually("our routes there", () => ours() === "12");
    speaker.tell({ type: "close", purpose: "restart" });
    await eventually("GoBGP sees the end", () => !inside(ROUTER, "gobgp neighbor").includes("Establ"));
    expect(ours()).toBe("12");
    startSpeaker([2]);
    await established();
    await eventually("one route there", () => ours() === "2");
  }, 30_000);

  it("our process stays away longer than its restart time -> GoBGP keeps our routes as LLGR_STALE (RFC 9494 4.2)", async () => {
    speaker.tell({ type: "close", purpose: "restart" });
    await eventually("GoBGP sees the end", () => !inside(ROUTER, "gobgp neighbor").includes("Establ"));
    startSpeaker([2], "restartTimeSec=1");
    await established();
    expect((await summary())?.capabilities).toContainEqual(
      expect.objectContaining({
        kind: "long-lived-graceful-restart",
        families: [expect.objectContaining({ afi: 25, safi: 70, staleTimeSec: LONG_LIVED_SEC })],
      }),
    );
    speaker.tell({ type: "close", purpose: "restart" });
    await eventually("the community", () => /02:bb:00:00:00:02.*llgr-stale/i.test(rib("-a evpn")), 15_000);
    startSpeaker([2]);
    await established();
    await eventually("the route as it was", () => ours() === "2" && !/llgr-stale/i.test(rib("-a evpn")));
  }, 90_000);

  it("GoBGP dies and returns without its forwarding state -> its routes stay until then, and go (RFC 4724 4.2)", async () => {
    const macadv = `add -a evpn macadv 02:dd:00:00:00:01 0.0.0.0 etag 0 label 100`;
    rib(`${macadv} rd 10.95.0.1:100 rt 65000:100 encap vxlan nexthop ${TOR}`);
    await eventually("its route here", async () => (await summary())?.routesIn === 1);
    expect((await summary())?.capabilities).toContainEqual(
      expect.objectContaining({ kind: "graceful-restart", families: [expect.objectContaining({ afi: 25, safi: 70 })] }),
    );
    await gobgp.end("SIGKILL");
    await eventually("a stale route", async () => (await summary())?.staleRoutes === 1);
    gobgp.start();
    await established();
    expect(await summary()).toMatchObject({ routesIn: 0, staleRoutes: 0 });
  }, 40_000);
});
