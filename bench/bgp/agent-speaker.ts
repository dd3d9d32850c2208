// The whole agent around a speaker under measurement: an intent of one network without endpoints, no broker, the real
// overlay, dataplane and netlink. What the fabric announces goes the way it goes on a host.

import type { Ipv4 } from "../../shared/address/ip.ts";
import { digestSum, hashRecord } from "../../shared/message/digest.ts";
import type { Channel } from "../../shared/model/record.ts";
import { startAgent } from "../../edge-agent/agent.ts";
import type { Speaker, SpeakerListener } from "../../edge-agent/bgp/speaker.ts";
import type { Clock } from "../../edge-agent/clock.ts";
import { type ChannelReplica, fromSnapshot } from "../../edge-agent/intent/replica.ts";
import { createDiary } from "../../edge-agent/log.ts";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import { ASN, TARGET, VNI } from "./feed.ts";

/** Starts the agent and returns its speaker, which `makeSpeaker` makes. */
export async function agentSpeaker(
  options: { readonly own: Ipv4; readonly peer: Ipv4; readonly clock: Clock },
  makeSpeaker: (listener: SpeakerListener) => Speaker,
): Promise<Speaker> {
  const { own, peer, clock } = options;
  const host = { site: "s", vtep: own, bgp: { asn: ASN, peers: [{ address: peer, asn: ASN }] } };
  const network = {
    tenant: "t",
    name: "n",
    vni: VNI,
    subnets: [],
    routeTargets: { import: [TARGET], export: [TARGET] },
  };
  const replicas = [
    replica("host:h", { host, "network/n": {} }),
    replica("net:n", { network, "vtep/h": { site: "s", address: own, asns: [ASN] } }),
  ];
  const diary = createDiary(clock.wallMs, (line) => {
    if (line.includes(" warn ")) process.stderr.write(`${line}\n`);
  });
  const made: Speaker[] = [];
  await startAgent({
    host: "h",
    broker: { connected: false, publish: () => undefined, listen: () => undefined, close: () => Promise.resolve() },
    kernel: await createNetlinkKernel({ log: (text) => process.stderr.write(`${text}\n`) }),
    replica: {
      load: () => Promise.resolve({ replicas, setAside: [] }),
      save: () => Promise.resolve(),
      remove: () => Promise.resolve(),
    },
    snapshots: {
      open: () => {
        throw new Error("nothing is offered here");
      },
    },
    speaker: (listener) => {
      const one = makeSpeaker(listener);
      made.push(one);
      return one;
    },
    clock,
    random: Math.random,
    diary,
    identity: { version: "bench", startedAtMs: clock.wallMs(), kernel: "" },
    compareEveryMs: 3_600_000,
  });
  const [one] = made;
  if (!one) throw new Error("the agent made no speaker");
  return one;
}

/** A channel at its first entry. */
function replica(channel: Channel, records: Readonly<Record<string, unknown>>): ChannelReplica {
  const changes = Object.entries(records).map(([key, body]) => ({ key, version: 1, body }));
  const digest = digestSum(changes.map((it) => hashRecord(it)));
  const made = fromSnapshot({ channel, seq: 1, digest, forwarding: digest, records: changes });
  if (!made) throw new Error(`${channel}: the digest is not that of its records`);
  return made;
}
