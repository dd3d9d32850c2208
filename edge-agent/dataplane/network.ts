// One network's tables: for each MAC and IP what is wanted and what the kernel says it has, side by side, and which keys
// are to be looked at. Changes of intent and notifications of the kernel both end here; plan.ts makes ops of the rest.
//
//   change ----> want --\                                       /--> ops (plan.ts)
//                        row: right? if not, the key is "dirty" ----> drift, if it was right and nothing changed intent
//   event -----> have --/

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { type MacTarget, type NetworkFrame, sameTarget } from "./desired.ts";
import { type ActualDevices, type OpFailure, sameTunnel, type Tunnel } from "./kernel.ts";
import type { Place } from "./places.ts";
import { DirtyRows, type Listed } from "./dirty-rows.ts";
import { describeFlood, describeNeighbour, describeRow } from "./describe.ts";
import type { Problem } from "./problem.ts";
import { vxlanName } from "./state.ts";

/** More learned MACs of a network are not kept: a machine may make up as many as it likes. */
const MOST_LEARNED = 4096;

/** One MAC: where it is wanted, and the two halves that the kernel has of it. */
export type MacRow = Listed & {
  readonly mac: Mac;
  want: Place | undefined;
  /** The bridge's entry: its port, and whether it never ages. */
  port: string | undefined;
  pinned: boolean;
  tunnel: Tunnel | undefined;
  /** Which halves the reading that is being taken in has: `BRIDGE_READ`, `TUNNEL_READ`. */
  read: number;
};

export const BRIDGE_READ = 1;
export const TUNNEL_READ = 2;

/** One IP: the MAC that it is wanted with, and the neighbour that the kernel has. */
export type IpRow = Listed & {
  readonly ip: IpAddress;
  want: Mac | undefined;
  have: Mac | undefined;
  ours: boolean;
  /** The reading that is being taken in has it. */
  read: boolean;
};

/** What was there before another hand changed it; what is there is in the row. */
export type Suspect = { readonly before: string | undefined; readonly foundBy: "event" | "comparison" };

export type Network = {
  readonly vni: Vni;
  readonly vxlan: string;
  frame: NetworkFrame | undefined;
  /** Whose its devices were, the last time that they were as desired. */
  owner: string | undefined;
  readonly macs: Map<Mac, MacRow>;
  readonly ips: Map<IpAddress, IpRow>;
  readonly flood: Set<IpAddress>;
  devices: ActualDevices | undefined;
  /** MACs that the bridge learned on ports of this host, and the port of each. */
  readonly learned: Map<Mac, string>;
  /** Of these, which came, moved or went since the last report. */
  readonly learnedChanges: Set<Mac>;
  /** Rows that a frame moved to a port here, as they allow. */
  readonly yielded: Set<MacRow>;
  /** Ports that are up. */
  upPorts: ReadonlySet<string>;
  /** Ports that MACs are wanted on, and how many. */
  readonly localPorts: Map<string, number>;
  /** Ports that are attached or can be now. */
  usable: ReadonlySet<string>;
  readonly dirty: {
    frame: boolean;
    /** Every row. */
    all: boolean;
    readonly macs: DirtyRows<MacRow>;
    readonly ips: DirtyRows<IpRow>;
    flood: boolean;
  };
  /** Rows that are right but for a deletion that waits until the desired state is complete. */
  readonly waiting: { readonly macs: Set<Mac>; readonly ips: Set<IpAddress>; flood: number; devices: number };
  /** Keys that another hand seems to have changed. */
  readonly suspects: Map<string, Suspect>;
  /** What is to be called once a key that another hand changed is right again. */
  readonly repairs: Map<string, () => void>;
  /** Ports that were attached when the last pass ended. */
  attached: ReadonlySet<string>;
  /** Device ops and attachments that the last pass found missing. */
  remaining: number;
  failure: { readonly first: OpFailure; readonly count: number } | undefined;
  problems: readonly Problem[];
  /** A device of others stands in the way: nothing of it is touched. */
  blocked: boolean;
  /** The kernel held entries of it before this process wrote any. */
  adopted: boolean;
  /** True once everything was compared with no change since: what is wrong from now on is another hand's doing. */
  settled: boolean;
  /** How what is verified differs from the last report. */
  changed: Changed;
};

