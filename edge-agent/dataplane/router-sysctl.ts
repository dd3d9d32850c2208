// The kernel's switches that make a VRF route as RFC 9135 wants and nothing else: which devices forward, who answers ARP,
// and that nobody is redirected or believed. A table; what is read and what is wanted come from the same rows. Pure.
//
// IPv4 forwards per device. IPv6 does so from Linux 6.17 on (force_forwarding); before, one switch turns the whole host
// into a router, which then stops listening to router advertisements.

import type { ActualRouters, SysctlKey } from "./router-kernel.ts";

type Role = "vrf" | "vxlan" | "bridge";
type Row = {
  readonly family: "ipv4" | "ipv6";
  readonly name: string;
  readonly value: string;
  readonly of: readonly Role[];
};

const ALL: readonly Role[] = ["vrf", "vxlan", "bridge"];
const PORTS: readonly Role[] = ["vxlan", "bridge"];

/** The kernel takes the larger of a device's `rp_filter` and that of `all`: 2 is loose whatever the host's own is. */
const ROWS: readonly Row[] = [
  { family: "ipv4", name: "forwarding", value: "1", of: ALL },
  { family: "ipv4", name: "rp_filter", value: "2", of: ALL },
  { family: "ipv4", name: "send_redirects", value: "0", of: PORTS },
  { family: "ipv4", name: "accept_redirects", value: "0", of: PORTS },
  { family: "ipv4", name: "proxy_arp", value: "0", of: PORTS },
  // Only for the bridge's own addresses: by default the kernel answers on any device for any address of the VRF.
  { family: "ipv4", name: "arp_ignore", value: "1", of: ["bridge"] },
  { family: "ipv4", name: "arp_announce", value: "2", of: ["bridge"] },
  { family: "ipv6", name: "forwarding", value: "1", of: ALL },
  { family: "ipv6", name: "force_forwarding", value: "1", of: ALL },
  { family: "ipv6", name: "accept_ra", value: "0", of: PORTS },
  { family: "ipv6", name: "accept_redirects", value: "0", of: PORTS },
  { family: "ipv6", name: "proxy_ndp", value: "0", of: PORTS },
  // The gateway's addresses survive a bridge that is set down and up, as IPv4's do.
  { family: "ipv6", name: "keep_addr_on_down", value: "1", of: ["bridge"] },
];

/** The one switch of IPv6 forwarding where devices have none of their own. */
export const IPV6_FORWARDING: SysctlKey = "net/ipv6/conf/all/forwarding";
/** Set, sockets of the host that are bound to no VRF answer to tenants too (vrf.rst). */
const ACCEPTS = ["net/ipv4/tcp_l3mdev_accept", "net/ipv4/udp_l3mdev_accept"] as const;

/** What a dump reads of a device; those that a kernel lacks are left out of it. */
export function sysctlsOf(device: string, role: Role): ReadonlyMap<SysctlKey, string> {
  const rows = ROWS.filter((row) => row.of.includes(role));
  return new Map(rows.map(({ family, name, value }) => [`net/${family}/conf/${device}/${name}`, value]));
}

/** What a dump reads besides devices. */
export const GLOBAL_SYSCTLS: readonly SysctlKey[] = [IPV6_FORWARDING, ...ACCEPTS];

/** Why IPv6 would not be routed in a VRF though its devices are right; undefined if it would, or can be made to. */
export function ipv6Obstacle(
  { sysctls, advertisedDefault }: ActualRouters,
  vrf: string,
): "absent" | "advertised" | undefined {
  const whole = sysctls.get(IPV6_FORWARDING);
  if (whole === undefined) return "absent";
  if (whole === "1" || sysctls.has(`net/ipv6/conf/${vrf}/force_forwarding`)) return undefined;
  return advertisedDefault ? "advertised" : undefined;
}

/** True if the one switch for all of IPv6 has to be turned on. */
export function needsIpv6Forwarding(actual: ActualRouters, vrf: string): boolean {
  const { sysctls } = actual;
  return (
    sysctls.get(IPV6_FORWARDING) === "0" &&
    !sysctls.has(`net/ipv6/conf/${vrf}/force_forwarding`) &&
    ipv6Obstacle(actual, vrf) === undefined
  );
}

/** Switches by which the host's own sockets answer to tenants. */
export function exposedBy({ sysctls }: ActualRouters): readonly SysctlKey[] {
  return ACCEPTS.filter((key) => sysctls.get(key) === "1");
}
