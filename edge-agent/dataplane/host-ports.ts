// What the host's interfaces are, and how those on our bridges behave: the port to the kernel that finds ports by MAC and
// sets their flags, next to `Kernel`. netlink/host-ports.ts implements it, memory-host-ports.ts in memory.

import type { Mac } from "../../shared/address/mac.ts";

/** Flags of a bridge port (bridge(8)). */
export type PortFlags = {
  /** The bridge learns from the port's frames. */
  readonly learning: boolean;
  /** Nothing goes between two isolated ports of a bridge. */
  readonly isolated: boolean;
  /** Frames that have no port of their own are copied to it: broadcast, multicast and unknown unicast alike. */
  readonly flood: boolean;
};

/** An interface of the host. */
export type HostPort = {
  readonly name: string;
  readonly mac: Mac | undefined;
  /** The address that the hardware has, whatever it was changed to. */
  readonly permanentMac: Mac | undefined;
  /** IFLA_IFALIAS: free text. */
  readonly alias: string | undefined;
  /** `tun` for a tap, `veth`, `bridge`; empty for hardware. */
  readonly kind: string;
  readonly loopback: boolean;
  /** A bridge or vxlan device that this agent made. */
  readonly ours: boolean;
  /** On a bridge of ours: its flags. */
  readonly attached: PortFlags | undefined;
};

export type HostPorts = {
  list(): Promise<readonly HostPort[]>;
  /** Sets the flags of attached ports; the reasons where the kernel refused. */
  set(flags: ReadonlyMap<string, PortFlags>): Promise<ReadonlyMap<string, string>>;
  /** Calls back when an interface came, went or changed. */
  watch(listener: () => void): { close(): void };
  close(): Promise<void>;
};

export function sameFlags(a: PortFlags, b: PortFlags): boolean {
  return a.learning === b.learning && a.isolated === b.isolated && a.flood === b.flood;
}

/** An interface with this in its alias is that endpoint's port, whatever its MAC. */
export function endpointAlias(endpoint: string): string {
  return `overspan-endpoint=${endpoint}`;
}

export type FoundPort =
  | { readonly kind: "found"; readonly port: string }
  | { readonly kind: "missing" }
  | { readonly kind: "ambiguous"; readonly ports: readonly string[] };

/**
 * The port of an endpoint that names none: the interface whose alias says so, else the one with the endpoint's MAC as its
 * own or its permanent address, else the tap whose address differs in the first octet only (libvirt's fe:).
 */
export function findPort(endpoint: { readonly id: string; readonly mac: Mac }, ports: readonly HostPort[]): FoundPort {
  const { id, mac } = endpoint;
  const candidates = ports.filter(({ loopback, ours, kind }) => !loopback && !ours && kind !== "bridge");
  const told = candidates.filter(({ alias }) => alias?.split(/\s+/).includes(endpointAlias(id)));
  const same = candidates.filter((port) => port.mac === mac || port.permanentMac === mac);
  const taps = candidates.filter((port) => port.kind === "tun" && port.mac?.slice(2) === mac.slice(2));
  for (const group of [told, same, taps]) {
    const [first, ...more] = group;
    if (first && more.length === 0) return { kind: "found", port: first.name };
    if (first) return { kind: "ambiguous", ports: group.map(({ name }) => name).toSorted() };
  }
  return { kind: "missing" };
}
