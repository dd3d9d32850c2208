// What intent says of a network's ports here, as guards, flags and mirrors. Pure; which interface is whose port was decided
// before (port-finder.ts).

import type { Mac } from "../../shared/address/mac.ts";
import type { EndpointRecord, NetworkRecord } from "../../shared/model/record.ts";
import { type AllowedSource, hostPrefix, type PortGuard, portGuard } from "../dataplane/guard-state.ts";
import type { Mirror } from "../dataplane/guards.ts";
import type { PortFlags } from "../dataplane/host-ports.ts";
import { vxlanName } from "../dataplane/state.ts";

/** An endpoint with its port on this host. */
export type PlacedEndpoint = { readonly port: string; readonly record: EndpointRecord };

export type PortPolicy = {
  readonly guard: PortGuard;
  readonly flags: PortFlags;
  readonly promiscuous: boolean;
  /** MACs of the port's machines themselves. */
  readonly macs: readonly Mac[];
};

/** The policy of each port; of several endpoints on one port, all may send, and one that is not guarded opens it. */
export function portPolicies(network: NetworkRecord, endpoints: Iterable<PlacedEndpoint>): Map<string, PortPolicy> {
  const byPort = new Map<string, EndpointRecord[]>();
  for (const { port, record } of endpoints) byPort.set(port, [...(byPort.get(port) ?? []), record]);
  return new Map(Array.from(byPort, ([port, records]) => [port, policyOf(network, port, records)]));
}

function policyOf(network: NetworkRecord, port: string, records: readonly EndpointRecord[]): PortPolicy {
  const open = records.some(({ portSecurity }) => portSecurity === false);
  const learning = open && network.learning === true;
  const promiscuous = records.some((record) => record.promiscuous === true);
  return {
    guard: portGuard({
      port,
      vni: network.vni,
      mode: learning ? "learn" : open ? "observe" : "enforce",
      sources: records.flatMap(sourcesOf),
      stormPacketsPerSec: network.stormPacketsPerSec,
    }),
    flags: {
      // Elsewhere nothing is learned, so that nothing can be taught: every MAC is declared.
      learning,
      isolated: records.some((record) => record.isolated === true),
      // Its copies come by the mirrors, one of each frame.
      flood: !promiscuous,
    },
    promiscuous,
    macs: records.map(({ mac }) => mac),
  };
}

/** Without addresses only the MAC is checked; an allowed address without a MAC is for the endpoint's own. */
function sourcesOf({ mac, ips, allowedAddresses = [] }: EndpointRecord): AllowedSource[] {
  const own = allowedAddresses.flatMap((pair) => (pair.mac === undefined || pair.mac === mac ? [pair.ip] : []));
  const others = allowedAddresses.flatMap((pair) =>
    pair.mac === undefined || pair.mac === mac ? [] : [{ mac: pair.mac, prefixes: [pair.ip] }],
  );
  return [{ mac, prefixes: ips.length === 0 ? undefined : [...ips.map(hostPrefix), ...own] }, ...others];
}

/** Each device of the bridge that exists copies to every promiscuous port but itself. */
export function mirrorsOf(
  network: NetworkRecord,
  policies: ReadonlyMap<string, PortPolicy>,
  exists: (device: string) => boolean,
): Map<string, Mirror> {
  const targets = [...policies].filter(([port, policy]) => policy.promiscuous && exists(port));
  if (targets.length === 0) return new Map();
  const devices = [vxlanName(network.vni), ...policies.keys()].filter(exists);
  return new Map(
    devices.flatMap((from): [string, Mirror][] => {
      const to = targets.flatMap(([port, { macs }]) => (port === from ? [] : [{ port, macs }]));
      return to.length > 0 ? [[from, { from, to }]] : [];
    }),
  );
}
