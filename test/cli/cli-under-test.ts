// The command line against the API over the store in memory, with a world of the test's own: no terminal unless it says so,
// a clock that jumps instead of waiting, files in a map. Not a test by itself.

import { COMMANDS } from "../../cli/commands.ts";
import { run } from "../../cli/run.ts";
import type { HeldFile, World } from "../../cli/world.ts";
import { createMemoryStore } from "../fakes/store.ts";
import { createApiUnderTest } from "../functions/api/api-under-test.ts";

export type Ran = { exit: number; out: string; err: string };

export type Setting = {
  env?: Record<string, string>;
  files?: Record<string, string | HeldFile>;
  /** Standard output and error are a terminal. */
  terminal?: boolean;
  /** What the person at the terminal answers; none: nobody is there. */
  answers?: string[];
  /** Told of what is written. */
  onWrite?: (path: string, text: string) => unknown;
  fetch?: World["fetch"];
  program?: World["runProgram"];
};

/** A file that only its owner may read. */
export function ownFile(text: string, more: Partial<HeldFile> = {}): HeldFile {
  return { text, mode: 0o100600, isRegular: true, isOwn: true, ...more };
}

export function createCliUnderTest() {
  const api = createApiUnderTest(createMemoryStore());
  api.receipts.states.push("live");
  const requests: { method: string; path: string; headers: Headers; body: string }[] = [];
  const fetch = async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    const body = await request.clone().text();
    requests.push({ method: request.method, path: `${pathname}${search}`, headers: request.headers, body });
    return api.app.fetch(request);
  };
  let keys = 0;

  /** Runs one command line, given as words or as a line without quotes in it. */
  async function cli(line: string | readonly string[], setting: Setting = {}): Promise<Ran> {
    const words = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line;
    const text = { out: "", err: "" };
    const screen = (name: "out" | "err") => ({
      write: (words: string) => void (text[name] += words),
      isTerminal: setting.terminal ?? false,
      columns: 120,
    });
    const files = new Map(Object.entries(setting.files ?? {}));
    const answers = [...(setting.answers ?? [])];
    const world: World = {
      env: { HOME: "/home/op", ...setting.env },
      out: screen("out"),
      err: screen("err"),
      ask: setting.answers
        ? (question) => {
            text.err += question;
            return Promise.resolve(answers.shift() ?? "");
          }
        : undefined,
      fetch: setting.fetch ?? fetch,
      nowMs: () => api.clock.now(),
      sleep: (ms) => api.clock.sleep(ms),
      interrupted: new AbortController().signal,
      newKey: () => `key-${++keys}`,
      readFile: (path) => {
        const file = files.get(path);
        if (file === undefined) throw new Error(`the test has no file ${path}`);
        return Promise.resolve(typeof file === "string" ? file : file.text);
      },
      readHeld: (path) => {
        const file = files.get(path);
        return Promise.resolve(typeof file === "string" ? ownFile(file) : file);
      },
      writeHeld: (path, content) => {
        files.set(path, ownFile(content));
        setting.onWrite?.(path, content);
        return Promise.resolve();
      },
      runProgram: setting.program ?? (() => Promise.reject(new Error("no programs here"))),
    };
    return { exit: await run(words, COMMANDS, "1.2.3", world), ...text };
  }

  /** Runs lines that must all succeed, and gives their outputs. */
  async function all(...lines: string[]): Promise<string[]> {
    const outputs: string[] = [];
    for (const line of lines) {
      const { exit, out, err } = await cli(line);
      if (exit !== 0) throw new Error(`${line}: exit status ${exit}\n${out}${err}`);
      outputs.push(out);
    }
    return outputs;
  }

  return { api, cli, all, requests };
}

/** What most tests begin with. */
export const BASICS = [
  "create tenant acme --name Acme",
  "create site fra --name Frankfurt",
  "create host h1 --site fra --vtep 192.0.2.11",
  "create host h2 --site fra --vtep 192.0.2.12",
  "create network web --tenant acme --name Web --vni 100 --subnet 10.1.0.0/24",
  "create endpoint web/vm1 --host h1 --mac 02:00:5e:10:00:01 --ip 10.1.0.11 --port tap1",
];
