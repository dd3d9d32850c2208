// The time that processes of one machine can compare.

/** Now, ms since the epoch, to the microsecond: two processes of one machine can compare it. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
