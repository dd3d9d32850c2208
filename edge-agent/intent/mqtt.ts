// The connection to the broker: MQTT 3.1.1 by mqtt.js over mutual TLS, clean sessions, client id = host id, own topics only.
// Sessions are never trusted: whatever was missed comes by sync. A fleet that lost its broker comes back spread in time.

import { isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import mqtt from "mqtt";
import { hostTopic } from "../../shared/message/topic.ts";
import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Connection } from "./session.ts";

/** What the host proves itself with, and whom the broker must be of; PEM. */
export type TlsIdentity = { readonly keyPem: string; readonly certificatePem: string; readonly caPem: string };

export type BrokerOptions = {
  readonly host: string;
  /** `mqtts://`. */
  readonly url: string;
  readonly identity: TlsIdentity;
};

export type BrokerConnection = Connection & {
  listen(on: { connected(): void; disconnected(): void; inbox(payload: Uint8Array): void }): void;
  close(): Promise<void>;
};

export type MqttConnection = BrokerConnection & {
  /** Connects anew, with this identity from now on. */
  use(identity: TlsIdentity): void;
};

type Handlers = Parameters<BrokerConnection["listen"]>[0];

/** AWS IoT takes 500 connects a second of an account: a thousand hosts that lost it at once need the first two seconds. */
const RECONNECT_MS = { least: 100, first: 2_000, most: 60_000 };
/** A connection that lasted so long was a good one: the next loss starts from the first delay again. */
const GOOD_AFTER_MS = 60_000;
const KEEPALIVE_SEC = 15;
/** IANA: secure-mqtt. */
const MQTTS_PORT = 8883;

/** How long to wait before the `attempt`-th try in a row, from 0: anything up to a ceiling that doubles (full jitter). */
export function reconnectDelayMs(attempt: number, random: Random): number {
  const { least, first, most } = RECONNECT_MS;
  return least + Math.floor(random() * Math.min(most, first * 2 ** attempt));
}

/** Starts connecting at once and for ever; `connected` means that the inbox is subscribed. */
export function connectBroker(
  options: BrokerOptions,
  { log, clock, random }: { log: Log; clock: Pick<Clock, "nowMs" | "setTimer">; random: Random },
): MqttConnection {
  const inbox = hostTopic(options.host, "inbox");
  let { identity } = options;
  let handlers: Handlers | undefined;
  let subscribed = false;
  let lastError = "";
  let client: mqtt.MqttClient | undefined;
  let attempt = 0;
  let connectedAtMs = Number.POSITIVE_INFINITY;
  let cancelReconnect: (() => void) | undefined;
  let closed = false;

  function reconnectLater(): void {
    if (closed || cancelReconnect) return;
    if (clock.nowMs() - connectedAtMs >= GOOD_AFTER_MS) attempt = 0;
    connectedAtMs = Number.POSITIVE_INFINITY;
    cancelReconnect = clock.setTimer(reconnectDelayMs(attempt++, random), () => {
      cancelReconnect = undefined;
      client?.reconnect();
    });
  }

  function lost(): void {
    if (!subscribed) return;
    subscribed = false;
    log.warn("broker-lost", options.url);
    handlers?.disconnected();
  }

  /** Not mqtt.js's own `connect`, which loads every transport that it has: web sockets and proxies are 10 MiB. */
  function openStream(current: mqtt.MqttClient) {
    const { hostname, port } = new URL(options.url);
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const { keyPem: key, certificatePem: cert, caPem: ca } = identity;
    const server = { host, port: Number(port || MQTTS_PORT), ...(isIP(host) === 0 && { servername: host }) };
    const socket = connectTls({ ...server, key, cert, ca, rejectUnauthorized: true });
    const refused = (error: Error): void => {
      current.emit("error", error);
      socket.end();
    };
    // Once it is up, the client hears of its errors itself.
    socket.on("error", refused);
    socket.once("secureConnect", () => socket.removeListener("error", refused));
    return socket;
  }

  function connect(): mqtt.MqttClient {
    const current = new mqtt.MqttClient(openStream, {
      clientId: options.host,
      clean: true,
      protocolVersion: 4,
      keepalive: KEEPALIVE_SEC,
      // Ours has jitter.
      reconnectPeriod: 0,
      queueQoSZero: false,
      // Else it makes a buffer of each of the 65,536 numbers that two octets can have.
      writeCache: false,
      resubscribe: false,
    });
    current.on("connect", () => {
      current.subscribe(inbox, { qos: 1 }, (error, grants) => {
        if (error || grants?.some((grant) => grant.qos > 2)) {
          log.warn("subscribe-refused", `${inbox}: ${error?.message ?? "the broker refused it"}`);
          current.end(true);
          return;
        }
        if (current !== client) return;
        subscribed = true;
        connectedAtMs = clock.nowMs();
        lastError = "";
        log.info("broker-connected", options.url);
        handlers?.connected();
      });
    });
    current.on("close", () => {
      if (current !== client) return;
      // With TLS 1.3 a broker that refuses our certificate only hangs up.
      if (!subscribed && !failed) fault("it hung up before it answered: is this host's certificate still good?");
      failed = false;
      reconnectLater();
      lost();
    });
    let failed = false;
    const fault = (reason: string) => {
      failed = true;
      // The same refusal comes back with every attempt; one line is enough.
      if (reason !== lastError) log.warn("broker-error", `${options.url}: ${reason}`);
      lastError = reason;
    };
    current.on("error", (error) => fault(error.message));
    current.on("message", (topic, payload) => {
      if (topic === inbox) handlers?.inbox(payload);
      else log.warn("inbox-malformed", `a message on ${topic}`);
    });
    return current;
  }

  return {
    get connected() {
      return subscribed;
    },
    publish(lane, payload) {
      client?.publish(hostTopic(options.host, lane), payload, { qos: 1 }, (error) => {
        if (error) log.warn("publish-failed", `${lane}: ${error.message}`);
      });
    },
    listen(on) {
      handlers = on;
      client = connect();
    },
    use(next) {
      identity = next;
      const before = client;
      if (!before || closed) return;
      cancelReconnect?.();
      cancelReconnect = undefined;
      lost();
      client = undefined;
      // One client id: the broker would end the old connection for the new one.
      before.end(true, () => {
        if (!closed) client = connect();
      });
    },
    async close() {
      closed = true;
      cancelReconnect?.();
      subscribed = false;
      await client?.endAsync(true);
    },
  };
}
