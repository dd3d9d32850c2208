// An agent that was closed leaves nothing behind that would act later: a process could not end, a test would hang.

import { expect, it } from "vitest";
import { startAgent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import { createMemoryKernel } from "../../edge-agent/dataplane/memory-kernel.ts";
import type { BrokerConnection } from "../../edge-agent/intent/mqtt.ts";
import { createDiary } from "../../edge-agent/log.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import { FakeClock, FakeNetwork } from "./bgp/fake-network.ts";
import { createCloudModel, endpointBody, networkBody, vtepBody } from "./intent/cloud-model.ts";

const VTEP = "192.0.2.1" as IpAddress;
const settled = () => new Promise((resolve) => setImmediate(resolve));

it("agent: closed while connected, in sync and with a peer -> no timer is left, and none comes of a late warning", async () => {
  const clock = new FakeClock();
  const diary = createDiary(clock.wallMs, () => undefined);
  let on: Parameters<BrokerConnection["listen"]>[0] | undefined;
  const broker: BrokerConnection = {
    connected: true,
    publish: () => undefined,
    listen: (handlers) => {
      on = handlers;
    },
    close: () => Promise.resolve(),
  };
  const transport = new FakeNetwork(VTEP);
  transport.peer = "refuses";
  const agent = await startAgent({
    host: "h1",
    broker,
    kernel: createMemoryKernel({ vtep: VTEP }),
    replica: {
      load: () => Promise.resolve({ replicas: [], setAside: [] }),
      save: () => Promise.resolve(),
      remove: () => Promise.resolve(),
    },
    snapshots: {
      open: () => {
        throw new Error("nothing is offered here");
      },
    },
    speaker: (listener) => createSpeaker({ transport, clock, random: () => 0.5, staleMs: 1000 }, listener),
    clock,
    random: () => 0.5,
    diary,
    identity: { version: "test", startedAtMs: 0, kernel: "in memory" },
    compareEveryMs: 30_000,
  });
  const cloud = createCloudModel("h1");
  const bgp = { asn: 65001, peers: [{ address: "192.0.2.254", asn: 65001 }] };
  cloud.commit("host:h1", [
    { key: "host", body: { site: "s1", vtep: VTEP, bgp } },
    { key: "network/blue", body: {} },
  ]);
  cloud.commit("net:blue", [
    { key: "network", body: networkBody },
    { key: "vtep/h1", body: vtepBody(VTEP) },
    { key: "endpoint/e1", body: endpointBody(1) },
  ]);
  on?.connected();
  for (const message of cloud.answer({ v: 1, have: [] })) on?.inbox(new TextEncoder().encode(JSON.stringify(message)));
  clock.advance(1_000, transport.settle);
  await settled();
  expect(agent.view().overlay.networks.map((network) => network.id)).toEqual(["blue"]);
  expect(clock.pending).toBeGreaterThan(2);

  on?.disconnected();
  await agent.close();
  transport.settle();
  diary.warn("broker-lost", "a warning after the end");
  expect(clock.pending).toBe(0);
});
