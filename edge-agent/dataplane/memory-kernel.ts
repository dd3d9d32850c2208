// A kernel in memory: the Kernel port with the semantics of bridge and vxlan devices that the dataplane relies on, for
// tests and for running without root. It forwards nothing. test/contract/kernel.ts holds it to the real kernel.

import { assertNever } from "../../shared/assert.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import { type Mac, ZERO_MAC } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type {
  ActualDevices,
  ActualEntries,
  ActualHost,
  BridgeEntry,
  ForeignDevice,
  Interface,
  Kernel,
  KernelEvent,
  Op,
  OpFailure,
  Tunnel,
} from "./kernel.ts";
import { sameTunnel } from "./kernel.ts";
import { VXLAN_PORT } from "./state.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One link of any sort; the fields after `master` mean something on a bridge, a vxlan device or a bridge's port. */
type MemoryLink = {
  readonly name: string;
  readonly kind: "bridge" | "vxlan" | "other";
  readonly vni: Vni | undefined;
  readonly udpPort: number;
  readonly addressed: boolean;
  owner: string | undefined;
  mtuBytes: number;
  up: boolean;
  master: string | undefined;
  vtep: IpAddress | undefined;
  learning: boolean;
  portLearning: boolean;
  neighSuppress: boolean;
  mac: Mac;
  sourcePorts: { readonly low: number; readonly high: number } | undefined;
  readonly bridgeEntries: Map<Mac, BridgeEntry>;
  readonly vxlanEntries: Map<Mac, Tunnel>;
  readonly flood: Set<IpAddress>;
  readonly neighbours: Map<IpAddress, { readonly mac: Mac; readonly ours: boolean }>;
};

/** Decides about an op before it is applied: an errno's name makes it fail. */
export type Fault = (op: Op) => string | undefined;

/** The port, and the hands of everybody else on the machine. */
export type MemoryKernel = Kernel & {
  /** Another hand makes an interface (a tap, one end of a veth pair). */
  addInterface(name: string, options?: Partial<Omit<Interface, "name">>): void;
  /** Another hand makes a device in the place of one of ours. */
  addForeign(device: ForeignDevice): void;
  removeLink(name: string): void;
  setUp(name: string, up: boolean): void;
  /** A local address, and the MTU of its interface; undefined: a loopback's. */
  setAddress(ip: IpAddress, mtuBytes: number | undefined): void;
  /** The MTU of the way to a remote VTEP. */
  setPathMtu(ip: IpAddress, mtuBytes: number | undefined): void;
  removeAddress(ip: IpAddress): void;
  /** Another hand does what `op` says, and watchers hear of it. */
  tamper(op: Op): void;
  /** The bridge learns `mac` on a port from a frame. */
  learn(bridge: string, mac: Mac, port: string): void;
  /** Makes ops fail until called with undefined. */
  setFault(fault: Fault | undefined): void;
  /** Takes away what happens from now on from watchers, until called with false. */
  setDeaf(deaf: boolean): void;
  /** Makes the next readings or applies reject, as a kernel that does not answer. */
  failNext(what: "dump" | "apply", times?: number): void;
  /** Watchers are told that events were lost: of all networks, or of one. */
  overrun(vni?: Vni): void;
  /** Ops applied through the port since the start, refused ones included. */
  readonly writes: () => number;
};

export type MemoryKernelOptions = {
  readonly vtep?: IpAddress;
  /** What a kernel without fdb nexthops, or without bulk deletion, does. */
  readonly tunnelForm?: Tunnel["form"];
  readonly bulkDelete?: boolean;
};

type Machine = {
  readonly links: Map<string, MemoryLink>;
  /** Nexthop groups by their VTEPs. */
  readonly tunnels: Map<string, Tunnel>;
  readonly emit: (event: KernelEvent) => void;
};

