// An agent on an empty kernel in memory, with a clock and a broker of the test's own, and a ToR that refuses every connection.

import { type Agent, type AgentPorts, startAgent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import { createMemoryKernel } from "../../edge-agent/dataplane/memory-kernel.ts";
import type { BrokerConnection } from "../../edge-agent/intent/mqtt.ts";
import { createDiary, type Diary } from "../../edge-agent/log.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import { FakeClock, FakeNetwork } from "./bgp/fake-network.ts";

export const VTEP = "192.0.2.1" as IpAddress;

/** Lets what was promised happen. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export type AgentInMemory = {
  readonly agent: Agent;
  readonly clock: FakeClock;
  readonly diary: Diary;
  readonly transport: FakeNetwork;
  /** What the broker tells the agent. */
  readonly broker: Parameters<BrokerConnection["listen"]>[0];
  /** Puts a message into the agent's inbox. */
  inbox(message: object): void;
};

/** Starts the agent of host h1. `replica`: its disk; by default nothing is there and nothing is kept. */
export async function startInMemory(options: {
  readonly connected: boolean;
  readonly replica?: AgentPorts["replica"];
}): Promise<AgentInMemory> {
  const clock = new FakeClock();
  const diary = createDiary(clock.wallMs, () => undefined);
  const transport = new FakeNetwork(VTEP);
  transport.peer = "refuses";
  let handlers: AgentInMemory["broker"] | undefined;
  const agent = await startAgent({
    host: "h1",
    broker: {
      connected: options.connected,
      publish: () => undefined,
      listen: (them) => void (handlers = them),
      close: () => Promise.resolve(),
    },
    kernel: createMemoryKernel({ vtep: VTEP }),
    replica: options.replica ?? {
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
  if (!handlers) throw new Error("the agent does not listen to its broker");
  const broker = handlers;
  const inbox = (message: object) => broker.inbox(new TextEncoder().encode(JSON.stringify(message)));
  return { agent, clock, diary, transport, broker, inbox };
}
