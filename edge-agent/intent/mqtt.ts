// The connection to the broker: MQTT 3.1.1 by mqtt.js, clean sessions, client id = host id, own topics only.
// Sessions are never trusted: whatever was missed comes by sync.

import mqtt from "mqtt";
import { hostTopic } from "../../shared/message/topic.ts";
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

const RECONNECT_MS = 1_000;
const KEEPALIVE_SEC = 15;

/** Starts connecting at once and for ever; `connected` means that the inbox is subscribed. */
export function connectBroker(options: BrokerOptions, log: Log): BrokerConnection {
  const inbox = hostTopic(options.host, "inbox");
  let subscribed = false;
  let lastError = "";
  let client: mqtt.MqttClient | undefined;
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
        reconnectPeriod: RECONNECT_MS,
        queueQoSZero: false,
        resubscribe: false,
      });
      const current = client;
      current.on("connect", () => {
        current.subscribe(inbox, { qos: 1 }, (error, grants) => {
          if (error || grants?.some((grant) => grant.qos > 2)) {
            log.warn("subscribe-refused", `${inbox}: ${error?.message ?? "the broker refused it"}`);
            return;
          }
          subscribed = true;
          lastError = "";
          log.info("broker-connected", options.url);
          on.connected();
        });
      });
      current.on("close", () => {
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
      subscribed = false;
      await client?.endAsync(true);
    },
  };
}
