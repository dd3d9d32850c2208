// The lane of port security: what intent says of the endpoints on this host becomes guards, port flags and mirrors, and what
// is seen on the ports that nobody declared becomes events. A network is live here only with its guards in the kernel.

import type { Mac } from "../../shared/address/mac.ts";
import { EMPTY_DIGEST } from "../../shared/message/digest.ts";
import { channelNetwork, type EndpointRecord, type NetworkRecord, networkChannel } from "../../shared/model/record.ts";
import type { MacTarget } from "../dataplane/desired.ts";
import { createGuardKeeper, type GuardReport } from "../dataplane/guard-keeper.ts";
import type { GuardReading, Guards, MacListKey, Mirror } from "../dataplane/guards.ts";
import type { DataplaneReport } from "../dataplane/report.ts";
import { GATEWAY_MAC } from "../dataplane/router-state.ts";
import { bridgeMac } from "../dataplane/state.ts";
import { endpointOf } from "./endpoint-key.ts";
import {
  asksForGuards,
  edited,
  emptyPart,
  type GuardPart,
  macsOf,
  needsMacs,
  placesOf,
  takeLists,
} from "./guard-part.ts";
import { mirrorsOf, type PlacedEndpoint, portPolicies, type PortPolicy } from "./guard-policy.ts";
import type { ChannelPart, Lane, LaneContext } from "./lane.ts";
import { createPortFlags } from "./port-flags.ts";
import type { PortFinder } from "./port-finder.ts";
import { hostRecord } from "./peers.ts";
import { createSightingLog, type Stranger } from "./sightings.ts";
import type { HostPorts, PortFlags } from "../dataplane/host-ports.ts";

/** What `show guard` and `show unknown` read. */
export type GuardView = {
  readonly ports: readonly {
    readonly network: string;
    readonly port: string;
    readonly policy: PortPolicy;
    readonly state: "guarded" | "waiting" | "not guarded";
    readonly reason: string | undefined;
    /** It keeps the guard of an earlier process, which may be newer than our copy of intent. */
    readonly held: boolean;
  }[];
  readonly reading: GuardReading;
  readonly strangers: readonly Stranger[];
  readonly quiet: number;
  readonly lacks: Guards["lacks"];
};

export type GuardsLane = Lane & {
  /** Waits until what is known of these ports is in the kernel, or cannot be. */
  guarded(ports: readonly string[]): Promise<void>;
  /** The flags that a port is to have on its bridge. */
  flagsOf(port: string): PortFlags | undefined;
  view(): GuardView;
};

