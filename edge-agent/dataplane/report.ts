// What the dataplane says after a pass: of each network as the kernel was read back, what changed since the last one, and
// counts. Plain data, and how it is made of a network's tables.

import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { Network } from "./network.ts";
import type { Problem } from "./problem.ts";
import { viewVerified } from "./read-back.ts";
import type { NetworkState } from "./state.ts";
import type { VerifiedChange } from "./verified.ts";

/** One network after a pass, as the kernel was read back. */
export type NetworkReport = {
  readonly vni: Vni;
  /** Part of the desired state; false for what awaits deletion. */
  readonly desired: boolean;
  /** What really forwards, as one value made when it is asked for; undefined if the devices are not there. */
  readonly verified: NetworkState | undefined;
  /** Ops still to be written. None and no problems: the kernel is as desired. */
  readonly remaining: number;
  /** Its devices and ports are not as desired, or may not be touched at all; entries apart. */
  readonly unfinished: boolean;
  /** Deletions that wait until the desired state is known to be complete. */
  readonly withheld: number;
  readonly problems: readonly Problem[];
};

export type DataplaneCounters = {
  readonly passes: number;
  /** Readings of the whole host or of one network in full. */
  readonly dumps: number;
  /** Ops that the kernel took, and refused. */
  readonly applied: number;
  readonly refused: number;
  /** Things in networks that were as desired and then were not, with no change of the desired state: another hand. */
  readonly drift: number;
  /** Of these, mended. */
  readonly repairs: number;
  /** Of these, found only by the comparison in the background: no event told. */
  readonly missed: number;
  /** Passes that ended with the kernel not answering, or with ops left over. */
  readonly retries: number;
  /** How often events were lost, so that networks were read anew. */
  readonly overruns: number;
};

export type DataplaneReport = {
  /** Counts `setDesired` and `change` calls: which desired state this report is about. */
  readonly generation: number;
  readonly atMs: number;
  readonly inSync: boolean;
  /** All networks that are desired or exist. */
  readonly networks: readonly NetworkReport[];
  /** What changed in the verified state since the report before; a network that is not here did not change. */
  readonly changed: ReadonlyMap<Vni, VerifiedChange>;
  /** MACs that the bridges learned, learned elsewhere or forgot since the report before; `learned(vni)` says which. */
  readonly learned: ReadonlyMap<Vni, ReadonlySet<Mac>>;
  readonly counters: DataplaneCounters;
  /** Why the kernel could not be read or written at all. */
  readonly error: string | undefined;
};

/** Counters that count on. */
export type Counts = { -readonly [K in keyof DataplaneCounters]: number };

export function noCounts(): Counts {
  return { passes: 0, dumps: 0, applied: 0, refused: 0, drift: 0, repairs: 0, missed: 0, retries: 0, overruns: 0 };
}

/** Keys that are not as desired and could be. */
export function openKeys({ dirty, frame, blocked }: Network): number {
  if (!frame || blocked) return 0;
  return dirty.macs.size + dirty.ips.size + (dirty.flood || dirty.all ? 1 : 0);
}

/** `readable`: the kernel answered in this pass. */
export function reportOf(network: Network, readable: boolean): NetworkReport {
  const { vni, frame, failure, problems, waiting, remaining } = network;
  const failed: Problem[] = failure
    ? [{ kind: "op-failed", vni, failure: failure.first, more: failure.count - 1 }]
    : [];
  return {
    vni,
    desired: frame !== undefined,
    get verified() {
      return readable ? viewVerified(network)?.state() : undefined;
    },
    remaining: remaining + openKeys(network),
    unfinished: remaining > 0 || network.blocked,
    withheld: waiting.macs.size + waiting.ips.size + waiting.flood + waiting.devices,
    problems: readable ? [...problems, ...failed] : [],
  };
}
