// The API over a given store, with a clock that jumps instead of waiting, receipts that a test scripts, and a client
// that reads answers whole. Every request is an operator's unless a test says whose. Not a test by itself.

import { createTestIdentities } from "../../fakes/host-identities.ts";
import { identifyAs, OPERATOR } from "../../fakes/principals.ts";
import { createTestSecretBox } from "../../fakes/secret-box.ts";
import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { type ApiOptions, createApi } from "../../../functions/api/app.ts";
import type { Clock } from "../../../functions/api/execute.ts";
import type { FleetHost, HostStatus, HostStatuses } from "../../../functions/api/host-status.ts";
import type { Problem } from "../../../functions/api/problem.ts";
import type { Receipt, Receipts } from "../../../functions/api/receipts.ts";
import type { Store } from "../../../functions/store/store.ts";

export type Json = { [name: string]: unknown };
export type Answer = { status: number; headers: Headers; type: string; body: Json };

export type Log = { level: string; message: string; cause: unknown };

/** Time starts at the epoch of the examples, and passes only in `sleep`. */
export type TestClock = Clock & { slept: number[] };

export function createTestClock(): TestClock {
  let nowMs = Date.parse("2026-11-22T12:00:00.000Z");
  const slept: number[] = [];
  return {
    slept,
    now: () => nowMs,
    sleep: async (ms) => {
      slept.push(ms);
      nowMs += ms;
      await Promise.resolve();
    },
  };
}

export function createTestReceipts(): Receipts & { states: Receipt["state"][] } {
  const states: Receipt["state"][] = [];
  return {
    /** The state of each receipt to come; the last one stays. */
    states,
    receipt: ({ id, resource, at }) => {
      const state = (states.length > 1 ? states.shift() : states[0]) ?? "accepted";
      const hosts = { total: 1, live: state === "live" ? 1 : 0, waiting: [] };
      return Promise.resolve({ change: id, resource, at, state, published: [], hosts, summary: state });
    },
    convergence: (network) =>
      Promise.resolve({
        network,
        channel: `net:${network}` as const,
        seq: 1,
        converged: true,
        hosts: { total: 0, live: 0, waiting: [] },
        items: [],
        summary: "live on 0 of 0 hosts",
      }),
  };
}

/** What hosts reported, as a test scripts it: by host, and by network who carries it. */
export function createTestHosts() {
  const statuses: Record<string, HostStatus> = {};
  const carriers: Record<string, string[]> = {};
  const hosts: HostStatuses = {
    status: ({ id }) => Promise.resolve(statuses[id]),
    fleet: (all) => Promise.resolve(all.map((host) => testFleetHost(host, statuses[host.id]))),
    withoutVrf: (asked) => Promise.resolve(asked.filter((host) => statuses[host]?.capabilities?.["vrf"] === false)),
    members: (network) => Promise.resolve(carriers[network] ?? []),
  };
  return { ...hosts, statuses, carriers };
}

function testFleetHost({ id, site }: { id: string; site: string }, status: HostStatus | undefined): FleetHost {
  const { state = "unreported", channels = [], lastSeenAt } = status ?? {};
  const seen = lastSeenAt === undefined ? {} : { lastSeenAt };
  return { host: id, site, state, channels, ...seen, sessionsDown: [], conflicts: [], drift: [] };
}

export type ApiUnderTest = ReturnType<typeof createApiUnderTest>;

export function createApiUnderTest(
  store: Store,
  clock: TestClock = createTestClock(),
  more: Partial<Pick<ApiOptions, "identify" | "rate" | "events" | "identities" | "secrets">> = {},
) {
  const receipts = createTestReceipts();
  const hosts = createTestHosts();
  const identities = createTestIdentities();
  const logs: Log[] = [];
  const log = (entry: Log) => void logs.push(entry);
  const app = createApi({
    store,
    hosts,
    receipts,
    identities,
    secrets: createTestSecretBox(),
    clock,
    random: randomBytes,
    log,
    identify: identifyAs(OPERATOR),
    ...more,
  });

  async function send(
    method: string,
    path: string,
    init: { body?: string; type?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const headers = { ...init.headers, ...(init.type === undefined ? {} : { "content-type": init.type }) };
    const response = await app.request(path, {
      method,
      headers,
      ...(init.body === undefined ? {} : { body: init.body }),
    });
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    const body = text === "" ? {} : /json/.test(type) ? JSON.parse(text) : { text };
    return { status: response.status, headers: response.headers, type, body };
  }

  return {
    app,
    clock,
    receipts,
    hosts,
    logs,
    send,
    get: (path: string, headers?: Record<string, string>) => send("GET", path, headers ? { headers } : {}),
    delete: (path: string, headers?: Record<string, string>) => send("DELETE", path, headers ? { headers } : {}),
    post: (path: string, body: unknown, headers?: Record<string, string>) =>
      send("POST", path, { body: JSON.stringify(body), type: "application/json", ...(headers ? { headers } : {}) }),
    put: (path: string, body: unknown, headers?: Record<string, string>) =>
      send("PUT", path, { body: JSON.stringify(body), type: "application/json", ...(headers ? { headers } : {}) }),
    patch: (path: string, body: unknown, headers?: Record<string, string>) =>
      send("PATCH", path, {
        body: JSON.stringify(body),
        type: "application/merge-patch+json",
        ...(headers ? { headers } : {}),
      }),
  };
}

/** A tenant, two sites, two hosts, a network and an endpoint of it. */
export async function seed(api: ApiUnderTest): Promise<void> {
  await created(api.post("/v1/tenants", { id: "acme", name: "Acme" }));
  await created(api.post("/v1/sites", { id: "fra", name: "Frankfurt" }));
  await created(api.post("/v1/sites", { id: "ams", name: "Amsterdam" }));
  await created(api.post("/v1/hosts", { id: "h1", site: "fra", vtep: "192.0.2.1" }));
  await created(api.post("/v1/hosts", { id: "h2", site: "ams", vtep: "192.0.2.2" }));
  const subnets = ["10.0.0.0/24", "2001:db8::/64"];
  await created(api.post("/v1/networks", { id: "web", tenant: "acme", name: "Web", vni: 100, subnets }));
  await created(
    api.post("/v1/networks/web/endpoints", {
      id: "vm1",
      host: "h1",
      mac: "02:00:00:00:00:01",
      ips: ["10.0.0.11", "2001:db8::11"],
      port: "tap1",
    }),
  );
}

/** A dump without what a refusal leaves in the audit. */
export function withoutRefusals(dump: string): string {
  const items = JSON.parse(dump) as Record<string, { type?: string }>;
  return JSON.stringify(Object.entries(items).filter(([, { type }]) => type !== "refused" && type !== "trail"));
}

/** The body of a 201. */
export async function created(answer: Promise<Answer>): Promise<Json> {
  const { status, body } = await answer;
  expect(body).not.toHaveProperty("reason");
  expect(status).toBe(201);
  return body;
}

/** The problem, after a look at what all problems must have. */
export function expectProblem({ status, type, body }: Answer, expected: number): Problem {
  expect(body).toHaveProperty("reason");
  expect(status).toBe(expected);
  expect(type).toMatch(/^application\/problem\+json/);
  const problem = body as unknown as Problem;
  expect(problem.status).toBe(expected);
  expect(problem.type).toMatch(/^urn:overspan:problem:[a-z-]+$/);
  for (const text of [problem.title, problem.detail, problem.reason]) expect(text).toMatch(/\S/);
  return problem;
}
