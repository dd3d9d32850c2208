// `overspan-agent join`: trades a join token for the host's first certificate and writes the identity, and the config file
// if there is none. The key is made here and never leaves the host. The token is read from a file, since what is on a
// command line can be seen by every user of the machine.

import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { Slug } from "../../shared/model/fields.ts";
import { makeCertificateRequest } from "./certificate-request.ts";
import { identityFiles } from "./identity-files.ts";

export type JoinOptions = {
  /** Base URL of the API, https unless it is on this machine. */
  readonly api: string;
  readonly host: string;
  readonly tokenFile: string;
  readonly configFile: string;
  readonly stateDir: string;
};

const JoinAnswer = z.object({
  host: Slug,
  certificate: z.string(),
  ca: z.string(),
  brokerUrl: z.string().regex(/^mqtts:\/\//),
});

const TIMEOUT_MS = 30_000;
const LOOPBACK = /^(127\.0\.0\.1|\[::1\]|localhost)$/;

/** Joins; what was done, in lines for a person. @throws with what is wrong and what to do. */
export async function joinHost(options: JoinOptions): Promise<string[]> {
  const { api, host, configFile, stateDir } = options;
  if (!Slug.safeParse(host).success) throw new Error(`--host: ${host} is no host id`);
  const url = new URL("/v1/join", api);
  if (url.protocol !== "https:" && !LOOPBACK.test(url.hostname)) {
    throw new Error(`--api: ${api} is not https: the token would be seen on the way`);
  }
  const token = (await readFile(options.tokenFile, "utf8")).trim();
  const { keyPem, csrPem } = await makeCertificateRequest(host);
  const files = identityFiles(join(stateDir, "identity"));
  await files.keepRequestedKey(keyPem);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token, csr: csrPem }),
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new Error(`the API refused: ${refusal(response.status, body)}`);
  const answer = JoinAnswer.parse(body);
  if (answer.host !== host) throw new Error(`the token is for the host ${answer.host}, not ${host}`);
  const { notAfterMs } = await files.accept({ certificatePem: answer.certificate, caPem: answer.ca });
  const lines = [`${host} has a certificate until ${new Date(notAfterMs).toISOString()}`];
  if (await exists(configFile)) return [...lines, `${configFile} is there already and stays as it is`];
  await mkdir(dirname(configFile), { recursive: true });
  const config = { host, broker: { url: answer.brokerUrl }, stateDir };
  await writeFile(configFile, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return [...lines, `wrote ${configFile}`, `next: overspan-agent run --config ${configFile}`];
}

function refusal(status: number, body: unknown): string {
  const { detail } = (body ?? {}) as { detail?: unknown };
  return typeof detail === "string" ? `${status}: ${detail}` : `status ${status}`;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
