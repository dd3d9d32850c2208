// Multihomed segments of the fabric, as GoBGP announces them: what we make of RT-1 per segment and per EVI when they come
// over a real session, and go again. (FRR needs bonds and its own kernel state to announce a segment.)

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildMacTable, type MacEntry } from "../../edge-agent/evpn/mac-table.ts";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import { eventually, linkedNamespaces, removeNamespaces, SpeakerInNamespace } from "../edge-agent/bgp/namespace-lab.ts";
import { type Gobgp, requireGobgp, startGobgp } from "./gobgp.ts";
import { requireKernel } from "./require-root.ts";

const [ROUTER, SPEAKER] = ["evt-gobgp", "evt-speaker"] as const;
const TOR = parseIp("10.95.0.1") as IpAddress;
const VTEP = parseIp("10.95.0.2") as Ipv4;
/** Two leaves that share a segment; GoBGP announces for both. */
const [LEAF1, LEAF2] = ["10.95.0.11", "10.95.0.12"] as const;
const ASN = 65000 as Asn;
const MAC = "02:dd:00:00:00:01";
const ESI = "esi arbitrary 01:02:03:04:05:06:07:08:09";

describe.runIf(requireKernel("root") && requireGobgp())("multihomed segments of GoBGP", () => {
  let gobgp: Gobgp;
  let speaker: SpeakerInNamespace;
  const rib = (line: string): string => gobgp.rib(line);
  const perSegment = (leaf: string) =>
    `a-d ${ESI} etag 4294967295 label 0 rd ${leaf}:1 rt 65000:100 encap vxlan esi-label 0 nexthop ${leaf}`;
  const perEvi = (leaf: string) =>
    `a-d ${ESI} etag 0 label 100 rd ${leaf}:100 rt 65000:100 encap vxlan nexthop ${leaf}`;
  const macRoute = `macadv ${MAC} 0.0.0.0 ${ESI} etag 0 label 100 rd ${LEAF1}:100 rt 65000:100 encap vxlan nexthop ${LEAF1}`;
  const entry = async (): Promise<MacEntry | undefined> => {
    const fabric = (await speaker.ask()).ribIn;
    return buildMacTable({ ownVtep: VTEP, declared: [], members: [], fabric }).entries[0];
  };
  const ways = async (): Promise<string> => (await entry())?.segment?.vteps.join() ?? "none";

  beforeAll(async () => {
    linkedNamespaces(ROUTER, SPEAKER, "10.95.0");
    gobgp = startGobgp({ namespace: ROUTER, routerId: TOR, neighbour: VTEP, asn: ASN });
    speaker = new SpeakerInNamespace(SPEAKER);
    speaker.tell({ type: "imports", targets: ["65000:100"] });
    speaker.tell({ type: "configure", config: { asn: ASN, routerId: VTEP, peers: [{ address: TOR, asn: ASN }] } });
    await eventually("Established", () => speaker.events.some((it) => it.state === "Established"));
  });

  afterAll(async () => {
    try {
      await speaker.stop();
      await gobgp.remove();
    } finally {
      removeNamespaces(ROUTER, SPEAKER);
    }
  });

  it("a MAC behind a segment -> used when the segment is announced, over every leaf (RFC 7432 8.4, 9.2.2)", async () => {
    rib(`add -a evpn ${macRoute}`);
    await eventually("the MAC route", async () => (await speaker.ask()).ribIn.length === 1);
    expect(await entry()).toBeUndefined();
    for (const route of [perSegment(LEAF1), perEvi(LEAF1)]) rib(`add -a evpn ${route}`);
    await eventually("the leaf that announced it", async () => (await ways()) === LEAF1);
    for (const route of [perSegment(LEAF2), perEvi(LEAF2)]) rib(`add -a evpn ${route}`);
    await eventually("both leaves", async () => (await ways()) === `${LEAF1},${LEAF2}`);
    expect(await entry()).toMatchObject({ mac: MAC, vtep: LEAF1, segment: { mode: "all-active" } });
  });

  it("a leaf withdraws its route per segment -> its MACs go over the other in one step (RFC 7432 8.2)", async () => {
    rib(`del -a evpn ${perSegment(LEAF1)}`);
    await eventually("the other leaf", async () => (await ways()) === LEAF2);
    rib(`del -a evpn ${perSegment(LEAF2)}`);
    await eventually("no way", async () => (await entry()) === undefined);
  });
});
