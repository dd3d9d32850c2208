// All networks' tables, and the two things that fill them: changes of what is desired, and what the kernel says it holds,
// by notification or by reading. Decides nothing; says which networks and keys are to be looked at.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { assertNever } from "../../shared/assert.ts";
import type { Breath } from "./breath.ts";
import { type DesiredChange, type MacTarget, tablesOf } from "./desired.ts";
import type { ActualEntries, KernelEvent, Tunnel } from "./kernel.ts";
import {
  BRIDGE_READ,
  checkMac,
  createNetwork,
  type Network,
  type Suspect,
  setBridgeHalf,
  setFlood,
  setLearned,
  setNeighbour,
  setTunnelHalf,
  TUNNEL_READ,
  wantMac,
  wantNeighbour,
} from "./network.ts";
import { createPlaces, type Places } from "./places.ts";
import type { DesiredState, NetworkState } from "./state.ts";

/** What a caller wants: changes, or everything. */
export type DesiredInput = readonly DesiredChange[] | DesiredState;

export type Tables = {
  readonly networks: ReadonlyMap<Vni, Network>;
  readonly places: Places;
  /** Networks that may be other than the tables say, and whether any may. */
  readonly doubts: Set<Vni>;
  /** VNIs that the last whole state named twice. */
  twice(): ReadonlySet<Vni>;
  /** Takes a notification in. */
  onEvent(event: KernelEvent): void;
  /** Takes a change of the desired state in. */
  fold(input: DesiredInput, breath: Breath): Promise<void>;
  /** From now on, what notifications say counts for more than a reading; the returned function ends that. */
  beginReading(): () => void;
  /** Takes in what a network's entries were read to be. */
  load(entries: ActualEntries, foundBy: Suspect["foundBy"], breath: Breath): Promise<void>;
  /** Rows whose tunnel moved or went as one are brought up to date. */
  settleTunnels(): void;
  network(vni: Vni): Network;
  forget(vni: Vni): void;
};

