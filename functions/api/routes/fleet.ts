// /v1/fleet: the hosts that need a look, and how many do not

import { Slug } from "../../../shared/model/fields.ts";
import { answerPage, wideQuery } from "../answers.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { FleetSchema } from "../status-schema.ts";
import type { FleetHost } from "../host-status.ts";

export function addFleet(api: Api): void {
  const { store, hosts } = api.services;
  addOperation(api, {
    id: "getFleet",
    method: "get",
    path: "/v1/fleet",
    summary: "Look over the fleet",
    description:
      "A page of hosts, in the order of their ids: how many are in which state, and by name those that are not in sync, have sessions down, or had conflicts or drift in the last hour. " +
      "The counts are of the page: of a fleet larger than one page, add them up.",
    tag: "Receipts",
    needs: "read",
    query: { ...wideQuery, site: Slug.optional() },
    answer: { status: 200, description: "A page of the fleet.", schema: FleetSchema, example: example.fleet },
    problems: [],
    run: ({ query: { site, ...page } }) => {
      const list = { kind: "host" as const, ...(site === undefined ? {} : { site }) };
      return answerPage({ ...list, view: "fleet" }, page, async (request) => {
        const { items, next } = await store.list<"host">(list, request);
        return { body: overview(await hosts.fleet(items)), next };
      });
    },
  });
}

const NAMES = {
  "in-sync": "inSync",
  behind: "behind",
  diverged: "diverged",
  kernel: "kernel",
  silent: "silent",
  unreported: "unreported",
} as const satisfies Record<FleetHost["state"], string>;

function overview(hosts: readonly FleetHost[]) {
  const counts = { total: hosts.length, inSync: 0, behind: 0, diverged: 0, kernel: 0, silent: 0, unreported: 0 };
  for (const { state } of hosts) counts[NAMES[state]] += 1;
  const sum = (of: "sessionsDown" | "conflicts" | "drift") => hosts.reduce((all, each) => all + each[of].length, 0);
  const isWell = ({ state, sessionsDown, conflicts, drift }: FleetHost) =>
    state === "in-sync" && sessionsDown.length + conflicts.length + drift.length === 0;
  return {
    hosts: counts,
    sessionsDown: sum("sessionsDown"),
    conflicts: sum("conflicts"),
    drift: sum("drift"),
    items: hosts.filter((each) => !isWell(each)),
  };
}
