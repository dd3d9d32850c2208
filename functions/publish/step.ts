// What a step is made of and what it makes: the types of the pure core.

import type { LogEntry } from "../../shared/message/inbox.ts";
import type { Channel, VtepRecord } from "../../shared/model/record.ts";
import type { Head, Mark, Membership, StoredRecord } from "./channel-items.ts";

/** A host as its networks see it, of its resource item. */
export type HostSource = { readonly version: number; readonly body: VtepRecord };

/** A host's own channel, as far as one network's membership is concerned. */
export type HostLane = { readonly head: Head; readonly carried: StoredRecord | undefined };

export type NetworkFacts = {
  readonly channel: Channel;
  readonly head: Head;
  /** By key: `network`, each changed record, and the `vtep` record of each host that one of them is or was on. */
  readonly records: ReadonlyMap<string, StoredRecord>;
  /** The resource of each host whose `vtep` record may have to be made anew. */
  readonly hosts: ReadonlyMap<string, HostSource>;
  /** The channel of each host that may join or leave. */
  readonly lanes: ReadonlyMap<string, HostLane>;
  /** All live endpoints of each host whose VTEP address or site differs from its record's (a host deleted and made again). */
  readonly residents: ReadonlyMap<string, readonly StoredRecord[]>;
};

/** A step of one channel alone. */
export type Step = {
  readonly channel: Channel;
  readonly before: Head;
  readonly after: Head;
  readonly entry: LogEntry;
  /** Records to keep, tombstones included. */
  readonly kept: readonly StoredRecord[];
  /** Keys of records to remove. */
  readonly removed: readonly string[];
};

/** A step of a network's channel, and with it, all or nothing, those of the hosts that join or leave. */
export type NetworkStep = Step & {
  readonly memberships: readonly (Membership & {
    readonly step: Step;
    /** What becomes of the host as one that only routes to the network: it was one, or is one from now on. */
    readonly reader?: "gone" | "kept";
    /** A router has to look at the host. */
    readonly followed: boolean;
  })[];
  readonly marks: readonly Mark[];
};
