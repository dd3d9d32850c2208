// Why a network's kernel state is not what was asked for, as data; `describeProblem` is the one place that makes text.

import { assertNever } from "../../shared/assert.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { OpFailure } from "./kernel.ts";

export type Problem =
  /** A device that is not ours has the name or the VNI; the network waits and nothing of it is touched. */
  | { readonly kind: "foreign-device"; readonly vni: Vni; readonly device: string; readonly clash: "name" | "vni" }
  /** The desired state names the VNI twice; the first counts. */
  | { readonly kind: "vni-claimed-twice"; readonly vni: Vni }
  /** The interface does not exist (yet); it is attached when it appears. */
  | { readonly kind: "port-missing"; readonly vni: Vni; readonly port: string }
  /** The interface belongs to a bridge that is not ours. */
  | { readonly kind: "port-taken"; readonly vni: Vni; readonly port: string; readonly master: string }
  /** The interface has IP addresses: it is the host's own, and on a bridge the host would be cut off. */
  | { readonly kind: "port-addressed"; readonly vni: Vni; readonly port: string }
  /** The host's own BGP session runs over the interface, which need not have an address for it (RFC 8950). */
  | { readonly kind: "port-uplink"; readonly vni: Vni; readonly port: string }
  /** Two networks want the interface; the one with the lower VNI has it. */
  | { readonly kind: "port-claimed-twice"; readonly vni: Vni; readonly port: string; readonly holder: Vni }
  /** The underlay cannot carry it; the network runs with `possibleBytes`. */
  | {
      readonly kind: "mtu-too-large";
      readonly vni: Vni;
      readonly wantedBytes: number;
      readonly possibleBytes: number;
    }
  /** No interface of this host has the VTEP's address: nothing can be sent or received. */
  | { readonly kind: "vtep-missing"; readonly vni: Vni; readonly vtep: IpAddress }
  /**
   * Our vxlan device has UDP ports or an address family that cannot be changed, or a device is of the network that had the VNI
   * before (`owner`); and may not be deleted yet.
   */
  | { readonly kind: "device-unusable"; readonly vni: Vni; readonly device: string; readonly owner?: string }
  /** The kernel refused; `more` further ops of the network failed too. */
  | { readonly kind: "op-failed"; readonly vni: Vni; readonly failure: OpFailure; readonly more: number };

/** One line for an operator, without the VNI. */
export function describeProblem(problem: Problem): string {
  switch (problem.kind) {
    case "foreign-device":
      return problem.clash === "name"
        ? `device ${problem.device} exists and is not ours (its alias does not say overspan); remove or rename it`
        : `device ${problem.device}, which is not ours, already uses this VNI; remove it`;
    case "vni-claimed-twice":
      return "two networks want this VNI on this host";
    case "port-missing":
      return `port ${problem.port} does not exist yet`;
    case "port-taken":
      return `port ${problem.port} belongs to bridge ${problem.master}, which is not ours`;
    case "port-addressed":
      return `port ${problem.port} has IP addresses, so it is this host's own and is not attached`;
    case "port-uplink":
      return `port ${problem.port} is this host's own link to a BGP peer, and is not attached`;
    case "port-claimed-twice":
      return `port ${problem.port} is already used by VNI ${problem.holder}`;
    case "mtu-too-large":
      return `MTU ${problem.wantedBytes} does not fit the underlay; running with ${problem.possibleBytes}`;
    case "vtep-missing":
      return `no interface has the VTEP address ${problem.vtep}`;
    case "device-unusable":
      if (problem.owner !== undefined)
        return `device ${problem.device} is of another network (${problem.owner}), which had this VNI before; it is made anew once in sync`;
      return `device ${problem.device} has other UDP ports or another address family; it is rebuilt once in sync`;
    case "op-failed": {
      const { op, code, message } = problem.failure;
      const more = problem.more > 0 ? ` (and ${problem.more} more)` : "";
      return `kernel refused ${op.kind}: ${message === "" ? code : `${code}, ${message}`}${more}`;
    }
    default:
      return assertNever(problem);
  }
}
