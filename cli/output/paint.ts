// Colours, where a terminal shows them: https://no-color.org is respected. Elsewhere text stays as it is.

import type { World } from "../world.ts";

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export type Colour = keyof typeof CODES;
export type Paint = (colour: Colour, text: string) => string;

/** For what is written to a screen. */
export function paintFor(screen: { isTerminal: boolean }, env: World["env"]): Paint {
  const on = screen.isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  return (colour, text) => {
    if (!on || text === "") return text;
    const [begin, end] = CODES[colour];
    return `\u001b[${begin}m${text}\u001b[${end}m`;
  };
}
