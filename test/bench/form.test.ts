import { describe, expect, it } from "vitest";
import { formatTable, median, type Round, toRow } from "../../bench/form.ts";

const round = (ours: number, theirs: number): Round => ({
  ours: { wallS: ours, rssMb: 10 },
  peers: { peer: { wallS: theirs, cpuS: 1 } },
});

describe("bench form", () => {
  it("rounds -> medians, and ratios of paired rounds with their spread", () => {
    const row = toRow("case", [round(1, 2), round(3, 3), round(2, 8)]);
    expect(row.ours).toEqual({ wallS: 2, rssMb: 10 });
    expect(row.peers).toEqual({ peer: { wallS: 3, cpuS: 1 } });
    expect(row.ratio).toEqual({ peer: { wall: 0.5 } });
    expect(row.spread).toEqual({ peer: { wall: [0.25, 1] } });
  });

  it("a peer that was away in a round -> paired with the rounds it was there for", () => {
    const row = toRow("case", [
      { ours: { cpuS: 9 }, peers: {} },
      { ours: { cpuS: 1 }, peers: { peer: { cpuS: 2 } } },
    ]);
    expect(row.ours).toEqual({ cpuS: 5 });
    expect(row.ratio).toEqual({ peer: { cpu: 0.5 } });
  });

  it("target -> met or missed in the row and in the table", () => {
    const target = { text: "wall <= 0.4 of peer", met: () => false };
    const row = toRow("case", [round(1, 2)], target);
    expect(row).toMatchObject({ target: "wall <= 0.4 of peer", met: false });
    expect(formatTable([row])).toContain("wall <= 0.4 of peer: MISSED");
  });

  it("median: even and odd numbers of values -> the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
