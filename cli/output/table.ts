// Rows and columns of text, for people. What comes from the API is shown without control characters, so that no name can
// paint on the terminal.

export type TableColumn<T> = { title: string; value: (row: T) => unknown };

const GAP = "  ";

/** Lines, the titles first; no blanks at their ends. */
export function tableLines<T>(rows: readonly T[], columns: readonly TableColumn<T>[]): string[] {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ value }) => cellText(value(row)))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => width(row[index] ?? ""))));
  return cells.map((row) =>
    row
      .map((cell, index) => padEnd(cell, widths[index] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

/** Any value in one line: lists with commas, objects as `a=b`, what is absent as `-`. */
export function cellText(value: unknown): string {
  if (value === undefined || value === null || value === "") return "-";
  if (Array.isArray(value)) return value.length === 0 ? "-" : value.map(innerText).join(",");
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([name, one]) => `${name}=${innerText(one)}`);
    return entries.length === 0 ? "-" : visible(entries.join(","));
  }
  return plainText(value);
}

/** What is no object. */
function plainText(value: unknown): string {
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}

function innerText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(innerText).join(",")}]`;
  if (typeof value !== "object" || value === null) return plainText(value);
  return `{${Object.entries(value)
    .map(([name, one]) => `${visible(name)}=${innerText(one)}`)
    .join(",")}}`;
}

/** Control characters, bidirectional overrides and halves of pairs as U+FFFD. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/** In columns of a terminal; wide characters (East Asian, emoji) take two. */
export function width(text: string): number {
  return Array.from(text).reduce(
    (sum, character) =>
      sum +
      (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(
        character,
      )
        ? 2
        : 1),
    0,
  );
}

function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}
