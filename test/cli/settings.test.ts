// Which API is asked and with what token; that a token stays where it belongs.

import { describe, expect, it } from "vitest";
import { createCliUnderTest, ownFile, type Setting } from "./cli-under-test.ts";

const CONFIG = "/home/op/.config/overspan/config.json";
const TOKEN = "eyJ-secret-token";
const PROD = JSON.stringify({
  current: "prod",
  contexts: {
    prod: { api: "https://prod.example/", tokenFile: "/run/token" },
    lab: { api: "https://lab.example", tokenCommand: ["vault", "token"] },
  },
});

async function asked(
  line: string,
  setting: Setting,
): Promise<{ url: string; token: string | null; err: string; exit: number }> {
  let url = "";
  let token: string | null = null;
  const fetch = (request: Request) => {
    url = request.url;
    token = request.headers.get("authorization");
    return Promise.resolve(Response.json({ items: [] }));
  };
  const { err, exit } = await createCliUnderTest().cli(line, { fetch, ...setting });
  return { url, token, err, exit };
}

describe("cli settings", () => {
  const files = { [CONFIG]: PROD, "/run/token": `${TOKEN}\n`, "/tmp/other": "other" };
  const program = (words: readonly string[]) => Promise.resolve(words.join("+"));

  it.each<[string, string, Setting, string, string | null]>([
    ["nothing is said", "get sites", {}, "http://127.0.0.1:8080", null],
    ["the current context", "get sites", { files }, "https://prod.example", `Bearer ${TOKEN}`],
    ["--context", "get sites --context lab", { files, program }, "https://lab.example", "Bearer vault+token"],
    [
      "OVERSPAN_CONTEXT",
      "get sites",
      { files, program, env: { OVERSPAN_CONTEXT: "lab" } },
      "https://lab.example",
      "Bearer vault+token",
    ],
    [
      "OVERSPAN_API: a context's token goes nowhere else",
      "get sites",
      { files, env: { OVERSPAN_API: "https://x.example" } },
      "https://x.example",
      null,
    ],
    [
      "--api over OVERSPAN_API",
      "get sites --api https://y.example",
      { env: { OVERSPAN_API: "https://x.example", OVERSPAN_TOKEN: "t" } },
      "https://y.example",
      "Bearer t",
    ],
    [
      "--token-file",
      "get sites --token-file /tmp/other",
      { files, env: { OVERSPAN_TOKEN: "t" } },
      "https://prod.example",
      "Bearer other",
    ],
    [
      "OVERSPAN_TOKEN_FILE",
      "get sites",
      { files, env: { OVERSPAN_TOKEN_FILE: "/tmp/other" } },
      "https://prod.example",
      "Bearer other",
    ],
  ])("settings: %s -> that API, that token", async (_, line, setting, api, token) => {
    const request = await asked(line, setting);
    expect(request.err).toBe("");
    expect(request.url.startsWith(`${api}/v1/sites`)).toBe(true);
    expect(request.token).toBe(token);
  });

  it.each<[string, string, Setting, RegExp]>([
    [
      "a config that others can read",
      "get sites",
      { files: { [CONFIG]: ownFile(PROD, { mode: 0o100644 }) } },
      /can be read by others \(mode 644\)\n.*chmod 600/,
    ],
    [
      "a config of somebody else",
      "get sites",
      { files: { [CONFIG]: ownFile(PROD, { isOwn: false }) } },
      /belongs to somebody else/,
    ],
    [
      "a token file that others can read",
      "get sites",
      { files: { ...files, "/run/token": ownFile(TOKEN, { mode: 0o100640 }) } },
      /\/run\/token can be read by others/,
    ],
    [
      "a token file that is not there",
      "get sites --token-file /none",
      {},
      /--token-file names a file that is not there/,
    ],
    [
      "a token of two words",
      "get sites",
      { env: { OVERSPAN_TOKEN: `${TOKEN} ${TOKEN}` } },
      /OVERSPAN_TOKEN holds no token/,
    ],
    [
      "a program that fails",
      "get sites --context lab",
      { files, program: () => Promise.reject(new Error(TOKEN)) },
      /tokenCommand failed: vault/,
    ],
    [
      "a token over plain HTTP",
      "get sites",
      { env: { OVERSPAN_API: "http://far.example", OVERSPAN_TOKEN: TOKEN } },
      /neither https nor on this machine/,
    ],
    ["an unknown context", "get sites --context nope", { files }, /no context nope.*\n.*prod, lab/],
    ["a config that is no JSON", "get sites", { files: { [CONFIG]: "{" } }, /is not JSON/],
    [
      "a config with a token in it",
      "get sites",
      { files: { [CONFIG]: JSON.stringify({ contexts: { a: { api: "https://a.example", token: TOKEN } } }) } },
      /contexts\.a must have api/,
    ],
    ["an address with a password", "get sites --api https://u:p@x.example", {}, /address must be such as/],
  ])(
    "settings: %s -> exit status 2, nothing is asked, and no token in the words",
    async (_, line, setting, message) => {
      const request = await asked(line, setting);
      expect(request).toMatchObject({ exit: 2, url: "" });
      expect(request.err).toMatch(message);
      expect(request.err).not.toContain(TOKEN);
    },
  );

  it("settings: OVERSPAN_ALLOW_HTTP -> a token over plain HTTP", async () => {
    const env = { OVERSPAN_API: "http://far.example", OVERSPAN_TOKEN: TOKEN, OVERSPAN_ALLOW_HTTP: "1" };
    expect((await asked("get sites", { env })).token).toBe(`Bearer ${TOKEN}`);
  });
});

