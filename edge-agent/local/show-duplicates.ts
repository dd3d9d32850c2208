// The view of MACs that move: those with moves in the last minutes, and those frozen for moving too often.

import type { AgentView } from "../agent.ts";
import { duration, type Shown, table } from "./text.ts";

/** `show evpn duplicate` (RFC 7432 15.1). */
export function showDuplicates(view: AgentView): Shown {
  const rows = view.moved.toSorted((a, b) => Number(b.frozen !== undefined) - Number(a.frozen !== undefined));
  const text = table([
    ["NETWORK", "MAC", "PLACE", "SEQ", "MOVES", "STATE", "RELEASED IN"],
    ...rows.map(({ network, mac, place, sequence, moves, frozen }) => [
      network,
      mac,
      place,
      sequence,
      moves,
      frozen ? `frozen for ${duration(frozen.forMs)}` : "watched",
      frozen ? duration(frozen.releaseInMs) : "-",
    ]),
  ]);
  return { data: rows, text: rows.length > 0 ? text : "no MAC has moved in the last minutes" };
}
