// Lines of one host, kernel and BGP apart, and how they differ before and after. Pure.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { ImportTarget, RouteTarget } from "../../shared/address/rt.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { describeAttributes, describePrefix, type RouteInText } from "../../shared/text/evpn-route.ts";

/** VXLAN, the tunnel type of what a host announces. */
const ENCAPSULATIONS = [8];

export class Lines {
  readonly kernel = new Set<string>();
  readonly bgp = new Set<string>();
  /** Routes that are announced, by RD and name, with their lines. */
  readonly routes = new Map<string, string>();

  announce(nlri: RouteInText, route: Announced): void {
    const line = routeLine(nlri, route);
    this.routes.set(`${route.rd} ${describePrefix(nlri)}`, line);
    this.bgp.add(line);
  }
}

export type Difference = { readonly removed: readonly string[]; readonly added: readonly string[] };

/** Lines that go and come, each in the order of their text. */
export function differenceOf(before: ReadonlySet<string>, after: ReadonlySet<string>): Difference {
  const only = (these: ReadonlySet<string>, those: ReadonlySet<string>) =>
    [...these].filter((line) => !those.has(line)).sort();
  return { removed: only(before, after), added: only(after, before) };
}

/** What is told of a route. */
export type Announced = {
  readonly rd: RouteDistinguisher;
  readonly vtep: IpAddress;
  readonly vni: Vni;
  readonly l3Vni?: Vni;
  readonly routeTargets: readonly RouteTarget[];
  readonly mobility?: { readonly sequence: number; readonly sticky: boolean };
  readonly routerMac?: Mac;
};

/** A route as `show bgp l2vpn evpn` has it, in one line. */
export function routeLine(nlri: RouteInText, route: Announced): string {
  const { rd, vtep, vni, l3Vni } = route;
  const label = l3Vni === undefined ? `VNI ${vni}` : `VNI ${vni}/${l3Vni}`;
  const attributes = describeAttributes({ ...route, encapsulations: ENCAPSULATIONS });
  return `*> ${describePrefix(nlri)} RD ${rd} via ${vtep} ${label} ${attributes}`;
}

/** A route target that a network or router imports. */
export function importLine(vni: Vni, target: ImportTarget): string {
  return `import RT:${target} into VNI ${vni}`;
}
