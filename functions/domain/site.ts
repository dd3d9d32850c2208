// Sites: data centres, each with hosts and ToRs that share a fabric.

import { Site } from "../../shared/model/resource.ts";
import { type ChangeSite, type CreateSite, same, wanted } from "./command.ts";
import { type Children, planChange, planCreate, planDeleteOfParent, planNothing, requireLive } from "./plan.ts";
import type { Held } from "./resource.ts";
import { type Context, type Decision, refuse } from "./write.ts";

type Facts = { site: Held<Site> };

export function createSite(facts: Facts, command: CreateSite, context: Context): Decision<Site> {
  const ref = { kind: "site", id: command.id } as const;
  if (facts.site.state === "live") return refuse({ kind: "id-taken", ref });
  return planCreate({ ref, held: facts.site, content: command }, [], context);
}

export function changeSite(facts: Facts, command: ChangeSite, context: Context): Decision<Site> {
  const ref = { kind: "site", id: command.id } as const;
  const live = requireLive(ref, facts.site);
  if ("refusals" in live) return live;
  const change = wanted(live.resource, command, { schema: Site, fixed: [] });
  if ("refusals" in change) return change;
  if (same(change.after, live.resource)) return planNothing(live.resource);
  return planChange({ ref, live, content: change.after }, [], context);
}

/** Refused while it has hosts or fabric peers. */
export function deleteSite(
  facts: Facts & { children: Children },
  command: { id: string },
  context: Context,
): Decision<Site> {
  const ref = { kind: "site", id: command.id } as const;
  return planDeleteOfParent({ ref, held: facts.site, children: facts.children }, () => [], context);
}
