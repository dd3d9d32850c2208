// The one form of all benches: rounds of figures per side become medians, paired ratios and their spread, a table for
// people, and one JSON object for machines. A ratio is ours divided by the peer's: under 1 is better. Pure.

import { cpus, release } from "node:os";

/** Figures by name with their unit as the suffix: `wallS`, `cpuS`, `rssMb`. Plain numbers have none. */
export type Figures = Readonly<Record<string, number>>;

/** One round of one case: ours and each peer's. A peer that is not here is left out. */
export type Round = { readonly ours: Figures; readonly peers: Readonly<Record<string, Figures>> };

export type Target = {
  readonly text: string;
  readonly met: (row: Pick<Row, "ours" | "ratio">) => boolean;
};

export type Row = {
  readonly case: string;
  readonly ours: Figures;
  readonly peers: Readonly<Record<string, Figures>>;
  /** By peer and by figure without its unit. */
  readonly ratio: Readonly<Record<string, Figures>>;
  /** Least and greatest of the rounds' ratios. */
  readonly spread: Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>;
  readonly target?: string;
  readonly met?: boolean;
  /** What is missing, or worth knowing. */
  readonly note?: string;
};

/** Reduces the rounds of a case; at least one round. */
export function toRow(name: string, rounds: readonly Round[], target?: Target, note?: string): Row {
  const peers: Record<string, Figures> = {};
  const ratio: Record<string, Figures> = {};
  const spread: Record<string, Record<string, readonly [number, number]>> = {};
  const ours = medians(rounds.map((round) => round.ours));
  for (const peer of new Set(rounds.flatMap((round) => Object.keys(round.peers)))) {
    const paired = rounds.flatMap((round) => {
      const theirs = round.peers[peer];
      return theirs ? [{ theirs, ratios: ratios(round.ours, theirs) }] : [];
    });
    peers[peer] = medians(paired.map((it) => it.theirs));
    ratio[peer] = medians(paired.map((it) => it.ratios));
    spread[peer] = Object.fromEntries(
      Object.keys(ratio[peer]).map((figure) => {
        const all = paired.flatMap((it) => it.ratios[figure] ?? []);
        return [figure, [Math.min(...all), Math.max(...all)] as const];
      }),
    );
  }
  const met = target?.met({ ours, ratio });
  return {
    case: name,
    ours,
    peers,
    ratio,
    spread,
    ...(target && { target: target.text }),
    ...(met !== undefined && { met }),
    ...(note !== undefined && { note }),
  };
}

/** The machine, as the output names it. */
export function machine(): { readonly cores: number; readonly kernel: string; readonly node: string } {
  const short = (version: string): string => version.split(".").slice(0, 2).join(".");
  return { cores: cpus().length, kernel: short(release()), node: short(process.versions.node) };
}

/** A table as text: a block per case, a line per side. */
export function formatTable(rows: readonly Row[]): string {
  return rows
    .map((row) => {
      const sides: [string, Figures, string][] = [["ours", row.ours, ""]];
      for (const [peer, figures] of Object.entries(row.peers)) sides.push([peer, figures, formatRatios(row, peer)]);
      const lines = sides.map(([side, figures, more]) => `  ${side.padEnd(24)} ${formatFigures(figures)}  ${more}`);
      const verdict = row.target === undefined ? [] : [`  target: ${row.target}: ${row.met ? "met" : "MISSED"}`];
      const note = row.note === undefined ? [] : [`  note: ${row.note}`];
      return [row.case, ...lines.map((line) => line.trimEnd()), ...verdict, ...note].join("\n");
    })
    .join("\n\n");
}

function formatFigures(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${formatNumber(value).padStart(7)}`)
    .join("  ");
}

function formatRatios(row: Row, peer: string): string {
  const parts = Object.entries(row.ratio[peer] ?? {}).map(([figure, value]) => {
    const [least, greatest] = row.spread[peer]?.[figure] ?? [value, value];
    return `${figure} x${formatNumber(value)} (${formatNumber(least)}-${formatNumber(greatest)})`;
  });
  return parts.length > 0 ? `ours/this: ${parts.join(", ")}` : "";
}

function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

function ratios(ours: Figures, theirs: Figures): Figures {
  return Object.fromEntries(
    Object.entries(ours).flatMap(([name, value]) => {
      const other = theirs[name];
      return other === undefined || other === 0 ? [] : [[name.replace(/(S|Mb)$/, ""), round(value / other)]];
    }),
  );
}

function medians(all: readonly Figures[]): Figures {
  const names = new Set(all.flatMap((figures) => Object.keys(figures)));
  return Object.fromEntries(Array.from(names, (name) => [name, round(median(all.flatMap((it) => it[name] ?? [])))]));
}

/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
