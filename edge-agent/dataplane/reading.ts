// Reading the kernel into the tables: everything at the start and when nothing can be believed any more, one network when its
// events are in doubt, the links when they changed, and one network after the other for the comparison in the background.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { Clock } from "../clock.ts";
import { createBreath } from "./breath.ts";
import type { ActualHost, Kernel } from "./kernel.ts";
import { setDevices } from "./network.ts";
import { type Counts, openKeys } from "./report.ts";
import type { Tables } from "./tables.ts";

/** The comparison rests for so many times as long as a network took. */
const REST_FACTOR = 50;
const MOST_READING_MS = 250;

export type Reading = {
  /** As read last. */
  readonly host: ActualHost | undefined;
  /** How long the comparison is to rest. */
  readonly restMs: number;
  /** Links may have changed. */
  doubtHost(): void;
  /** Nothing is known, or nothing can be believed. */
  doubtAll(): void;
  /** Each reads only what is in doubt. */
  renewAll(): Promise<void>;
  renewHost(): Promise<void>;
  /** True if some is left for the next pass. */
  renewDoubted(): Promise<boolean>;
  /** One network in full, the next one the next time; true if there is something to do then. */
  compareNext(): Promise<boolean>;
  /** Networks of which nothing is left go: they were in one more report. */
  forgetEmpty(): void;
};

export function createReading(options: {
  readonly kernel: Kernel;
  readonly tables: Tables;
  readonly clock: Pick<Clock, "nowMs">;
  readonly counters: Counts;
}): Reading {
  const { kernel, tables, clock, counters } = options;
  const { networks } = tables;
  let adopted = false;
  let host: ActualHost | undefined;
  let hostStale = true;
  /** The comparison's turn: what was told of links is not believed. */
  let hostFresh = false;
  let allStale = true;
  /** The network that the comparison did last. */
  let compared: Vni | undefined;
  let restMs = 0;
  const forgetSoon = new Set<Vni>();

  async function readHost(): Promise<void> {
    const fresh = hostFresh;
    hostStale = false;
    hostFresh = false;
    host = await kernel.readHost({ fresh });
    takeHost(host);
  }

  function takeHost(read: Pick<ActualHost, "networks">): void {
    const devices = new Map(read.networks.map((each) => [each.vni, each]));
    for (const vni of devices.keys()) tables.network(vni);
    for (const network of networks.values()) {
      const { vni, devices: before } = network;
      const now = devices.get(vni);
      if (before?.vxlan && !now?.vxlan) tables.onEvent({ kind: "emptied", vni, device: "vxlan" });
      if (before?.bridge && !now?.bridge) tables.onEvent({ kind: "emptied", vni, device: "bridge" });
      setDevices(network, now);
      if (!network.devices && !network.frame && network.macs.size + network.ips.size === 0) forgetSoon.add(network.vni);
    }
  }

  async function readAll(): Promise<void> {
    const endReading = tables.beginReading();
    try {
      counters.dumps++;
      const state = await kernel.dump();
      const breath = createBreath(clock.nowMs);
      hostStale = false;
      host = state;
      takeHost(state);
      const read = new Set(state.networks.map((network) => network.vni));
      for (const network of state.networks) await tables.load(network, "event", breath);
      for (const { vni } of adopted ? [] : state.networks) tables.network(vni).adopted = true;
      adopted = true;
      for (const { vni } of networks.values()) if (!read.has(vni)) await tables.load(nothing(vni), "event", breath);
      tables.doubts.clear();
      allStale = false;
    } finally {
      endReading();
    }
  }

  /** Network by network; what is left after a while waits for the next pass, so that intent is not kept waiting. */
  async function readDoubted(): Promise<boolean> {
    const startMs = clock.nowMs();
    for (const vni of tables.doubts) {
      tables.doubts.delete(vni);
      await readOne(vni, "event");
      if (clock.nowMs() - startMs >= MOST_READING_MS && tables.doubts.size > 0) return true;
    }
    return false;
  }

  async function readOne(vni: Vni, foundBy: "event" | "comparison"): Promise<void> {
    const endReading = tables.beginReading();
    try {
      counters.dumps++;
      const breath = createBreath(clock.nowMs);
      await tables.load(await kernel.readEntries(vni), foundBy, breath);
    } catch (cause) {
      tables.doubts.add(vni);
      throw cause;
    } finally {
      endReading();
    }
  }

  /** One network in full, the next one the next time; the host's links and ways with each round. */
  async function compareNext(): Promise<boolean> {
    const startMs = clock.nowMs();
    const vnis = [...networks.keys()].sort((a, b) => a - b);
    const next = vnis.find((vni) => compared === undefined || vni > compared);
    compared = next;
    if (next === undefined || vnis.length === 1) hostStale = hostFresh = true;
    if (next !== undefined) await readOne(next, "comparison");
    const network = next === undefined ? undefined : networks.get(next);
    restMs = (clock.nowMs() - startMs) * REST_FACTOR;
    return hostStale || (network !== undefined && openKeys(network) + network.suspects.size > 0);
  }

  return {
    get host() {
      return host;
    },
    get restMs() {
      return restMs;
    },
    doubtHost: () => {
      hostStale = true;
    },
    doubtAll: () => {
      allStale = true;
    },
    renewAll: async () => {
      if (allStale) await readAll();
    },
    renewHost: async () => {
      if (hostStale) await readHost();
    },
    renewDoubted: readDoubted,
    compareNext,
    forgetEmpty: () => {
      for (const vni of forgetSoon) {
        const network = networks.get(vni);
        if (network && !network.frame && !network.devices) tables.forget(vni);
      }
      forgetSoon.clear();
    },
  };
}

function nothing(vni: Vni) {
  return { vni, bridgeEntries: [], vxlanEntries: [], flood: [] as IpAddress[], neighbours: [] };
}
