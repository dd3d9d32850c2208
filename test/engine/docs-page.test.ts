// The API's documentation page in a real browser: it draws every operation of the document, with files of this machine
// only. Requests are read from Chromium's own net log, so that one that failed counts too.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { type LocalRuntime, startLocal } from "../../local/runtime.ts";

const CHROMIUM = "/usr/bin/chromium";
/** As few services of the browser's own as can be; what is left of them finds no name and reaches nothing. */
const QUIET = [
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-sync",
  "--disable-extensions",
  "--dns-prefetch-disable",
];

function requireChromium(): boolean {
  if (existsSync(CHROMIUM)) return true;
  const text = "the documentation page cannot be opened here: Chromium is not installed (apt-get install chromium)";
  if (process.env["CI"]) throw new Error(text);
  console.warn(`${text} (skipped)`);
  return false;
}

const openApi = z.object({ paths: z.record(z.string(), z.record(z.string(), z.object({ operationId: z.string() }))) });
const netLog = z.object({
  events: z.array(
    z.object({ params: z.object({ url: z.string().optional(), initiator: z.string().optional() }).optional() }),
  ),
});

describe.runIf(requireChromium())("documentation page", () => {
  let folder: string;
  let runtime: LocalRuntime;
  const log: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "overspan-docs-page-"));
    runtime = await startLocal({ apiPort: 0, brokerPort: 0, controlPort: 0, log: (line) => void log.push(line) });
  }, 120_000);

  afterAll(async () => {
    await runtime?.close();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  it("documentation page: opened in Chromium -> every operation is drawn, and nothing is asked of another machine", async () => {
    const netLogFile = join(folder, "net-log.json");
    const { stdout: dom } = await promisify(execFile)(
      CHROMIUM,
      [
        ...QUIET,
        `--user-data-dir=${join(folder, "profile")}`,
        `--log-net-log=${netLogFile}`,
        "--virtual-time-budget=20000",
        "--dump-dom",
        `${runtime.apiUrl}/docs`,
      ],
      { timeout: 50_000, maxBuffer: 64 * 1024 * 1024 },
    );
    const document = openApi.parse(await (await fetch(`${runtime.apiUrl}/openapi.json`)).json());
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations.length).toBeGreaterThan(20);
    const drawn = new Set(Array.from(dom.matchAll(/id="operations-[^"]+-([A-Za-z]+)"/g), (match) => match[1]));
    const tagged = operations.filter(({ operationId }) => drawn.has(operationId));
    expect(tagged).toEqual(operations);
    expect(dom).toContain("Overspan");
    expect(dom).not.toMatch(/Failed to load|Unable to render|Parser error/);

    // The initiator tells the page's own requests from those of the browser's services.
    const { events } = netLog.parse(JSON.parse(await readFile(netLogFile, "utf8")));
    const ours = new URL(runtime.apiUrl).origin;
    const asked = events.flatMap(({ params }) => (params?.initiator === ours && params.url ? [params.url] : []));
    expect(asked).toContain(`${ours}/openapi.json`);
    expect(asked).toContain(`${ours}/docs/swagger-ui-bundle.js`);
    expect(asked.filter((url) => !url.startsWith(`${ours}/`) && !url.startsWith("data:"))).toEqual([]);
  });
});
