// AWS IoT's data plane, the one call that the functions make: Publish (POST /topics/{topic}?qos=0|1, the body is the
// payload). Loopback only, on any port. Retained messages are refused, since no function needs them.

import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AWS_IOT_LIMITS, type Broker, BrokerStopped } from "./broker.ts";
import { type LocalServer, readBody, sendJson, startServer } from "./http-server.ts";

export type DataPlaneOptions = { broker: Pick<Broker, "publish">; log: (line: string) => void };

export function startIotDataPlane({ broker, log }: DataPlaneOptions): Promise<LocalServer> {
  return startServer({ what: "IoT data plane", port: 0, option: "", log }, async (request, response) => {
    const url = new URL(request.url ?? "/", "http://local.invalid");
    const topic = readTopic(request.method, url.pathname);
    if (topic === undefined) return refuse(response, 404, "ResourceNotFoundException", "only Publish is here");
    await publish(request, response, { topic, query: url.searchParams, broker, log });
  });
}

type Publish = {
  topic: string;
  query: URLSearchParams;
  broker: DataPlaneOptions["broker"];
  log: (line: string) => void;
};

async function publish(request: IncomingMessage, response: ServerResponse, call: Publish): Promise<void> {
  const { topic, query, broker, log } = call;
  const qos = query.get("qos") ?? "0";
  if (qos !== "0" && qos !== "1") return refuse(response, 400, "InvalidRequestException", "qos must be 0 or 1");
  if (query.get("retain") === "true")
    return refuse(response, 400, "InvalidRequestException", "retain is not supported");
  if (topic === "" || /[#+\0]/.test(topic)) return refuse(response, 400, "InvalidRequestException", "not a topic");
  const payload = await readBody(request, AWS_IOT_LIMITS.payloadBytes);
  if (!payload) return refuse(response, 413, "InvalidRequestException", "the payload is larger than 128 KB");
  try {
    await broker.publish(topic, payload, qos === "1" ? 1 : 0);
  } catch (error) {
    if (!(error instanceof BrokerStopped)) log(`IoT data plane: ${topic}: ${(error as Error).message}`);
    return refuse(response, 503, "ServiceUnavailableException", (error as Error).message);
  }
  sendJson(response, 200, { message: "OK", traceId: randomUUID() });
}

function readTopic(method: string | undefined, path: string): string | undefined {
  if (method !== "POST" || !path.startsWith("/topics/")) return undefined;
  try {
    return decodeURIComponent(path.slice("/topics/".length));
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  sendJson(response, status, { message, traceId: randomUUID() }, { "x-amzn-errortype": type });
}
