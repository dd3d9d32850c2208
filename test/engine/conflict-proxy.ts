// A proxy in front of the local engine that raises what DynamoDB raises and the engine never does: TransactionConflict,
// when a write meets a transaction that is under way at the same item. Everything else goes through as it is.

import { createServer, request as httpRequest, type IncomingHttpHeaders, type ServerResponse } from "node:http";

export type ConflictProxy = {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** Writes that were refused so far. */
  conflicts(): number;
  close(): Promise<void>;
};

type WriteItem = { Key?: unknown; Item?: Record<string, unknown> };
type Transaction = { TransactItems: Partial<Record<"Put" | "Delete" | "Update" | "ConditionCheck", WriteItem>>[] };

/** Starts the proxy. A transaction counts as under way for `heldMs` longer than the engine takes. */
export async function startConflictProxy(engine: string, heldMs = 1): Promise<ConflictProxy> {
  const underWay = new Map<string, number>();
  let refused = 0;
  const hold = (keys: readonly string[], by: number) => {
    for (const key of keys) underWay.set(key, (underWay.get(key) ?? 0) + by);
  };

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      const operation = String(incoming.headers["x-amz-target"]).split(".")[1];
      const keys = operation === "TransactWriteItems" ? keysOf(JSON.parse(body.toString()) as Transaction) : [];
      if (keys.some((key) => (underWay.get(key) ?? 0) > 0)) {
        refused++;
        return conflict(response, keys, underWay);
      }
      const single = operation === "PutItem" || operation === "UpdateItem" || operation === "DeleteItem";
      const own = single ? keyText(JSON.parse(body.toString()) as WriteItem) : undefined;
      if (own !== undefined && (underWay.get(own) ?? 0) > 0) {
        refused++;
        return answer(response, "TransactionConflictException", {});
      }
      hold(keys, 1);
      pass(engine, { headers: incoming.headers, body }, response, () => {
        setTimeout(() => hold(keys, -1), heldMs);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    conflicts: () => refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function keysOf({ TransactItems }: Transaction): string[] {
  return TransactItems.flatMap((item) => Object.values(item).map((write) => keyText(write)));
}

function keyText({ Key, Item }: WriteItem): string {
  const { pk, sk } = (Key ?? Item) as Record<"pk" | "sk", unknown>;
  return JSON.stringify([pk, sk]);
}

function conflict(response: ServerResponse, keys: readonly string[], underWay: ReadonlyMap<string, number>): void {
  const CancellationReasons = keys.map((key) =>
    (underWay.get(key) ?? 0) > 0 ? { Code: "TransactionConflict", Message: "conflict" } : { Code: "None" },
  );
  answer(response, "TransactionCanceledException", { CancellationReasons });
}

function answer(response: ServerResponse, type: string, more: object): void {
  const body = { __type: `com.amazonaws.dynamodb.v20120810#${type}`, Message: `raised by the proxy: ${type}`, ...more };
  response.writeHead(400, { "content-type": "application/x-amz-json-1.0" });
  response.end(JSON.stringify(body));
}

function pass(
  engine: string,
  { headers, body }: { headers: IncomingHttpHeaders; body: Buffer },
  response: ServerResponse,
  done: () => void,
): void {
  const { host: _, ...rest } = headers;
  const outgoing = httpRequest(engine, { method: "POST", headers: rest }, (answered) => {
    response.writeHead(answered.statusCode ?? 500, answered.headers);
    answered.pipe(response);
    answered.on("end", done);
  });
  outgoing.on("error", () => {
    done();
    response.destroy();
  });
  outgoing.end(body);
}