/** An empty machine with one address, 1500 octets of underlay MTU. */
export function createMemoryKernel(options: MemoryKernelOptions = {}): MemoryKernel {
  const { tunnelForm = "nexthop", bulkDelete = true } = options;
  const addresses = new Map<IpAddress, number | undefined>();
  const paths = new Map<IpAddress, number | undefined>();
  const listeners = new Set<(event: KernelEvent) => void>();
  const failures = { dump: 0, apply: 0 };
  let fault: Fault | undefined;
  let deaf = false;
  let writes = 0;
  if (options.vtep !== undefined) addresses.set(options.vtep, 1500);
  const emit = (event: KernelEvent): void => {
    if (deaf && event.kind !== "doubt") return;
    for (const listener of listeners) listener(event);
  };
  const machine: Machine = { links: new Map(), tunnels: new Map(), emit };
  const { links } = machine;

  const failIfAsked = (what: "dump" | "apply"): void => {
    if (failures[what] === 0) return;
    failures[what]--;
    throw new Error(`the memory kernel was told to fail this ${what}`);
  };

  return {
    tunnelForm,
    bulkDelete,
    capabilities: [
      { name: "nexthop-fdb", present: tunnelForm === "nexthop", detail: "a kernel in memory" },
      { name: "bulk-delete", present: bulkDelete, detail: "a kernel in memory" },
    ],
    dump: async () => {
      failIfAsked("dump");
      const host = readHost(links, addresses);
      return { ...host, networks: host.networks.map((each) => ({ ...each, ...readEntries(links, each.vni) })) };
    },
    readHost: async () => {
      failIfAsked("dump");
      return readHost(links, addresses);
    },
    readEntries: async (vni) => {
      failIfAsked("dump");
      return readEntries(links, vni);
    },
    tunnels: () => [...machine.tunnels.values()],
    pathMtu: async (_from, to) => {
      const known = to.flatMap((ip) => paths.get(ip) ?? []);
      return known.length > 0 ? Math.min(...known) : undefined;
    },
    apply: async (ops) => {
      failIfAsked("apply");
      const refused: OpFailure[] = [];
      for (const op of ops) {
        writes++;
        const code = fault?.(op) ?? applyOp(machine, op);
        if (code !== undefined) refused.push({ op, code, message: "" });
      }
      return refused;
    },
    watch: (listener) => {
      listeners.add(listener);
      return { close: () => void listeners.delete(listener) };
    },
    close: async () => listeners.clear(),
    addInterface: (name, { mtuBytes = 1500, up = false, master, addressed = false } = {}) => {
      links.set(name, { ...newLink(name, "other"), mtuBytes, up, master, addressed });
      emit({ kind: "host", name });
    },
    addForeign: ({ name, kind, vni, udpPort }) => {
      const known = kind === "bridge" || kind === "vxlan" ? kind : "other";
      links.set(name, { ...newLink(name, known, vni), udpPort: udpPort ?? 0 });
      emit({ kind: "host", name });
    },
    removeLink: (name) => removeLink(machine, name),
    setUp: (name, up) => {
      const link = links.get(name);
      if (!link) return;
      link.up = up;
      if (!up) clearNeighbours(machine, link);
      emit({ kind: "host", name });
    },
    setAddress: (ip, mtuBytes) => {
      addresses.set(ip, mtuBytes);
      emit({ kind: "host", name: ip });
    },
    setPathMtu: (ip, mtuBytes) => void paths.set(ip, mtuBytes),
    removeAddress: (ip) => {
      addresses.delete(ip);
      emit({ kind: "host", name: ip });
    },
    tamper: (op) => void applyOp(machine, op),
    learn: (bridge, mac, port) => {
      const link = links.get(bridge);
      if (link) setBridgeEntry(machine, link, { mac, port, pinned: false });
    },
    setFault: (next) => {
      fault = next;
    },
    setDeaf: (next) => {
      deaf = next;
    },
    failNext: (what, times = 1) => {
      failures[what] = times;
    },
    overrun: (vni) => emit({ kind: "doubt", vni, lost: "events were lost" }),
    writes: () => writes,
  };
}

function newLink(name: string, kind: MemoryLink["kind"], vni?: Vni): MemoryLink {
  return {
    name,
    kind,
    vni,
    udpPort: VXLAN_PORT,
    addressed: false,
    owner: undefined,
    mac: ZERO_MAC,
    sourcePorts: undefined,
    mtuBytes: 1500,
    up: false,
    master: undefined,
    vtep: undefined,
    learning: true,
    portLearning: true,
    neighSuppress: false,
    bridgeEntries: new Map(),
    vxlanEntries: new Map(),
    flood: new Set(),
    neighbours: new Map(),
  };
}

