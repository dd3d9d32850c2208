// Why a router's kernel state is not what was asked for, as data; `describeRouterProblem` is the one place that makes text.

import { assertNever } from "../../shared/assert.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { RouterOp, RouterOpFailure, SysctlKey } from "./router-kernel.ts";
import { bridgeName } from "./state.ts";

export type RouterProblem =
  /** The kernel cannot do it at all; nothing of the router is made. */
  | { readonly kind: "no-vrf"; readonly reason: string }
  /** A device that is not ours has the name, the VNI or the routing table; nothing of the router is touched. */
  | { readonly kind: "foreign-device"; readonly device: string; readonly clash: "name" | "vni" | "table" }
  /** Two routers want the L3 VNI; the first counts. */
  | { readonly kind: "vni-claimed-twice" }
  /** Our device has what cannot be changed in place, or is of the router that had the L3 VNI before, and may not be deleted yet. */
  | { readonly kind: "device-unusable"; readonly device: string }
  /** No interface of this host has the VTEP's address. */
  | { readonly kind: "vtep-missing"; readonly vtep: IpAddress }
  /** The network's bridge is not there yet; it joins when it is. */
  | { readonly kind: "bridge-missing"; readonly network: Vni }
  /** The kernel was built or started without IPv6. */
  | { readonly kind: "no-ipv6" }
  /** Turning on IPv6 forwarding would cost the host its own default route. */
  | { readonly kind: "ipv6-would-cut-off" }
  /** The host's own sockets answer in every VRF. */
  | { readonly kind: "host-exposed"; readonly key: SysctlKey }
  /** The kernel refused; `more` further ops failed too. */
  | { readonly kind: "op-failed"; readonly failure: RouterOpFailure; readonly more: number };

/** What is to be done of one router, or of what all routers of the host share. */
export type RouterPlan = {
  readonly ops: readonly RouterOp[];
  /** Deletions that wait until the desired state is known to be complete. */
  readonly withheld: readonly RouterOp[];
  readonly problems: readonly RouterProblem[];
};

/** One line for an operator, without the router's name. */
export function describeRouterProblem(problem: RouterProblem): string {
  switch (problem.kind) {
    case "no-vrf":
      return `kernel has no VRF: ${problem.reason}`;
    case "foreign-device": {
      const { device, clash } = problem;
      if (clash === "name") return `device ${device} exists and is not a router's of ours; remove or rename it`;
      if (clash === "vni") return `device ${device} already uses this L3 VNI; remove it`;
      return `VRF ${device}, which is not ours, already uses the routing table of this L3 VNI`;
    }
    case "vni-claimed-twice":
      return "two routers want this L3 VNI on this host";
    case "device-unusable":
      return `device ${problem.device} has another table, UDP port or address family, or was another router's; it is made anew once in sync`;
    case "vtep-missing":
      return `no interface has the VTEP address ${problem.vtep}`;
    case "bridge-missing":
      return `bridge ${bridgeName(problem.network)} does not exist yet`;
    case "no-ipv6":
      return "the kernel has no IPv6, so the router's IPv6 subnets are not routed here";
    case "ipv6-would-cut-off":
      return (
        "IPv6 is not routed here: net.ipv6.conf.all.forwarding is 0, and to turn it on would drop the host's default " +
        "route, which came by router advertisements; set accept_ra=2 on that interface and forwarding to 1"
      );
    case "host-exposed":
      return `${problem.key.slice(4).replaceAll("/", ".").replace(/^/, "net.")} is 1: tenants reach the host's own services`;
    case "op-failed": {
      const { op, code, message } = problem.failure;
      const more = problem.more > 0 ? ` (and ${problem.more} more)` : "";
      return `kernel refused ${op.kind}: ${message === "" ? code : `${code}, ${message}`}${more}`;
    }
    default:
      return assertNever(problem);
  }
}
