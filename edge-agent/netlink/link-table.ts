// The links and addresses of this namespace, as the kernel tells of them: which of them are ours, which are ports of ours,
// and what became of them. Pure. What a dump finds replaces all; what a notification says replaces one.

import type { Vni } from "../../shared/address/vni.ts";
import type { KernelEvent } from "../dataplane/kernel.ts";
import { ownedVni } from "./assemble.ts";
import type { Link } from "./link-message.ts";

/** What a link is to a network of ours. */
export type Role = { readonly vni: Vni; readonly kind: "bridge" | "vxlan" | "port"; readonly name: string };

export type LinkTable = {
  readonly byIndex: ReadonlyMap<number, Link>;
  readonly byName: ReadonlyMap<string, Link>;
  /** Undefined for links that are no concern of ours. */
  role(index: number): Role | undefined;
  /** Our bridge or vxlan device of a network. */
  device(vni: Vni, kind: "bridge" | "vxlan"): Link | undefined;
  /** Takes in what a dump found, in the place of all that was known. */
  reset(links: readonly Link[]): void;
  /** Takes in one link; says what that means. */
  set(link: Link): readonly KernelEvent[];
  remove(index: number): readonly KernelEvent[];
};

export function createLinkTable(): LinkTable {
  const byIndex = new Map<number, Link>();
  const byName = new Map<string, Link>();
  const roles = new Map<number, Role>();

  const roleOf = (link: Link): Role | undefined => {
    const { name } = link;
    const own = ownedVni(link);
    if (own !== undefined) return { vni: own, kind: link.vxlan ? "vxlan" : "bridge", name };
    const master = link.master === undefined ? undefined : roles.get(link.master);
    return master?.kind === "bridge" ? { vni: master.vni, kind: "port", name } : undefined;
  };

  const assign = (link: Link): void => {
    const before = roles.get(link.index);
    const role = roleOf(link);
    if (role) roles.set(link.index, role);
    else roles.delete(link.index);
    // A bridge that becomes ours, or no longer is, takes its ports with it.
    if ((role?.kind === "bridge") !== (before?.kind === "bridge")) {
      for (const port of byIndex.values()) if (port.master === link.index && port !== link) assign(port);
    }
  };

  const emptied = (role: Role | undefined): KernelEvent[] =>
    role && role.kind !== "port" ? [{ kind: "emptied", vni: role.vni, device: role.kind }] : [];

  return {
    byIndex,
    byName,
    role: (index) => roles.get(index),
    device: (vni, kind) => {
      const link = byName.get(kind === "bridge" ? `ovbr${vni}` : `ovx${vni}`);
      const role = link && roles.get(link.index);
      return role?.vni === vni && role.kind === kind ? link : undefined;
    },
    reset: (links) => {
      for (const each of [byIndex, byName, roles]) each.clear();
      for (const link of links) {
        byIndex.set(link.index, link);
        byName.set(link.name, link);
      }
      // Our own devices first, since ports are known by their bridge.
      for (const link of links) if (ownedVni(link) !== undefined) assign(link);
      for (const link of links) if (!roles.has(link.index)) assign(link);
    },
    set: (link) => {
      const before = byIndex.get(link.index);
      if (before && sameLink(before, link)) return [];
      if (before && byName.get(before.name) === before) byName.delete(before.name);
      const role = roles.get(link.index);
      byIndex.set(link.index, link);
      byName.set(link.name, link);
      assign(link);
      // Renamed, or its mark taken away: no longer the device of that network.
      const lost = role && role.kind !== "port" && roles.get(link.index)?.kind !== role.kind ? emptied(role) : [];
      return [...lost, { kind: "host", name: link.name }];
    },
    remove: (index) => {
      const link = byIndex.get(index);
      if (!link) return [];
      const role = roles.get(index);
      byIndex.delete(index);
      if (byName.get(link.name) === link) byName.delete(link.name);
      roles.delete(index);
      return [...emptied(role), { kind: "host", name: link.name }];
    },
  };
}

/** Counters and the like are not read, so two readings of an unchanged link are equal. */
function sameLink(a: Link, b: Link): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
