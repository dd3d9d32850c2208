// Numbers that are free, found between those that are taken. Pure.

/** The numbers from `from` up to, not including, `to`; at most `want` of them. */
export function gapsBefore(from: bigint, to: bigint, want: number): bigint[] {
  const gaps: bigint[] = [];
  for (let at = from; at < to && gaps.length < want; at++) gaps.push(at);
  return gaps;
}
