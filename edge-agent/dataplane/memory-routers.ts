// The router part of the kernel in memory: the semantics of VRFs, routes and rules that the reconciler relies on, for
// tests and for running without root. It forwards nothing. test/contract/routers.ts holds it to the real kernel.

import { assertNever } from "../../shared/assert.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type {
  ActualRoute,
  ActualRouters,
  ForeignL3Device,
  RouterKernel,
  RouterOp,
  RouterOpFailure,
  RouterSupport,
  RoutingRule,
} from "./router-kernel.ts";
import { type Gateway, type RouterPeer, routerTable, vrfName, vrfOfTable } from "./router-state.ts";
import { GLOBAL_SYSCTLS, sysctlsOf } from "./router-sysctl.ts";
import { VXLAN_PORT, vxlanName } from "./state.ts";

type Device = {
  readonly name: string;
  readonly kind: "vrf" | "vxlan";
  readonly vni: Vni;
  owner: string;
  table: number;
  mac: Mac | undefined;
  mtuBytes: number;
  up: boolean;
  vtep: IpAddress | undefined;
  learning: boolean;
  master: string | undefined;
  readonly neighbours: Map<IpAddress, Mac>;
  readonly entries: Map<Mac, RouterPeer>;
};

/** The port, and the hands of everybody else on the machine. */
export type MemoryRouters = RouterKernel & {
  /** Another hand makes a device in the place of one of ours. */
  addForeign(device: ForeignL3Device): void;
  removeDevice(name: string): void;
  /** Another hand does what `op` says, and watchers hear of it. */
  tamper(op: RouterOp): void;
  /** Somebody else puts a route into a table. */
  addForeignRoute(table: number, route: ActualRoute): void;
  /** A rule of somebody else comes or goes. */
  setRule(rule: RoutingRule, present: boolean): void;
  setSysctl(key: string, value: string | undefined): void;
  setAddress(ip: IpAddress, mtuBytes: number | undefined): void;
  setAdvertisedDefault(present: boolean): void;
  /** Makes ops fail until called with undefined: an errno's name for an op. */
  setFault(fault: ((op: RouterOp) => string | undefined) | undefined): void;
  /** Makes the next dumps or applies reject. */
  failNext(what: "dump" | "apply", times?: number): void;
  overrun(): void;
  /** The networks' bridges came, went, or changed. */
  bridgesChanged(): void;
  readonly writes: () => number;
};

/** The bridges that the other part of the memory kernel holds. */
export type MemoryBridges = () => readonly { readonly vni: Vni; readonly name: string; readonly up: boolean }[];

const NO_VRF: RouterSupport = { vrf: false, reason: "Unknown device type" };

