// What the kernel was read back to hold of a network, asked for by key: the other half of desired.ts. An entry counts only
// if all its halves are there and its devices are up, so it is what receipts are made of. Types only.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { MacTarget } from "./desired.ts";
import type { NetworkState } from "./state.ts";

/** One network as the kernel has it. It is always the state of now, whatever report it is asked for after. */
export type VerifiedNetwork = {
  readonly vni: Vni;
  /** The outer source address that the vxlan device has. */
  readonly vtep: IpAddress;
  readonly flood: readonly IpAddress[];
  /** O(1). */
  mac(mac: Mac): MacTarget | undefined;
  /** O(1). */
  neighbour(ip: IpAddress): Mac | undefined;
  macs(): Iterable<readonly [Mac, MacTarget]>;
  neighbours(): Iterable<readonly [IpAddress, Mac]>;
  readonly macCount: number;
  readonly neighbourCount: number;
  /** All of it as one value with sorted lists; as long as the network is large. */
  state(): NetworkState;
};

/**
 * How what is verified of one network differs from the report before: each key with what it was then, so that a digest
 * by sums subtracts the old and adds `verified(vni)`'s new.
 */
export type VerifiedChange = {
  /** The devices came, went, or changed their state or source: compute anew from `verified(vni)`; the rest is empty. */
  readonly whole: boolean;
  readonly macs: ReadonlyMap<Mac, MacTarget | undefined>;
  readonly neighbours: ReadonlyMap<IpAddress, Mac | undefined>;
  /** The flood list as it was; undefined: it did not change. */
  readonly flood: readonly IpAddress[] | undefined;
};
