// VNI pools: ranges to take the next free VNI from. A VNI is free if no network or router has it, in whatever way it got
// it, so pools may overlap, and nothing is in the way of a pool's deletion.

import { VniPool } from "../../shared/model/resource.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { type ChangeVniPool, type CreateVniPool, same, wanted } from "./command.ts";
import { planChange, planCreate, planDelete, planNothing, requireLive } from "./plan.ts";
import type { Refusal } from "./refusal.ts";
import type { Held } from "./resource.ts";
import { type Context, type Decision, refuse, refuseAny } from "./write.ts";

type Facts = { pool: Held<VniPool> };

export function createVniPool(facts: Facts, command: CreateVniPool, context: Context): Decision<VniPool> {
  const ref = { kind: "vni-pool", id: command.id } as const;
  if (facts.pool.state === "live") return refuse({ kind: "id-taken", ref });
  return (
    refuseAny(rangeRefusals(command.ranges)) ?? planCreate({ ref, held: facts.pool, content: command }, [], context)
  );
}

export function changeVniPool(facts: Facts, command: ChangeVniPool, context: Context): Decision<VniPool> {
  const ref = { kind: "vni-pool", id: command.id } as const;
  const live = requireLive(ref, facts.pool);
  if ("refusals" in live) return live;
  const change = wanted(live.resource, command, { schema: VniPool, fixed: [] });
  if ("refusals" in change) return change;
  const refused = refuseAny(rangeRefusals(change.after.ranges));
  if (refused) return refused;
  if (same(change.after, live.resource)) return planNothing(live.resource);
  return planChange({ ref, live, content: change.after }, [], context);
}

export function deleteVniPool(facts: Facts, command: { id: string }, context: Context): Decision<VniPool> {
  const ref = { kind: "vni-pool", id: command.id } as const;
  const live = requireLive(ref, facts.pool);
  if ("refusals" in live) return live;
  return planDelete({ ref, live }, [], context);
}

/** The pool that a creation names, with the free VNI that was found in it. */
export type PoolOffer = { pool: Held<VniPool>; free: Vni | undefined };

/** The VNI that a network or router gets, and whether any other would do; or why it gets none. */
export function chooseVni(
  { vni, vniPool }: { vni?: Vni | undefined; vniPool?: string | undefined },
  offer: PoolOffer | undefined,
): { vni: Vni; allocated: boolean } | Refusal {
  if (vniPool === undefined) return vni === undefined ? { kind: "required", field: "vni" } : { vni, allocated: false };
  const ref = { kind: "vni-pool", id: vniPool } as const;
  if (offer?.pool.state !== "live") return { kind: "no-such", field: "vniPool", ref };
  if (vni === undefined) {
    return offer.free === undefined ? { kind: "pool-exhausted", pool: vniPool } : { vni: offer.free, allocated: true };
  }
  const inside = offer.pool.resource.ranges.some(({ from, to }) => from <= vni && vni <= to);
  return inside ? { vni, allocated: false } : { kind: "vni-outside-pool", vni, pool: vniPool };
}

function rangeRefusals(ranges: VniPool["ranges"]): Refusal[] {
  return ranges.flatMap(({ from, to }, index): Refusal[] => {
    if (from > to) return [{ kind: "range-reversed", field: `ranges.${index}` }];
    const overlaps = ranges.slice(0, index).some((other) => other.from <= to && from <= other.to);
    return overlaps ? [{ kind: "ranges-overlap", field: `ranges.${index}` }] : [];
  });
}
