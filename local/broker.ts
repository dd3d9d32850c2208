// An MQTT 3.1.1 broker (aedes) over mutual TLS that keeps AWS IoT's rules: who may connect, publish, subscribe and receive
// is decided by the template's IoT policy, for the thing that the client's certificate is attached to. A refused SUBSCRIBE
// is answered with 0x80, a refused PUBLISH ends the connection, and so does what takes a certificate's rights away. AWS
// IoT's limits hold too: payloads of 128 KB, 100 publishes a second each way of a connection (the excess is dropped), no
// QoS 2. Not like AWS IoT: sessions do not outlive a stop.

import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { Aedes, type Client } from "aedes";
import { type CertificateId, idOf, type ServerCertificate } from "./certificate-authority.ts";
import type { Identities } from "./identities.ts";
import type { IotPolicy, PolicyAction } from "./iot-policy.ts";
import { RateLimit } from "./rate-limit.ts";
import { busyPort, StartFailure } from "./start-failure.ts";

export type BrokerLimits = {
  payloadBytes: number;
  /** For a connection and direction. */
  publishesPerSec: number;
};

/** AWS IoT Core's quotas. */
export const AWS_IOT_LIMITS: BrokerLimits = { payloadBytes: 128 * 1024, publishesPerSec: 100 };

export type BrokerOptions = {
  host: string;
  /** 0: any free port, kept over stop and start. */
  port: number;
  policy: IotPolicy;
  /** The policy's name, which a certificate must have attached. */
  policyName: string;
  identities: Pick<Identities, "thingOf" | "onChange">;
  /** Whom clients' certificates must be of, and the broker's own certificate. */
  tls: ServerCertificate & { caPem: string };
  limits?: Partial<BrokerLimits>;
  nowMs: () => number;
  log: (line: string) => void;
};

/** A message that a host published, after the policy allowed it. */
export type MessageHandler = (topic: string, payload: Uint8Array) => void;

export type Broker = {
  /** `mqtts://host:port`. */
  url: () => string;
  running: () => boolean;
  start: () => Promise<void>;
  /** Ends every connection; hosts find nobody until start(). */
  stop: () => Promise<void>;
  /** Publishes as the cloud, past the policy; rejects with BrokerStopped or, for a payload beyond the limit, RangeError. */
  publish: (topic: string, payload: Uint8Array, qos: 0 | 1) => Promise<void>;
  /** Sends what hosts publish to a handler; kept over stop and start. */
  onPublished: (filter: string, handler: MessageHandler) => void;
};

export class BrokerStopped extends Error {
  override readonly name = "BrokerStopped";
}

/** MQTT 3.1.1 table 3.1. */
const NOT_AUTHORIZED = 5 as const;
/** AWS IoT takes client ids of up to 128 octets; MQTT 3.1's 23 are too few for a host id. */
const MAX_CLIENT_ID_LENGTH = 128;

/** `clients`: those that are connected, by the certificate that they came with. */
type Running = { aedes: Aedes; server: Server; sockets: Set<Socket>; clients: Map<CertificateId, Set<Client>> };
type Session = { certificate: CertificateId; thing: string; inbound: RateLimit; outbound: RateLimit };
type Will = { topic: string; retain?: boolean; payload?: Uint8Array | string };

/** Makes a broker; `start()` starts it. */
export function mqttBroker(options: BrokerOptions): Broker {
  const limits = { ...AWS_IOT_LIMITS, ...options.limits };
  const handlers: { filter: string; handler: MessageHandler }[] = [];
  let running: Running | undefined;
  let port = options.port;
  options.identities.onChange((certificate) => {
    for (const client of running?.clients.get(certificate) ?? []) client.close();
  });

  const start = async (): Promise<void> => {
    if (running) return;
    const clients = new Map<CertificateId, Set<Client>>();
    const aedes = await Aedes.createBroker(accessRules(options, limits, clients));
    aedes.on("clientDisconnect", (client) => {
      for (const connected of clients.values()) connected.delete(client);
    });
    for (const { filter, handler } of handlers) subscribe(aedes, filter, handler);
    aedes.on("clientError", (client, error) => options.log(`broker: ${client.id}: ${error.message}`));
    aedes.on("connectionError", (_client, error) => options.log(`broker: refused: ${error.message}`));
    const sockets = new Set<Socket>();
    const { keyPem: key, certificatePem: cert, caPem: ca } = options.tls;
    const mutual = { key, cert, ca, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" as const };
    const server = createServer(mutual, (socket) => {
      socket.setNoDelay(true);
      aedes.handle(socket);
    });
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    server.on("tlsClientError", (error) => options.log(`broker: refused: ${error.message}`));
    try {
      port = await listen(server, options.host, port);
    } catch (error) {
      await new Promise<void>((resolve) => aedes.close(resolve));
      throw error;
    }
    running = { aedes, server, sockets, clients };
  };

  const stop = async (): Promise<void> => {
    const stopping = running;
    if (!stopping) return;
    running = undefined;
    const closed = new Promise<void>((resolve) => stopping.server.close(() => resolve()));
    await new Promise<void>((resolve) => stopping.aedes.close(resolve));
    // Also those that have not sent their CONNECT yet, which the broker does not know.
    for (const socket of stopping.sockets) socket.destroy();
    await closed;
  };

  return {
    url: () => `mqtts://${options.host}:${port}`,
    running: () => running !== undefined,
    start,
    stop,
    publish(topic, payload, qos) {
      if (payload.length > limits.payloadBytes) return Promise.reject(new RangeError("the payload is too large"));
      const { aedes } = running ?? {};
      if (!aedes) return Promise.reject(new BrokerStopped("the broker is stopped"));
      return new Promise((resolve, reject) => {
        const packet = {
          cmd: "publish",
          topic,
          payload: Buffer.from(payload),
          qos,
          retain: false,
          dup: false,
        } as const;
        aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      });
    },
    onPublished(filter, handler) {
      handlers.push({ filter, handler });
      if (running) subscribe(running.aedes, filter, handler);
    },
  };
}

function subscribe(aedes: Aedes, filter: string, handler: MessageHandler): void {
  aedes.subscribe(
    filter,
    (packet, done) => {
      handler(packet.topic, Buffer.from(packet.payload));
      done();
    },
    () => {},
  );
}

/** Fails as start() would if the port is taken, without waiting for what a broker needs first. */
export async function checkBrokerPort(host: string, port: number): Promise<void> {
  const server = createTcpServer();
  await listen(server, host, port);
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") return reject(busyPort("MQTT broker", host, port, "--broker-port"));
      if (error.code === "EADDRNOTAVAIL")
        return reject(
          new StartFailure(`${host} is no address of this machine: give one of \`ip addr\` to --broker-host.`),
        );
      if (error.code === "EACCES")
        return reject(
          new StartFailure(`This user may not listen on port ${port}: choose one from 1024 on with --broker-port.`),
        );
      reject(error);
    });
    server.listen(port, host, () => resolve((server.address() as { port: number }).port));
  });
}

