import { describe, expect, it } from "vitest";
import { waitingRoom } from "../../local/waiting-room.ts";

describe("waiting room", () => {
  it.each([
    [1, 1],
    [3, 3],
    [undefined, 20],
  ])("waiting room: a limit of %s and 20 at once -> at most %d run, in order, all are done", async (limit, most) => {
    const enter = waitingRoom(limit);
    let running = 0;
    let peak = 0;
    const done: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        enter(async () => {
          peak = Math.max(peak, ++running);
          await Promise.resolve();
          await Promise.resolve();
          running--;
          done.push(number);
        }),
      ),
    );
    expect(peak).toBe(most);
    expect(done).toEqual(Array.from({ length: 20 }, (_, number) => number));
  });

  it("waiting room: one fails -> its place goes to the next", async () => {
    const enter = waitingRoom(1);
    const failing = enter(() => Promise.reject(new Error("no")));
    const next = enter(async () => "yes");
    await expect(failing).rejects.toThrow("no");
    expect(await next).toBe("yes");
  });
});
