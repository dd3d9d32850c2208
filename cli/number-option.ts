// Options whose value is a whole number.

import type { Options } from "./command.ts";
import { usage } from "./failure.ts";

/** Between them, both included. */
export type Range = { from?: number; to?: number };

const MOST = 999_999_999;

/** What the option says; undefined if it is not given. Throws a Failure if it is no such number. */
export function numberOption(options: Options, name: string, { from = 1, to = MOST }: Range = {}): number | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= from && value <= to) return value;
  const range = to === MOST ? `from ${from}` : `from ${from} to ${to}`;
  throw usage(`--${name} takes a number ${range}, not "${text}"`);
}
