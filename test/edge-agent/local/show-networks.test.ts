// `show network`: what each network's state means, with everything that keeps it from being live, whichever part it is of.

import { expect, it } from "vitest";
import type { AgentView } from "../../../edge-agent/agent.ts";
import type { DataplaneReport, NetworkReport } from "../../../edge-agent/dataplane/report.ts";
import { createIntent } from "../../../edge-agent/intent/intent.ts";
import { fromSnapshot } from "../../../edge-agent/intent/replica.ts";
import type { ChannelPart } from "../../../edge-agent/lane/lane.ts";
import { answerShow } from "../../../edge-agent/local/show.ts";
import { digestSum, EMPTY_DIGEST, hashRecord } from "../../../shared/message/digest.ts";
import type { Channel } from "../../../shared/model/record.ts";
import { fixedView } from "./fixed-view.ts";

const PROVEN: ChannelPart = { kernel: EMPTY_DIGEST, problems: [] };
const [BLUE] = fixedView().overlay.networks;

function show(more: Partial<NetworkReport>, parts: readonly ChannelPart[], extra: Partial<AgentView> = {}): string {
  const report = {
    vni: BLUE?.state.vni,
    desired: true,
    verified: BLUE?.state,
    remaining: 0,
    withheld: 0,
    problems: [],
  };
  const dataplane = { networks: [{ ...report, ...more }] } as unknown as DataplaneReport;
  const view = fixedView({ dataplane, partsOf: (channel) => (channel === "net:blue" ? parts : []), ...extra });
  const answer = answerShow(view, { command: ["show", "network"], json: false });
  return "text" in answer ? answer.text : answer.error;
}

const stateOf = (text: string) => /^blue .* (\w+)$/m.exec(text)?.[1];

it("show network: written, and proven by all parts -> live, with what it holds", () => {
  expect(show({}, [PROVEN]).split("\n").slice(0, 2)).toEqual([
    "NETWORK  TENANT  VNI    LOCAL  REMOTE  FABRIC  LEARNED  VTEPS  STATE",
    "blue     acme    10100  1      0       1       0        1      live",
  ]);
});

it.each([
  ["ops are left", { remaining: 3 }, [PROVEN], "applying"],
  ["not read back whole yet", {}, [PROVEN, { kernel: undefined, problems: [] }], "applying"],
  ["changes wait for the cloud's word", { withheld: 2 }, [PROVEN], "waiting"],
  ["a part has a problem", {}, [{ kernel: EMPTY_DIGEST, problems: ["port tap1 is not guarded: no"] }], "degraded"],
] as const)("show network: %s -> %s", (_, report, parts, state) => {
  const text = show(report, parts);
  expect(stateOf(text)).toBe(state);
  for (const problem of parts.flatMap((part) => part.problems)) expect(text).toContain(`blue: ${problem}`);
  if (state === "waiting") expect(text).toContain("blue: 2 changes waiting until intent is known to be whole");
});

it("show network: a port keeps the guard of an earlier process -> waiting", () => {
  const port = { network: "blue", port: "tap1", policy: {}, state: "waiting", reason: "keeps it", held: true };
  const guards = { ports: [port], reading: { drops: [], sightings: [] }, strangers: [], quiet: 0, lacks: {} };
  const text = show({}, [PROVEN, { kernel: undefined, problems: [] }], { guards } as unknown as Partial<AgentView>);
  expect(stateOf(text)).toBe("waiting");
  expect(text).toContain("blue: 1 change waiting");
});

it("show network: the VNI is another network's on this host -> listed all the same, with the reason", () => {
  const records = (channel: Channel, of: Readonly<Record<string, unknown>>) => {
    const changes = Object.entries(of).map(([key, body]) => ({ key, version: 1, body }));
    const digest = digestSum(changes.map((it) => hashRecord(it)));
    const made = fromSnapshot({ channel, seq: 1, digest, forwarding: digest, records: changes });
    if (!made) throw new Error("the digest is that of the records");
    return made;
  };
  const own = records("host:h1", { host: { site: "ams", vtep: "192.0.2.1" }, "network/blue": {}, "network/twin": {} });
  const twin = records("net:twin", { network: { tenant: "acme", name: "twin", vni: 10100, subnets: [] } });
  const reason = "network blue has VNI 10100 on this host";
  const partsOf = (channel: Channel) =>
    channel === "net:twin" ? [{ kernel: undefined, problems: [reason] }] : [PROVEN];
  const text = show({}, [PROVEN], { intent: createIntent("h1", [own, twin]), partsOf });
  expect(text).toMatch(/^twin +acme +10100 +0 .* degraded$/m);
  expect(text).toContain(`twin: ${reason}`);
});
