// The protocol between cloud and agents. A message carries its version in `v`.
// A reader ignores fields it does not know; a change that an old reader would misread raises the version.
//
//   version  date        what changed
//   1        2026-11-22  first: delta, snapshot, leave, in-sync; sync request; report

export const PROTOCOL_VERSION = 1;
