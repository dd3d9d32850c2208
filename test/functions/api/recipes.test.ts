// The commands of docs/api.md, in their order, by a shell and curl, against the API over the store in memory.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { identifyAs, OPERATOR } from "../../fakes/principals.ts";
import { createMemoryStore } from "../../fakes/store.ts";
import { type ApiUnderTest, createApiUnderTest, type Json } from "./api-under-test.ts";

const page = readFileSync(fileURLToPath(new URL("../../../docs/api.md", import.meta.url)), "utf8");
const recipes = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block = ""]) => block.trim().split("\n"));

const TOKEN = "eyJ.recipes";
const AS = { authorization: `Bearer ${TOKEN}` };
let api: ApiUnderTest;
let server: Server;
let base: string;

beforeAll(async () => {
  api = createApiUnderTest(createMemoryStore(), undefined, {
    identify: async (headers) =>
      headers.get("authorization") === AS.authorization ? identifyAs(OPERATOR)(headers) : { kind: "nobody" },
  });
  api.receipts.states.push("live");
  server = createServer((request, response) => {
    const octets: Buffer[] = [];
    request.on("data", (chunk: Buffer) => octets.push(chunk));
    request.on("end", () => {
      const { method = "GET", url = "/", headers } = request;
      const body = octets.length > 0 ? { body: Buffer.concat(octets) } : {};
      const given = Object.entries(headers).flatMap(([name, value]) =>
        typeof value === "string" ? [[name, value] as [string, string]] : [],
      );
      void Promise.resolve(api.app.request(`${base}${url}`, { method, headers: given, ...body })).then(
        async (answer) => {
          response.writeHead(answer.status, Object.fromEntries(answer.headers));
          response.end(await answer.text());
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
});
afterAll(() => void server.close());

async function run(command: string): Promise<string> {
  const env = {
    ...process.env,
    API: base,
    T: `--oauth2-bearer ${TOKEN}`,
    J: "-H content-type:application/json",
    no_proxy: "127.0.0.1",
  };
  const { stdout } = await promisify(execFile)("sh", ["-c", command], { env });
  return stdout;
}

async function runAll(commands: readonly string[] | undefined): Promise<string[]> {
  const outputs: string[] = [];
  for (const command of commands ?? []) outputs.push(await run(command));
  return outputs;
}

const items = async (path: string) => (await api.get(path, AS)).body["items"] as Json[];

test("recipes of docs/api.md: each does what it says", { timeout: 60_000 }, async () => {
  expect(recipes).toHaveLength(8);
  const [network, many, router, wide, migrate, lag, evacuate, retire] = recipes;
  const first = await runAll(network);
  const versions = (outputs: string[]) => outputs.map((output) => /"version":\d+,.*"change":"\w+"/.exec(output)?.[0]);
  expect(first.at(-1)).toContain("neighbor 192.0.2.11 remote-as 65101");
  expect(versions(await runAll(network))).toEqual(versions(first));
  expect((await api.get("/v1/networks/web/endpoints/vm1", AS)).body).toMatchObject({ ips: ["10.1.0.2"], version: 1 });

  const imported = await runAll(many);
  expect(versions(await runAll(many))).toEqual(versions(imported));
  expect(await items("/v1/hosts/h1/endpoints")).toHaveLength(3);

  await runAll(router);
  expect((await api.get("/v1/networks/web", AS)).body).toMatchObject({ router: "core", vni: 20000 });

  const [, rolled] = await runAll(wide);
  expect(rolled).toContain('"state":"done"');
  expect((await api.get("/v1/hosts/h2", AS)).body).toMatchObject({ bgp: { peers: [{ holdTimeSec: 9 }] } });

  await runAll(migrate);
  expect((await api.get("/v1/networks/web/endpoints/vm1", AS)).body).toMatchObject({
    host: "h2",
    port: "tap9",
    mobility: 1,
  });

  const [convergence, fleet, events] = await runAll(lag);
  expect(convergence).toContain('"converged":true');
  expect(JSON.parse(fleet ?? "")).toMatchObject({ hosts: { total: 2, unreported: 2 } });
  expect(events).toMatch(/^retry: \d+\n\nid: 1-0\n/);

  await runAll(evacuate);
  expect((await api.get("/v1/hosts/h1", AS)).status).toBe(404);
  expect(await items("/v1/hosts/h3/endpoints")).toHaveLength(2);

  const [, , audit] = await runAll(retire);
  expect((await items("/v1/hosts")).map(({ id }) => id)).toEqual(["h3"]);
  expect(audit).toContain('"action":"delete"');
});
