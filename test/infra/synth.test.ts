// The whole synthesis with the real handlers, as `npm run synth` does it.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FUNCTION_NAMES } from "../../infra/bundle.ts";
import { type Synthesis, synthesize } from "../../infra/synth.ts";
import { readPlan } from "../../local/plan.ts";

let folder: string;
let synthesis: Synthesis;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "overspan-synth-test-"));
  synthesis = await synthesize({ outDir: join(folder, "cdk.out") });
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("synth", { timeout: 60_000 }, () => {
  it("synth: each asset is modules alone, less than 2 MB of them, without a source map", async () => {
    const plan = await readPlan(synthesis.templateFile, synthesis.assetManifestFile);
    expect(plan.functions).toHaveLength(FUNCTION_NAMES.length);
    for (const { module } of plan.functions) {
      const texts = await modulesOf(join(module, ".."));
      expect(Object.keys(texts)).toContain("lambda.mjs");
      for (const [name, text] of Object.entries(texts)) {
        expect(name).toMatch(/\.mjs$/);
        expect(text).not.toContain("sourceMappingURL");
      }
      expect(Buffer.byteLength(Object.values(texts).join(""))).toBeLessThan(2_000_000);
    }
  });

  it("synth: a cold start of the API -> reads neither what only hosts that join need, nor zod's other languages", async () => {
    const first = await readFile(join(synthesis.bundles.api, "lambda.mjs"), "utf8");
    const all = Object.values(await modulesOf(synthesis.bundles.api)).join("\n");
    for (const late of ["CreateCertificateFromCsrCommand", "EncryptCommand", "Pkcs10CertificateRequest"]) {
      expect(first.includes(late), late).toBe(false);
      expect(all.includes(late), late).toBe(true);
    }
    // "input" in zod's Hebrew, as esbuild writes it.
    expect(all).not.toContain("\\u05E7\\u05DC\\u05D8");
    expect(Buffer.byteLength(first)).toBeLessThan(700_000);
  });

  it("synth: every bundle -> loads on Node alone, outside the repository, and exports its handler", async () => {
    const kinds = FUNCTION_NAMES.map(async (name) => {
      const url = pathToFileURL(join(synthesis.bundles[name], "lambda.mjs")).href;
      const script = `console.log(typeof (await import(${JSON.stringify(url)})).handler)`;
      const env = {
        OVERSPAN_TABLE: "table",
        OVERSPAN_HOST_POLICY: "policy",
        OVERSPAN_SECRETS_KEY: "arn:aws:kms:us-east-1:000000000000:key/k",
        OVERSPAN_TOKEN_ISSUER: "https://issuer.example",
        OVERSPAN_TOKEN_AUDIENCE: "overspan",
        OVERSPAN_TOKEN_KEYS_URL: "https://issuer.example/keys",
        AWS_REGION: "us-east-1",
      };
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { env });
      return stdout.trim();
    });
    expect(await Promise.all(kinds)).toEqual(FUNCTION_NAMES.map(() => "function"));
  });

  it.each(FUNCTION_NAMES)("synth: what the role of %s grants -> exactly what its bundle can call", async (name) => {
    const bundle = Object.values(await modulesOf(synthesis.bundles[name])).join("\n");
    const granted = (await grantedActions(name)).filter((action) => !STREAM_READING.has(action));
    expect(granted).toEqual(callableActions(bundle));
  });

  it("synth: twice the same -> the same assets, so that nothing is deployed that did not change", async () => {
    const again = await synthesize({ outDir: join(folder, "again") });
    expect(await readFile(again.assetManifestFile, "utf8")).toBe(await readFile(synthesis.assetManifestFile, "utf8"));
  });

  it("synth: a missing handler -> an error that names it", async () => {
    const missing = synthesize({ outDir: join(folder, "none"), functionsDir: join(folder, "no-functions") });
    await expect(missing).rejects.toThrow(/no-functions\/\w+\/lambda\.ts/);
  });
});

/** The files of a bundle, by name. */
async function modulesOf(bundle: string): Promise<Record<string, string>> {
  const names = await readdir(bundle);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(bundle, name), "utf8")] as const)),
  );
}

/** What the event source mapping does on the function's behalf. */
const STREAM_READING: ReadonlySet<string> = new Set([
  "dynamodb:DescribeStream",
  "dynamodb:GetRecords",
  "dynamodb:GetShardIterator",
  "dynamodb:ListStreams",
]);

const ISSUING = [
  "AttachPolicy",
  "AttachThingPrincipal",
  "CreateCertificateFromCsr",
  "CreateThing",
  "DetachPolicy",
  "DetachThingPrincipal",
  "ListThingPrincipals",
  "UpdateCertificate",
];

/** The actions of the role on the table, on topics and on the key, from the template. */
async function grantedActions(name: string): Promise<string[]> {
  const template = JSON.parse(await readFile(synthesis.templateFile, "utf8")) as {
    Resources: Record<
      string,
      { Type: string; Properties: { PolicyDocument: { Statement: { Action: string | string[] }[] } } }
    >;
  };
  const role = new RegExp(`^${name}FunctionRoleDefaultPolicy`, "i");
  const policies = Object.entries(template.Resources).filter(
    ([id, { Type }]) => Type === "AWS::IAM::Policy" && role.test(id),
  );
  expect(policies).toHaveLength(1);
  return policies
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
    .flatMap(({ Action }) => Action)
    .filter((action) => /^(dynamodb|iot|kms):/.test(action))
    .sort();
}

/**
 * The actions that a bundle can need: esbuild leaves only the SDK's commands that the code reaches, with their names.
 * A transaction's items need the action of their kind, which is a property's name, and those are not shortened.
 */
function callableActions(bundle: string): string[] {
  const actions = new Set<string>();
  for (const [, command] of bundle.matchAll(/"((?:BatchGet|BatchWrite|Get|Put|Update|Delete)Item|Query|Scan)Command"/g))
    actions.add(`dynamodb:${command}`);
  if (bundle.includes('"TransactWriteItemsCommand"'))
    for (const [, kind] of bundle.matchAll(/\b(ConditionCheck|Put|Update|Delete):/g))
      actions.add(`dynamodb:${kind}Item`);
  if (bundle.includes('"PublishCommand"')) actions.add("iot:Publish");
  for (const name of ISSUING) if (bundle.includes(`"${name}Command"`)) actions.add(`iot:${name}`);
  for (const name of ["Encrypt", "Decrypt"]) if (bundle.includes(`"${name}Command"`)) actions.add(`kms:${name}`);
  return [...actions].sort();
}
