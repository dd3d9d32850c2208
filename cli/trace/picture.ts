// A trace as a picture: from top to bottom the places that a frame passes, and at each what happens. Pure.

import type { Colour, Paint } from "../output/paint.ts";
import { visible } from "../output/table.ts";
import type { Hop, State, Trace } from "./trace.ts";

const MARK: Record<State, { text: string; colour: Colour }> = {
  ok: { text: "ok", colour: "green" },
  broken: { text: "!!", colour: "red" },
  unknown: { text: "??", colour: "yellow" },
  note: { text: "--", colour: "dim" },
};

export function picture({ hops, verdict, because }: Trace, paint: Paint): string {
  const wide = Math.max(...hops.map(({ place }) => place.length));
  const lines = hops.flatMap((hop, index) => hopLines(hop, { wide, last: index === hops.length - 1 }, paint));
  const colour = verdict === "should work" ? "green" : verdict === "broken" ? "red" : "yellow";
  const why = because === undefined ? "" : `${verdict === "broken" ? " here because " : ": "}${visible(because)}`;
  return `${[...lines, "", paint(colour, `${verdict}${why}`)].join("\n")}\n`;
}

function hopLines(
  { place, about, steps }: Hop,
  { wide, last }: { wide: number; last: boolean },
  paint: Paint,
): string[] {
  const head = `${paint("bold", place)}${" ".repeat(wide - place.length)}  ${paint("dim", about)}`;
  const marked = steps.map(
    ({ state, says }) => `  |  ${paint(MARK[state].colour, MARK[state].text)}  ${visible(says)}`,
  );
  return last ? [head] : [head, ...marked, ...(steps.length === 0 ? ["  |"] : []), "  v"];
}
