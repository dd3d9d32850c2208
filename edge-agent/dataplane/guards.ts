// The port to what guards the bridge ports, next to the `Kernel` port: nftables/ implements it, memory-guards.ts in
// memory; both pass test/contract/guards.ts. A change is one transaction: all of it is in the kernel, or none.

import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { MacListKind, PortGuard } from "./guard-state.ts";

/** Why a frame was dropped, or what it was counted for. */
export type GuardReason =
  | "vlan"
  | "mac"
  | "declared-elsewhere"
  | "arp"
  | "ipv4"
  | "ipv6"
  | "nd"
  | "dhcp-server"
  | "router-advert"
  | "storm";

/** A list of MACs of one network. */
export type MacListKey = `${MacListKind}-${Vni}`;

/** Copies of every frame that comes in by one device of a bridge, for the promiscuous ports of the same bridge. */
export type Mirror = {
  /** The vxlan device or a port; it exists. */
  readonly from: string;
  /** Where the copies go, with the machine's own MACs: frames to those the bridge delivers itself. */
  readonly to: readonly { readonly port: string; readonly macs: readonly Mac[] }[];
};

export type ActualGuards = {
  /** What guards each port, in the form of `print`; text of another form is something that another hand changed. */
  readonly ports: ReadonlyMap<string, string>;
  /** The lists that there are; their MACs if asked for. */
  readonly macLists: ReadonlyMap<MacListKey, ReadonlySet<Mac> | undefined>;
  /** By the device that they copy from, in the form of `printMirror`. */
  readonly mirrors: ReadonlyMap<string, string>;
  /** The rules that all ports share are there. */
  readonly frame: boolean;
};

/** One transaction. */
export type GuardChange = {
  /** Makes the shared rules anew. */
  readonly frame: boolean;
  readonly set: readonly PortGuard[];
  readonly remove: readonly string[];
  readonly macLists: ReadonlyMap<MacListKey, MacListChange>;
  readonly mirrors: ReadonlyMap<string, Mirror | undefined>;
};

/** `clear` empties or makes the list first; `drop` removes it, with nothing added. */
export type MacListChange =
  | { readonly kind: "edit"; readonly clear: boolean; readonly add: readonly Mac[]; readonly remove: readonly Mac[] }
  | { readonly kind: "drop" };

export type DropCount = { readonly port: string; readonly reason: GuardReason; readonly packets: number };
/** A MAC that was seen on a port which does not have it, within the last minute. */
export type Sighting = { readonly port: string; readonly mac: Mac };

export type GuardReading = { readonly drops: readonly DropCount[]; readonly sightings: readonly Sighting[] };

export type Guards = {
  /** What the kernel can do: undefined, or why not. */
  readonly lacks: { readonly guards: string | undefined; readonly mirrors: string | undefined };
  /** How `dump` shows this guard when it is whole. */
  print(guard: PortGuard): string;
  printMirror(mirror: Mirror): string;
  dump(options: { readonly macLists: boolean }): Promise<ActualGuards>;
  /** All or nothing: rejects with the kernel's reason and has changed nothing. */
  apply(change: GuardChange): Promise<void>;
  /** Removes everything of ours at once. */
  removeAll(): Promise<void>;
  read(): Promise<GuardReading>;
  /** Calls back when another hand changed something of ours, or may have. */
  watch(listener: () => void): { close(): void };
  close(): Promise<void>;
};