/** Applies one op; returns the errno's name if it is refused. */
function applyOp(machine: Machine, op: Op): string | undefined {
  const { links, emit } = machine;
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
      return addDevice(machine, op);
    case "rebuild-vxlan":
      removeLink(machine, op.name);
      return addDevice(machine, { ...op, kind: "add-vxlan" });
    case "set-link":
    case "set-vxlan":
      return withLink(links, op.name, (link) => {
        if (op.kind === "set-vxlan") Object.assign(link, { vtep: op.vtep, learning: false });
        else {
          link.owner = op.owner ?? link.owner;
          link.mtuBytes = op.mtuBytes ?? link.mtuBytes;
          link.mac = op.mac ?? link.mac;
          link.up ||= op.up ?? false;
        }
        emit({ kind: "host", name: op.name });
      });
    case "attach-port":
      if (!links.has(op.bridge)) return "ENODEV";
      return withLink(links, op.name, (link) => {
        if (link.master !== op.bridge) {
          release(machine, link);
          link.portLearning = true;
        }
        link.master = op.bridge;
        link.up = true;
        if (op.role === "vxlan") Object.assign(link, { portLearning: false, neighSuppress: true });
        emit({ kind: "host", name: op.name });
      });
    case "release-port": {
      const link = links.get(op.name);
      if (link?.master !== op.bridge) return undefined;
      release(machine, link);
      emit({ kind: "host", name: op.name });
      return undefined;
    }
    case "delete-link":
      removeLink(machine, op.name);
      return undefined;
    default:
      return applyEntry(machine, op);
  }
}

type LinkOp = Op["kind"] & `${string}-${"bridge" | "vxlan" | "link" | "port"}`;

function applyEntry(machine: Machine, op: Exclude<Op, { kind: LinkOp }>): string | undefined {
  const { links, emit } = machine;
  switch (op.kind) {
    case "replace-bridge-entry": {
      const { mac, port } = op;
      if (!links.has(port)) return "ENODEV";
      const bridge = links.get(links.get(port)?.master ?? "");
      if (!bridge) return "EINVAL";
      setBridgeEntry(machine, bridge, { mac, port, pinned: true });
      return undefined;
    }
    case "delete-bridge-entry": {
      const bridge = links.get(links.get(op.port)?.master ?? "");
      if (bridge?.bridgeEntries.get(op.mac)?.port === op.port) dropBridgeEntry(machine, bridge, op.mac);
      return undefined;
    }
    case "replace-remote-entry":
    case "replace-vxlan-entry":
      return replaceRemote(machine, op);
    case "delete-vxlan-entry": {
      const link = links.get(op.vxlan);
      if (link) setTunnel(machine, link, op.mac, undefined);
      return undefined;
    }
    case "delete-tunnel": {
      const key = op.tunnel.vteps.join(" ");
      const tunnel = machine.tunnels.get(key);
      if (!tunnel) return undefined;
      machine.tunnels.delete(key);
      for (const link of links.values()) {
        for (const [mac, at] of link.vxlanEntries) if (at === tunnel) link.vxlanEntries.delete(mac);
      }
      emit({ kind: "tunnel", before: tunnel, after: undefined });
      return undefined;
    }
    case "flush-vtep": {
      const link = links.get(op.vxlan);
      for (const [mac, { form, vteps }] of link?.vxlanEntries ?? []) {
        if (form === "dst" && vteps[0] === op.vtep) setTunnel(machine, link as MemoryLink, mac, undefined);
      }
      if (link?.flood.delete(op.vtep)) emit({ kind: "flood", vni: op.vni, vtep: op.vtep, present: false });
      return undefined;
    }
    case "add-flood":
      return withLink(links, op.vxlan, (link) => {
        if (link.flood.has(op.vtep)) return;
        link.flood.add(op.vtep);
        emit({ kind: "flood", vni: op.vni, vtep: op.vtep, present: true });
      });
    case "delete-flood":
      if (links.get(op.vxlan)?.flood.delete(op.vtep)) {
        emit({ kind: "flood", vni: op.vni, vtep: op.vtep, present: false });
      }
      return undefined;
    case "replace-neighbour":
      return withLink(links, op.bridge, (link) => {
        link.neighbours.set(op.ip, { mac: op.mac, ours: true });
        emit({ kind: "neighbour", vni: op.vni, ip: op.ip, mac: op.mac, ours: true });
      });
    case "delete-neighbour":
      if (links.get(op.bridge)?.neighbours.delete(op.ip)) {
        emit({ kind: "neighbour", vni: op.vni, ip: op.ip, mac: undefined, ours: false });
      }
      return undefined;
    default:
      return assertNever(op);
  }
}

