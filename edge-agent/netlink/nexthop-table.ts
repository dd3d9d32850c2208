// The nexthops of this namespace, as the kernel tells of them: one fdb nexthop for each VTEP, and a group for each set of
// VTEPs, also for a set of one, since vxlan takes groups only. Ours are known by their protocol, so that a restarted agent
// finds them without a file. An id is the first free one from OWN_IDS on; nothing depends on which.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { KernelEvent, Tunnel } from "../dataplane/kernel.ts";
import { NEIGHBOUR_PROTOCOL } from "../dataplane/state.ts";
import type { WireRequest } from "./connection.ts";
import { addNexthop, deleteNexthop, type NexthopMessage } from "./nexthop-message.ts";

export type NexthopTable = {
  /** Takes in what a dump found, in the place of all that was known. */
  reset(found: readonly NexthopMessage[]): void;
  onNew(nexthop: NexthopMessage): readonly KernelEvent[];
  onDeleted(id: number): readonly KernelEvent[];
  /** Where a group leads; the same object for the same group, as long as it leads there. */
  tunnelOf(groupId: number): Tunnel | undefined;
  /** The group for these VTEPs, and what is to be sent first if there is none yet. */
  use(vteps: readonly IpAddress[]): { readonly id: number; readonly requests: readonly WireRequest[] };
  /** What deletes the group for these VTEPs, and those of its nexthops that no other group of ours has. */
  drop(vteps: readonly IpAddress[]): readonly WireRequest[];
  /** Groups of ours. */
  tunnels(): readonly Tunnel[];
};

/** 0x4f, the letter O, and three octets: ids that a person knows when reading `ip nexthop`. */
const OWN_IDS = 0x4f000001;

type Group = { readonly members: readonly number[]; readonly tunnel: Tunnel; readonly ours: boolean };

export function createNexthopTable(): NexthopTable {
  /** All ids that are taken, ours or not. */
  const taken = new Set<number>();
  const gateways = new Map<number, IpAddress>();
  const groups = new Map<number, Group>();
  /** Ours, by VTEP and by set of VTEPs. */
  const nexthopIds = new Map<IpAddress, number>();
  const groupIds = new Map<string, number>();
  let next = OWN_IDS;

  const takeId = (): number => {
    while (taken.has(next)) next++;
    taken.add(next);
    return next++;
  };

  const forget = (id: number): Group | undefined => {
    taken.delete(id);
    const gateway = gateways.get(id);
    gateways.delete(id);
    if (gateway !== undefined && nexthopIds.get(gateway) === id) nexthopIds.delete(gateway);
    const group = groups.get(id);
    groups.delete(id);
    if (group && groupIds.get(keyOf(group.tunnel.vteps)) === id) groupIds.delete(keyOf(group.tunnel.vteps));
    return group;
  };

  const learn = (nexthop: NexthopMessage): readonly KernelEvent[] => {
    const { id, protocol, fdb, gateway, group } = nexthop;
    const ours = protocol === NEIGHBOUR_PROTOCOL;
    taken.add(id);
    if (!fdb) return [];
    if (!group) {
      const before = gateways.get(id);
      if (gateway === undefined || before === gateway) return [];
      gateways.set(id, gateway);
      if (before !== undefined && nexthopIds.get(before) === id) nexthopIds.delete(before);
      if (ours) nexthopIds.set(gateway, id);
      return [...groups].flatMap(([groupId, { members, ours: own }]) =>
        members.includes(id) ? place(groupId, members, own) : [],
      );
    }
    return place(id, group, ours);
  };

  /** Sets where a group leads; says so if it led elsewhere. */
  const place = (id: number, members: readonly number[], ours: boolean): readonly KernelEvent[] => {
    const vteps = members.flatMap((member) => gateways.get(member) ?? []).toSorted();
    const key = keyOf(vteps);
    const before = groups.get(id);
    if (before && keyOf(before.tunnel.vteps) === key) {
      groups.set(id, { ...before, members, ours });
      if (ours) groupIds.set(key, id);
      return [];
    }
    if (before && groupIds.get(keyOf(before.tunnel.vteps)) === id) groupIds.delete(keyOf(before.tunnel.vteps));
    const tunnel: Tunnel = { form: "nexthop", vteps, vni: undefined };
    groups.set(id, { members, tunnel, ours });
    if (ours && !groupIds.has(key)) groupIds.set(key, id);
    return before ? [{ kind: "tunnel", before: before.tunnel, after: tunnel }] : [];
  };

  return {
    reset: (found) => {
      const tunnels = new Map([...groups].map(([id, group]) => [id, group.tunnel]));
      for (const each of [taken, gateways, groups, nexthopIds, groupIds]) each.clear();
      // Members before groups, which are made of them.
      for (const nexthop of found.toSorted((a, b) => Number(!!a.group) - Number(!!b.group))) learn(nexthop);
      // Entries that are known already go by the object.
      for (const [id, group] of groups) {
        const before = tunnels.get(id);
        if (before && keyOf(before.vteps) === keyOf(group.tunnel.vteps)) groups.set(id, { ...group, tunnel: before });
      }
    },
    onNew: learn,
    onDeleted: (id) => {
      const group = forget(id);
      return group ? [{ kind: "tunnel", before: group.tunnel, after: undefined }] : [];
    },
    tunnelOf: (id) => groups.get(id)?.tunnel,
    use: (vteps) => {
      const there = groupIds.get(keyOf(vteps));
      if (there !== undefined) return { id: there, requests: [] };
      const protocol = NEIGHBOUR_PROTOCOL;
      const requests: WireRequest[] = [];
      const members = vteps.map((gateway) => {
        const known = nexthopIds.get(gateway);
        if (known !== undefined) return known;
        const id = takeId();
        gateways.set(id, gateway);
        nexthopIds.set(gateway, id);
        requests.push(addNexthop({ id, protocol, gateway, group: undefined }));
        return id;
      });
      const id = takeId();
      place(id, members, true);
      requests.push(addNexthop({ id, protocol, gateway: undefined, group: members }));
      return { id, requests };
    },
    drop: (vteps) => {
      const id = groupIds.get(keyOf(vteps));
      if (id === undefined) return [];
      const members = groups.get(id)?.members ?? [];
      const elsewhere = new Set<number>();
      for (const [other, group] of groups) if (other !== id) for (const member of group.members) elsewhere.add(member);
      const own = (member: number): boolean => nexthopIds.get(gateways.get(member) as IpAddress) === member;
      const alone = members.filter((member) => !elsewhere.has(member) && own(member));
      // A group of one goes with its nexthop, in one message.
      if (members.length === 1 && alone.length === 1) return alone.map(deleteNexthop);
      return [deleteNexthop(id), ...alone.map(deleteNexthop)];
    },
    tunnels: () => [...groups.values()].flatMap(({ tunnel, ours }) => (ours ? [tunnel] : [])),
  };
}

function keyOf(vteps: readonly IpAddress[]): string {
  return vteps.length === 1 ? (vteps[0] as string) : vteps.join(" ");
}
