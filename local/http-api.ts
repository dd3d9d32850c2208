// The HTTP API in front of the api function, as API Gateway is in the cloud: one `$default` route, payload format 2.0.
// It adds /docs. As in the cloud, nobody is asked who he is here: the function does that.

import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { docsPage } from "./docs-page.ts";
import { gatewayEvent, gatewayResponse } from "./gateway-event.ts";
import { type LocalServer, readBody, sendJson, startServer } from "./http-server.ts";

export type HttpApiOptions = {
  port: number;
  /** Invokes the function behind the route. */
  invoke: (event: unknown) => Promise<unknown>;
  /** Called after a request that may have written. */
  wrote: () => void;
  nowMs: () => number;
  log: (line: string) => void;
};

/** Lambda takes events of at most 6 MB; API Gateway refuses what cannot be one. */
const BODY_LIMIT_BYTES = 6 * 1024 * 1024 - 64 * 1024;

export function startHttpApi(options: HttpApiOptions): Promise<LocalServer> {
  const settings = { what: "HTTP API", port: options.port, option: "--api-port", log: options.log };
  return startServer(settings, async (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] as string;
    const page = request.method === "GET" ? await docsPage(path) : undefined;
    if (page) {
      response.writeHead(page.status, page.headers);
      response.end(page.body);
      return;
    }
    await passOn(request, response, options);
  });
}

async function passOn(request: IncomingMessage, response: ServerResponse, options: HttpApiOptions): Promise<void> {
  const method = request.method ?? "GET";
  const body = await readBody(request, BODY_LIMIT_BYTES);
  if (!body) return sendJson(response, 413, { message: "Request Too Long" });
  const event = gatewayEvent({
    method,
    target: request.url ?? "/",
    headers: request.headers,
    body,
    sourceIp: request.socket.remoteAddress ?? "",
    requestId: randomUUID(),
    timeMs: options.nowMs(),
  });
  let answer: unknown;
  try {
    answer = await options.invoke(event);
  } catch (error) {
    options.log(`HTTP API: ${method} ${event.rawPath}: ${(error as Error).message}`);
    return sendJson(response, 500, { message: "Internal Server Error" });
  } finally {
    if (method !== "GET" && method !== "HEAD") options.wrote();
  }
  const result = gatewayResponse(answer);
  if (!result) {
    options.log(`HTTP API: ${method} ${event.rawPath}: the function's answer is no response`);
    return sendJson(response, 500, { message: "Internal Server Error" });
  }
  response.writeHead(result.status, result.headers);
  response.end(method === "HEAD" ? undefined : result.body);
}