/** aedes' hooks, each of which asks the policy. */
function accessRules(
  options: BrokerOptions,
  limits: BrokerLimits,
  clients: Map<CertificateId, Set<Client>>,
): ConstructorParameters<typeof Aedes>[0] {
  const sessions = new WeakMap<Client, Session>();
  const wills = new WeakMap<Client, Will>();
  const may = (client: Client, action: PolicyAction, resource: string): boolean => {
    const session = sessions.get(client);
    if (!session || options.identities.thingOf(session.certificate, options.policyName) !== session.thing) return false;
    return options.policy.allows({ action, resource, thing: session.thing });
  };
  const mayPublish = (client: Client, packet: Will): boolean =>
    may(client, "iot:Publish", `topic/${packet.topic}`) &&
    (!packet.retain || may(client, "iot:RetainPublish", `topic/${packet.topic}`));

  /** True if the connection may be; from then on it is the thing's. */
  const admit = (client: Client): boolean => {
    const certificate = certificateOf(client);
    const thing = certificate === undefined ? undefined : options.identities.thingOf(certificate, options.policyName);
    if (certificate === undefined || thing === undefined) return false;
    sessions.set(client, {
      certificate,
      thing,
      inbound: new RateLimit(limits.publishesPerSec, options.nowMs),
      outbound: new RateLimit(limits.publishesPerSec, options.nowMs),
    });
    // A will is a publish that the broker does later: refused now, while there is somebody to tell.
    const will = wills.get(client);
    if (!may(client, "iot:Connect", `client/${client.id}`) || (will && !mayPublish(client, will))) return false;
    const connected = clients.get(certificate) ?? new Set();
    clients.set(certificate, connected.add(client));
    return true;
  };

  return {
    maxClientsIdLength: MAX_CLIENT_ID_LENGTH,
    preConnect(client, packet, done) {
      if (packet.will) wills.set(client, packet.will);
      done(null, true);
    },
    authenticate(client, _user, _password, done) {
      if (admit(client)) return done(null, true);
      done(Object.assign(new Error(`connection of ${client.id} refused`), { returnCode: NOT_AUTHORIZED }), false);
    },
    authorizeSubscribe(client, subscription, done) {
      const allowed = may(client, "iot:Subscribe", `topicfilter/${subscription.topic}`);
      if (!allowed) options.log(`broker: ${client.id} may not subscribe to ${subscription.topic}`);
      // aedes answers null with 0x80.
      done(null, allowed ? subscription : null);
    },
    authorizePublish(client, packet, done) {
      // The broker's own messages have no client.
      if (!client) return done(null);
      if (!mayPublish(client, packet)) return done(new Error(`may not publish to ${packet.topic}`));
      if (packet.qos === 2) return done(new Error("QoS 2 is not supported"));
      if (packet.payload.length > limits.payloadBytes) return done(new Error("the payload is too large"));
      if (!sessions.get(client)?.inbound.take()) {
        options.log(`broker: ${client.id} publishes more than ${limits.publishesPerSec} a second, message dropped`);
        packet.topic = DROPPED_TOPIC;
      }
      done(null);
    },
    authorizeForward(client, packet) {
      if (!may(client, "iot:Receive", `topic/${packet.topic}`)) return null;
      if (sessions.get(client)?.outbound.take()) return packet;
      options.log(`broker: ${client.id} is sent more than ${limits.publishesPerSec} a second, message dropped`);
      return null;
    },
  };
}

/** The certificate that the client proved to have the key of; TLS has checked that our CA signed it. */
function certificateOf(client: Client): CertificateId | undefined {
  const { raw } = (client.conn as TLSSocket).getPeerCertificate();
  return raw ? idOf(raw) : undefined;
}

/** aedes can refuse a publish (and close) or accept it, but not drop it: nobody may subscribe to this topic. */
const DROPPED_TOPIC = "$dropped";
