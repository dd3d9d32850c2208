import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalFunctions, localFunctions } from "../../local/functions.ts";

const BUNDLE = `
let calls = 0;
export const handler = async (event, context) => {
  calls += 1;
  switch (event.do) {
    case "echo": return { event, calls, name: context.functionName };
    case "env": return process.env;
    case "throw": throw new RangeError("too far");
    case "hang": return new Promise(() => {});
    case "spin": for (;;);
    case "die": process.exit(3);
    case "crash": setTimeout(() => { throw new Error("later"); }, 0); return new Promise(() => {});
    case "nothing": return undefined;
    case "remaining": return context.getRemainingTimeInMillis();
    case "fail-twice": if (calls < 3) throw new Error("not yet"); console.log("call " + calls); return null;
  }
};
`;

let folder: string;
let functions: LocalFunctions;
const log: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "overspan-functions-test-"));
  const module = join(folder, "lambda.mjs");
  await writeFile(module, BUNDLE);
  await writeFile(join(folder, "empty.mjs"), "export const other = 1;");
  const plan = {
    arn: "",
    exportName: "handler",
    timeoutMs: 1500,
    memoryMb: 128,
    environment: { OVERSPAN_TABLE: "t" },
    asyncRetries: 2,
    atOnce: undefined,
  };
  functions = localFunctions({
    functions: [
      { ...plan, name: "F", module },
      { ...plan, name: "Async", module },
      { ...plan, name: "Empty", module: join(folder, "empty.mjs") },
    ],
    dynamodbUrl: "http://127.0.0.1:1",
    iotDataPlaneUrl: "http://127.0.0.1:2",
    iotUrl: "http://127.0.0.1:4",
    kmsUrl: "http://127.0.0.1:6",
    broker: { url: "mqtts://127.0.0.1:5", caPem: "CA" },
    tokens: { issuer: "http://127.0.0.1:1", audience: "test", keysUrl: "http://127.0.0.1:1/keys" },
    s3Url: "http://127.0.0.1:3",
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    log: (line) => log.push(line),
  });
});

afterAll(async () => {
  await functions.close();
  await rm(folder, { recursive: true, force: true });
});

describe("functions", { timeout: 30_000 }, () => {
  it("functions: concurrent invocations -> each its answer, from one environment", async () => {
    const answers = await Promise.all([1, 2, 3].map((n) => functions.invoke("F", { do: "echo", n })));
    expect(answers.map((answer) => (answer as { event: { n: number } }).event.n)).toEqual([1, 2, 3]);
    expect(answers[2]).toMatchObject({ calls: 3, name: "F" });
  });

  it("functions: environment -> the template's, the SDK's endpoints, nothing of this process", async () => {
    const environment = (await functions.invoke("F", { do: "env" })) as Record<string, string>;
    expect(environment).toMatchObject({
      OVERSPAN_TABLE: "t",
      AWS_ENDPOINT_URL_DYNAMODB: "http://127.0.0.1:1",
      AWS_ENDPOINT_URL_IOT_DATA_PLANE: "http://127.0.0.1:2",
      AWS_REGION: "us-east-1",
    });
    expect(environment.PATH).toBeUndefined();
  });

  it("functions: undefined -> null, as JSON has it; the time that remains", async () => {
    expect(await functions.invoke("F", { do: "nothing" })).toBeNull();
    expect(await functions.invoke("F", { do: "remaining" })).toBeGreaterThan(500);
  });

  it("functions: the handler throws -> rejected with its name and message", async () => {
    await expect(functions.invoke("F", { do: "throw" })).rejects.toThrow("RangeError: too far");
  });

  it.each(["hang", "spin"])(
    "functions: %s -> timed out, and the next invocation has a fresh environment",
    async (how) => {
      await expect(functions.invoke("F", { do: how })).rejects.toThrow("f timed out after 1.5 s");
      expect(await functions.invoke("F", { do: "echo" })).toMatchObject({ calls: 1 });
    },
  );

  it.each(["die", "crash"])(
    "functions: %s -> every invocation under way is rejected, the next is served",
    async (how) => {
      const bystander = expect(functions.invoke("F", { do: "hang" })).rejects.toThrow(/f ended/);
      await expect(functions.invoke("F", { do: how })).rejects.toThrow(/f ended/);
      await bystander;
      expect(await functions.invoke("F", { do: "echo" })).toMatchObject({ calls: 1 });
    },
  );

  it("functions: a bundle without the handler -> rejected with the reason", async () => {
    await expect(functions.invoke("Empty", {})).rejects.toThrow(/exports no function handler/);
  });

  it("functions: an asynchronous invocation that fails twice -> tried again, and idle() waits for it", async () => {
    functions.invokeAsync("Async", { do: "fail-twice" });
    await functions.idle();
    expect(log.filter((line) => line === "async: Error: not yet, trying again")).toHaveLength(2);
    await expect.poll(() => log).toContain("async: call 3");
  });

  it("functions: more events than ten wait to be tried again -> no warning of a leak", async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error) => void warnings.push(warning);
    process.on("warning", hear);
    for (let event = 0; event < 12; event++) functions.invokeAsync("F", { do: "throw" });
    await functions.idle();
    process.off("warning", hear);
    expect(warnings.filter(({ name }) => name === "MaxListenersExceededWarning")).toEqual([]);
  });
});
