// What hosts reported, for the API: read from the rows that their reports leave.

import * as z from "zod";
import { networkChannel } from "../../shared/model/record.ts";
import type { HostStatuses } from "../api/host-status.ts";
import { readMembers } from "../publish/facts.ts";
import { batchGet, getItem, type Item, keyText, type Table } from "../publish/table.ts";
import { fleetHost } from "./fleet.ts";
import { hostRowKey, parseHostRow } from "./report-items.ts";

/** Read by itself, and leniently: agents of every age report. */
const Capable = z.object({ capabilities: z.record(z.string(), z.unknown()) });

export function tableHostStatuses(table: Table, now: () => number): HostStatuses {
  return {
    async status(host) {
      const item = await getItem(table, hostRowKey(host.id));
      const row = parseHostRow(item);
      if (!row) return undefined;
      const { lastSeenAt, inSync, agent, bgp } = row;
      const capabilities = capabilitiesOf(item);
      const { state, reason, since, channels } = fleetHost(host, row, now());
      const judged = {
        state,
        channels,
        ...(reason === undefined ? {} : { reason }),
        ...(since === undefined ? {} : { since }),
      };
      return { lastSeenAt, inSync, agent, bgp, ...(capabilities ? { capabilities } : {}), ...judged };
    },
    async fleet(hosts) {
      const items = await batchGet(
        table,
        hosts.map(({ id }) => hostRowKey(id)),
      );
      return hosts.map((host) => fleetHost(host, parseHostRow(items.get(keyText(hostRowKey(host.id)))), now()));
    },
    async withoutVrf(hosts) {
      const items = await batchGet(table, hosts.map(hostRowKey));
      const lacking = [...items.values()].filter((item) => capabilitiesOf(item)?.["vrf"] === false);
      return lacking.map(({ sk }) => sk).sort();
    },
    members: async (network) => [...(await readMembers(table, networkChannel(network))).keys()].sort(),
  };
}

function capabilitiesOf(item: Item | undefined): Record<string, unknown> | undefined {
  const parsed = Capable.safeParse(item);
  return parsed.success ? parsed.data.capabilities : undefined;
}
