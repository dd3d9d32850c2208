// A kernel in memory: the Kernel port with the semantics of bridge and vxlan devices that the dataplane relies on, for
// tests and for running without root. It forwards nothing. test/contract/kernel.ts holds it to the real kernel.

import { assertNever } from "../../shared/assert.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type {
  ActualNetwork,
  ActualState,
  BridgeEntry,
  ForeignDevice,
  Interface,
  Kernel,
  KernelEvent,
  Op,
  OpFailure,
} from "./kernel.ts";
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
  readonly bridgeEntries: Map<Mac, BridgeEntry>;
  readonly vxlanEntries: Map<Mac, IpAddress>;
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
  /** A local address, and the MTU of the way out from it. */
  setAddress(ip: IpAddress, mtuBytes: number | undefined): void;
  removeAddress(ip: IpAddress): void;
  /** Another hand does what `op` says, and watchers hear of it. */
  tamper(op: Op): void;
  /** The bridge learns `mac` on a port from a frame. */
  learn(bridge: string, mac: Mac, port: string): void;
  /** Makes ops fail until called with undefined. */
  setFault(fault: Fault | undefined): void;
  /** Makes the next dumps or applies reject, as a kernel that does not answer. */
  failNext(what: "dump" | "apply", times?: number): void;
  /** Watchers are told that events were lost. */
  overrun(): void;
  /** Ops applied through the port since the start, refused ones included. */
  readonly writes: () => number;
};