/** A machine with IPv6 whose rules are as at boot; `vrf` false: one whose kernel lacks it. */
export function createMemoryRouters(options: {
  readonly bridges: MemoryBridges;
  readonly vtep?: IpAddress | undefined;
  readonly vrf?: boolean;
}): MemoryRouters {
  const devices = new Map<string, Device>();
  const foreign: ForeignL3Device[] = [];
  const tables = new Map<number, Map<string, ActualRoute>>();
  const masters = new Map<string, string>();
  const gateways = new Map<string, Gateway[]>();
  const switches = new Map<string, string>(GLOBAL_SYSCTLS.map((key) => [key, "0"]));
  const absent = new Set<string>();
  const addresses = new Map<IpAddress, number | undefined>();
  const listeners = new Set<(event: "changed" | "overrun") => void>();
  const failures = { dump: 0, apply: 0 };
  let rules: RoutingRule[] = (["ipv4", "ipv6"] as const).map((family) => ({
    family,
    lookup: "local",
    priority: 0,
    ours: false,
  }));
  let advertisedDefault = false;
  let fault: ((op: RouterOp) => string | undefined) | undefined;
  let writes = 0;
  if (options.vtep !== undefined) addresses.set(options.vtep, 1500);

  const emit = (event: "changed" | "overrun"): void => {
    for (const listener of listeners) queueMicrotask(() => listener(event));
  };
  const failIfAsked = (what: "dump" | "apply"): void => {
    if (failures[what] === 0) return;
    failures[what]--;
    throw new Error(`the memory kernel was told to fail this ${what}`);
  };
  const bridge = (name: string): boolean => options.bridges().some((each) => each.name === name);
  const exists = (name: string): boolean => devices.has(name) || bridge(name);

  function add(op: Extract<RouterOp, { kind: "add-vrf" | "add-l3-vxlan" }>): string | undefined {
    if (options.vrf === false && op.kind === "add-vrf") return "EOPNOTSUPP";
    if (devices.has(op.name)) return undefined;
    if (foreign.some(({ name }) => name === op.name)) return "EEXIST";
    const taken = foreign.some(({ vni, udpPort }) => vni === op.vni && udpPort === VXLAN_PORT);
    if (op.kind === "add-l3-vxlan" && taken) return "EEXIST";
    const vrf = op.kind === "add-vrf";
    devices.set(op.name, {
      name: op.name,
      kind: vrf ? "vrf" : "vxlan",
      vni: op.vni,
      owner: op.owner,
      table: vrf ? op.table : 0,
      mac: vrf ? undefined : op.mac,
      mtuBytes: vrf ? 65_575 : op.mtuBytes,
      up: vrf,
      vtep: vrf ? undefined : op.vtep,
      learning: false,
      master: undefined,
      neighbours: new Map(),
      entries: new Map(),
    });
    return undefined;
  }

  function remove(name: string): void {
    devices.delete(name);
    for (const [each, master] of masters) if (master === name) masters.delete(each);
    for (const device of devices.values()) if (device.master === name) device.master = undefined;
    for (const table of tables.values()) {
      for (const [key, route] of table) if (route.hops.some((hop) => hop.device === name)) table.delete(key);
    }
  }

  function route(op: Extract<RouterOp, { kind: "replace-route" | "delete-route" }>): string | undefined {
    const table = tables.get(op.table) ?? new Map<string, ActualRoute>();
    tables.set(op.table, table);
    const key = `${op.route.prefix} ${op.route.metric}`;
    if (op.kind === "delete-route") {
      if (table.get(key)?.ours) table.delete(key);
      return undefined;
    }
    if (op.route.hops.some((hop) => !exists(hop.device))) return "ENODEV";
    table.set(key, { ...op.route, ours: true });
    return undefined;
  }

  function applyOp(op: RouterOp): string | undefined {
    switch (op.kind) {
      case "add-vrf":
      case "add-l3-vxlan":
        return add(op);
      case "set-device": {
        const { kind: _, vni: __, name, ...changes } = op;
        const device = devices.get(name);
        if (!device || (op.master !== undefined && !devices.has(op.master))) return "ENODEV";
        Object.assign(device, changes);
        return undefined;
      }
      case "set-l3-vxlan": {
        const device = devices.get(op.name);
        if (!device) return "ENODEV";
        Object.assign(device, { vtep: op.vtep, learning: false });
        return undefined;
      }
      case "enslave-bridge":
        if (!bridge(op.name) || !devices.has(op.vrf)) return "ENODEV";
        masters.set(op.name, op.vrf);
        return undefined;
      case "release-bridge":
        if (masters.get(op.name) === op.vrf) masters.delete(op.name);
        return undefined;
      case "add-address":
      case "delete-address": {
        if (!bridge(op.name)) return op.kind === "add-address" ? "ENODEV" : undefined;
        const others = (gateways.get(op.name) ?? []).filter(({ ip }) => ip !== op.gateway.ip);
        gateways.set(op.name, op.kind === "add-address" ? [...others, op.gateway] : others);
        return undefined;
      }
      case "set-sysctl":
        switches.set(op.key, op.value);
        return undefined;
      case "add-rule":
      case "delete-rule": {
        const { family, lookup, priority } = op.rule;
        const same = (rule: RoutingRule): boolean =>
          rule.family === family && rule.lookup === lookup && rule.priority === priority;
        const others = rules.filter((rule) => !same(rule));
        rules = op.kind === "delete-rule" ? others : [...others, { ...op.rule, ours: priority > 0 }];
        return undefined;
      }
      case "replace-route":
      case "delete-route":
        return route(op);
      case "replace-l3-neighbour":
        return withDevice(op.device, (device) => device.neighbours.set(op.ip, op.mac));
      case "delete-l3-neighbour":
        devices.get(op.device)?.neighbours.delete(op.ip);
        return undefined;
      case "replace-l3-entry":
        return withDevice(op.device, (device) => device.entries.set(op.peer.mac, op.peer));
      case "delete-l3-entry":
        devices.get(op.device)?.entries.delete(op.peer.mac);
        return undefined;
      case "delete-device":
        remove(op.name);
        return undefined;
      default:
        return assertNever(op);
    }
  }

  function withDevice(name: string, change: (device: Device) => void): string | undefined {
    const device = devices.get(name);
    if (!device) return "ENODEV";
    change(device);
    return undefined;
  }

  function read(): ActualRouters {
    const left = [...tables].flatMap(([table, routes]) =>
      [...routes.values()].some((route) => route.ours) ? (vrfOfTable(table) ?? []) : [],
    );
    const vnis = new Set([...[...devices.values()].map((device) => device.vni), ...left]);
    const bridges = options.bridges().map(({ vni, name, up }) => ({
      vni,
      name,
      up,
      master: masters.get(name),
      addresses: gateways.get(name) ?? [],
    }));
    const keys = [
      ...[...devices.values()].flatMap(({ name, kind }) => [...sysctlsOf(name, kind).keys()]),
      ...bridges.flatMap(({ name }) => [...sysctlsOf(name, "bridge").keys()]),
      ...GLOBAL_SYSCTLS,
    ].filter((key) => !absent.has(key) && !key.endsWith("force_forwarding"));
    return {
      routers: [...vnis].map((vni) => {
        const vrf = devices.get(vrfName(vni));
        const vxlan = devices.get(vxlanName(vni));
        return {
          vni,
          vrf: vrf && { name: vrf.name, owner: vrf.owner, table: vrf.table, up: vrf.up },
          vxlan: vxlan && vxlanOf(vxlan),
          routes: [...(tables.get(routerTable(vni))?.values() ?? [])],
          neighbours: Array.from(vxlan?.neighbours ?? [], ([ip, mac]) => ({ ip, mac })),
          entries: [...(vxlan?.entries.values() ?? [])],
        };
      }),
      bridges,
      foreign: [...foreign],
      rules: [...rules],
      sysctls: new Map(keys.map((key) => [key, switches.get(key) ?? "0"])),
      addresses: new Map(addresses),
      advertisedDefault,
    };
  }

  return {
    support: async () => (options.vrf === false ? NO_VRF : { vrf: true }),
    dump: async () => {
      failIfAsked("dump");
      return read();
    },
    apply: async (ops) => {
      failIfAsked("apply");
      const refused: RouterOpFailure[] = [];
      for (const op of ops) {
        writes++;
        const code = fault?.(op) ?? applyOp(op);
        if (code !== undefined) refused.push({ op, code, message: "" });
      }
      return refused;
    },
    watch: (listener) => {
      listeners.add(listener);
      return { close: () => void listeners.delete(listener) };
    },
    addForeign: (device) => {
      foreign.push(device);
      emit("changed");
    },
    removeDevice: (name) => {
      remove(name);
      const at = foreign.findIndex((device) => device.name === name);
      if (at >= 0) foreign.splice(at, 1);
      emit("changed");
    },
    tamper: (op) => {
      applyOp(op);
      emit("changed");
    },
    addForeignRoute: (table, route) => {
      const routes = tables.get(table) ?? new Map<string, ActualRoute>();
      tables.set(table, routes.set(`${route.prefix} ${route.metric}`, route));
      emit("changed");
    },
    setRule: (rule, present) => {
      const same = (each: RoutingRule): boolean =>
        each.family === rule.family && each.lookup === rule.lookup && each.priority === rule.priority;
      rules = rules.filter((each) => !same(each));
      if (present) rules.push(rule);
      emit("changed");
    },
    setSysctl: (key, value) => {
      if (value === undefined) absent.add(key);
      else switches.set(key, value);
    },
    setAddress: (ip, mtuBytes) => void addresses.set(ip, mtuBytes),
    setAdvertisedDefault: (present) => {
      advertisedDefault = present;
    },
    setFault: (next) => {
      fault = next;
    },
    failNext: (what, times = 1) => {
      failures[what] = times;
    },
    overrun: () => emit("overrun"),
    bridgesChanged: () => emit("changed"),
    writes: () => writes,
  };
}

function vxlanOf({ name, owner, mac, mtuBytes, up, vtep, learning, master }: Device) {
  return { name, owner, mac: mac as Mac, mtuBytes, up, vtep, udpPort: VXLAN_PORT, learning, master };
}
