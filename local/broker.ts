// An MQTT 3.1.1 broker (aedes) over TCP that keeps AWS IoT's rules: who may connect, publish, subscribe and receive is
// decided by the template's IoT policy, with the host's id as the thing's name; user name = host id, password = its
// secret. A refused SUBSCRIBE is answered with 0x80, a refused PUBLISH ends the connection. AWS IoT's limits hold too:
// payloads of 128 KB, 100 publishes a second each way of a connection (the excess is dropped), no QoS 2.
// Not like AWS IoT: no TLS, and sessions do not outlive a stop.

import { createServer, type Server, type Socket } from "node:net";
import { Aedes, type Client } from "aedes";
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
  verify: (host: string, password: Uint8Array) => Promise<boolean>;
  limits?: Partial<BrokerLimits>;
  nowMs: () => number;
  log: (line: string) => void;
};

/** A message that a host published, after the policy allowed it. */
export type MessageHandler = (topic: string, payload: Uint8Array) => void;

export type Broker = {
  /** `mqtt://host:port`. */
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
const BAD_USER_NAME_OR_PASSWORD = 4;
const NOT_AUTHORIZED = 5;
/** AWS IoT takes client ids of up to 128 octets; MQTT 3.1's 23 are too few for a host id. */
const MAX_CLIENT_ID_LENGTH = 128;

type Running = { aedes: Aedes; server: Server; sockets: Set<Socket> };
type Session = { thing: string; inbound: RateLimit; outbound: RateLimit };
type Will = { topic: string; retain?: boolean; payload?: Uint8Array | string };

/** Makes a broker; `start()` starts it. */
export function mqttBroker(options: BrokerOptions): Broker {
  const limits = { ...AWS_IOT_LIMITS, ...options.limits };
  const handlers: { filter: string; handler: MessageHandler }[] = [];
  let running: Running | undefined;
  let port = options.port;

  const start = async (): Promise<void> => {
    if (running) return;
    const aedes = await Aedes.createBroker(accessRules(options, limits));
    for (const { filter, handler } of handlers) subscribe(aedes, filter, handler);
    aedes.on("clientError", (client, error) => options.log(`broker: ${client.id}: ${error.message}`));
    aedes.on("connectionError", (_client, error) => options.log(`broker: refused: ${error.message}`));
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      aedes.handle(socket);
    });
    try {
      port = await listen(server, options.host, port);
    } catch (error) {
      await new Promise<void>((resolve) => aedes.close(resolve));
      throw error;
    }
    running = { aedes, server, sockets };
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
    url: () => `mqtt://${options.host}:${port}`,
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
  const server = createServer();
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
function accessRules(options: BrokerOptions, limits: BrokerLimits): ConstructorParameters<typeof Aedes>[0] {
  const sessions = new WeakMap<Client, Session>();
  const wills = new WeakMap<Client, Will>();
  const may = (client: Client, action: PolicyAction, resource: string): boolean => {
    const session = sessions.get(client);
    return session !== undefined && options.policy.allows({ action, resource, thing: session.thing });
  };
  const mayPublish = (client: Client, packet: Will): boolean =>
    may(client, "iot:Publish", `topic/${packet.topic}`) &&
    (!packet.retain || may(client, "iot:RetainPublish", `topic/${packet.topic}`));

  /** Undefined, or why the connection is refused. */
  const refusal = async (client: Client, user: string | undefined, password: Uint8Array | undefined) => {
    if (!user || !password || !(await options.verify(user, password))) return BAD_USER_NAME_OR_PASSWORD;
    sessions.set(client, {
      thing: user,
      inbound: new RateLimit(limits.publishesPerSec, options.nowMs),
      outbound: new RateLimit(limits.publishesPerSec, options.nowMs),
    });
    if (!may(client, "iot:Connect", `client/${client.id}`)) return NOT_AUTHORIZED;
    // A will is a publish that the broker does later: refused now, while there is somebody to tell.
    const will = wills.get(client);
    return will && !mayPublish(client, will) ? NOT_AUTHORIZED : undefined;
  };

  return {
    maxClientsIdLength: MAX_CLIENT_ID_LENGTH,
    preConnect(client, packet, done) {
      if (packet.will) wills.set(client, packet.will);
      done(null, true);
    },
    authenticate(client, user, password, done) {
      refusal(client, user, password).then(
        (returnCode) => {
          if (returnCode === undefined) return done(null, true);
          done(Object.assign(new Error(`connection of ${client.id} refused`), { returnCode }), false);
        },
        (error: Error) => {
          options.log(`broker: cannot verify ${client.id}: ${error.message}`);
          done(Object.assign(error, { returnCode: 3 as const }), false);
        },
      );
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

/** aedes can refuse a publish (and close) or accept it, but not drop it: nobody may subscribe to this topic. */
const DROPPED_TOPIC = "$dropped";
