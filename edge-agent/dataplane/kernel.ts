// The port to the kernel that the reconciler drives. netlink/ implements it on rtnetlink, memory-kernel.ts in memory;
// both pass test/contract/kernel.ts. Links are named, never numbered: an ifindex is the adapter's business.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { PortFlags } from "./host-ports.ts";
import type { NeighbourEntry } from "./state.ts";

/**
 * Where a vxlan entry sends to. `nexthop`: by way of a group of fdb nexthops, which all entries with the same VTEPs share,
 * so that it changes or goes for all of them at once. `dst`: written into the entry, one VTEP, perhaps with a VNI of its
 * own (which a nexthop cannot have).
 */
export type Tunnel = {
  readonly form: "nexthop" | "dst";
  /** Sorted, never empty. */
  readonly vteps: readonly IpAddress[];
  /** Of the other side, if not the device's own. */
  readonly vni: Vni | undefined;
};

export function sameTunnel(a: Tunnel | undefined, b: Tunnel | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.form !== b.form || a.vni !== b.vni || a.vteps.length !== b.vteps.length) return false;
  return a.vteps.every((vtep, index) => vtep === b.vteps[index]);
}

/** A bridge of ours, as it is. */
export type ActualBridge = {
  readonly name: string;
  readonly owner: string;
  readonly mac: Mac;
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
  /** UDP source ports; undefined: the kernel's choice. */
  readonly sourcePorts: { readonly low: number; readonly high: number } | undefined;
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

/** One VNI's devices. Either may be missing: a creation that was cut short, or a hand that deleted. */
export type ActualDevices = {
  readonly vni: Vni;
  readonly bridge: ActualBridge | undefined;
  readonly vxlan: ActualVxlan | undefined;
  /** Ports of the bridge other than the vxlan device. */
  readonly ports: readonly { readonly name: string; readonly up: boolean }[];
};

/** One VNI's entries. */
export type ActualEntries = {
  readonly vni: Vni;
  /** Without the permanent entries that the kernel makes for its own ports' addresses. */
  readonly bridgeEntries: readonly BridgeEntry[];
  /** Unicast `self` entries of the vxlan device. */
  readonly vxlanEntries: readonly { readonly mac: Mac; readonly tunnel: Tunnel }[];
  readonly flood: readonly IpAddress[];
  /** Permanent neighbours on the bridge; `ours` by NDA_PROTOCOL. */
  readonly neighbours: readonly (NeighbourEntry & { readonly ours: boolean })[];
};

export type ActualNetwork = ActualDevices & ActualEntries;

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

/** All links and addresses that concern us. */
export type ActualHost = {
  /** Every VNI of which at least one device bears our mark. */
  readonly networks: readonly ActualDevices[];
  readonly foreign: readonly ForeignDevice[];
  readonly interfaces: readonly Interface[];
  /**
   * Local unicast addresses and the MTU of their interfaces; undefined for one on a loopback device, where it is the
   * routes that count (`pathMtu`).
   */
  readonly addresses: ReadonlyMap<IpAddress, number | undefined>;
};

export type ActualState = Omit<ActualHost, "networks"> & {
  readonly networks: readonly ActualNetwork[];
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
  | ({ readonly kind: "add-vxlan" } & NewVxlan)
  /** Deletes a vxlan device of ours that cannot be changed in place and makes it anew, in one step. */
  | ({ readonly kind: "rebuild-vxlan" } & NewVxlan)
  /** Changes what is given, of a device of ours or an attached port. */
  | {
      readonly kind: "set-link";
      readonly vni: Vni;
      readonly name: string;
      readonly mac?: Mac;
      readonly owner?: string;
      readonly mtuBytes?: number;
      readonly up?: true;
    }
  /** Changes a vxlan device in place: source address, and its own learning off. */
  | { readonly kind: "set-vxlan"; readonly vni: Vni; readonly name: string; readonly vtep: IpAddress }
  /** Enslaves and sets up; learning is off but where `flags` say otherwise, and `vxlan` gets neigh_suppress on. */
  | {
      readonly kind: "attach-port";
      readonly vni: Vni;
      readonly name: string;
      readonly bridge: string;
      readonly role: "vxlan" | "tenant";
      /** Of a tenant's port, before it is set up. */
      readonly flags?: PortFlags;
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
  /**
   * Sets the tunnel of the MAC; `replace-remote-entry` the bridge's entry that leads to it too, in one message. `before`
   * is what is there: the kernel does not turn one form into the other, so there the old entry goes first.
   */
  | {
      readonly kind: "replace-vxlan-entry" | "replace-remote-entry";
      readonly vni: Vni;
      readonly vxlan: string;
      readonly mac: Mac;
      readonly tunnel: Tunnel;
      readonly before: Tunnel | undefined;
    }
  | {
      readonly kind: "delete-vxlan-entry";
      readonly vni: Vni;
      readonly vxlan: string;
      readonly mac: Mac;
      readonly tunnel: Tunnel;
    }
  /** Deletes a nexthop group, and with it every vxlan entry that leads there, in all networks at once. */
  | { readonly kind: "delete-tunnel"; readonly vni: undefined; readonly tunnel: Tunnel }
  /** Deletes all entries of a device with this VTEP in one message, those of the flood list too. */
  | { readonly kind: "flush-vtep"; readonly vni: Vni; readonly vxlan: string; readonly vtep: IpAddress }
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

type NewVxlan = {
  readonly vni: Vni;
  readonly name: string;
  readonly owner: string;
  readonly mtuBytes: number;
  readonly vtep: IpAddress;
  readonly sourcePorts?: { readonly low: number; readonly high: number } | undefined;
};

/**
 * What the kernel says has changed, whoever did it: our own writes come back as events too, and that is their read-back.
 * Events of one key come in the order of what happened.
 */
export type KernelEvent =
  | {
      readonly kind: "bridge-entry";
      readonly vni: Vni;
      readonly mac: Mac;
      readonly port: string;
      /** `learned` from a frame; see `BridgeEntry.pinned`. */
      readonly state: "pinned" | "learned" | "gone";
    }
  | { readonly kind: "vxlan-entry"; readonly vni: Vni; readonly mac: Mac; readonly tunnel: Tunnel | undefined }
  | { readonly kind: "flood"; readonly vni: Vni; readonly vtep: IpAddress; readonly present: boolean }
  /** `mac` undefined: gone. Only permanent entries and ours. */
  | {
      readonly kind: "neighbour";
      readonly vni: Vni;
      readonly ip: IpAddress;
      readonly mac: Mac | undefined;
      readonly ours: boolean;
    }
  /** A device of ours is gone, and all its entries with it; whether there is a new one is for `host` to tell. */
  | { readonly kind: "emptied"; readonly vni: Vni; readonly device: "bridge" | "vxlan" }
  /** All entries whose tunnel is this very object (`===`) lead elsewhere now, or are gone. */
  | { readonly kind: "tunnel"; readonly before: Tunnel; readonly after: Tunnel | undefined }
  /** A device, a port, an interface or an address came, went or changed: read the host again. */
  | { readonly kind: "host"; readonly name: string }
  /**
   * This network, or all, may be other than was told: read it again. `lost` says why events are missing; undefined: there
   * never were any, since this kernel tells nothing of its own accord.
   */
  | { readonly kind: "doubt"; readonly vni: Vni | undefined; readonly lost: string | undefined };

/** Something that a kernel can do or not, found by trying. */
export type Capability = {
  readonly name: string;
  readonly present: boolean;
  /** What it is used for, or what is done without it and why it is missing. */
  readonly detail: string;
};

export type Kernel = {
  /** How tunnels are written here. */
  readonly tunnelForm: Tunnel["form"];
  /** `flush-vtep` works. */
  readonly bulkDelete: boolean;
  readonly capabilities: readonly Capability[];
  /** Reads everything that concerns us; rejects when the kernel cannot be read. */
  dump(): Promise<ActualState>;
  /** Links and addresses, as they were told; `fresh`: as they are read now, whatever was told. */
  readHost(options?: { readonly fresh: boolean }): Promise<ActualHost>;
  /** Reads one network's entries; all empty if it has no devices of ours. */
  readEntries(vni: Vni): Promise<ActualEntries>;
  /** Nexthop groups of ours, used or not. */
  tunnels(): readonly Tunnel[];
  /** The smallest MTU on the ways from a local address to these; undefined if there is no way to any. */
  pathMtu(from: IpAddress, to: readonly IpAddress[]): Promise<number | undefined>;
  /**
   * Applies in order and goes on after a refusal; rejects only when the kernel does not answer at all. When it resolves,
   * watchers have heard of every change that these ops made, or that they must doubt it.
   */
  apply(ops: readonly Op[]): Promise<readonly OpFailure[]>;
  watch(listener: (event: KernelEvent) => void): { close(): void };
  close(): Promise<void>;
};
