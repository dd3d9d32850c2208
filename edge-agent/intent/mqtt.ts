// The connection to the broker: MQTT 3.1.1 by mqtt.js, clean sessions, client id = host id, own topics only.
// Sessions are never trusted: whatever was missed comes by sync. A fleet that lost its broker comes back spread in time.

import mqtt from "mqtt";
import { hostTopic } from "../../shared/message/topic.ts";
import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Connection } from "./session.ts";

export type BrokerOptions = {
  readonly host: string;
  /** `mqtt://` or `mqtts://`. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
};

export type BrokerConnection = Connection & {
  listen(on: { connected(): void; disconnected(): void; inbox(payload: Uint8Array): void }): void;
  close(): Promise<void>;
};

/** AWS IoT takes 500 connects a second of an account: a thousand hosts that lost it at once need the first two seconds. */
const RECONNECT_MS = { least: 100, first: 2_000, most: 60_000 };
/** A connection that lasted so long was a good one: the next loss starts from the first delay again. */
const GOOD_AFTER_MS = 60_000;
const KEEPALIVE_SEC = 15;

/** How long to wait before the `attempt`-th try in a row, from 0: anything up to a ceiling that doubles (full jitter). */
export function reconnectDelayMs(attempt: number, random: Random): number {
  const { least, first, most } = RECONNECT_MS;
  return least + Math.floor(random() * Math.min(most, first * 2 ** attempt));
}

/** Starts connecting at once and for ever; `connected` means that the inbox is subscribed. */
export function connectBroker(
  options: BrokerOptions,
  { log, clock, random }: { log: Log; clock: Pick<Clock, "nowMs" | "setTimer">; random: Random },
): BrokerConnection {
  const inbox = hostTopic(options.host, "inbox");
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
      client = mqtt.connect(options.url, {
        clientId: options.host,
        username: options.username,
        password: options.password,
        clean: true,
        protocolVersion: 4,
        keepalive: KEEPALIVE_SEC,
        // Ours has jitter.
        reconnectPeriod: 0,
        queueQoSZero: false,
        resubscribe: false,
      });
      const current = client;
      current.on("connect", () => {
        current.subscribe(inbox, { qos: 1 }, (error, grants) => {
          if (error || grants?.some((grant) => grant.qos > 2)) {
            log.warn("subscribe-refused", `${inbox}: ${error?.message ?? "the broker refused it"}`);
            current.end(true);
            return;
          }
          subscribed = true;
          connectedAtMs = clock.nowMs();
          lastError = "";
          log.info("broker-connected", options.url);
          on.connected();
        });
      });
      current.on("close", () => {
        reconnectLater();
        if (!subscribed) return;
        subscribed = false;
        log.warn("broker-lost", options.url);
        on.disconnected();
      });
      current.on("error", (error) => {
        // The same refusal comes back with every attempt; one line is enough.
        if (error.message !== lastError) log.warn("broker-error", `${options.url}: ${error.message}`);
        lastError = error.message;
      });
      current.on("message", (topic, payload) => {
        if (topic === inbox) on.inbox(payload);
        else log.warn("inbox-malformed", `a message on ${topic}`);
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