/** As the kernel does it: the bridge's half first, and it stays if the other half is refused. */
function replaceRemote(
  machine: Machine,
  op: Extract<Op, { kind: "replace-remote-entry" | "replace-vxlan-entry" }>,
): string | undefined {
  const link = machine.links.get(op.vxlan);
  if (!link) return "ENODEV";
  if (op.kind === "replace-remote-entry") {
    const bridge = machine.links.get(link.master ?? "");
    if (!bridge) return "EINVAL";
    setBridgeEntry(machine, bridge, { mac: op.mac, port: link.name, pinned: true });
  }
  const { form, vteps } = op.tunnel;
  const there = link.vxlanEntries.get(op.mac);
  // The kernel does not turn one form into the other.
  if (there && there.form !== form) {
    if (!op.before) return "EOPNOTSUPP";
    setTunnel(machine, link, op.mac, undefined);
  }
  let { tunnel } = op;
  if (form === "nexthop") {
    const key = vteps.join(" ");
    tunnel = machine.tunnels.get(key) ?? { form, vteps, vni: undefined };
    machine.tunnels.set(key, tunnel);
  }
  setTunnel(machine, link, op.mac, tunnel);
  return undefined;
}

function setTunnel({ emit }: Machine, link: MemoryLink, mac: Mac, tunnel: Tunnel | undefined): void {
  if (link.vni === undefined || sameTunnel(link.vxlanEntries.get(mac), tunnel)) return;
  if (tunnel) link.vxlanEntries.set(mac, tunnel);
  else link.vxlanEntries.delete(mac);
  emit({ kind: "vxlan-entry", vni: link.vni, mac, tunnel });
}

function setBridgeEntry({ emit }: Machine, bridge: MemoryLink, entry: BridgeEntry): void {
  const there = bridge.bridgeEntries.get(entry.mac);
  if (there?.port === entry.port && there.pinned === entry.pinned) return;
  bridge.bridgeEntries.set(entry.mac, entry);
  const { mac, port, pinned } = entry;
  if (bridge.vni !== undefined) {
    emit({ kind: "bridge-entry", vni: bridge.vni, mac, port, state: pinned ? "pinned" : "learned" });
  }
}

function dropBridgeEntry({ emit }: Machine, bridge: MemoryLink, mac: Mac): void {
  const port = bridge.bridgeEntries.get(mac)?.port;
  bridge.bridgeEntries.delete(mac);
  if (bridge.vni !== undefined && port !== undefined) {
    emit({ kind: "bridge-entry", vni: bridge.vni, mac, port, state: "gone" });
  }
}

function clearNeighbours({ emit }: Machine, link: MemoryLink): void {
  for (const ip of link.neighbours.keys()) {
    link.neighbours.delete(ip);
    if (link.vni !== undefined) emit({ kind: "neighbour", vni: link.vni, ip, mac: undefined, ours: false });
  }
}

function addDevice(machine: Machine, op: Extract<Op, { kind: "add-bridge" | "add-vxlan" }>): string | undefined {
  const { links, emit } = machine;
  const kind = op.kind === "add-bridge" ? "bridge" : "vxlan";
  const there = links.get(op.name);
  if (there) return there.owner === op.owner && there.kind === kind ? undefined : "EEXIST";
  const inUse = [...links.values()].some(
    (link) => link.kind === "vxlan" && link.vni === op.vni && link.udpPort === VXLAN_PORT,
  );
  if (kind === "vxlan" && inUse) return "EEXIST";
  const link: Mutable<MemoryLink> = newLink(op.name, kind, op.vni);
  Object.assign(link, { owner: op.owner, mtuBytes: op.mtuBytes, learning: false, up: kind === "bridge" });
  if (op.kind === "add-vxlan") Object.assign(link, { vtep: op.vtep, sourcePorts: op.sourcePorts });
  else link.mac = op.mac;
  links.set(op.name, link);
  emit({ kind: "host", name: op.name });
  return undefined;
}