type Changed = {
  whole: boolean;
  macs: Map<Mac, MacTarget | undefined>;
  neighbours: Map<IpAddress, Mac | undefined>;
  flood: readonly IpAddress[] | undefined;
};

export function createNetwork(vni: Vni): Network {
  return {
    vni,
    vxlan: vxlanName(vni),
    frame: undefined,
    owner: undefined,
    macs: new Map(),
    ips: new Map(),
    flood: new Set(),
    devices: undefined,
    learned: new Map(),
    learnedChanges: new Set(),
    yielded: new Set(),
    upPorts: new Set(),
    localPorts: new Map(),
    usable: new Set(),
    dirty: { frame: true, all: true, macs: new DirtyRows(), ips: new DirtyRows(), flood: false },
    waiting: { macs: new Set(), ips: new Set(), flood: 0, devices: 0 },
    suspects: new Map(),
    repairs: new Map(),
    attached: new Set(),
    remaining: 0,
    failure: undefined,
    problems: [],
    blocked: false,
    adopted: false,
    settled: false,
    changed: { whole: true, macs: new Map(), neighbours: new Map(), flood: undefined },
  };
}

/** The port that the bridge should send the MAC to. */
export function wantedPort(network: Network, row: MacRow): string | undefined {
  const place = row.want;
  if (!place || !network.frame || (network.yielded.size > 0 && network.yielded.has(row))) return undefined;
  if (place.target.kind === "local") return network.usable.has(place.target.port) ? place.target.port : undefined;
  return place.tunnel && network.vxlan;
}

export function wantedTunnel(network: Network, row: MacRow): Tunnel | undefined {
  return network.frame && row.want?.tunnel;
}

/** True if nothing is to be written for the row. */
export function isMacRight(network: Network, row: MacRow): boolean {
  const port = wantedPort(network, row);
  if (!sameTunnel(row.tunnel, wantedTunnel(network, row))) return false;
  if (port === undefined) return !isStray(network, row);
  return row.port === port && row.pinned;
}

/**
 * A declared entry that nobody wants. What the bridge learned from a frame ages by itself, and a port that leaves takes
 * its entries along: deleting them by name would hit the entries of the bridge that the port is on by then.
 */
export function isStray(network: Network, row: MacRow): boolean {
  return row.pinned && row.port !== undefined && (row.port === network.vxlan || network.usable.has(row.port));
}

/**
 * True if the MAC forwards, and elsewhere than it is wanted: to write it would turn it. Completing half an entry is not
 * that, nor is another form of the same tunnel, nor mending what another hand turned.
 */
export function isRetarget(network: Network, mac: Mac, row: MacRow): boolean {
  const port = wantedPort(network, row);
  if (port === undefined || row.port === undefined || !row.pinned || network.repairs.has(`mac ${mac}`)) return false;
  const { tunnel } = row;
  const wanted = wantedTunnel(network, row);
  return row.port !== port || (tunnel !== undefined && wanted !== undefined && !leadsAlike(tunnel, wanted));
}

/** The same of an IP's neighbour. */
export function isIpRetarget(network: Network, ip: IpAddress, row: IpRow): boolean {
  const { want, have, ours } = row;
  if (want === undefined || have === undefined || !ours || network.repairs.has(`ip ${ip}`)) return false;
  return want !== have;
}

function leadsAlike(a: Tunnel, b: Tunnel): boolean {
  // A plain destination of a segment leads to one of its VTEPs.
  const alike = a.form === b.form ? a.vteps.length === b.vteps.length : true;
  return (
    alike && a.vni === b.vni && (a.vteps.every((v) => b.vteps.includes(v)) || b.vteps.every((v) => a.vteps.includes(v)))
  );
}

