// The cost bench: what one change costs in the store's units, messages and octets, and in list prices, as the network grows
// from 10 to 1,000 hosts. Counts, not times: the same on every machine (docs/cost.md has them, and a test holds it to them).

import { type Row, toRow } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import { countChange, priceOf } from "./count.ts";

export async function runCostBench({ quick, only, progress }: BenchOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const hosts of quick ? [10, 100] : [10, 100, 1000]) {
    const name = `one change of an endpoint, network on ${hosts} hosts`;
    if (only !== undefined && !name.includes(only)) continue;
    progress(name);
    const cost = await countChange(hosts);
    const { all, perHost } = priceOf(cost);
    const written = cost.api.written + cost.publish.written + hosts * cost.report.written;
    const read = cost.api.read + cost.publish.read + hosts * cost.report.read;
    const ours = { writeUnits: written, readUnits: read, messages: cost.messages, bytes: cost.bytes };
    const figures = { ...ours, microDollars: all, microDollarsPerHost: perHost };
    rows.push(
      toRow(name, [{ ours: figures, peers: {} }], {
        text: "one message for each host that carries the network",
        met: ({ ours: { messages } }) => messages === hosts,
      }),
    );
  }
  return rows;
}
