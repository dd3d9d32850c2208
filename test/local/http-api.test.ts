import { request } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startHttpApi } from "../../local/http-api.ts";
import type { LocalServer } from "../../local/http-server.ts";

let server: LocalServer;
let answer: (event: Record<string, unknown>) => unknown;
let writes = 0;
const log: string[] = [];

beforeAll(async () => {
  server = await startHttpApi({
    port: 0,
    invoke: async (event) => answer(event as Record<string, unknown>),
    wrote: () => writes++,
    nowMs: () => 0,
    log: (line) => log.push(line),
  });
});
beforeEach(() => {
  writes = 0;
  log.length = 0;
});
afterAll(() => server.close());

describe("HTTP API", () => {
  it("HTTP API: the function's status, headers and body; a write is told to the pump, a read is not", async () => {
    answer = ({ body }) => ({ statusCode: 201, headers: { location: "/v1/x" }, body: String(body).toUpperCase() });
    const response = await fetch(`${server.url}/v1/x`, { method: "POST", body: "abc" });
    expect([response.status, response.headers.get("location"), await response.text()]).toEqual([201, "/v1/x", "ABC"]);
    expect(writes).toBe(1);
    await fetch(`${server.url}/v1/x`);
    expect(writes).toBe(1);
  });

  it("HTTP API: the function fails -> 500 without its words, which are in the log; it may have written", async () => {
    answer = () => {
      throw new Error("secret detail");
    };
    const response = await fetch(`${server.url}/v1/x`, { method: "POST" });
    expect([response.status, await response.json()]).toEqual([500, { message: "Internal Server Error" }]);
    expect(log).toEqual(["HTTP API: POST /v1/x: secret detail"]);
    expect(writes).toBe(1);
  });

  it("HTTP API: an answer that is no response -> 500", async () => {
    answer = () => ({ statusCode: "many" });
    expect((await fetch(`${server.url}/v1/x`)).status).toBe(500);
  });

  it("HTTP API: more than Lambda takes -> 413, and the function is not invoked", async () => {
    answer = () => expect.unreachable();
    const response = await fetch(`${server.url}/v1/x`, { method: "POST", body: Buffer.alloc(6 * 1024 * 1024) });
    expect(response.status).toBe(413);
  });

  it("HTTP API: HEAD -> headers without a body", async () => {
    answer = () => ({ statusCode: 200, body: "abc" });
    expect(await (await fetch(`${server.url}/v1/x`, { method: "HEAD" })).text()).toBe("");
  });

  it.each([
    ["evil.example", 403],
    ["127.0.0.1.evil.example", 403],
    ["localhost:8080", 200],
    ["[::1]:8080", 200],
  ])("HTTP API: Host %s -> %i (DNS rebinding)", async (host, status) => {
    answer = () => ({ statusCode: 200 });
    const { hostname, port } = new URL(server.url);
    const got = await new Promise((resolve, reject) => {
      request({ hostname, port, path: "/v1/x", headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(got).toBe(status);
  });

  it("HTTP API: an unknown file of the documentation page -> the function's to answer", async () => {
    answer = ({ rawPath }) => ({ statusCode: 404, body: String(rawPath) });
    expect(await (await fetch(`${server.url}/docs/../../package.json`)).text()).toBe("/package.json");
    expect((await fetch(`${server.url}/docs/swagger-ui.js.map`)).status).toBe(404);
  });
});