/** An empty machine with one address, 1500 octets of underlay MTU. */
export function createMemoryKernel(options: { readonly vtep?: IpAddress } = {}): MemoryKernel {
  const links = new Map<string, MemoryLink>();
  const addresses = new Map<IpAddress, number | undefined>();
  const listeners = new Set<(event: KernelEvent) => void>();
  const failures = { dump: 0, apply: 0 };
  let fault: Fault | undefined;
  let writes = 0;
  if (options.vtep !== undefined) addresses.set(options.vtep, 1500);

  const emit = (event: KernelEvent): void => {
    for (const listener of listeners) queueMicrotask(() => listener(event));
  };
  const failIfAsked = (what: "dump" | "apply"): void => {
    if (failures[what] === 0) return;
    failures[what]--;
    throw new Error(`the memory kernel was told to fail this ${what}`);
  };

  return {
    dump: async () => {
      failIfAsked("dump");
      return readState(links, addresses);
    },
    apply: async (ops) => {
      failIfAsked("apply");
      const refused: OpFailure[] = [];
      for (const op of ops) {
        writes++;
        const code = fault?.(op) ?? applyOp(links, op);
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
      emit({ kind: "link-appeared", name });
    },
    addForeign: ({ name, kind, vni, udpPort }) => {
      const known = kind === "bridge" || kind === "vxlan" ? kind : "other";
      links.set(name, { ...newLink(name, known, vni), udpPort: udpPort ?? 0 });
      emit({ kind: "link-appeared", name });
    },
    removeLink: (name) => {
      removeLink(links, name);
      emit({ kind: "link-gone", name });
    },
    setUp: (name, up) => {
      const link = links.get(name);
      if (!link) return;
      link.up = up;
      if (!up) link.neighbours.clear();
      const vni = link.vni ?? (link.master === undefined ? undefined : links.get(link.master)?.vni);
      if (vni !== undefined) emit({ kind: "network-changed", vni });
    },
    setAddress: (ip, mtuBytes) => void addresses.set(ip, mtuBytes),
    removeAddress: (ip) => void addresses.delete(ip),
    tamper: (op) => {
      applyOp(links, op);
      emit({ kind: "network-changed", vni: op.vni });
    },
    learn: (bridge, mac, port) => void links.get(bridge)?.bridgeEntries.set(mac, { mac, port, pinned: false }),
    setFault: (next) => {
      fault = next;
    },
    failNext: (what, times = 1) => {
      failures[what] = times;
    },
    overrun: () => emit({ kind: "overrun" }),
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
function applyOp(links: Map<string, MemoryLink>, op: Op): string | undefined {
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
      return addDevice(links, op);
    case "rebuild-vxlan":
      removeLink(links, op.name);
      return addDevice(links, { ...op, kind: "add-vxlan" });
    case "set-link":
    case "set-vxlan":
      return withLink(links, op.name, (link) => {
        if (op.kind === "set-vxlan") Object.assign(link, { vtep: op.vtep, learning: false });
        else {
          link.owner = op.owner ?? link.owner;
          link.mtuBytes = op.mtuBytes ?? link.mtuBytes;
          link.up ||= op.up ?? false;
        }
      });
    case "attach-port":
      if (!links.has(op.bridge)) return "ENODEV";
      return withLink(links, op.name, (link) => {
        if (link.master !== op.bridge) {
          release(links, link);
          link.portLearning = true;
        }
        link.master = op.bridge;
        link.up = true;
        if (op.role === "vxlan") Object.assign(link, { portLearning: false, neighSuppress: true });
      });
    case "release-port": {
      const link = links.get(op.name);
      if (link?.master === op.bridge) release(links, link);
      return undefined;
    }
    case "delete-link":
      removeLink(links, op.name);
      return undefined;
    default:
      return applyEntry(links, op);
  }
}

type LinkOp = Op["kind"] & `${string}-${"bridge" | "vxlan" | "link" | "port"}`;

function applyEntry(links: Map<string, MemoryLink>, op: Exclude<Op, { kind: LinkOp }>): string | undefined {
  switch (op.kind) {
    case "replace-bridge-entry": {
      const { mac, port } = op;
      const bridge = links.get(links.get(port)?.master ?? "");
      if (!links.has(port)) return "ENODEV";
      if (!bridge) return "EINVAL";
      bridge.bridgeEntries.set(mac, { mac, port, pinned: true });
      return undefined;
    }
    case "delete-bridge-entry": {
      const bridge = links.get(links.get(op.port)?.master ?? "");
      if (bridge?.bridgeEntries.get(op.mac)?.port === op.port) bridge.bridgeEntries.delete(op.mac);
      return undefined;
    }
    case "replace-vxlan-entry":
      return withLink(links, op.vxlan, (link) => void link.vxlanEntries.set(op.mac, op.vtep));
    case "delete-vxlan-entry": {
      const entries = links.get(op.vxlan)?.vxlanEntries;
      if (entries?.get(op.mac) === op.vtep) entries.delete(op.mac);
      return undefined;
    }
    case "add-flood":
      return withLink(links, op.vxlan, (link) => void link.flood.add(op.vtep));
    case "delete-flood":
      links.get(op.vxlan)?.flood.delete(op.vtep);
      return undefined;
    case "replace-neighbour":
      return withLink(links, op.bridge, (link) => void link.neighbours.set(op.ip, { mac: op.mac, ours: true }));
    case "delete-neighbour":
      links.get(op.bridge)?.neighbours.delete(op.ip);
      return undefined;
    default:
      return assertNever(op);
  }
}

function addDevice(
  links: Map<string, MemoryLink>,
  op: Extract<Op, { kind: "add-bridge" | "add-vxlan" }>,
): string | undefined {
  const kind = op.kind === "add-bridge" ? "bridge" : "vxlan";
  const there = links.get(op.name);
  if (there) return there.owner === op.owner && there.kind === kind ? undefined : "EEXIST";
  const inUse = [...links.values()].some(
    (link) => link.kind === "vxlan" && link.vni === op.vni && link.udpPort === VXLAN_PORT,
  );
  if (kind === "vxlan" && inUse) return "EEXIST";
  const link: Mutable<MemoryLink> = newLink(op.name, kind, op.vni);
  Object.assign(link, { owner: op.owner, mtuBytes: op.mtuBytes, learning: false, up: kind === "bridge" });
  if (op.kind === "add-vxlan") link.vtep = op.vtep;
  links.set(op.name, link);
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
function release(links: Map<string, MemoryLink>, port: MemoryLink): void {
  const bridge = port.master === undefined ? undefined : links.get(port.master);
  for (const [mac, entry] of bridge?.bridgeEntries ?? []) {
    if (entry.port === port.name) bridge?.bridgeEntries.delete(mac);
  }
  port.master = undefined;
  port.portLearning = true;
  port.neighSuppress = false;
}

function removeLink(links: Map<string, MemoryLink>, name: string): void {
  const link = links.get(name);
  if (!link) return;
  release(links, link);
  links.delete(name);
  for (const port of links.values()) if (port.master === name) release(links, port);
}

function readState(
  links: ReadonlyMap<string, MemoryLink>,
  addresses: ReadonlyMap<IpAddress, number | undefined>,
): ActualState {
  const all = [...links.values()];
  const ours = all.filter((link) => link.owner !== undefined && link.vni !== undefined);
  const vnis = [...new Set(ours.flatMap((link) => link.vni ?? []))];
  const foreign = all.filter((link) => link.owner === undefined && (link.kind === "vxlan" || isReserved(link.name)));
  return {
    networks: vnis.map((vni) => readNetwork(vni, all)),
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

function readNetwork(vni: Vni, all: readonly MemoryLink[]): ActualNetwork {
  const ours = all.filter((link) => link.vni === vni && link.owner !== undefined);
  const bridge = ours.find((link) => link.kind === "bridge");
  const vxlan = ours.find((link) => link.kind === "vxlan");
  const ports = all.filter((link) => bridge && link.master === bridge.name && link !== vxlan);
  return {
    vni,
    bridge: bridge && { ...device(bridge) },
    vxlan: vxlan && {
      ...device(vxlan),
      vtep: vxlan.vtep,
      udpPort: vxlan.udpPort,
      learning: vxlan.learning,
      master: vxlan.master,
      portLearning: vxlan.portLearning,
      neighSuppress: vxlan.neighSuppress,
    },
    ports: ports.map(({ name, up }) => ({ name, up })),
    bridgeEntries: [...(bridge?.bridgeEntries.values() ?? [])],
    vxlanEntries: [...(vxlan?.vxlanEntries ?? [])].map(([mac, vtep]) => ({ mac, vtep })),
    flood: [...(vxlan?.flood ?? [])],
    neighbours: [...(bridge?.neighbours ?? [])].map(([ip, { mac, ours }]) => ({ ip, mac, ours })),
  };
}

function device({ name, owner = "", mtuBytes, up }: MemoryLink): {
  name: string;
  owner: string;
  mtuBytes: number;
  up: boolean;
} {
  return { name, owner, mtuBytes, up };
}

/** Names that only our devices bear. */
function isReserved(name: string): boolean {
  return /^ov(br|x)\d+$/.test(name);
}