export function isIpRight(network: Network, row: IpRow): boolean {
  if (row.want === undefined || !network.frame) return row.have === undefined || !row.ours;
  return row.have === row.want && row.ours;
}

/** The other VTEPs to flood to: a copy to ourselves would come back as if another host had sent it. */
export function wantedFlood(network: Network): ReadonlySet<IpAddress> {
  const { frame } = network;
  return new Set(frame?.flood.filter((vtep) => vtep !== frame.vtep));
}

/** Sets the bridge's half of a MAC; undefined port: gone. */
export function setBridgeHalf(
  network: Network,
  mac: Mac,
  half: { readonly port: string | undefined; readonly pinned: boolean },
  foundBy: Suspect["foundBy"] = "event",
): void {
  const { port, pinned } = half;
  let row = network.macs.get(mac);
  if (!row) {
    setLearned(network, mac, pinned ? undefined : port);
    // What is learned and not declared is nobody's wish.
    if (port === undefined || !pinned) return;
    row = emptyRow(mac);
    network.macs.set(mac, row);
  }
  if (row.port === port && row.pinned === pinned) return;
  const learnedOn = pinned || port === network.vxlan ? undefined : port;
  setLearned(network, mac, learnedOn);
  const { want } = row;
  if (learnedOn !== undefined && want?.target.kind === "remote" && want.target.yields) network.yielded.add(row);
  else network.yielded.delete(row);
  noteMac(network, mac, row, foundBy);
  row.port = port;
  row.pinned = pinned;
  checkMac(network, mac, row);
}

/** Notes where the bridge learned a MAC; undefined: it forgot it, or it is there by declaration. */
export function setLearned(network: Network, mac: Mac, port: string | undefined): void {
  const { learned, learnedChanges } = network;
  if (learned.get(mac) === port) return;
  if (port === undefined) learned.delete(mac);
  else if (learned.size < MOST_LEARNED || learned.has(mac)) learned.set(mac, port);
  else return;
  learnedChanges.add(mac);
}

/** Sets the vxlan device's half of a MAC. */
export function setTunnelHalf(
  network: Network,
  mac: Mac,
  tunnel: Tunnel | undefined,
  foundBy: Suspect["foundBy"] = "event",
): void {
  let row = network.macs.get(mac);
  if (!row) {
    if (!tunnel) return;
    row = emptyRow(mac);
    network.macs.set(mac, row);
  }
  if (sameTunnel(row.tunnel, tunnel)) {
    row.tunnel = tunnel;
    return;
  }
  noteMac(network, mac, row, foundBy);
  row.tunnel = tunnel;
  checkMac(network, mac, row);
}

export function setNeighbour(
  network: Network,
  ip: IpAddress,
  have: { readonly mac: Mac | undefined; readonly ours: boolean },
  foundBy: Suspect["foundBy"] = "event",
): void {
  let row = network.ips.get(ip);
  if (!row) {
    if (have.mac === undefined) return;
    row = emptyIpRow(ip);
    network.ips.set(ip, row);
  }
  if (row.have === have.mac && row.ours === have.ours) return;
  noteIp(network, ip, row, foundBy);
  // Equal, and then the same string: of 100,000 neighbours, half the memory.
  row.have = have.mac === row.want ? row.want : have.mac;
  row.ours = have.ours;
  checkIp(network, ip, row);
}

export function setFlood(
  network: Network,
  vtep: IpAddress,
  present: boolean,
  foundBy: Suspect["foundBy"] = "event",
): void {
  if (network.flood.has(vtep) === present) return;
  const { changed, dirty, suspects } = network;
  if (!changed.whole) changed.flood ??= [...network.flood];
  if (network.settled && !dirty.flood) {
    suspects.set(`flood ${vtep}`, { before: present ? undefined : describeFlood(network.vni, vtep), foundBy });
  }
  if (present) network.flood.add(vtep);
  else network.flood.delete(vtep);
  dirty.flood = true;
}

