// The rounds of a bench: a warm-up that does not count, then as many as are asked for, the sides of each case one after the
// other and in turn first. A side that fails ends its case, not the bench: what was measured before counts, and the row says so.

import { type Figures, type Round, type Row, type Target, toRow } from "./form.ts";
import type { BenchOptions } from "./main.ts";

export type Side<Lab> = (lab: Lab) => Promise<Figures>;

export type Case<Lab> = {
  readonly name: string;
  readonly ours: Side<Lab>;
  readonly peers: Readonly<Record<string, Side<Lab>>>;
  readonly target?: Target;
  readonly note?: string;
};

/** A place for one measurement after the other: nothing of one is left for the next. */
export type MeasuringLab = { reset(): void; clear(): Promise<void> };

/** `away`: why a peer is not there, with what to install; a row that lacks one has no verdict. */
export async function runRounds<Lab extends MeasuringLab>(
  lab: Lab,
  cases: readonly Case<Lab>[],
  options: BenchOptions & { readonly away: (peer: string) => string | undefined },
): Promise<readonly Row[]> {
  const { quick, rounds, away, progress } = options;
  const measured = new Map<string, Round[]>(cases.map(({ name }) => [name, []]));
  const gaveUp = new Map<string, string>();
  for (let round = quick ? 1 : 0; round <= rounds; round++) {
    for (const { name, ours, peers } of cases) {
      if (gaveUp.has(name)) continue;
      const here = Object.entries(peers).filter(([peer]) => away(peer) === undefined);
      const sides = [["ours", ours] as const, ...here];
      const figures: Record<string, Figures> = {};
      // Every other round begins with the other side, so that what one leaves in caches favours nobody.
      for (const [side, measure] of round % 2 === 0 ? sides : sides.toReversed()) {
        const found = await inFreshPlace(lab, measure).catch((cause: Error) => cause);
        const said = found instanceof Error ? `failed: ${found.message}` : textOf(found);
        progress(`round ${round}${round === 0 ? " (warm-up)" : ""}: ${name}: ${side}: ${said}`);
        if (!(found instanceof Error)) figures[side] = found;
        else gaveUp.set(name, `given up in round ${round}: ${side}: ${found.message}`);
        if (gaveUp.has(name)) break;
      }
      const { ours: own, ...others } = figures;
      if (round > 0 && own && !gaveUp.has(name)) measured.get(name)?.push({ ours: own, peers: others });
    }
  }
  return cases.map(({ name, peers, target, note }) => {
    const missing = Object.keys(peers).flatMap((peer) => away(peer) ?? []);
    const failed = gaveUp.get(name);
    const notes = [...(note === undefined ? [] : [note]), ...missing, ...(failed === undefined ? [] : [failed])];
    const verdict =
      missing.length > 0 ? undefined : target && failed !== undefined ? { ...target, met: () => false } : target;
    return toRow(name, measured.get(name) ?? [], verdict, notes.length > 0 ? notes.join("; ") : undefined);
  });
}

async function inFreshPlace<Lab extends MeasuringLab>(lab: Lab, measure: Side<Lab>): Promise<Figures> {
  lab.reset();
  try {
    return await measure(lab);
  } finally {
    await lab.clear();
  }
}

function textOf(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value.toPrecision(3)}`)
    .join(", ");
}