export function createGuardsLane(
  context: LaneContext,
  options: { readonly guards: Guards; readonly hostPorts: HostPorts; readonly finder: PortFinder },
): GuardsLane {
  const { host, clock, diary, intent, pace, reconciler } = context;
  const { finder } = options;
  const parts = new Map<string, GuardPart>();
  const dirty = new Set<string>();
  const changedKeys = new Map<string, Set<string> | "whole">();
  /** Of each port, which network's guard it has: the lowest VNI's, as with the bridge (dataplane/ports.ts). */
  const holders = new Map<string, Set<GuardPart>>();
  const sightings = createSightingLog();
  /** Who waits for everything to be worked off. */
  const resting = new Set<() => void>();
  const turn = pace.add(work);
  const keeper = createGuardKeeper({
    guards: options.guards,
    clock,
    log: (level, text) => diary[level]("guards", text),
    isAttached: (port) => finder.ports.get(port)?.attached !== undefined,
  });
  const flags = createPortFlags({
    hostPorts: options.hostPorts,
    clock,
    log: diary,
    ports: () => finder.ports,
    mayRetarget: () => context.trust().mayRetarget !== false,
  });
  if (keeper.lacks.guards !== undefined) diary.warn("guards-missing", keeper.lacks.guards);

  finder.onChange((changed) => {
    for (const [channel, keys] of changed) take(channelNetwork(channel), keys);
    // A device that came may be copied from, a port that left may lose its guard.
    for (const [id, part] of parts) if (part.policies.size > 0) dirty.add(id);
    keeper.look();
    flags.look();
    turn.wake();
  });
  keeper.onReport(() => context.reportChanged());
  keeper.onReading((reading) => {
    tellSightings(reading);
    countDrops(reading);
  });

  function take(network: string | undefined, keys: ReadonlySet<string> | "whole"): void {
    if (network === undefined) return;
    const before = changedKeys.get(network);
    if (keys === "whole" || before === "whole") changedKeys.set(network, "whole");
    else changedKeys.set(network, new Set([...(before ?? []), ...keys]));
    turn.wake();
  }

  function work(): boolean {
    const more = step();
    if (!more) {
      for (const resolve of resting) resolve();
      resting.clear();
    }
    return more;
  }

  function step(): boolean {
    const [network] = changedKeys;
    if (network) {
      changedKeys.delete(network[0]);
      takeRecords(network[0], network[1]);
    } else {
      const [id] = dirty;
      if (id === undefined) return false;
      dirty.delete(id);
      const part = parts.get(id);
      if (part) settle(part);
    }
    return changedKeys.size + dirty.size > 0;
  }

  function takeRecords(id: string, keys: ReadonlySet<string> | "whole"): void {
    const records = intent.channels.get(networkChannel(id))?.records;
    if (!records) finder.forget(id);
    const part = parts.get(id) ?? emptyPart(id);
    parts.set(id, part);
    dirty.add(id);
    const definition = records?.get("network")?.body as NetworkRecord | null | undefined;
    const all = needsMacs(definition ?? undefined);
    const again = keys === "whole" || all !== needsMacs(part.definition);
    part.definition = definition ?? undefined;
    if (again) {
      part.local.clear();
      part.declared.clear();
    }
    for (const key of again ? (records?.keys() ?? []) : keys) {
      const endpoint = endpointOf(key);
      if (endpoint === undefined) continue;
      const body = finder.resolve(id, key, records?.get(key)?.body ?? undefined) as EndpointRecord | undefined;
      const here = body && placesOf(body, host).length > 0;
      if (here) part.local.set(endpoint, body);
      else part.local.delete(endpoint);
      if (body && all) part.declared.set(endpoint, macsOf(body));
      else part.declared.delete(endpoint);
    }
  }

  /** Makes anew what follows from a network's records: as much as it has ports here. */
  function settle(part: GuardPart): void {
    const { id, definition } = part;
    const before = part.policies;
    const placed = Array.from(part.local.values()).flatMap((record) =>
      placesOf(record, host).map((port): PlacedEndpoint => ({ port, record })),
    );
    part.policies = definition ? portPolicies(definition, placed) : new Map();
    for (const port of before.keys()) if (!part.policies.has(port)) holders.get(port)?.delete(part);
    for (const port of part.policies.keys()) holders.set(port, (holders.get(port) ?? new Set()).add(part));
    const touched = new Set([...before.keys(), ...part.policies.keys()]);
    const policies = new Map(Array.from(touched, (port) => [port, policyOf(port)]));
    keeper.change({
      ports: new Map(Array.from(policies, ([port, policy]) => [port, policy?.guard])),
      mirrors: takeMirrors(part),
      macLists: takeLists(part, listsOf(part)),
    });
    flags.change(new Map(Array.from(policies, ([port, policy]) => [port, policy?.flags])));
    if (!definition && part.local.size === 0) parts.delete(id);
    context.reportChanged();
  }

  function policyOf(port: string): PortPolicy | undefined {
    const all = Array.from(holders.get(port) ?? []).flatMap((part) => part.policies.get(port) ?? []);
    if (all.length === 0) holders.delete(port);
    return all.toSorted((a, b) => a.guard.vni - b.guard.vni)[0];
  }

  function takeMirrors(part: GuardPart): Map<string, Mirror | undefined> {
    const now =
      part.definition && keeper.lacks.mirrors === undefined
        ? mirrorsOf(part.definition, part.policies, (device) => finder.ports.has(device))
        : new Map<string, Mirror>();
    const gone = [...part.mirrors.keys()].filter((from) => !now.has(from));
    part.mirrors = now;
    return new Map<string, Mirror | undefined>([...gone.map((from) => [from, undefined] as const), ...now]);
  }

  function listsOf({ definition, policies, declared }: GuardPart): Map<MacListKey, ReadonlySet<Mac>> {
    const now = new Map<MacListKey, ReadonlySet<Mac>>();
    if (!definition || policies.size === 0) return now;
    const { vni } = definition;
    if (definition.learning) now.set(`declared-${vni}`, new Set([...declared.values()].flat()));
    if (definition.stormPacketsPerSec !== undefined) {
      // What the kernel was read back to hold is kept up by `verified`; here is what intent adds.
      const key: MacListKey = `known-${vni}`;
      const own = hostRecord(intent)?.vtep;
      const forwarded = Array.from(reconciler.verified(vni)?.macs() ?? [], ([mac]) => mac);
      const gateways = [GATEWAY_MAC, ...(own ? [bridgeMac(vni, own)] : [])];
      const learned = reconciler.learned(vni).keys();
      now.set(key, new Set([...forwarded, ...learned, ...[...declared.values()].flat(), ...gateways]));
    }
    return now;
  }

  /** MACs that the kernel forwards to by now, or no longer. */
  function noteForwarding(report: DataplaneReport): void {
    const byVni = new Map(
      Array.from(parts.values()).flatMap((part) => (part.definition ? [[part.definition.vni, part]] : [])),
    );
    for (const vni of new Set([...report.changed.keys(), ...report.learned.keys()])) {
      const { whole = false, macs } = report.changed.get(vni) ?? {};
      const part = byVni.get(vni);
      const key: MacListKey = `known-${vni}`;
      const list = part?.lists.get(key);
      if (!part || !list) continue;
      const network = reconciler.verified(vni);
      const edit = new Map<Mac, boolean>();
      const declared = new Set([...part.declared.values()].flat());
      const learned = reconciler.learned(vni);
      const look = (mac: Mac): void => {
        const known = network?.mac(mac) !== undefined || learned.has(mac) || declared.has(mac);
        if (known !== list.has(mac)) edit.set(mac, known);
      };
      for (const mac of whole ? Array.from(network?.macs() ?? [], ([each]) => each) : (macs?.keys() ?? [])) look(mac);
      for (const mac of report.learned.get(vni) ?? []) look(mac);
      if (edit.size === 0) continue;
      part.lists = new Map([...part.lists, [key, edited(list, edit)]]);
      keeper.change({ macLists: new Map([[key, edit]]) });
    }
  }

  function tellSightings({ sightings: seen }: GuardReading): void {
    const strangers = seen.flatMap(({ port, mac }) => {
      const part = [...(holders.get(port) ?? [])][0];
      if (!part?.definition) return [];
      const target = reconciler.verified(part.definition.vni)?.mac(mac);
      const declaredAt = target && placeText(target);
      return [{ network: part.id, port, mac, kind: target ? ("moved" as const) : ("unknown" as const), declaredAt }];
    });
    for (const { network, port, mac, kind, declaredAt } of sightings.see(strangers, clock.wallMs())) {
      if (kind === "moved") {
        diary.warn("moved-machine", `${network}: ${mac} is seen on port ${port}, but is declared at ${declaredAt}`);
      } else diary.warn("unknown-machine", `${network}: ${mac} is seen on port ${port}, and nobody declared it`);
    }
  }

  const counted = new Map<string, number>();
  /** Into the counters of reports: what was dropped, by reason, over all ports. */
  function countDrops({ drops }: GuardReading): void {
    for (const { port, reason, packets } of drops) {
      const key = `${port}/${reason}`;
      const before = counted.get(key) ?? 0;
      counted.set(key, packets);
      // A counter that was made anew begins at zero.
      const more = packets >= before ? packets - before : packets;
      if (more > 0) diary.count(`guard-dropped-${reason}`, more);
    }
  }

  /** The guard is there or was refused, and the port, if it is on its bridge, has its flags. */
  function isSettled(port: string, report: GuardReport): boolean {
    return (report.guarded.has(port) || report.failures.has(port)) && flags.isSet(port);
  }

  function problemsOf(part: GuardPart): string[] {
    const report = keeper.latest();
    const problems = [...finder.problems(part.id)];
    const refused = flags.failures();
    for (const [port, { promiscuous }] of part.policies) {
      if (finder.ports.get(port)?.loopback)
        problems.push(`port ${port} is this host's loopback device, and never a port`);
      const failure = report?.failures.get(port);
      if (failure !== undefined && keeper.lacks.guards === undefined)
        problems.push(`port ${port} is not guarded: ${failure}`);
      const flag = refused.get(port);
      if (flag !== undefined) problems.push(`port ${port}: its flags cannot be set: ${flag}`);
      if (promiscuous && keeper.lacks.mirrors !== undefined) {
        problems.push(`port ${port} is promiscuous in name only: ${keeper.lacks.mirrors}`);
      }
    }
    if (keeper.lacks.guards !== undefined && asksForGuards(part))
      problems.push(`ports are not guarded: ${keeper.lacks.guards}`);
    if (report?.error !== undefined) problems.push(`guards: ${report.error}`);
    return problems;
  }

  return {
    guarded: async (ports) => {
      if (changedKeys.size + dirty.size > 0) await new Promise<void>((resolve) => void resting.add(resolve));
      await keeper.settled(ports);
    },
    flagsOf: (port) => policyOf(port)?.flags,
    intent: (change) => {
      for (const [channel, keys] of change) take(channelNetwork(channel), keys);
    },
    complete: () => {
      keeper.setTrust(context.trust());
      flags.look();
    },
    verified: noteForwarding,
    channel(channel): ChannelPart | undefined {
      const id = channelNetwork(channel) ?? "";
      const part = parts.get(id);
      // What follows from its records is not known yet.
      if (changedKeys.has(id) || dirty.has(id)) return { kernel: undefined, problems: part ? problemsOf(part) : [] };
      if (!part || part.policies.size === 0) return undefined;
      const report = keeper.latest();
      const settled =
        keeper.lacks.guards !== undefined ||
        (report?.whole === true && [...part.policies.keys()].every((port) => isSettled(port, report)));
      return { kernel: settled ? EMPTY_DIGEST : undefined, problems: problemsOf(part) };
    },
    view: () => ({
      ports: Array.from(parts.values()).flatMap((part) =>
        Array.from(part.policies, ([port, policy]) => {
          const report = keeper.latest();
          const reason = report?.failures.get(port) ?? report?.error;
          const state = report?.guarded.has(port) ? "guarded" : reason === undefined ? "waiting" : "not guarded";
          const held = report?.held.has(port) === true;
          return { network: part.id, port, policy, state, held, reason: reason ?? (held ? HELD : undefined) };
        }),
      ),
      reading: keeper.reading(),
      strangers: sightings.strangers(),
      quiet: sightings.quiet,
      lacks: keeper.lacks,
    }),
    close: async () => {
      turn.close();
      for (const resolve of resting) resolve();
      await flags.close();
      await keeper.close();
      await finder.close();
    },
  };
}

/** Why a guard waits that could be written. */
const HELD = "keeps the guard of an earlier process until the cloud has answered, which may know of a newer one";

function placeText(target: MacTarget): string {
  return target.kind === "local" ? `port ${target.port}` : `VTEP ${target.vteps.join(", ")}`;
}