export function createTables(form: Tunnel["form"]): Tables {
  const networks = new Map<Vni, Network>();
  const places = createPlaces(form);
  const doubts = new Set<Vni>();
  const movedTunnels = new Map<Tunnel, Tunnel | undefined>();
  let twice: ReadonlySet<Vni> = new Set();
  /** Keys that notifications were about since a reading began. */
  let touched: Set<string> | undefined;

  const networkOf = (vni: Vni): Network => {
    let network = networks.get(vni);
    if (!network) {
      network = createNetwork(vni);
      networks.set(vni, network);
    }
    return network;
  };

  function want(network: Network, mac: Mac, target: MacTarget | undefined): void {
    const before = network.macs.get(mac)?.want;
    const place = target && places.take(target, { vtep: network.frame?.vtep, vni: network.vni });
    if (place !== before) wantMac(network, mac, place);
    if (before) places.drop(before);
  }

  async function foldChange(change: DesiredChange, breath: Breath): Promise<void> {
    if ("remove" in change) {
      const network = networks.get(change.vni);
      if (!network) return;
      network.frame = undefined;
      network.dirty.frame = true;
      // Its devices go as a whole, if they may; until then nobody looks at its rows.
      network.dirty.all = true;
      network.settled = false;
      await clear(network, breath);
      return;
    }
    const network = networkOf(change.vni);
    if (change.frame) await setFrame(network, change.frame, breath);
    if (change.macs) {
      for (const [mac, target] of change.macs) {
        want(network, mac, target);
        if (breath.due()) await breath.rest();
      }
    }
    for (const [ip, mac] of change.neighbours ?? []) {
      wantNeighbour(network, ip, mac);
      if (breath.due()) await breath.rest();
    }
  }

  async function setFrame(network: Network, frame: NonNullable<Network["frame"]>, breath: Breath): Promise<void> {
    const before = network.frame;
    network.frame = frame;
    network.dirty.frame = true;
    network.dirty.flood = true;
    if (before?.vtep === frame.vtep) return;
    // Nothing is right or wrong without a frame, and what leads to ourselves depends on who we are.
    network.dirty.all = true;
    for (const row of network.macs.values()) {
      const { want: old } = row;
      if (old) {
        row.want = places.take(old.target, { vtep: frame.vtep, vni: network.vni });
        places.drop(old);
      }
      if (breath.due()) await breath.rest();
    }
  }

  async function clear(network: Network, breath: Breath): Promise<void> {
    for (const [mac, row] of network.macs) {
      if (row.want) want(network, mac, undefined);
      if (breath.due()) await breath.rest();
    }
    for (const [ip, row] of network.ips) {
      if (row.want !== undefined) wantNeighbour(network, ip, undefined);
      if (breath.due()) await breath.rest();
    }
  }

  async function foldWhole(state: DesiredState, breath: Breath): Promise<void> {
    const wanted = new Map<Vni, NetworkState>();
    const again = new Set<Vni>();
    for (const network of state.networks) {
      if (wanted.has(network.vni)) again.add(network.vni);
      else wanted.set(network.vni, network);
    }
    twice = again;
    for (const vni of networks.keys()) if (!wanted.has(vni)) await foldChange({ vni, remove: true }, breath);
    for (const [vni, whole] of wanted) {
      const network = networkOf(vni);
      const { frame, macs, neighbours } = tablesOf(whole);
      const gone = new Map<Mac, undefined>();
      for (const [mac, row] of network.macs) if (row.want && !macs.has(mac)) gone.set(mac, undefined);
      const goneIps = new Map<IpAddress, undefined>();
      for (const [ip, row] of network.ips) {
        if (row.want !== undefined && !neighbours.has(ip)) goneIps.set(ip, undefined);
      }
      await foldChange({ vni, frame, macs, neighbours }, breath);
      await foldChange({ vni, macs: gone, neighbours: goneIps }, breath);
    }
  }

  return {
    networks,
    places,
    doubts,
    twice: () => twice,
    onEvent: (event) => {
      switch (event.kind) {
        case "bridge-entry": {
          touched?.add(`b ${event.vni} ${event.mac}`);
          const network = networkOf(event.vni);
          const { mac, port, state } = event;
          if (state !== "gone") setBridgeHalf(network, mac, { port, pinned: state === "pinned" });
          else if (network.macs.get(mac)?.port === port) setBridgeHalf(network, mac, GONE);
          else if (network.learned.get(mac) === port) setLearned(network, mac, undefined);
          break;
        }
        case "vxlan-entry":
          touched?.add(`v ${event.vni} ${event.mac}`);
          setTunnelHalf(networkOf(event.vni), event.mac, event.tunnel);
          break;
        case "flood":
          touched?.add(`f ${event.vni} ${event.vtep}`);
          setFlood(networkOf(event.vni), event.vtep, event.present);
          break;
        case "neighbour":
          touched?.add(`n ${event.vni} ${event.ip}`);
          setNeighbour(networkOf(event.vni), event.ip, event);
          break;
        case "emptied":
          empty(networkOf(event.vni), event.device);
          break;
        case "tunnel":
          movedTunnels.set(event.before, event.after);
          break;
        case "doubt":
          if (event.vni === undefined) for (const vni of networks.keys()) doubts.add(vni);
          else doubts.add(event.vni);
          break;
        case "host":
          break;
        default:
          assertNever(event);
      }
    },
    fold: async (input, breath) => {
      if ("networks" in input) await foldWhole(input, breath);
      else for (const change of input) await foldChange(change, breath);
    },
    beginReading: () => {
      const mine = new Set<string>();
      touched = mine;
      return () => {
        if (touched === mine) touched = undefined;
      };
    },
    load: async (entries, foundBy, breath) => {
      const network = networkOf(entries.vni);
      const { vni } = network;
      // Marks on the rows in place of sets of keys, which would be as large as the tables once more.
      const isTouched = (kind: string, key: string) => touched !== undefined && touched.has(`${kind} ${vni} ${key}`);
      const learned = new Set<Mac>();
      for (const { mac, port, pinned } of entries.bridgeEntries) {
        if (!pinned) learned.add(mac);
        if (!isTouched("b", mac)) setBridgeHalf(network, mac, { port, pinned }, foundBy);
        const row = network.macs.get(mac);
        if (row) row.read |= BRIDGE_READ;
        if (breath.due()) await breath.rest();
      }
      for (const mac of network.learned.keys()) {
        if (!learned.has(mac) && !isTouched("b", mac)) setLearned(network, mac, undefined);
      }
      for (const { mac, tunnel } of entries.vxlanEntries) {
        if (!isTouched("v", mac)) setTunnelHalf(network, mac, tunnel, foundBy);
        const row = network.macs.get(mac);
        if (row) row.read |= TUNNEL_READ;
        if (breath.due()) await breath.rest();
      }
      for (const [mac, row] of network.macs) {
        const { read } = row;
        row.read = 0;
        if (row.port !== undefined && !(read & BRIDGE_READ) && !isTouched("b", mac)) {
          setBridgeHalf(network, mac, GONE, foundBy);
        }
        if (row.tunnel && !(read & TUNNEL_READ) && !isTouched("v", mac)) {
          setTunnelHalf(network, mac, undefined, foundBy);
        }
        if (breath.due()) await breath.rest();
      }
      for (const { ip, mac, ours } of entries.neighbours) {
        if (!isTouched("n", ip)) setNeighbour(network, ip, { mac, ours }, foundBy);
        const row = network.ips.get(ip);
        if (row) row.read = true;
        if (breath.due()) await breath.rest();
      }
      for (const [ip, row] of network.ips) {
        const { read } = row;
        row.read = false;
        if (row.have !== undefined && !read && !isTouched("n", ip)) setNeighbour(network, ip, NO_NEIGHBOUR, foundBy);
        if (breath.due()) await breath.rest();
      }
      const flood = new Set(entries.flood);
      for (const vtep of new Set([...flood, ...network.flood])) {
        if (!isTouched("f", vtep)) setFlood(network, vtep, flood.has(vtep), foundBy);
      }
    },
    settleTunnels: () => {
      if (movedTunnels.size === 0) return;
      const moved = new Map(movedTunnels);
      movedTunnels.clear();
      const follow = (tunnel: Tunnel): Tunnel | undefined => {
        let at: Tunnel | undefined = tunnel;
        while (at && moved.has(at)) at = moved.get(at);
        return at;
      };
      for (const network of networks.values()) {
        for (const [mac, row] of network.macs) {
          if (row.tunnel && moved.has(row.tunnel)) setTunnelHalf(network, mac, follow(row.tunnel));
        }
      }
    },
    network: networkOf,
    forget: (vni) => void networks.delete(vni),
  };
}

const GONE = { port: undefined, pinned: false };
const NO_NEIGHBOUR = { mac: undefined, ours: false };

/** A device took its entries along. That is one change, not one for each. */
function empty(network: Network, device: "bridge" | "vxlan"): void {
  network.dirty.all = true;
  for (const [mac, row] of network.macs) {
    if (device === "vxlan") setTunnelHalf(network, mac, undefined);
    // A bridge's port that goes takes its entries along too.
    if (device === "bridge" || row.port === network.vxlan) setBridgeHalf(network, mac, GONE);
    checkMac(network, mac, row);
  }
  if (device === "bridge") for (const mac of network.learned.keys()) setLearned(network, mac, undefined);
  if (device === "vxlan") for (const vtep of network.flood) setFlood(network, vtep, false);
  else for (const ip of network.ips.keys()) setNeighbour(network, ip, NO_NEIGHBOUR);
}
