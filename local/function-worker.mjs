// Runs one function's bundle in a worker thread, as Lambda's runtime does: loads the module once, then answers events.
// Plain JavaScript, since a worker starts without the loader that runs the rest as TypeScript.
// Events and answers cross as JSON text, as they do in Lambda: what JSON cannot carry must not work here either.

import { parentPort, workerData } from "node:worker_threads";

const { moduleUrl, exportName, functionName, memoryMb } = workerData;
const handler = (await import(moduleUrl))[exportName];
if (typeof handler !== "function") throw new TypeError(`${moduleUrl} exports no function ${exportName}`);

parentPort.on("message", async ({ id, event, deadlineAtMs }) => {
  const context = {
    functionName,
    awsRequestId: id,
    functionVersion: "$LATEST",
    memoryLimitInMB: String(memoryMb),
    getRemainingTimeInMillis: () => Math.max(0, deadlineAtMs - Date.now()),
  };
  try {
    const answer = await handler(JSON.parse(event), context);
    parentPort.postMessage({ id, answer: JSON.stringify(answer) ?? "null" });
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    parentPort.postMessage({ id, failure: { name, message, stack } });
  }
});
parentPort.postMessage({ ready: true });
