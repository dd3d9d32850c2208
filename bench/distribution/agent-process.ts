// The whole agent as a process of its own, as it is on a host: real kernel, real BGP, and one of two clouds. Either the real
// broker, or none: then its intent is one network, and what is declared on it comes by standard input, as the inbox would
// bring it.
//
// Argument: JSON of AgentOptions. Standard input: lines of JSON, lists of numbers of machines to declare here. Standard
// output: "ready" once it runs, with a cloud once it is in sync.

import { createInterface } from "node:readline";
import { startAgent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import { createTcpTransport } from "../../edge-agent/bgp/transport.ts";
import { httpSnapshots } from "../../edge-agent/intent/download.ts";
import { type BrokerConnection, connectBroker, type TlsIdentity } from "../../edge-agent/intent/mqtt.ts";
import { type ChannelReplica, fromSnapshot } from "../../edge-agent/intent/replica.ts";
import { createDiary } from "../../edge-agent/log.ts";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import { type Digest, digestAdd, digestSum, EMPTY_DIGEST, hashRecord } from "../../shared/message/digest.ts";
import { FIRST_VERSION } from "../../shared/message/version.ts";
import { type Channel, hostChannel, networkChannel } from "../../shared/model/record.ts";
import { realClock as clock } from "../../edge-agent/real-clock.ts";
import { ASN, macText, NETWORK, VNI } from "./numbers.ts";

export type AgentOptions = {
  readonly host: string;
  /** Its VTEP, which BGP listens at too. */
  readonly own: string;
  /** The namespace whose kernel it keeps; absent: the one that it runs in. */
  readonly netns?: string;
  /** The real broker; absent: no cloud. */
  readonly broker?: { readonly url: string; readonly identity: TlsIdentity };
  /** Only without a cloud, which says itself. `passive`: it waits for the other to connect. */
  readonly peers?: readonly { readonly address: string; readonly passive?: boolean }[];
};

const options = JSON.parse(process.argv[2] ?? "{}") as AgentOptions;
const diary = createDiary(clock.wallMs, (line) => {
  if (process.env["BENCH_LOG"]) process.stderr.write(`${options.host} ${line}\n`);
});
const script = options.broker ? undefined : scripted(options);
const agent = await startAgent({
  host: options.host,
  broker: options.broker
    ? connectBroker({ host: options.host, ...options.broker }, { log: diary, clock, random: Math.random })
    : (script as Scripted).connection,
  kernel: await createNetlinkKernel({
    ...(options.netns === undefined ? {} : { netns: options.netns }),
    log: (text) => diary.warn("netlink", text),
  }),
  replica: {
    load: () => Promise.resolve({ replicas: [...(script?.replicas ?? [])], setAside: [] }),
    save: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  },
  snapshots: httpSnapshots({ allowPlain: true, setTimer: clock.setTimer }),
  speaker: (listener) =>
    createSpeaker(
      {
        transport: createTcpTransport(),
        clock,
        random: Math.random,
        staleMs: 120_000,
        ...(options.broker ? {} : { listen: { port: 179, address: options.own as never } }),
      },
      listener,
    ),
  clock,
  random: Math.random,
  diary,
  identity: { version: "bench", startedAtMs: clock.wallMs(), kernel: "real" },
  compareEveryMs: 30_000,
});
while (options.broker && !agent.view().intent.inSync) await new Promise((resolve) => setTimeout(resolve, 20));
process.stdout.write("ready\n");
createInterface({ input: process.stdin })
  .on("line", (line) => script?.declare(JSON.parse(line) as number[]))
  .on("close", () => process.exit(0));

type Scripted = {
  readonly connection: BrokerConnection;
  readonly replicas: readonly ChannelReplica[];
  declare(numbers: readonly number[]): void;
};

/** No cloud: a host that carries one network, and an inbox that brings what is declared here. */
function scripted({ host, own, peers = [] }: AgentOptions): Scripted {
  const channel = networkChannel(NETWORK);
  const target = `${ASN}:${VNI}`;
  const bgp = { asn: ASN, peers: peers.map((peer) => ({ asn: ASN, ...peer })) };
  const definition = {
    tenant: "acme",
    name: "Web",
    vni: VNI,
    subnets: ["10.0.0.0/8"],
    routeTargets: { import: [target], export: [target] },
  };
  const replicas = [
    replica(hostChannel(host), { host: { site: "ams", vtep: own, bgp }, [`network/${NETWORK}`]: {} }),
    replica(channel, { network: definition, [`vtep/${host}`]: { site: "ams", address: own, asns: [ASN] } }),
  ];
  let { seq, digest } = replicas[1] as { seq: number; digest: Digest };
  let inbox: ((payload: Uint8Array) => void) | undefined;
  return {
    replicas,
    connection: {
      connected: false,
      publish: () => undefined,
      listen: (on) => void (inbox = (payload) => on.inbox(payload)),
      close: () => Promise.resolve(),
    },
    declare(numbers) {
      const changes = numbers.map((n) => ({
        key: `endpoint/e${n}`,
        version: 1,
        body: { host, mac: macText(n), ips: [], port: "tap1", mobility: 0 },
      }));
      digest = digestAdd(digest, digestSum(changes.map((change) => hashRecord(change))));
      const entry = { channel, seq: ++seq, prev: seq - 1, digest, forwarding: EMPTY_DIGEST, changes };
      inbox?.(Buffer.from(JSON.stringify({ v: FIRST_VERSION, host, kind: "delta", entries: [entry] })));
    },
  };
}

/** A channel at its first entry. */
function replica(channel: Channel, records: Readonly<Record<string, unknown>>): ChannelReplica {
  const changes = Object.entries(records).map(([key, body]) => ({ key, version: 1, body }));
  const digest = digestSum(changes.map((change) => hashRecord(change)));
  const made = fromSnapshot({ channel, seq: 1, digest, forwarding: EMPTY_DIGEST, records: changes });
  if (!made) throw new Error(`${channel}: the digest is not that of its records`);
  return made;
}