/** Changes where a MAC is wanted. */
export function wantMac(network: Network, mac: Mac, place: Place | undefined): void {
  let row = network.macs.get(mac);
  if (!row) {
    if (!place) return;
    row = emptyRow(mac);
    network.macs.set(mac, row);
  }
  countPort(network, row.want, -1);
  countPort(network, place, 1);
  row.want = place;
  // Who decided this knew of what was learned before.
  network.yielded.delete(row);
  if (network.suspects.size > 0) network.suspects.delete(`mac ${mac}`);
  checkMac(network, mac, row);
}

export function wantNeighbour(network: Network, ip: IpAddress, mac: Mac | undefined): void {
  let row = network.ips.get(ip);
  if (!row) {
    if (mac === undefined) return;
    row = emptyIpRow(ip);
    network.ips.set(ip, row);
  }
  row.want = mac;
  if (network.suspects.size > 0) network.suspects.delete(`ip ${ip}`);
  checkIp(network, ip, row);
}

/** Decides anew whether a row is to be looked at, and forgets it when it is empty. */
export function checkMac(network: Network, mac: Mac, row: MacRow): void {
  const { dirty, waiting, macs } = network;
  if (waiting.macs.size > 0) waiting.macs.delete(mac);
  if (!row.want && row.port === undefined && !row.tunnel) {
    macs.delete(mac);
    dirty.macs.delete(row);
    network.yielded.delete(row);
  } else if (dirty.all) return;
  else if (isMacRight(network, row)) dirty.macs.delete(row);
  else dirty.macs.add(row);
}

export function checkIp(network: Network, ip: IpAddress, row: IpRow): void {
  const { dirty, waiting, ips } = network;
  if (waiting.ips.size > 0) waiting.ips.delete(ip);
  if (row.want === undefined && row.have === undefined) {
    ips.delete(ip);
    dirty.ips.delete(row);
  } else if (dirty.all) return;
  else if (isIpRight(network, row)) dirty.ips.delete(row);
  else dirty.ips.add(row);
}

/** True if what the tunnels of a network are made of is whole and up. */
export function forwards({ devices }: Network): boolean {
  const { bridge, vxlan } = devices ?? {};
  return bridge?.up === true && vxlan?.up === true && vxlan.master === bridge.name;
}

/** The devices as they were read; what depends on their state is noted for the report. */
export function setDevices(network: Network, devices: ActualDevices | undefined): void {
  const before = { whole: wholeText(network), ports: network.upPorts };
  const rows = network.changed.whole ? [] : rowsOnPorts(network, network.upPorts, upPortsOf(devices));
  const then = rows.map(([, row]) => verifiedMac(network, row));
  network.devices = devices;
  network.upPorts = upPortsOf(devices);
  if (wholeText(network) !== before.whole) changedWhole(network);
  if (network.changed.whole) return;
  rows.forEach(([mac], index) => {
    if (!network.changed.macs.has(mac)) network.changed.macs.set(mac, then[index]);
  });
}

/** Which ports there are to attach; endpoints on those that came or went are looked at. */
export function setUsable(network: Network, usable: ReadonlySet<string>): void {
  const rows = rowsOnPorts(network, network.usable, usable);
  network.usable = usable;
  for (const [mac, row] of rows) checkMac(network, mac, row);
}

/** Rows that are, or are wanted, on a port that is in one of the sets only. */
function rowsOnPorts(network: Network, a: ReadonlySet<string>, b: ReadonlySet<string>): [Mac, MacRow][] {
  const differ = new Set([...a, ...b].filter((port) => !a.has(port) || !b.has(port)));
  if (differ.size === 0) return [];
  return [...network.macs].filter(([, { port, want }]) => {
    const wanted = want?.target.kind === "local" ? want.target.port : undefined;
    return (port !== undefined && differ.has(port)) || (wanted !== undefined && differ.has(wanted));
  });
}

function upPortsOf(devices: ActualDevices | undefined): ReadonlySet<string> {
  if (!devices?.bridge?.up) return new Set();
  return new Set(devices.ports.filter((port) => port.up).map((port) => port.name));
}

