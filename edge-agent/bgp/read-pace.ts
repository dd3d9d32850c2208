// Reads of sockets a few milliseconds at a time: the system hands over up to 2 MB in one turn of the event loop, which of
// routes is half a second's work. A socket that took long rests until others had their turn; the kernel's window fills
// meanwhile. All of them rest while reading is held. Pure but for the sockets.

/** What of a socket is used; net.Socket has it. */
export type Readable = { pause(): unknown; resume(): unknown };

export type ReadPace<S extends Readable> = {
  /** Runs `work` on what the socket read. */
  run(socket: S, work: () => void): void;
  /** Nothing is read from now on, or everything again. */
  hold(on: boolean): void;
  /** From when it is open until it is closed. */
  add(socket: S): void;
  delete(socket: S): void;
};

/** So long the event loop may be kept by what arrives; one piece more may come, at most 64 KB. */
const WORK_MS = 5;

/** `nextTurn` calls back when the event loop has turned, as setImmediate does. */
export function createReadPace<S extends Readable>(clock: {
  readonly nowMs: () => number;
  readonly nextTurn: (callback: () => void) => void;
}): ReadPace<S> {
  const open = new Set<S>();
  const resting = new Set<S>();
  let held = false;
  /** When the work of this turn began; undefined: there was none. */
  let begunMs: number | undefined;

  function turned(): void {
    begunMs = undefined;
    const rested = [...resting];
    resting.clear();
    if (!held) for (const socket of rested) socket.resume();
  }

  return {
    run(socket, work) {
      if (begunMs === undefined) {
        begunMs = clock.nowMs();
        clock.nextTurn(turned);
      }
      work();
      if (clock.nowMs() - begunMs < WORK_MS || !open.has(socket)) return;
      socket.pause();
      resting.add(socket);
    },
    hold(on) {
      held = on;
      for (const socket of open) {
        if (on) socket.pause();
        else socket.resume();
      }
    },
    add(socket) {
      open.add(socket);
      if (held) socket.pause();
    },
    delete(socket) {
      open.delete(socket);
      resting.delete(socket);
    },
  };
}
