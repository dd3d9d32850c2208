// What all sides of the distribution benches agree on: one network, its machines by number, and the AS.

export const NETWORK = "web";
export const VNI = 100;
export const ASN = 65001;

/** The MAC of machine `n`. */
export function macText(n: number): string {
  const hex = n.toString(16).padStart(8, "0");
  return `02:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6)}`;
}

/** The value below which this share is. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
