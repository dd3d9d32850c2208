// An agent in a namespace with everything that guards ports, and a cloud that says what the test says: no broker, no BGP.

import { realClock as clock } from "../../edge-agent/real-clock.ts";
import { startAgent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import type { BrokerConnection } from "../../edge-agent/intent/mqtt.ts";
import { createDiary, type Diary } from "../../edge-agent/log.ts";
import { createNetlinkHostPorts } from "../../edge-agent/netlink/host-ports.ts";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import { createNftGuards } from "../../edge-agent/nftables/guards.ts";
import { type Report } from "../../shared/message/report.ts";
import type { Channel } from "../../shared/model/record.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import { FakeNetwork } from "../edge-agent/bgp/fake-network.ts";
import { createCloudModel } from "../edge-agent/intent/cloud-model.ts";
import type { Namespace } from "./namespace.ts";

export type GuardedHost = {
  readonly agent: Awaited<ReturnType<typeof startAgent>>;
  readonly diary: Diary;
  /** Commits records and delivers them. */
  tell(channel: Channel, changes: readonly { readonly key: string; readonly body: unknown }[]): void;
  /** The last report that was sent. */
  report(): Report | undefined;
  close(): Promise<void>;
};

/** Starts with the host's own record and one network, `blue`, VNI 100. */
export async function startGuardedHost(options: {
  readonly namespace: Namespace;
  readonly host: string;
  readonly vtep: IpAddress;
  readonly network: Readonly<Record<string, unknown>>;
  readonly records: readonly { readonly key: string; readonly body: unknown }[];
}): Promise<GuardedHost> {
  const { namespace, host, vtep } = options;
  const netns = namespace.name;
  const log = (text: string): void => console.warn(text);
  const diary = createDiary(clock.wallMs, () => undefined);
  let on: Parameters<BrokerConnection["listen"]>[0] | undefined;
  let last: Report | undefined;
  const agent = await startAgent({
    host,
    broker: {
      connected: true,
      publish: (lane, payload) => {
        if (lane === "report") last = JSON.parse(payload) as Report;
      },
      listen: (handlers) => {
        on = handlers;
      },
      close: () => Promise.resolve(),
    },
    kernel: await createNetlinkKernel({ netns, log }),
    portSecurity: {
      guards: await createNftGuards({ netns, log }),
      hostPorts: await createNetlinkHostPorts({ netns, log }),
    },
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
    speaker: (listener) =>
      createSpeaker({ transport: new FakeNetwork(vtep), clock, random: Math.random, staleMs: 1000 }, listener),
    clock,
    random: Math.random,
    diary,
    identity: { version: "test", startedAtMs: 0, kernel: "real" },
    compareEveryMs: 30_000,
  });
  const cloud = createCloudModel(host);
  const deliver = (message: unknown): void => on?.inbox(new TextEncoder().encode(JSON.stringify(message)));
  cloud.commit(`host:${host}`, [
    { key: "host", body: { site: "s1", vtep } },
    { key: "network/blue", body: {} },
  ]);
  const definition = { tenant: "acme", name: "blue", vni: 100, subnets: [], ...options.network };
  cloud.commit("net:blue", [{ key: "network", body: definition }, ...options.records]);
  on?.connected();
  for (const message of cloud.answer({ v: 1, have: [] })) deliver(message);
  return {
    agent,
    diary,
    tell: (channel, changes) => deliver(cloud.delta(cloud.commit(channel, changes))),
    report: () => last,
    close: () => agent.close(),
  };
}
