// What the three HTTP servers of the local runtime share: listening, reading a body within a limit, and refusing what a
// web page could do behind its visitor's back. They have no authentication and listen on loopback only, so a request
// with a foreign Host (DNS rebinding) or Origin (another site's script) is refused.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { busyPort } from "./start-failure.ts";

export const LOOPBACK = "127.0.0.1";

export type LocalServer = { url: string; close: () => Promise<void> };

export type ServerSettings = { what: string; port: number; option: string; log: (line: string) => void };

/** Listens on loopback; `port` 0 takes any. A handler that rejects is answered with status 500. */
export async function startServer(
  settings: ServerSettings,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<LocalServer> {
  const server = createServer((request, response) => {
    if (!isLocal(request)) {
      sendJson(response, 403, { message: "Forbidden: not a request of this machine" });
      return;
    }
    handle(request, response).catch((error: Error) => {
      settings.log(`${settings.what}: ${request.method} ${request.url}: ${error.message}`);
      if (!response.headersSent) sendJson(response, 500, { message: "Internal Server Error" });
      else response.destroy();
    });
  });
  const port = await listen(server, settings);
  return {
    url: `http://${LOOPBACK}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Reads the whole body; undefined if it is longer than `limitBytes`. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Read on without keeping it, so that the client reads the answer instead of a broken pipe.
    if (length <= limitBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  return length <= limitBytes ? Buffer.concat(chunks) : undefined;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(`${JSON.stringify(body)}\n`);
}

const LOCAL_NAME = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

function isLocal(request: IncomingMessage): boolean {
  if (!LOCAL_NAME.test(request.headers.host ?? "")) return false;
  const { origin } = request.headers;
  return origin === undefined || LOCAL_NAME.test(origin.replace(/^https?:\/\//, ""));
}

function listen(server: Server, { what, port, option }: ServerSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? busyPort(what, LOOPBACK, port, option) : error);
    });
    server.listen(port, LOOPBACK, () => resolve((server.address() as { port: number }).port));
  });
}