/** What everything verified depends on. */
function wholeText(network: Network): string {
  const { bridge, vxlan } = network.devices ?? {};
  return `${bridge !== undefined && vxlan?.vtep !== undefined} ${vxlan?.vtep} ${bridge?.up} ${forwards(network)}`;
}

/** What of the MAC really forwards. */
export function verifiedMac(network: Network, row: MacRow | undefined): MacTarget | undefined {
  if (!row?.pinned || row.port === undefined) return undefined;
  if (row.port !== network.vxlan) return network.upPorts.has(row.port) ? { kind: "local", port: row.port } : undefined;
  if (!row.tunnel || !forwards(network)) return undefined;
  const { vteps, vni } = row.tunnel;
  return { kind: "remote", vteps, ...(vni !== undefined && { vni }) };
}

export function verifiedNeighbour(network: Network, row: IpRow | undefined): Mac | undefined {
  return row?.ours && network.devices?.bridge?.up ? row.have : undefined;
}

export function verifiedFlood(network: Network): readonly IpAddress[] {
  return forwards(network) ? [...network.flood].sort() : [];
}

/** The changes since the last call, without those that were taken back meanwhile. */
export function takeChanged(network: Network): Changed {
  const { changed } = network;
  network.changed = { whole: false, macs: new Map(), neighbours: new Map(), flood: undefined };
  for (const [mac, before] of changed.macs) {
    if (sameTarget(before, verifiedMac(network, network.macs.get(mac)))) changed.macs.delete(mac);
  }
  for (const [ip, before] of changed.neighbours) {
    if (before === verifiedNeighbour(network, network.ips.get(ip))) changed.neighbours.delete(ip);
  }
  const sameFlood = changed.flood?.length === network.flood.size && changed.flood.every((v) => network.flood.has(v));
  if (sameFlood) changed.flood = undefined;
  return changed;
}

/** Everything that is verified may be other than it was. */
export function changedWhole(network: Network): void {
  network.changed = { whole: true, macs: new Map(), neighbours: new Map(), flood: undefined };
}

/** Remembers what of the MAC was verified, for the report and, if nobody asked for a change, as somebody's doing. */
export function noteMac(network: Network, mac: Mac, row: MacRow, foundBy: Suspect["foundBy"]): void {
  const { changed, dirty, suspects } = network;
  if (!changed.whole && !changed.macs.has(mac)) changed.macs.set(mac, verifiedMac(network, row));
  if (!network.settled || dirty.all || row.dirty || network.waiting.macs.has(mac)) return;
  const key = `mac ${mac}`;
  if (!suspects.has(key)) suspects.set(key, { before: describeRow(network.vni, mac, row), foundBy });
}

function noteIp(network: Network, ip: IpAddress, row: IpRow, foundBy: Suspect["foundBy"]): void {
  const { changed, dirty, suspects } = network;
  if (!changed.whole && !changed.neighbours.has(ip)) changed.neighbours.set(ip, verifiedNeighbour(network, row));
  if (!network.settled || dirty.all || row.dirty || network.waiting.ips.has(ip)) return;
  const key = `ip ${ip}`;
  if (!suspects.has(key)) suspects.set(key, { before: describeNeighbour(network.vni, ip, row.have), foundBy });
}

function countPort({ localPorts, dirty }: Network, place: Place | undefined, by: number): void {
  if (place?.target.kind !== "local") return;
  const { port } = place.target;
  const count = (localPorts.get(port) ?? 0) + by;
  if (count > 0) localPorts.set(port, count);
  else localPorts.delete(port);
  if (count === 0 || (count === 1 && by > 0)) dirty.frame = true;
}

function emptyRow(mac: Mac): MacRow {
  return {
    mac,
    want: undefined,
    port: undefined,
    pinned: false,
    tunnel: undefined,
    read: 0,
    dirty: false,
    listed: false,
  };
}

function emptyIpRow(ip: IpAddress): IpRow {
  return { ip, want: undefined, have: undefined, ours: false, read: false, dirty: false, listed: false };
}
