// Secrets at rest: the adapter to KMS over the local stand-in for KMS, and the fake of the API's tests, by one contract.

import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KMSClient } from "@aws-sdk/client-kms";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kmsSecretBox } from "../../functions/secrets/kms-secret-box.ts";
import { type SecretBox, SecretBoxUnavailableError } from "../../functions/secrets/secret-box.ts";
import { openDataFolder } from "../../local/data-folder.ts";
import { type LocalServer, sendJson, startServer } from "../../local/http-server.ts";
import { startKms } from "../../local/kms.ts";
import { secretBoxContract } from "../contract/secret-box.ts";
import { createTestSecretBox } from "../fakes/secret-box.ts";

const KEY = "arn:local:one:Arn";
const OTHER_KEY = "arn:local:other:Arn";
const PURPOSE = { use: "x" };

let dir: string;
let kms: LocalServer;
let box: SecretBox;
const log: string[] = [];
const say = (line: string) => void log.push(line);

const boxAt = ({ url }: Pick<LocalServer, "url">, key = KEY) => {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  return kmsSecretBox(new KMSClient({ endpoint: url, region: "us-east-1", credentials, maxAttempts: 1 }), key);
};
const start = async (folder: string) => {
  const { secrets, close } = await openDataFolder(folder);
  await close();
  return await startKms({ store: secrets, keys: [{ arn: KEY }, { arn: OTHER_KEY }], log: say });
};
/** A KMS that answers everything alike. */
const answering = (status: number, type: string) =>
  startServer({ what: "KMS", port: 0, option: "", log: say }, async (_, response) =>
    sendJson(response, status, { __type: type, message: type }, { "content-type": "application/x-amz-json-1.1" }),
  );

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "overspan-kms-"));
  kms = await start(join(dir, "one"));
  box = boxAt(kms);
});
afterAll(async () => {
  await kms.close();
  await rm(dir, { recursive: true, force: true });
});

secretBoxContract("AWS KMS, the local one", () => box);
const fake = createTestSecretBox();
secretBoxContract("the fake", () => fake);

describe("local KMS", () => {
  it("KMS: the key -> 256 bits in a file of its owner alone; over a restart what was sealed opens", async () => {
    const file = join(dir, "one", "secrets", "kms-key");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(Buffer.from(await readFile(file, "utf8"), "base64")).toHaveLength(32);
    const sealed = await box.seal("secret", PURPOSE);
    const again = await start(join(dir, "one"));
    expect(await boxAt(again).open(sealed, PURPOSE)).toBe("secret");
    await again.close();
  });

  it("KMS: another key, by its name or its octets -> does not open", async () => {
    const sealed = await box.seal("secret", PURPOSE);
    expect(await boxAt(kms, OTHER_KEY).open(sealed, PURPOSE)).toBeUndefined();
    const other = await start(join(dir, "other"));
    expect(await boxAt(other).open(sealed, PURPOSE)).toBeUndefined();
    await other.close();
  });

  it("KMS: a key that the template does not have -> refused, and not as a secret that does not open", async () => {
    const stranger = boxAt(kms, "arn:local:nobodys:Arn");
    const refusal = { name: "NotFoundException" };
    await expect(stranger.seal("secret", PURPOSE)).rejects.toMatchObject(refusal);
    await expect(stranger.open("AAAA", PURPOSE)).rejects.toMatchObject(refusal);
  });

  it("KMS: a damaged key file -> no start, and the file stays as it is", async () => {
    const file = join(dir, "one", "secrets", "kms-key");
    const good = await readFile(file, "utf8");
    await writeFile(file, "AAAA");
    await expect(start(join(dir, "one"))).rejects.toMatchObject({ name: "StartFailure" });
    expect(await readFile(file, "utf8")).toBe("AAAA");
    await writeFile(file, good);
  });

  it("KMS: junk and unknown calls -> an error of the service's form, and nothing in the log", async () => {
    for (const [body, target] of [
      ["{", "TrentService.Encrypt"],
      ["[]", "TrentService.Decrypt"],
      ["null", "TrentService.Decrypt"],
      [`{"KeyId":"${KEY}","CiphertextBlob":7}`, "TrentService.Decrypt"],
      [`{"KeyId":"${KEY}","Plaintext":"c2VjcmV0","EncryptionContext":{"a":1}}`, "TrentService.Encrypt"],
      ["{}", "TrentService.ScheduleKeyDeletion"],
    ] as const) {
      const answer = await fetch(kms.url, { method: "POST", body, headers: { "x-amz-target": target } });
      const error = { __type: expect.any(String) as string, message: expect.any(String) as string };
      expect([answer.status, await answer.json()]).toEqual([400, error]);
    }
    expect(log).toEqual([]);
  });
});

describe("a KMS that fails", () => {
  it.each([
    [500, "KMSInternalException"],
    [503, "DependencyTimeoutException"],
    [400, "ThrottlingException"],
  ])("KMS: answers %i %s -> unavailable, with the cause", async (status, type) => {
    const server = await answering(status, type);
    for (const asked of [boxAt(server).seal("secret", PURPOSE), boxAt(server).open("AAAA", PURPOSE)]) {
      const failure = await asked.catch((cause: unknown) => cause);
      expect(failure).toBeInstanceOf(SecretBoxUnavailableError);
      expect(failure).toMatchObject({ cause: { name: type } });
      expect(String(failure)).not.toContain("secret");
    }
    await server.close();
  });

  it("KMS: away -> unavailable", async () => {
    const gone = await answering(500, "KMSInternalException");
    await gone.close();
    await expect(boxAt(gone).open("AAAA", PURPOSE)).rejects.toBeInstanceOf(SecretBoxUnavailableError);
  });

  it("KMS: denies -> told as it is: trying again would not help", async () => {
    const server = await answering(400, "AccessDeniedException");
    await expect(boxAt(server).open("AAAA", PURPOSE)).rejects.toMatchObject({ name: "AccessDeniedException" });
    await server.close();
  });
});
