import { describe, expect, test } from "vitest";
import { parsePing } from "../../lab/ping.ts";

// Output of iputils 20221126, `ping -n -D -i 0.1`.
const CLEAN = `PING 10.100.0.12 (10.100.0.12) 56(84) bytes of data.
[1763815000.000100] 64 bytes from 10.100.0.12: icmp_seq=1 ttl=64 time=0.061 ms
[1763815000.100200] 64 bytes from 10.100.0.12: icmp_seq=2 ttl=64 time=0.055 ms
[1763815000.200300] 64 bytes from 10.100.0.12: icmp_seq=3 ttl=64 time=0.049 ms

--- 10.100.0.12 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 200ms
rtt min/avg/max/mdev = 0.049/0.055/0.061/0.004 ms
`;

const LOSSY = `PING 10.100.0.12 (10.100.0.12) 56(84) bytes of data.
[1763815000.000000] 64 bytes from 10.100.0.12: icmp_seq=1 ttl=64 time=0.061 ms
[1763815000.010000] From 10.100.0.11 icmp_seq=2 Destination Host Unreachable
[1763815000.450000] 64 bytes from 10.100.0.12: icmp_seq=4 ttl=64 time=0.055 ms
[1763815000.450500] 64 bytes from 10.100.0.12: icmp_seq=4 ttl=64 time=0.055 ms (DUP!)

--- 10.100.0.12 ping statistics ---
5 packets transmitted, 2 received, +1 duplicates, +1 errors, 60% packet loss, time 500ms
`;

describe("ping", () => {
  test("ping: all answered -> none lost, the gap is the interval", () => {
    expect(parsePing(CLEAN, "10.100.0.12", "all")).toEqual({ sent: 3, received: 3, lost: 0, longestGapMs: 100 });
  });

  test("ping: losses, an error and a duplicate -> an answer counts once, an error never", () => {
    expect(parsePing(LOSSY, "10.100.0.12", "all")).toEqual({ sent: 5, received: 2, lost: 3, longestGapMs: 450 });
  });

  test("ping: stopped with the last request open -> it counts as neither sent nor lost", () => {
    expect(parsePing(LOSSY, "10.100.0.12", "but-last")).toEqual({ sent: 4, received: 2, lost: 2, longestGapMs: 450 });
    expect(parsePing(CLEAN, "10.100.0.12", "but-last")).toEqual({ sent: 3, received: 3, lost: 0, longestGapMs: 100 });
  });

  test("ping: nothing answered -> all lost, no gap", () => {
    const text =
      "\n--- 10.0.0.1 ping statistics ---\n4 packets transmitted, 0 received, 100% packet loss, time 300ms\n";
    expect(parsePing(text, "10.0.0.1", "all")).toEqual({ sent: 4, received: 0, lost: 4, longestGapMs: 0 });
  });

  test("ping: could not run -> throws with what it said", () => {
    expect(() => parsePing("ping: connect: Network is unreachable\n", "10.0.0.1", "all")).toThrow(/unreachable/);
  });
});
