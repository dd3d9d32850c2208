// The cloud's side for the distribution benches: the local runtime with its real broker, store and functions, a tenant, a
// site and hosts with identities of their own.

import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Identity } from "../../edge-agent/identity/identity-files.ts";
import { identityOf } from "../../lab/join.ts";
import { type LocalRuntime, startLocal } from "../../local/runtime.ts";
import { macText, NETWORK, VNI } from "./numbers.ts";

/** Requests in flight while a bench is prepared. */
const IN_FLIGHT = 8;
/** Of one batch of the API, and such batches at once: each counts its endpoints on the same tenant. */
const BATCH = 100;
const BATCHES_AT_ONCE = 4;
const ASKED_AGAIN = 4;

export type BenchWorld = {
  readonly runtime: LocalRuntime;
  /** Of the store's engine. */
  readonly storeUrl: string;
  post(path: string, body: object): Promise<Record<string, unknown>>;
  /** An endpoint number `n` on a host; resolves with the time of its 201. */
  declare(n: number, host: string): Promise<number>;
  /** As many at once as a batch has; resolves with the time of the last 201. */
  declareAll(numbers: readonly number[], hostOf: (n: number) => string): Promise<number>;
  identity(host: string): Promise<Identity>;
  close(): Promise<void>;
};

/** Starts it with hosts and one network. */
export async function openBenchWorld(hosts: readonly { id: string; vtep: string }[]): Promise<BenchWorld> {
  const folder = await mkdtemp(join(tmpdir(), "overspan-bench-"));
  let storeUrl = "";
  const runtime = await startLocal({
    apiPort: 0,
    brokerPort: 0,
    controlPort: 0,
    storeBehind: (engineUrl) => {
      storeUrl = engineUrl;
      return Promise.resolve(engineUrl);
    },
    log: process.env["BENCH_LOG"] ? (line) => void process.stderr.write(`${line}\n`) : () => undefined,
  });
  const token = await runtime.token();
  const post: BenchWorld["post"] = async (path, body) => {
    const headers = {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      "idempotency-key": randomUUID(),
    };
    // A machine that is busy with eight batches may let one run out of its time: under its key it is taken up again.
    for (let left = ASKED_AGAIN; ; left--) {
      const init = { method: "POST", headers, body: JSON.stringify(body) };
      const answer = await fetch(`${runtime.apiUrl}/v1${path}`, init);
      const text = await answer.text();
      if (answer.ok) return JSON.parse(text) as Record<string, unknown>;
      if (answer.status < 500 || left === 0) throw new Error(`POST ${path}: ${answer.status} ${text}`);
    }
  };
  await post("/tenants", { id: "acme", name: "Acme" });
  await post("/sites", { id: "ams", name: "Amsterdam" });
  await eachOf(hosts, (host) => post("/hosts", { site: "ams", ...host }));
  const subnets = ["10.0.0.0/8"];
  await post("/networks", { id: NETWORK, tenant: "acme", name: "Web", vni: VNI, subnets });
  const endpoint = (n: number, host: string) => ({ id: `e${n}`, host, mac: macText(n), port: "tap1" });
  return {
    runtime,
    storeUrl,
    post,
    declare: async (n, host) => {
      await post(`/networks/${NETWORK}/endpoints`, endpoint(n, host));
      return performance.now();
    },
    declareAll: async (numbers, hostOf) => {
      const batches = Array.from({ length: Math.ceil(numbers.length / BATCH) }, (_, at) =>
        numbers.slice(at * BATCH, (at + 1) * BATCH),
      );
      const declareBatch = (batch: readonly number[]) =>
        post(`/networks/${NETWORK}/endpoints:batch`, {
          items: batch.map((n) => ({ op: "create", endpoint: endpoint(n, hostOf(n)) })),
        });
      await eachOf(batches, declareBatch, BATCHES_AT_ONCE);
      return performance.now();
    },
    identity: (host) => identityOf(runtime, host, join(folder, host)),
    close: async () => {
      await runtime.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Does it for each, a few at a time; in the order of the items. */
export async function eachOf<T, R>(
  items: readonly T[],
  act: (item: T) => Promise<R>,
  atOnce = IN_FLIGHT,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await act(items[at] as T);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

/** Looks until it is so. @throws Error after `withinMs` */
export async function until(what: string, is: () => boolean, withinMs = 60_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!is()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
