// Publisher over the data plane of AWS IoT Core: QoS 1, one request a message. The SDK retries what can be retried.

import { IoTDataPlaneClient, PublishCommand } from "@aws-sdk/client-iot-data-plane";
import { hostTopic } from "../../shared/message/topic.ts";
import { unlogged } from "../store/unlogged.ts";
import type { Publisher } from "./publisher.ts";

/** At this host name, or else where the environment leads the SDK. */
export function environmentIotPublisher(endpoint: string | undefined): Publisher {
  return iotPublisher(unlogged(new IoTDataPlaneClient(endpoint ? { endpoint } : {})));
}

function iotPublisher(client: IoTDataPlaneClient): Publisher {
  return {
    async publish(host, payload) {
      const topic = hostTopic(host, "inbox");
      await client.send(
        new PublishCommand({ topic, qos: 1, contentType: "application/json", payload: Buffer.from(payload) }),
      );
    },
  };
}
