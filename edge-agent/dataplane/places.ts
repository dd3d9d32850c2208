// Where MACs go, each place once: 100,000 MACs share the few hundred objects of their places, and each tunnel knows how
// many want it, so that the last MAC to leave a VTEP is seen.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { MacTarget } from "./desired.ts";
import type { Tunnel } from "./kernel.ts";

/** A place, and how the kernel is told of it. */
export type Place = {
  readonly key: string;
  /** As it was asked for. */
  readonly target: MacTarget;
  /** Undefined for a port, and for what would be tunnelled to ourselves. */
  readonly tunnel: Tunnel | undefined;
  /** MACs that are wanted here. */
  uses: number;
};

/** The network that a place is for: nothing is tunnelled to its own VTEP, and its own VNI needs no translation. */
export type PlaceContext = { readonly vtep: IpAddress | undefined; readonly vni: Vni };

export type Places = {
  /** The place of a target, with one more use. */
  take(target: MacTarget, context: PlaceContext): Place;
  drop(place: Place): void;
  /** True if some MAC of any network is wanted there. */
  isWanted(tunnel: Tunnel): boolean;
  /** The same of any tunnel with this VTEP as its plain destination, whatever its VNI. */
  isDestination(vtep: IpAddress): boolean;
};

export function createPlaces(form: Tunnel["form"]): Places {
  const byKey = new Map<string, Place>();
  const tunnelUses = new Map<string, number>();
  return {
    take: (target, context) => {
      const key = keyOf(target, context);
      let place = byKey.get(key);
      if (!place) {
        place = { key, target, tunnel: tunnelOf(target, context, form), uses: 0 };
        byKey.set(key, place);
        if (place.tunnel) {
          const tunnel = tunnelKey(place.tunnel);
          tunnelUses.set(tunnel, (tunnelUses.get(tunnel) ?? 0) + 1);
        }
      }
      place.uses++;
      return place;
    },
    drop: (place) => {
      if (--place.uses > 0) return;
      byKey.delete(place.key);
      if (!place.tunnel) return;
      const tunnel = tunnelKey(place.tunnel);
      const left = (tunnelUses.get(tunnel) ?? 1) - 1;
      if (left > 0) tunnelUses.set(tunnel, left);
      else tunnelUses.delete(tunnel);
    },
    isWanted: (tunnel) => tunnelUses.has(tunnelKey(tunnel)),
    isDestination: (vtep) => {
      for (const key of tunnelUses.keys()) if (key.startsWith(`dst ${vtep} `)) return true;
      return false;
    },
  };
}

/** A tunnel to several VTEPs needs nexthops; a VNI of the other side's needs a plain destination, and goes before. */
function tunnelOf(target: MacTarget, context: PlaceContext, form: Tunnel["form"]): Tunnel | undefined {
  if (target.kind === "local") return undefined;
  const vteps = target.vteps.filter((vtep) => vtep !== context.vtep).toSorted();
  if (vteps.length === 0) return undefined;
  const vni = target.vni === context.vni ? undefined : target.vni;
  if (form === "nexthop" && vni === undefined) return { form, vteps, vni };
  return { form: "dst", vteps: vteps.slice(0, 1), vni };
}

/** Nearly all targets are one VTEP, which is the key as it is. */
function keyOf(target: MacTarget, context: PlaceContext): string {
  if (target.kind === "local") return `port ${target.port}`;
  const { vteps, vni, yields } = target;
  const [first] = vteps;
  const plain = vteps.length === 1 && vni === undefined && first !== context.vtep;
  const key = plain
    ? (first as string)
    : `${vteps.toSorted().join(" ")} vni ${vni} from ${context.vtep} ${context.vni}`;
  return yields ? `${key} yields` : key;
}

function tunnelKey({ form, vteps, vni }: Tunnel): string {
  return `${form} ${vteps.join(" ")} ${vni}`;
}
