// The ToR of the simulation: the agent's own speaker on its side of each session. It passes on what each host announced
// to the others, next hop kept, and has one bare-metal machine on each network. Nothing of it fails by itself: cables do.

import type { ExportedRoute, ReceivedRoute } from "../../edge-agent/bgp/route.ts";
import { ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import { createSpeaker, type Speaker } from "../../edge-agent/bgp/speaker.ts";
import { type IpAddress, type Ipv4, isIpv4, parseIp } from "../../shared/address/ip.ts";
import { type Mac, parseMac } from "../../shared/address/mac.ts";
import { parseRouteDistinguisher } from "../../shared/address/rd.ts";
import { autoRouteTarget } from "../../shared/address/rt.ts";
import { type Asn, parseAsn, parseVni, type Vni } from "../../shared/address/vni.ts";
import { type Clockwork, createProcess } from "./clockwork.ts";
import type { Wires } from "./wires.ts";

const TOR_ASN = asn(65_000);
const TOR_VTEP = ipv4("192.0.2.254");

/** How a host is to be configured for its session. */
export function hostBgp(n: number): object {
  return { asn: 65_101 + n, peers: [{ address: torAddress(n), asn: TOR_ASN }] };
}

/** Where the bare-metal machine of each network is. */
export const BARE_METAL_VTEP = TOR_VTEP;

export function bareMetalMac(vni: Vni): Mac {
  return parseMac(`02:ba:00:00:00:${(vni & 0xff).toString(16).padStart(2, "0")}`) ?? invalid();
}

/** Starts the ToR's end of every host's session. */
export function startFabric(options: {
  readonly clockwork: Clockwork;
  readonly wires: Wires;
  readonly hosts: readonly { readonly vtep: string }[];
  readonly vnis: readonly number[];
}): void {
  const { clockwork, wires, hosts, vnis } = options;
  const own = vnis.flatMap((vni) => bareMetal(parseVni(vni) ?? invalid()));
  const sessions: Speaker[] = [];
  let due = false;
  const reflect = (): void => {
    if (due) return;
    due = true;
    clockwork.after(clockwork.between(1, 50), () => {
      due = false;
      const learned = sessions.map((speaker) => speaker.ribIn().map(passedOn));
      sessions.forEach((speaker, n) => {
        speaker.setExports([...own, ...learned.filter((_, other) => other !== n).flat()]);
      });
    });
  };
  hosts.forEach(({ vtep }, n) => {
    const process = createProcess(clockwork, 0);
    const silent = () => undefined;
    const speaker = createSpeaker(
      {
        transport: wires.at(torAddress(n), process),
        clock: process.clock,
        random: () => clockwork.random(),
        staleMs: 0,
        listen: { port: 179 },
      },
      { routes: reflect, session: reflect, endOfRib: silent, error: silent },
    );
    sessions.push(speaker);
    speaker.setImports(() => true);
    const peers = [{ address: ipv4(vtep), asn: asn(65_101 + n), passive: true }];
    speaker.configure({ asn: TOR_ASN, routerId: TOR_VTEP, peers });
  });
  reflect();
}

function bareMetal(vni: Vni): ExportedRoute[] {
  const rd = parseRouteDistinguisher(`${TOR_VTEP}:${vni}`) ?? invalid();
  const shared = { nextHop: TOR_VTEP, routeTargets: [autoRouteTarget(TOR_ASN, vni)] };
  const mac = bareMetalMac(vni);
  return [
    { ...shared, nlri: { type: "imet", rd, ethernetTag: 0, originator: TOR_VTEP }, pmsi: { vni } },
    { ...shared, nlri: { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac, vni } },
  ];
}

function passedOn({ nlri, nextHop, routeTargets, mobility, pmsi, routerMac }: ReceivedRoute): ExportedRoute {
  return {
    nlri,
    nextHop,
    routeTargets,
    ...(mobility && { mobility }),
    ...(pmsi && pmsi.vni !== 0 && { pmsi: { vni: pmsi.vni } }),
    ...(routerMac && { routerMac }),
  };
}

function torAddress(n: number): IpAddress {
  return ipv4(`198.51.100.${n + 1}`);
}

function ipv4(text: string): Ipv4 {
  const ip = parseIp(text);
  return ip && isIpv4(ip) ? ip : invalid();
}

function asn(value: number): Asn {
  return parseAsn(value) ?? invalid();
}

function invalid(): never {
  throw new RangeError("not an address");
}
