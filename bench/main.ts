// npm run bench -- NAME [--rounds N] [--quick]: measures this project and its peers side by side, alternating, after a
// warm-up round. Prints a table, and as its last line one JSON object (form.ts). Installs nothing.

import { parseArgs } from "node:util";
import { runApiBench } from "./api/bench.ts";
import { runBgpBench } from "./bgp/bench.ts";
import { runCostBench } from "./cost/bench.ts";
import { runConvergeBench } from "./distribution/converge.ts";
import { runFanoutBench, runStormBench } from "./distribution/fleet.ts";
import { runSnapshotBench } from "./distribution/snapshot.ts";
import { runFdbBench } from "./fdb/bench.ts";
import { formatTable, machine, type Row } from "./form.ts";

/** What the command line asks of a bench. */
export type BenchOptions = {
  /** Counted rounds. */
  readonly rounds: number;
  /** One round without a warm-up, and without the longest cases. */
  readonly quick: boolean;
  /** Only cases whose name contains this. */
  readonly only: string | undefined;
  readonly progress: (line: string) => void;
};

const BENCHES: Readonly<Record<string, (options: BenchOptions) => Promise<readonly Row[]>>> = {
  api: runApiBench,
  bgp: runBgpBench,
  converge: runConvergeBench,
  cost: runCostBench,
  fanout: runFanoutBench,
  fdb: runFdbBench,
  snapshot: runSnapshotBench,
  storm: runStormBench,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, quick: { type: "boolean", default: false }, only: { type: "string" } },
});
const [name = ""] = positionals;
const bench = BENCHES[name];
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
if (!bench || !Number.isInteger(rounds) || rounds < 1) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [--rounds N] [--quick] [--only TEXT]`);
  process.exit(2);
}
const rows = await bench({
  rounds,
  quick: values.quick,
  only: values.only,
  progress: (line) => process.stderr.write(`${Math.round(performance.now() / 1000)} s  ${line}\n`),
});
console.log(formatTable(rows));
console.log(JSON.stringify({ bench: name, machine: machine(), rows }));
