// How the views of `overspan-agent show` are laid out: columns, durations, and the pair of data and text that each view
// makes. Pure.

/** A view's answer: its rows as data for `--json`, and how they read. */
export type Shown = {
  readonly data: unknown;
  readonly text: string;
  /** What was asked for by name is not here: `text` says so, and the command fails. */
  readonly missing?: boolean;
};

/** `1d02h`, `02:03:04`: the forms of `show bgp summary`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (seconds >= 86_400) return `${Math.floor(seconds / 86_400)}d${two((seconds % 86_400) / 3600)}h`;
  return `${two(seconds / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
}

/** Columns aligned by their longest cell, without trailing blanks. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, String(cell).length);
    });
  }
  const line = (row: readonly (string | number)[]) =>
    row
      .map((cell, column) => String(cell).padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

/** `1 route`, `2 routes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** The values by their key, keys in the order of their first value. (`Map.groupBy` needs Node 21.) */
export function groupBy<K, V>(values: Iterable<V>, keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
