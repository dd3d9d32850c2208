// An agent that was closed leaves nothing behind that would act later: a process could not end, a test would hang.

import { expect, it } from "vitest";
import { settled, startInMemory, VTEP } from "./agent-in-memory.ts";
import { createCloudModel, endpointBody, networkBody, vtepBody } from "./intent/cloud-model.ts";

it("agent: closed while connected, in sync and with a peer -> no timer is left, and none comes of a late warning", async () => {
  const { agent, clock, diary, transport, broker, ...host } = await startInMemory({ connected: true });
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
  broker.connected();
  for (const message of cloud.answer({ v: 1, have: [] })) host.inbox(message);
  clock.advance(1_000, transport.settle);
  await settled();
  expect(agent.view().overlay.networks.map((network) => network.id)).toEqual(["blue"]);
  expect(clock.pending).toBeGreaterThan(2);

  broker.disconnected();
  await agent.close();
  transport.settle();
  diary.warn("broker-lost", "a warning after the end");
  expect(clock.pending).toBe(0);
});
