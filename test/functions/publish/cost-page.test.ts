// docs/cost.md says what is counted.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { countChange, priceOf } from "../../../bench/cost/count.ts";

const page = await readFile(new URL("../../../docs/cost.md", import.meta.url), "utf8");
const rows = page
  .split("\n")
  .filter((line) => /^\| \d/.test(line))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test("cost page: its table has the sizes that it is about", () => {
  expect(rows.map(([hosts]) => hosts)).toEqual(["10", "100", "1000"]);
});

test.each(rows)("cost page: a network on %s hosts -> as counted", { timeout: 180_000 }, async (hosts, ...cells) => {
  const cost = await countChange(Number(hosts));
  const { all, perHost } = priceOf(cost);
  const units = ({ written, read }: typeof cost.api) => `${written} / ${read}`;
  expect(cells).toEqual([
    units(cost.api),
    units(cost.publish),
    units(cost.report),
    String(cost.messages),
    String(Math.round(cost.bytes / cost.messages)),
    all.toPrecision(all < 1000 ? 3 : 4),
    perHost.toPrecision(3),
  ]);
});