describe("cli transport", () => {
  it("transport: 503, 429 and a broken connection -> again after a while, under the same key", async () => {
    const { cli, api } = createCliUnderTest();
    const keys: (string | null)[] = [];
    const faults = [
      new Response("", { status: 503 }),
      new Response("", { status: 429, headers: { "retry-after": "7" } }),
    ];
    const fetch = async (request: Request) => {
      keys.push(request.headers.get("idempotency-key"));
      const fault = faults.shift();
      if (fault) return fault;
      if (keys.length === 3)
        throw new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ECONNRESET" }) });
      return api.app.fetch(request);
    };
    expect(await cli("create site a --name A", { fetch })).toMatchObject({ exit: 0 });
    expect(keys).toEqual(["key-1", "key-1", "key-1", "key-1"]);
    expect(api.clock.slept).toEqual([200, 7000, 800]);
  });

  it("transport: never an answer -> exit status 7, the address, and not the token", async () => {
    const env = { OVERSPAN_API: "https://x.example", OVERSPAN_TOKEN: TOKEN };
    const fetch = () =>
      Promise.reject(new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }) }));
    const { exit, err } = await createCliUnderTest().cli("get sites", { env, fetch });
    expect(exit).toBe(7);
    expect(err).toMatch(
      /no answer from https:\/\/x\.example \(from OVERSPAN_API\): ECONNREFUSED\n {2}-> is it running/,
    );
    expect(err).not.toContain(TOKEN);
  });

  it.each([
    [401, 6],
    [403, 6],
    [500, 7],
    [502, 7],
  ])("transport: HTTP %i -> exit status %i", async (status, exit) => {
    const fetch = () =>
      Promise.resolve(Response.json({ type: "urn:overspan:problem:x", detail: "no", status }, { status }));
    expect(await createCliUnderTest().cli("get site a", { fetch })).toMatchObject({ exit });
  });
});

describe("cli config", () => {
  it("config: set-context and use-context -> a file for its owner alone, without any token", async () => {
    const written: string[] = [];
    const { cli } = createCliUnderTest();
    const files: Record<string, string> = {};
    const run = async (line: string | string[]) => {
      const ran = await cli(line, { files, onWrite: (path, text) => ((files[path] = text), written.push(path)) });
      expect(ran.exit, ran.err).toBe(0);
      return ran.out;
    };
    await run("config set-context lab --api https://lab.example/ --token-file /run/token");
    await run([
      "config",
      "set-context",
      "prod",
      "--api",
      "https://prod.example",
      "--token-command",
      "vault read token",
    ]);
    await run("config use-context lab");
    expect(written).toEqual([CONFIG, CONFIG, CONFIG]);
    expect(await run("config show")).toBe(
      [
        "CONTEXT  API                   TOKEN",
        "* lab    https://lab.example   /run/token",
        "  prod   https://prod.example  from vault",
        "",
      ].join("\n"),
    );
  });
});
