// The port to the kernel that the reconciler drives. netlink/ implements it on rtnetlink, memory-kernel.ts in memory;
// both pass test/contract/kernel.ts. Links are named, never numbered: an ifindex is the adapter's business.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { NeighbourEntry, RemoteEntry } from "./state.ts";

/** A bridge of ours, as it is. */
export type ActualBridge = {
  readonly name: string;
  readonly owner: string;
  readonly mtuBytes: number;
  readonly up: boolean;
};

/** A vxlan device of ours, as it is. */
export type ActualVxlan = {
  readonly name: string;
  readonly owner: string;
  readonly mtuBytes: number;
  readonly up: boolean;
  readonly vtep: IpAddress | undefined;
  readonly udpPort: number;
  /** The device's own learning from received frames (`nolearning` when false). */
  readonly learning: boolean;
  /** The bridge it is a port of, with that port's flags. */
  readonly master: string | undefined;
  readonly portLearning: boolean;
  readonly neighSuppress: boolean;
};

/** A bridge entry (`bridge fdb show`, `master`): keyed by MAC in each bridge. */
export type BridgeEntry = {
  readonly mac: Mac;
  /** The port's name. */
  readonly port: string;
  /**
   * True for what was declared (`static` or `extern_learn`, it never ages), false for what the bridge learned from a
   * frame. The two flags are not told apart: the kernel keeps both when an entry is replaced (seen on 6.18).
   */
  readonly pinned: boolean;
};

/** One VNI's devices and entries. Either device may be missing: a creation that was cut short, or a hand that deleted. */
export type ActualNetwork = {
  readonly vni: Vni;
  readonly bridge: ActualBridge | undefined;
  readonly vxlan: ActualVxlan | undefined;
  /** Ports of the bridge other than the vxlan device. */
  readonly ports: readonly { readonly name: string; readonly up: boolean }[];
  /** Without the permanent entries that the kernel makes for its own ports' addresses. */
  readonly bridgeEntries: readonly BridgeEntry[];
  /** Unicast `self` entries of the vxlan device; more than one per MAC is possible by hand only. */
  readonly vxlanEntries: readonly RemoteEntry[];
  readonly flood: readonly IpAddress[];
  /** Permanent neighbours on the bridge; `ours` by NDA_PROTOCOL. */
  readonly neighbours: readonly (NeighbourEntry & { readonly ours: boolean })[];
};

/** A device that is not ours but stands where ours would: it bears the name, or is a vxlan device with the VNI. */
export type ForeignDevice = {
  readonly name: string;
  readonly kind: string;
  readonly vni: Vni | undefined;
  readonly udpPort: number | undefined;
};

/** An interface that could be, or is, some network's port. */
export type Interface = {
  readonly name: string;
  readonly mtuBytes: number;
  readonly up: boolean;
  /** The bridge it belongs to, ours or not. */
  readonly master: string | undefined;
  /** It has an address other than a link-local one, so the host itself speaks through it. */
  readonly addressed: boolean;
};

export type ActualState = {
  /** Every VNI of which at least one device bears our mark. */
  readonly networks: readonly ActualNetwork[];
  readonly foreign: readonly ForeignDevice[];
  readonly interfaces: readonly Interface[];
  /**
   * Local unicast addresses and the MTU of the way out from each: the interface's own, or, for an address on a
   * loopback device, the smallest of the interfaces that carry routes with a gateway (undefined if there is none).
   */
  readonly addresses: ReadonlyMap<IpAddress, number | undefined>;
};

/** One idempotent write. An `add-` or `replace-` of what exists and a `delete-` of what does not are successes. */
export type Op =
  | {
      readonly kind: "add-bridge";
      readonly vni: Vni;
      readonly name: string;
      /** Fixed, because a bridge that takes a port's address drops its neighbours whenever that changes. */
      readonly mac: Mac;
      readonly owner: string;
      readonly mtuBytes: number;
    }
  | {
      readonly kind: "add-vxlan";
      readonly vni: Vni;
      readonly name: string;
      readonly owner: string;
      readonly mtuBytes: number;
      readonly vtep: IpAddress;
    }
  /** Deletes a vxlan device of ours that cannot be changed in place and makes it anew, in one step. */
  | {
      readonly kind: "rebuild-vxlan";
      readonly vni: Vni;
      readonly name: string;
      readonly owner: string;
      readonly mtuBytes: number;
      readonly vtep: IpAddress;
    }
  /** Changes what is given, of a device of ours or an attached port. */
  | {
      readonly kind: "set-link";
      readonly vni: Vni;
      readonly name: string;
      readonly owner?: string;
      readonly mtuBytes?: number;
      readonly up?: true;
    }
  /** Changes a vxlan device in place: source address, and its own learning off. */
  | { readonly kind: "set-vxlan"; readonly vni: Vni; readonly name: string; readonly vtep: IpAddress }
  /** Enslaves and sets up; `vxlan` also gets learning off and neigh_suppress on. */
  | {
      readonly kind: "attach-port";
      readonly vni: Vni;
      readonly name: string;
      readonly bridge: string;
      readonly role: "vxlan" | "tenant";
    }
  /** Takes a port out of our bridge; an interface that is on another bridge by now stays there. */
  | { readonly kind: "release-port"; readonly vni: Vni; readonly name: string; readonly bridge: string }
  | { readonly kind: "delete-link"; readonly vni: Vni; readonly name: string }
  /** Sets or moves the bridge's entry of the MAC in one step, whatever port it was on. */
  | {
      readonly kind: "replace-bridge-entry";
      readonly vni: Vni;
      readonly mac: Mac;
      readonly port: string;
      readonly origin: "static" | "extern";
    }
  | { readonly kind: "delete-bridge-entry"; readonly vni: Vni; readonly mac: Mac; readonly port: string }
  | {
      readonly kind: "replace-vxlan-entry" | "delete-vxlan-entry";
      readonly vni: Vni;
      readonly vxlan: string;
      readonly mac: Mac;
      readonly vtep: IpAddress;
    }
  | {
      readonly kind: "add-flood" | "delete-flood";
      readonly vni: Vni;
      readonly vxlan: string;
      readonly vtep: IpAddress;
    }
  | {
      readonly kind: "replace-neighbour";
      readonly vni: Vni;
      readonly bridge: string;
      readonly ip: IpAddress;
      readonly mac: Mac;
    }
  | { readonly kind: "delete-neighbour"; readonly vni: Vni; readonly bridge: string; readonly ip: IpAddress };

/** An op that the kernel refused. `code` is the errno's name (`EBUSY`); `message` has the kernel's own words if any. */
export type OpFailure = { readonly op: Op; readonly code: string; readonly message: string };

/** Something changed that was not our own write; all of them mean "compare again". */
export type KernelEvent =
  | { readonly kind: "link-appeared" | "link-gone"; readonly name: string }
  /** Another hand changed a device or an entry of this network. */
  | { readonly kind: "network-changed"; readonly vni: Vni }
  /** Events were lost: what is known is no longer all that happened. */
  | { readonly kind: "overrun" };

export type Kernel = {
  /** Reads everything that concerns us; rejects when the kernel cannot be read as one piece. */
  dump(): Promise<ActualState>;
  /** Applies in order and goes on after a refusal; rejects only when the kernel does not answer at all. */
  apply(ops: readonly Op[]): Promise<readonly OpFailure[]>;
  watch(listener: (event: KernelEvent) => void): { close(): void };
  close(): Promise<void>;
};
