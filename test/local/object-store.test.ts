// The local object store against the SDK that the functions use, and against requests that S3 would refuse.

import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GRANT_HEADER, HOST_HEADER, s3Snapshots } from "../../functions/sync/s3-snapshots.ts";
import { startObjectStore } from "../../local/object-store.ts";

const CREDENTIALS = { accessKeyId: "local", secretAccessKey: "a secret" };
const Bucket = "snapshots";
const KEY = "net/blue/7-0123.ndjson.gz";

let nowMs: number;
let store: Awaited<ReturnType<typeof startObjectStore>>;

function s3(secretAccessKey = CREDENTIALS.secretAccessKey, endpoint = store.url): S3Client {
  return new S3Client({
    endpoint,
    region: "us-east-1",
    credentials: { ...CREDENTIALS, secretAccessKey },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 1,
  });
}

beforeEach(async () => {
  nowMs = Date.now();
  store = await startObjectStore({
    host: "127.0.0.1",
    port: 0,
    credentials: CREDENTIALS,
    buckets: () => [{ name: Bucket, expireAfterDays: 3 }],
    nowMs: () => nowMs,
    log: (line) => {
      throw new Error(line);
    },
  });
});
afterEach(() => store.close());

async function put(text = "content"): Promise<void> {
  await s3().send(new PutObjectCommand({ Bucket, Key: KEY, Body: Buffer.from(text) }));
}

async function status(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<number> {
  const response = await fetch(url, { method, headers });
  await response.arrayBuffer();
  return response.status;
}

describe("object store", () => {
  it("object store: put, head and get by the SDK -> what was put", async () => {
    await put();
    expect((await s3().send(new HeadObjectCommand({ Bucket, Key: KEY }))).ContentLength).toBe(7);
    const { Body } = await s3().send(new GetObjectCommand({ Bucket, Key: KEY }));
    expect(await Body?.transformToString()).toBe("content");
  });

  it("object store: a key with characters that are escaped -> the same key", async () => {
    const Key = "net/a b+c=d&e%f~g";
    await s3().send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
    const url = await getSignedUrl(s3(), new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    expect(await status(url)).toBe(200);
  });

  it("object store: an object or bucket that is not there -> the SDK's errors", async () => {
    await expect(s3().send(new GetObjectCommand({ Bucket, Key: "none" }))).rejects.toMatchObject({ name: "NoSuchKey" });
    await expect(s3().send(new HeadObjectCommand({ Bucket, Key: "none" }))).rejects.toMatchObject({ name: "NotFound" });
    await expect(s3().send(new PutObjectCommand({ Bucket: "other", Key: "x", Body: "x" }))).rejects.toMatchObject({
      name: "NoSuchBucket",
    });
  });

  it("object store: another secret, another body than was signed, or no signature -> refused", async () => {
    await put();
    const wrong = s3("another secret").send(new GetObjectCommand({ Bucket, Key: KEY }));
    await expect(wrong).rejects.toMatchObject({ name: "SignatureDoesNotMatch" });
    expect(await status(`${store.url}/${Bucket}/${KEY}`)).toBe(403);
    expect(await status(`${store.url}/${Bucket}/${KEY}`, {}, "DELETE")).toBe(403);
    const client = s3();
    client.middlewareStack.add(
      (next) => (args) => {
        (args.request as { body: unknown }).body = Buffer.from("Content");
        return next(args);
      },
      { step: "finalizeRequest", name: "swap", priority: "low" },
    );
    const swapped = client.send(new PutObjectCommand({ Bucket, Key: KEY, Body: Buffer.from("content") }));
    await expect(swapped).rejects.toMatchObject({ name: "XAmzContentSHA256Mismatch" });
  });

  it("object store: signed too long ago -> refused", async () => {
    await put();
    nowMs += 16 * 60_000;
    const late = s3().send(new GetObjectCommand({ Bucket, Key: KEY }));
    await expect(late).rejects.toMatchObject({ name: "RequestTimeTooSkewed" });
  });

  it("object store: past the bucket's lifecycle -> gone", async () => {
    nowMs = Date.now() - 4 * 86_400_000;
    const client = s3();
    client.config.systemClockOffset = -4 * 86_400_000;
    await client.send(new PutObjectCommand({ Bucket, Key: KEY, Body: "old" }));
    nowMs = Date.now();
    await expect(s3().send(new GetObjectCommand({ Bucket, Key: KEY }))).rejects.toMatchObject({ name: "NoSuchKey" });
  });
});

describe("snapshots in the object store", () => {
  const to = { host: "h1", grant: "9f86d081", forSec: 300 };

  async function offered() {
    const objects = s3Snapshots(s3(), Bucket);
    await objects.put(KEY, Buffer.from("snapshot"));
    return { objects, ...(await objects.sign(KEY, to)) };
  }

  it("snapshots: put -> there; another -> not there", async () => {
    const { objects } = await offered();
    expect([await objects.has(KEY), await objects.has("none")]).toEqual([true, false]);
  });

  it("snapshots: a signed URL with its headers -> the object", async () => {
    const { url, headers } = await offered();
    expect(await (await fetch(url, { headers })).text()).toBe("snapshot");
    expect(url).not.toContain(to.grant);
    expect(new URL(url).searchParams.get("X-Amz-SignedHeaders")).toBe(`host;${GRANT_HEADER};${HOST_HEADER}`);
  });

  it("snapshots: the URL alone, with another grant or another host's name -> refused", async () => {
    const { url, headers } = await offered();
    expect(await status(url)).toBe(403);
    expect(await status(url, { ...headers, [GRANT_HEADER]: "guessed" })).toBe(403);
    expect(await status(url, { ...headers, [HOST_HEADER]: "h2" })).toBe(403);
  });

  it("snapshots: another object, a longer life or another method under the same signature -> refused", async () => {
    const { url, headers } = await offered();
    expect(await status(url.replace("/net/blue/", "/net/green/"), headers)).toBe(403);
    expect(await status(url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"), headers)).toBe(403);
    expect(await status(url, headers, "PUT")).toBe(403);
  });

  it("snapshots: after its time -> refused", async () => {
    const { url, headers } = await offered();
    nowMs += 299_000;
    expect(await status(url, headers)).toBe(200);
    nowMs += 2_000;
    expect(await status(url, headers)).toBe(403);
  });
});
