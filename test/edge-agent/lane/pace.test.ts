import { describe, expect, it } from "vitest";
import { createPace } from "../../../edge-agent/lane/pace.ts";

/** A pace on a clock that moves only as the work says. */
function paced() {
  const timers = new Set<() => void>();
  let nowMs = 0;
  let rests = 0;
  const setTimer = (_: number, callback: () => void) => {
    timers.add(callback);
    return () => void timers.delete(callback);
  };
  const pace = createPace({ nowMs: () => nowMs, setTimer }, () => void rests++);
  return {
    pace,
    takes: (ms: number) => void (nowMs += ms),
    nextTurn: () => {
      for (const due of Array.from(timers)) {
        timers.delete(due);
        due();
      }
    },
    pending: () => timers.size,
    rests: () => rests,
  };
}

describe("pace", () => {
  it("pace: long work -> in slices of a few milliseconds, others have their turn in between", () => {
    const { pace, takes, nextTurn, rests } = paced();
    const done: string[] = [];
    let left = 20;
    const long = pace.add(() => {
      takes(1);
      done.push("long");
      return --left > 0;
    });
    const short = pace.add(() => {
      done.push("short");
      return false;
    });
    long.wake();
    expect(pace.busy).toBe(true);
    nextTurn();
    expect(done).toEqual(Array(5).fill("long"));
    short.wake();
    nextTurn();
    expect(done.slice(5, 7)).toEqual(["long", "short"]);
    expect(rests()).toBe(0);
    for (let turn = 0; turn < 5; turn++) nextTurn();
    expect(left).toBe(0);
    expect(pace.busy).toBe(false);
    expect(rests()).toBe(1);
  });

  it("pace: woken twice -> the work runs once; closed -> it runs no more and no timer is left", () => {
    const { pace, nextTurn, pending } = paced();
    let runs = 0;
    const turn = pace.add(() => {
      runs++;
      return false;
    });
    turn.wake();
    turn.wake();
    nextTurn();
    expect(runs).toBe(1);
    turn.wake();
    pace.close();
    nextTurn();
    turn.wake();
    expect([runs, pending()]).toEqual([1, 0]);
  });
});
