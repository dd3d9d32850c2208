import { describe, expect, it } from "vitest";
import type { Asn } from "../../../shared/address/vni.ts";
import { AdjRibOut } from "../../../edge-agent/bgp/adj-rib-out.ts";
import { evpnForm } from "../../../edge-agent/bgp/export-form.ts";
import { ExportSet } from "../../../edge-agent/bgp/export-set.ts";
import { routeKey } from "../../../edge-agent/bgp/route.ts";
import { HEADER_OCTETS, MAX_EXTENDED_MESSAGE_OCTETS } from "../../../edge-agent/bgp/wire/message.ts";
import { decodeUpdate } from "../../../edge-agent/bgp/wire/update.ts";
import { exportOf } from "./scripted-peer.ts";

const IBGP = { asn: 65000 as Asn, internal: true, asOctets: 4 } as const;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => exportOf(from + i));

describe("adj-rib-out: the first table", () => {
  it("larger than what is queued ahead -> full messages, all of it, End-of-RIB last", () => {
    const exports = new ExportSet();
    exports.replace(range(0, 10_000));
    const rib = new AdjRibOut(evpnForm(IBGP), MAX_EXTENDED_MESSAGE_OCTETS, exports.values());
    const counts: number[] = [];
    for (let message = rib.nextMessage(); message; message = rib.nextMessage()) {
      const update = decodeUpdate(message.subarray(HEADER_OCTETS), IBGP);
      if (update.severity !== "ok") expect.unreachable(update.severity);
      counts.push(update.endOfRib ? -1 : update.announced.length);
    }
    expect(counts.at(-1)).toBe(-1);
    expect(new Set(counts.slice(0, 5)).size).toBe(1);
    expect(counts.slice(0, -1).reduce((sum, it) => sum + it, 0)).toBe(10_000);
    expect(rib.size).toBe(10_000);
  });

  it("routes that change while it is being sent -> the peer ends with what there is", () => {
    const exports = new ExportSet();
    exports.replace(range(0, 12_000));
    const rib = new AdjRibOut(evpnForm(IBGP), MAX_EXTENDED_MESSAGE_OCTETS, exports.values());
    const peer = new Map<string, number>();
    const send = (): boolean => {
      const message = rib.nextMessage();
      if (!message) return false;
      const update = decodeUpdate(message.subarray(HEADER_OCTETS), IBGP);
      if (update.severity !== "ok") expect.unreachable(update.severity);
      for (const route of update.withdrawn) peer.delete(routeKey(route));
      const mobility = update.attributes.extCommunities?.find((it) => it.kind === "mac-mobility");
      for (const route of update.announced) peer.set(routeKey(route), mobility?.sequence ?? 0);
      return true;
    };
    const change = (routes: ReturnType<typeof range>): void => {
      const { announce, withdraw } = exports.replace(routes);
      for (const key of withdraw) rib.withdraw(key);
      for (const route of announce) rib.announce(route);
    };
    send();
    const moved = [0, 11_999].map((n) => exportOf(n, { sequence: 7, sticky: false }));
    // Gone at both ends, moved at both ends, and new.
    change([...moved, ...range(100, 11_900), ...range(20_000, 20_010)]);
    send();
    change([...moved, ...range(50, 11_000), ...range(20_000, 20_010)]);
    while (send());
    const wanted = Array.from(exports.values(), ({ key, route }) => [key, route.mobility?.sequence ?? 0] as const);
    expect(peer).toEqual(new Map(wanted));
    expect(rib.size).toBe(wanted.length);
  });
});
