// The views of drift and capabilities as an operator reads them, and that a name that is not here makes the command fail.

import { describe, expect, it } from "vitest";
import { answerShow } from "../../../edge-agent/local/show.ts";
import type { Vni } from "../../../shared/address/vni.ts";
import { fixedView } from "./fixed-view.ts";

const NOW_MS = fixedView().nowMs;
const [BLUE] = fixedView().overlay.networks;

function show(words: string, extra: Parameters<typeof fixedView>[0] = {}) {
  return answerShow(fixedView(extra), { command: ["show", ...words.split(" ")], json: false });
}

describe("show drift", () => {
  const vni = BLUE?.state.vni as Vni;
  const drift = {
    recent: [
      {
        atMs: NOW_MS - 61_000,
        vni,
        before: "02:00:00:00:00:02 dev ovx100 dst 192.0.2.2 self extern_learn",
        after: undefined,
        foundBy: "event" as const,
        repaired: true,
      },
    ],
    byNetwork: new Map([[vni, { found: 3, repaired: 3, lastAtMs: NOW_MS - 61_000 }]]),
  };

  it("counts by network, and each change with what was there before and after", () => {
    const answer = show("drift", { drift });
    expect(answer).toEqual({
      text: [
        "NETWORK  VNI    FOUND  REPAIRED  LAST",
        `${BLUE?.id}     ${String(vni).padEnd(5)}  3      3         00:01:01 ago`,
        "",
        `${new Date(NOW_MS - 61_000).toISOString()} ${BLUE?.id}, repaired`,
        "  was  02:00:00:00:00:02 dev ovx100 dst 192.0.2.2 self extern_learn",
        "  then gone",
      ].join("\n"),
    });
    expect(show(`drift ${BLUE?.id}`, { drift })).toEqual(answer);
  });

  it("none -> says so; a network that is not here -> an error", () => {
    expect(show("drift")).toEqual({ text: "nothing was changed by another hand" });
    expect(show(`drift ${BLUE?.id}`)).toEqual({ text: "nothing was changed by another hand" });
    expect(show("drift nope")).toEqual({ error: "no network nope on this host" });
  });
});

describe("show capabilities", () => {
  it("each with what follows, and how many are missing", () => {
    const capabilities = [
      { name: "nexthop-fdb", present: true, detail: "a VTEP's change is one message" },
      { name: "vrf", present: false, detail: "no tenant's router can be placed here (Unknown device type)" },
    ];
    expect(show("capabilities", { capabilities })).toEqual({
      text: [
        "CAPABILITY   HERE  SO",
        "nexthop-fdb  yes   a VTEP's change is one message",
        "vrf          no    no tenant's router can be placed here (Unknown device type)",
        "",
        "kernel 6.18: 1 thing missing",
      ].join("\n"),
    });
  });
});

describe("show, of what is not here", () => {
  it.each([
    ["network nope", "no network nope on this host"],
    ["endpoint 02:00:00:00:00:99", "no endpoint 02:00:00:00:00:99 on this host"],
  ])("show %s -> an error, so that the command fails", (words, error) => {
    expect(show(words)).toEqual({ error });
  });
});
