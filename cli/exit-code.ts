// What the exit status says, for scripts. docs/cli.md has the same table; a test holds the two side by side.

export const EXIT = {
  done: 0,
  /** Refused by the API, or it went wrong. */
  failed: 1,
  /** The command line, a file or the configuration is wrong: nothing was asked of the API. */
  usage: 2,
  notFound: 3,
  /** What is there is in the way, or is not as was expected (409, 412). */
  conflict: 4,
  /** What was waited for did not come in time. What was asked is done. */
  timedOut: 5,
  /** No token, a bad one, or one that may not (401, 403). */
  unauthorised: 6,
  /** No answer from the API, or none that makes sense; asking again may help. */
  unreachable: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Of a problem's HTTP status. */
export function exitOf(status: number): ExitCode {
  if (status === 404) return EXIT.notFound;
  if (status === 409 || status === 412) return EXIT.conflict;
  if (status === 401 || status === 403) return EXIT.unauthorised;
  if (status === 429 || status >= 500 || status < 400) return EXIT.unreachable;
  return EXIT.failed;
}
