// What is desired of each network, kept as tables that change by one key at a time: a change costs its own size, not the
// network's. Pure data; who is right about a MAC was decided before it comes here.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { NetworkState } from "./state.ts";

/** Everything of a network but its tables: devices, ports, flood list. Small, so it is replaced as a whole. */
export type NetworkFrame = Omit<NetworkState, "local" | "remote" | "neighbours">;

/** Where frames to a MAC go. */
export type MacTarget =
  | { readonly kind: "local"; readonly port: string }
  | {
      readonly kind: "remote";
      /** One VTEP; several of a multihomed segment, over which flows are spread (RFC 7432 8.4). Never empty. */
      readonly vteps: readonly IpAddress[];
      /** The VNI that the other side knows the network by; absent: the network's own. */
      readonly vni?: Vni;
      /** A machine that nobody declared, on a network that learns: a frame of it on a port here moves it to the port. */
      readonly yields?: true;
    };

/**
 * One change of the desired state. What is not named stays as it is; a key with the value undefined goes. Tables of a
 * network that has no frame yet are kept and wait for it.
 */
export type DesiredChange =
  | {
      readonly vni: Vni;
      readonly frame?: NetworkFrame;
      readonly macs?: ReadonlyMap<Mac, MacTarget | undefined>;
      readonly neighbours?: ReadonlyMap<IpAddress, Mac | undefined>;
    }
  | { readonly vni: Vni; readonly remove: true };

/** How far the desired state can be relied on. */
export type DesiredTrust = {
  /** It is complete: what is not in it may be deleted. */
  readonly inSync: boolean;
  /**
   * It is not older than what the kernel was found to hold: entries that an earlier process left may be turned elsewhere.
   * Absent: true.
   */
  readonly mayRetarget?: boolean;
};

/** True if frames go the same way. */
export function sameTarget(a: MacTarget | undefined, b: MacTarget | undefined): boolean {
  if (a === b) return true;
  if (!a || !b) return false;
  if (a.kind === "local") return b.kind === "local" && a.port === b.port;
  return (
    b.kind === "remote" &&
    a.vni === b.vni &&
    a.yields === b.yields &&
    a.vteps.length === b.vteps.length &&
    a.vteps.every((v) => b.vteps.includes(v))
  );
}

/** The tables of a whole network state. */
export function tablesOf(network: NetworkState): {
  readonly frame: NetworkFrame;
  readonly macs: Map<Mac, MacTarget>;
  readonly neighbours: Map<IpAddress, Mac>;
} {
  const { local, remote, neighbours, ...frame } = network;
  const macs = new Map<Mac, MacTarget>();
  for (const { mac, vtep, vteps = [vtep], vni } of remote) {
    macs.set(mac, { kind: "remote", vteps, ...(vni !== undefined && { vni }) });
  }
  // A MAC that is both local and remote is local.
  for (const { mac, port } of local) macs.set(mac, { kind: "local", port });
  return { frame, macs, neighbours: new Map(neighbours.map(({ ip, mac }) => [ip, mac])) };
}
