// A way to DynamoDB's local engine that can be throttled, as the engine itself never does: a share of the calls is answered
// as DynamoDB answers beyond a table's capacity, before or after they took effect.

import { createServer, request } from "node:http";

export type StoreProxy = {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** The share of calls that are refused from now on, 0 to 1. Half of those of writes were done all the same. */
  throttle(share: number): void;
  /** Calls that were refused so far. */
  refused(): number;
  close(): Promise<void>;
};

export async function startStoreProxy(engine: string, random: () => number = Math.random): Promise<StoreProxy> {
  let share = 0;
  let refused = 0;
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const refuses = random() < share;
      const refuse = () => {
        refused++;
        response.writeHead(400, { "content-type": "application/x-amz-json-1.0" });
        response.end(
          JSON.stringify({
            __type: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            message: "throttled by the test",
          }),
        );
      };
      if (refuses && random() < 0.5) return refuse();
      const { host: _, ...headers } = incoming.headers;
      const outgoing = request(engine, { method: "POST", headers }, (answered) => {
        if (refuses) {
          answered.resume();
          answered.on("end", refuse);
          return;
        }
        response.writeHead(answered.statusCode ?? 500, answered.headers);
        answered.pipe(response);
      });
      outgoing.on("error", () => response.destroy());
      outgoing.end(Buffer.concat(chunks));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    throttle: (next) => {
      share = next;
    },
    refused: () => refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
