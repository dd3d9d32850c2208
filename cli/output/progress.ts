// Progress of long work on the standard error: one line that is written over on a terminal, a line for each new thing
// elsewhere.

import type { Screen } from "../world.ts";
import { width } from "./table.ts";

export type Progress = {
  /** What is going on now. */
  show(text: string): void;
  /** A line that stays. */
  keep(text: string): void;
  /** Takes the passing line away. */
  end(): void;
};

export function createProgress(screen: Screen): Progress {
  let shown = "";
  const wipe = () => {
    if (screen.isTerminal && shown !== "") screen.write("\r\u001b[K");
    shown = "";
  };
  return {
    show(text) {
      if (text === shown) return;
      if (screen.isTerminal) screen.write(`\r\u001b[K${cut(text, screen.columns - 1)}`);
      else screen.write(`${text}\n`);
      shown = text;
    },
    keep(text) {
      const again = screen.isTerminal ? shown : "";
      wipe();
      screen.write(`${text}\n`);
      if (again !== "") this.show(again);
    },
    end: wipe,
  };
}

function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let kept = "";
  for (const character of text) {
    if (width(kept) + width(character) > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
