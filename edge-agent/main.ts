// The agent's process: the one place of its tree that makes real sockets, clocks and files.

import { release } from "node:os";
import { join } from "node:path";
import { type Agent, startAgent } from "./agent.ts";
import { createSpeaker, type Speaker } from "./bgp/speaker.ts";
import { createDiscovery } from "./bgp/transport-discovery.ts";
import { createTcpTransport } from "./bgp/transport.ts";
import { loadSocketCalls } from "./bgp/transport-socket.ts";
import { createBmpExporter } from "./bmp/exporter.ts";
import { type AgentConfig, readConfig } from "./config.ts";
import { makeCertificateRequest } from "./identity/certificate-request.ts";
import { withRenewal } from "./identity/connection.ts";
import { identityFiles } from "./identity/identity-files.ts";
import { startRenewal } from "./identity/renewal.ts";
import { httpSnapshots } from "./intent/download.ts";
import { type BrokerConnection, connectBroker } from "./intent/mqtt.ts";
import { openReplicaFiles } from "./intent/replica-files.ts";
import { answerLocal } from "./local/answer.ts";
import { groupId, loadPeerCredentials } from "./local/peer-credentials.ts";
import { serveSocket, type SocketAccess } from "./local/socket.ts";
import { createDiary, type Diary } from "./log.ts";
import { openRaisedSequences } from "./lane/raised-sequences.ts";
import { createNetlinkHostPorts } from "./netlink/host-ports.ts";
import { createNetlinkKernel } from "./netlink/kernel.ts";
import { openNetlinkRouters } from "./netlink/routers.ts";
import { openNetlinkRoutes } from "./netlink/routes.ts";
import { createNftGuards } from "./nftables/guards.ts";
import { realClock as clock } from "./real-clock.ts";
import { agentVersion } from "./version.ts";

/** Runs until SIGTERM or SIGINT; rejects with what is wrong if it cannot start. */
export async function runAgent(configPath: string): Promise<void> {
  const config = await readConfig(configPath, process.env["CREDENTIALS_DIRECTORY"]);
  const diary = createDiary(clock.wallMs, (line) => process.stderr.write(`${line}\n`));
  // The socket first: a second agent, started by mistake, ends here, before it takes the first one's place at the broker.
  let agent: Agent | undefined;
  const socket = await serveSocket(
    config.socket,
    (request) => (agent ? answerLocal(agent, request) : { error: "the agent is starting: ask again" }),
    await socketAccess(config, diary),
  );
  const replica = await openReplicaFiles(join(config.stateDir, "replica"));
  const calls = await loadSocketCalls().catch((cause: Error) => {
    diary.warn("bgp-no-socket-calls", `TCP MD5 and hop limits cannot be used: ${cause.message}`);
    return undefined;
  });
  const { listenPort } = config.bgp;
  const transport = createTcpTransport({ md5Keys: config.md5Keys, calls });
  let summary: Speaker["summary"] = () => [];
  const bmp =
    config.bmp &&
    createBmpExporter({
      collector: { address: config.bmp.host, port: config.bmp.port },
      sysName: config.host,
      sysDescr: `Overspan agent ${agentVersion()}, Linux ${release()}`,
      transport,
      clock,
      log: diary,
      summary: () => summary(),
    });
  const kernel = await createNetlinkKernel({ log: (text: string) => diary.warn("netlink", text) });
  const routers = await openNetlinkRouters({ log: (text: string) => diary.warn("netlink", text) });
  const routes = await openNetlinkRoutes({ log: (text: string) => diary.warn("netlink", text) });
  const started = await startAgent({
    host: config.host,
    broker: await openConnection(config, diary),
    kernel,
    routers,
    routes,
    portSecurity: {
      guards: await createNftGuards({ log: (text: string) => diary.warn("nftables", text) }),
      hostPorts: await createNetlinkHostPorts({ log: (text: string) => diary.warn("netlink", text) }),
    },
    replica,
    raised: openRaisedSequences(join(config.stateDir, "raised-sequences.json"), diary),
    snapshots: httpSnapshots({ allowPlain: config.allowPlainSnapshots, setTimer: clock.setTimer }),
    speaker: (listener, { preserved }) => {
      const speaker = createSpeaker(
        {
          transport,
          clock,
          random: Math.random,
          observer: bmp?.observer,
          staleMs: config.staleRoutesSec * 1000,
          restart: { timeSec: config.staleRoutesSec, preserved },
          hostName: config.host,
          discovery: calls && createDiscovery(calls, clock),
          ...(listenPort !== undefined && { listen: { port: listenPort } }),
        },
        listener,
      );
      summary = () => speaker.summary();
      return speaker;
    },
    clock,
    random: Math.random,
    diary,
    identity: { version: agentVersion(), startedAtMs: clock.wallMs(), kernel: release() },
    compareEveryMs: config.compareEverySec * 1000,
    fabricVteps: config.fabricVteps,
  });
  agent = started;
  diary.info("started", `host ${config.host}, broker ${config.broker.url}, socket ${config.socket}`);
  const stop = (signal: string) => {
    diary.info("stopping", `${signal}; the kernel keeps forwarding`);
    Promise.all([socket.close(), started.close().then(() => bmp?.close())]).then(
      () => process.exit(0),
      (error: unknown) => {
        diary.warn("stop-failed", (error as Error).message);
        process.exit(1);
      },
    );
  };
  // Keys are read again without a session being disturbed; everything else of the file is for the next start.
  process.on("SIGHUP", () => {
    readConfig(configPath, process.env["CREDENTIALS_DIRECTORY"]).then(
      ({ md5Keys }) => {
        transport.setMd5Keys(md5Keys);
        diary.info("md5-keys-read", `${md5Keys.size} of them; new connections use them`);
      },
      (error: unknown) => diary.warn("md5-keys-unread", (error as Error).message),
    );
  });
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

/** The connection to the broker, with the host's identity and its renewal. */
async function openConnection(config: AgentConfig, log: Diary): Promise<BrokerConnection> {
  const { host } = config;
  const files = identityFiles(join(config.stateDir, "identity"));
  const identity = await files.load();
  const connection = connectBroker({ host, url: config.broker.url, identity }, { log, clock, random: Math.random });
  const renewal = startRenewal({
    host,
    identity,
    files,
    makeRequest: makeCertificateRequest,
    publish: (payload) => connection.publish("certificate", payload),
    use: (next) => connection.use(next),
    clock,
    random: Math.random,
    log,
  });
  return withRenewal(connection, { host, renewal, log });
}

async function socketAccess({ socketGroup }: AgentConfig, diary: Diary): Promise<SocketAccess> {
  const peerOf = await loadPeerCredentials().catch((cause: Error) => {
    diary.warn("socket-no-credentials", `the socket is its owner's alone, by its mode: ${cause.message}`);
    return undefined;
  });
  const readers = socketGroup === undefined ? {} : { readers: await groupId(socketGroup) };
  return { peerOf, ownUid: process.geteuid?.() ?? 0, ...readers };
}
