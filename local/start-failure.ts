// A reason for which the local runtime cannot start that its user can mend: one paragraph, with the remedy in it.

/** Thrown while starting; `main.ts` prints the message alone, without a stack, and exits with status 1. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
}

/** Says how to mend a port that is in use; `option` is the command line option that chooses another. */
export function busyPort(what: string, host: string, port: number, option: string): StartFailure {
  return new StartFailure(
    `The ${what} cannot listen on ${host}:${port}, because something else does already. ` +
      `Stop that (see who it is with: ss -ltnp 'sport = :${port}'), or choose another port with ${option}.`,
  );
}
