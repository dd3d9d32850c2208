// The part of the port to the kernel that tenant routers need: VRFs and their tables, L3 VNIs, addresses of gateways,
// routing rules and the switches of forwarding. netlink/routers.ts implements it, memory-routers.ts in memory; both pass
// test/contract/routers.ts. Links are named, never numbered.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { Gateway, RouterPeer } from "./router-state.ts";

/** A VRF of ours. */
export type ActualVrf = {
  readonly name: string;
  readonly owner: string;
  readonly table: number;
  readonly up: boolean;
};

/** An L3 VNI's vxlan device of ours. */
export type ActualL3Vxlan = {
  readonly name: string;
  readonly owner: string;
  readonly mac: Mac;
  readonly mtuBytes: number;
  readonly up: boolean;
  readonly vtep: IpAddress | undefined;
  readonly udpPort: number;
  readonly learning: boolean;
  /** The VRF it belongs to. */
  readonly master: string | undefined;
};

/** A route of a router's table, without those that the kernel makes of addresses. */
export type ActualRoute = {
  readonly prefix: Prefix;
  readonly metric: number;
  /** By its protocol. */
  readonly ours: boolean;
  readonly type: "unicast" | "unreachable" | "blackhole";
  readonly hops: readonly ActualHop[];
};

/** `via` absent: on the link. */
export type ActualHop = { readonly device: string; readonly via?: IpAddress | undefined };

/** The objects of one L3 VNI. Either device may be missing: a creation that was cut short, or a hand that deleted. */
export type ActualRouter = {
  readonly vni: Vni;
  readonly vrf: ActualVrf | undefined;
  readonly vxlan: ActualL3Vxlan | undefined;
  readonly routes: readonly ActualRoute[];
  /** Permanent neighbours on the vxlan device. */
  readonly neighbours: readonly { readonly ip: IpAddress; readonly mac: Mac }[];
  /** Unicast entries of the vxlan device. */
  readonly entries: readonly RouterPeer[];
};

/** A network's bridge of ours (dataplane/kernel.ts makes it). */
export type ActualNetworkBridge = {
  readonly vni: Vni;
  readonly name: string;
  readonly up: boolean;
  /** The VRF it belongs to, ours or not. */
  readonly master: string | undefined;
  readonly addresses: readonly Gateway[];
};

/** A device that is not ours and stands where ours would: by name, VNI, or routing table. */
export type ForeignL3Device = {
  readonly name: string;
  readonly kind: string;
  readonly vni: Vni | undefined;
  readonly udpPort: number | undefined;
  readonly table: number | undefined;
};

export type IpFamily = "ipv4" | "ipv6";

/** A routing rule that matters here: which table of the host's own addresses is asked when, or the VRF's. */
export type RoutingRule = {
  readonly family: IpFamily;
  readonly lookup: "vrf" | "local";
  readonly priority: number;
  readonly ours: boolean;
};

/** `net/…` under /proc/sys, such as `net/ipv4/conf/ovr5000/forwarding`. */
export type SysctlKey = string;

export type ActualRouters = {
  /** Every L3 VNI of which at least one device bears our mark. */
  readonly routers: readonly ActualRouter[];
  readonly bridges: readonly ActualNetworkBridge[];
  readonly foreign: readonly ForeignL3Device[];
  readonly rules: readonly RoutingRule[];
  /** Those of our devices that exist here, and the global ones (router-sysctl.ts). */
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
  /** As in `ActualState`: local addresses and the MTU of the way out from each. */
  readonly addresses: ReadonlyMap<IpAddress, number | undefined>;
  /** The host's own IPv6 default route came by router advertisements, which a router does not listen to. */
  readonly advertisedDefault: boolean;
};

/** One idempotent write; `vni` is the L3 VNI, absent for what all routers share. */
export type RouterOp =
  | {
      readonly kind: "add-vrf";
      readonly vni: Vni;
      readonly name: string;
      readonly owner: string;
      readonly table: number;
    }
  | {
      readonly kind: "add-l3-vxlan";
      readonly vni: Vni;
      readonly name: string;
      readonly owner: string;
      readonly mac: Mac;
      readonly mtuBytes: number;
      readonly vtep: IpAddress;
    }
  /** Changes what is given, of a device of ours. */
  | {
      readonly kind: "set-device";
      readonly vni: Vni;
      readonly name: string;
      readonly owner?: string;
      readonly mac?: Mac;
      readonly mtuBytes?: number;
      readonly up?: true;
      /** The VRF to belong to. */
      readonly master?: string;
    }
  /** Source address, and the device's own learning off. */
  | { readonly kind: "set-l3-vxlan"; readonly vni: Vni; readonly name: string; readonly vtep: IpAddress }
  /** Puts a network's bridge into the VRF. The kernel sets it down and up for a moment. */
  | { readonly kind: "enslave-bridge"; readonly vni: Vni; readonly name: string; readonly vrf: string }
  /** Takes a bridge out of our VRF; one that is in another by now stays there. */
  | { readonly kind: "release-bridge"; readonly vni: Vni; readonly name: string; readonly vrf: string }
  | {
      readonly kind: "add-address" | "delete-address";
      readonly vni: Vni;
      readonly name: string;
      readonly gateway: Gateway;
    }
  | { readonly kind: "set-sysctl"; readonly vni: Vni | undefined; readonly key: SysctlKey; readonly value: string }
  | { readonly kind: "add-rule" | "delete-rule"; readonly vni: undefined; readonly rule: Omit<RoutingRule, "ours"> }
  | {
      readonly kind: "replace-route" | "delete-route";
      readonly vni: Vni;
      readonly table: number;
      readonly route: Omit<ActualRoute, "ours">;
    }
  | {
      readonly kind: "replace-l3-neighbour" | "delete-l3-neighbour";
      readonly vni: Vni;
      readonly device: string;
      readonly ip: IpAddress;
      readonly mac: Mac;
    }
  | {
      readonly kind: "replace-l3-entry" | "delete-l3-entry";
      readonly vni: Vni;
      readonly device: string;
      readonly peer: RouterPeer;
    }
  | { readonly kind: "delete-device"; readonly vni: Vni; readonly name: string };

/** An op that the kernel refused. `code` is the errno's name; `message` has the kernel's own words if any. */
export type RouterOpFailure = { readonly op: RouterOp; readonly code: string; readonly message: string };

/** Whether this kernel can have tenant routers, and why not. */
export type RouterSupport = { readonly vrf: true } | { readonly vrf: false; readonly reason: string };

export type RouterKernel = {
  /** Asks the kernel without changing anything. */
  support(): Promise<RouterSupport>;
  dump(): Promise<ActualRouters>;
  /** Applies in order and goes on after a refusal; rejects only when the kernel does not answer at all. */
  apply(ops: readonly RouterOp[]): Promise<readonly RouterOpFailure[]>;
  /** Hears of changes by other hands to what concerns routers, and of lost events: either means "compare again". */
  watch(listener: (event: "changed" | "overrun") => void): { close(): void };
};