function withLink(
  links: Map<string, MemoryLink>,
  name: string,
  change: (link: MemoryLink) => void,
): string | undefined {
  const link = links.get(name);
  if (!link) return "ENODEV";
  change(link);
  return undefined;
}

/** A bridge forgets what it knew of a port that leaves. */
function release(machine: Machine, port: MemoryLink): void {
  const bridge = port.master === undefined ? undefined : machine.links.get(port.master);
  for (const [mac, entry] of bridge?.bridgeEntries ?? []) {
    if (entry.port === port.name) dropBridgeEntry(machine, bridge as MemoryLink, mac);
  }
  port.master = undefined;
  port.portLearning = true;
  port.neighSuppress = false;
}

function removeLink(machine: Machine, name: string): void {
  const { links, emit } = machine;
  const link = links.get(name);
  if (!link) return;
  release(machine, link);
  links.delete(name);
  for (const port of links.values()) if (port.master === name) release(machine, port);
  if (link.owner !== undefined && link.vni !== undefined && link.kind !== "other") {
    emit({ kind: "emptied", vni: link.vni, device: link.kind });
  }
  emit({ kind: "host", name });
}

function readHost(
  links: ReadonlyMap<string, MemoryLink>,
  addresses: ReadonlyMap<IpAddress, number | undefined>,
): ActualHost {
  const all = [...links.values()];
  const ours = all.filter((link) => link.owner !== undefined && link.vni !== undefined);
  const vnis = [...new Set(ours.flatMap((link) => link.vni ?? []))];
  const foreign = all.filter((link) => link.owner === undefined && (link.kind === "vxlan" || isReserved(link.name)));
  return {
    networks: vnis.map((vni) => readDevices(vni, all)),
    foreign: foreign.map(({ name, kind, vni, udpPort }) => ({
      name,
      kind,
      vni,
      udpPort: kind === "vxlan" ? udpPort : undefined,
    })),
    interfaces: all
      .filter((link) => link.owner === undefined)
      .map(({ name, mtuBytes, up, master, addressed }) => ({ name, mtuBytes, up, master, addressed })),
    addresses: new Map(addresses),
  };
}

function readDevices(vni: Vni, all: readonly MemoryLink[]): ActualDevices {
  const { bridge, vxlan } = devicesOf(vni, all);
  const ports = all.filter((link) => bridge && link.master === bridge.name && link !== vxlan);
  return {
    vni,
    bridge: bridge && { ...device(bridge), mac: bridge.mac },
    vxlan: vxlan && {
      ...device(vxlan),
      vtep: vxlan.vtep,
      udpPort: vxlan.udpPort,
      sourcePorts: vxlan.sourcePorts,
      learning: vxlan.learning,
      master: vxlan.master,
      portLearning: vxlan.portLearning,
      neighSuppress: vxlan.neighSuppress,
    },
    ports: ports.map(({ name, up }) => ({ name, up })),
  };
}

function readEntries(links: ReadonlyMap<string, MemoryLink>, vni: Vni): ActualEntries {
  const { bridge, vxlan } = devicesOf(vni, [...links.values()]);
  return {
    vni,
    bridgeEntries: [...(bridge?.bridgeEntries.values() ?? [])],
    vxlanEntries: Array.from(vxlan?.vxlanEntries ?? [], ([mac, tunnel]) => ({ mac, tunnel })),
    flood: [...(vxlan?.flood ?? [])],
    neighbours: Array.from(bridge?.neighbours ?? [], ([ip, { mac, ours }]) => ({ ip, mac, ours })),
  };
}

function devicesOf(vni: Vni, all: readonly MemoryLink[]) {
  const ours = all.filter((link) => link.vni === vni && link.owner !== undefined);
  return { bridge: ours.find((link) => link.kind === "bridge"), vxlan: ours.find((link) => link.kind === "vxlan") };
}

function device({ name, owner = "", mtuBytes, up }: MemoryLink) {
  return { name, owner, mtuBytes, up };
}

/** Names that only our devices bear. */
function isReserved(name: string): boolean {
  return /^ov(br|x)\d+$/.test(name);
}
