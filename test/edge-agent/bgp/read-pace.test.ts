import { describe, expect, it } from "vitest";
import { createReadPace } from "../../../edge-agent/bgp/read-pace.ts";

function open() {
  let ms = 0;
  const turns: (() => void)[] = [];
  const pace = createReadPace<ReturnType<typeof socketNamed>>({
    nowMs: () => ms,
    nextTurn: (call) => turns.push(call),
  });
  const said: string[] = [];
  const socketNamed = (name: string) => ({
    pause: () => said.push(`${name} rests`),
    resume: () => said.push(`${name} reads`),
  });
  const a = socketNamed("a");
  const b = socketNamed("b");
  pace.add(a);
  pace.add(b);
  return {
    pace,
    a,
    b,
    said,
    takes: (workMs: number) => () => void (ms += workMs),
    turn: () => {
      for (const call of turns.splice(0)) call();
    },
  };
}

describe("read pace", () => {
  it("3 ms and 3 ms in one turn -> the socket rests until the event loop has turned", () => {
    const { pace, a, said, takes, turn } = open();
    pace.run(a, takes(3));
    expect(said).toEqual([]);
    pace.run(a, takes(3));
    expect(said).toEqual(["a rests"]);
    turn();
    expect(said).toEqual(["a rests", "a reads"]);
  });

  it("3 ms in each of many turns -> nobody rests", () => {
    const { pace, a, said, takes, turn } = open();
    for (let i = 0; i < 10; i++) {
      pace.run(a, takes(3));
      turn();
    }
    expect(said).toEqual([]);
  });

  it("two sockets share a turn -> who comes after its time is up rests too", () => {
    const { pace, a, b, said, takes, turn } = open();
    pace.run(a, takes(20));
    pace.run(b, takes(1));
    turn();
    expect(said).toEqual(["a rests", "b rests", "a reads", "b reads"]);
  });

  it("held while one rests -> it reads when it is let go, and not before; one that comes meanwhile neither", () => {
    const { pace, a, b, said, takes, turn } = open();
    pace.delete(b);
    pace.run(a, takes(9));
    pace.hold(true);
    turn();
    pace.add(b);
    expect(said).toEqual(["a rests", "a rests", "b rests"]);
    pace.hold(false);
    expect(said.slice(3)).toEqual(["a reads", "b reads"]);
  });

  it("closed by what it read -> is not made to rest, so that its end is seen", () => {
    const { pace, a, said, takes, turn } = open();
    pace.run(a, () => {
      takes(9)();
      pace.delete(a);
    });
    turn();
    expect(said).toEqual([]);
  });
});
