// An object store that speaks S3, for exactly the calls that the functions and agents make: PUT, HEAD and GET of one object,
// path style. Requests are signed (SigV4, in a header or as a presigned URL), and a signature that is wrong, too old or made
// for other headers is refused, as S3 does. What the bucket's lifecycle would have removed is gone.
// Objects live in memory: every one can be made again from the table.

import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { LOCAL_REGION } from "./cloudformation.ts";
import { type LocalServer, readBody } from "./http-server.ts";
import { busyPort, StartFailure } from "./start-failure.ts";

export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

export type BucketSettings = {
  readonly name: string;
  /** Objects older than this are gone; undefined: never. */
  readonly expireAfterDays: number | undefined;
};

export type ObjectStoreOptions = {
  /** The address that agents fetch from. */
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials;
  /** Made by the template. */
  readonly buckets: () => readonly BucketSettings[];
  /** ms since the epoch. */
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
};

/** S3's own limit for one PUT is 5 GB; a snapshot of a million endpoints has 100 MB. */
const MAX_OBJECT_BYTES = 256 * 1024 * 1024;
/** How far a signature's time may be off (S3: RequestTimeTooSkewed). */
const MAX_SKEW_MS = 15 * 60_000;
const DAY_MS = 86_400_000;

type Stored = { readonly body: Buffer; readonly atMs: number };
type Refusal = { readonly status: number; readonly code: string; readonly message: string };

export async function startObjectStore(options: ObjectStoreOptions): Promise<LocalServer> {
  const objects = new Map<string, Stored>();
  const server = createServer((request, response) => {
    answer(request, response, options, objects).catch((error: Error) => {
      options.log(`object store: ${request.method} ${request.url}: ${error.message}`);
      if (response.headersSent) response.destroy();
      else refuse(response, { status: 500, code: "InternalError", message: "Internal Error" });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE")
        return reject(busyPort("object store", options.host, options.port, "--store-port"));
      if (error.code !== "EADDRNOTAVAIL") return reject(error);
      reject(
        new StartFailure(`${options.host} is no address of this machine: give one of \`ip addr\` to --broker-host.`),
      );
    });
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as { port: number };
  const name = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${name}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ObjectStoreOptions,
  objects: Map<string, Stored>,
): Promise<void> {
  const nowMs = options.nowMs();
  const url = new URL(request.url ?? "/", "http://local.invalid");
  const body = request.method === "PUT" ? await readBody(request, MAX_OBJECT_BYTES) : Buffer.alloc(0);
  if (!body) return refuse(response, { status: 400, code: "EntityTooLarge", message: "the object is too large" });
  const refusal = await refusalOf({ request, url, body, nowMs, credentials: options.credentials });
  if (refusal) return refuse(response, refusal);

  const [, bucketName = "", ...rest] = url.pathname.split("/").map(decodeURIComponent);
  const bucket = options.buckets().find(({ name }) => name === bucketName);
  if (!bucket) return refuse(response, { status: 404, code: "NoSuchBucket", message: `there is no ${bucketName}` });
  const key = `${bucketName}/${rest.join("/")}`;
  if (request.method === "PUT") {
    objects.set(key, { body, atMs: nowMs });
    response.writeHead(200, { etag: `"${createHash("md5").update(body).digest("hex")}"` }).end();
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD")
    return refuse(response, { status: 405, code: "MethodNotAllowed", message: "only PUT, GET and HEAD are here" });
  const stored = objects.get(key);
  const { expireAfterDays = Number.POSITIVE_INFINITY } = bucket;
  if (!stored || nowMs - stored.atMs > expireAfterDays * DAY_MS) {
    objects.delete(key);
    return refuse(response, { status: 404, code: "NoSuchKey", message: "there is no such object" });
  }
  response.writeHead(200, { "content-length": stored.body.length, "content-type": "application/octet-stream" });
  response.end(request.method === "HEAD" ? undefined : stored.body);
}

type Signed = { request: IncomingMessage; url: URL; body: Buffer; nowMs: number; credentials: Credentials };

/** Why a request is refused; undefined if its signature is good. */
async function refusalOf(signed: Signed): Promise<Refusal | undefined> {
  const given = readSignature(signed);
  if (!given) return denied("the request is not signed");
  const { accessKeyId, date, expiresSec, headers, signature } = given;
  if (accessKeyId !== signed.credentials.accessKeyId) return denied("the access key is not known");
  const ageMs = signed.nowMs - date.getTime();
  if (expiresSec === undefined ? Math.abs(ageMs) > MAX_SKEW_MS : ageMs < -MAX_SKEW_MS)
    return { status: 403, code: "RequestTimeTooSkewed", message: "the signature is of another time" };
  if (expiresSec !== undefined && ageMs > expiresSec * 1000) return denied("Request has expired");
  if (headers.some((name) => signed.request.headers[name] === undefined))
    return denied("a header that was signed is missing");
  const content = signed.request.headers["x-amz-content-sha256"];
  const isTold = content === undefined || content === "UNSIGNED-PAYLOAD";
  if (!isTold && content !== createHash("sha256").update(signed.body).digest("hex"))
    return { status: 400, code: "XAmzContentSHA256Mismatch", message: "the body is not what was signed" };
  const expected = await sign(signed, given);
  const isEqual =
    expected.length === signature.length && timingSafeEqual(Buffer.from(expected), Buffer.from(signature));
  if (isEqual) return undefined;
  return { status: 403, code: "SignatureDoesNotMatch", message: "the signature is not of this request" };
}

function denied(message: string): Refusal {
  return { status: 403, code: "AccessDenied", message };
}

type Signature = {
  accessKeyId: string;
  date: Date;
  /** Of a presigned URL. */
  expiresSec: number | undefined;
  headers: string[];
  signature: string;
};

function readSignature({ request, url }: Signed): Signature | undefined {
  const query = url.searchParams;
  if (query.has("X-Amz-Signature")) {
    return parts(query.get("X-Amz-Credential"), query.get("X-Amz-SignedHeaders"), {
      date: query.get("X-Amz-Date"),
      expiresSec: Number(query.get("X-Amz-Expires")),
      signature: query.get("X-Amz-Signature"),
    });
  }
  const form = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/;
  const [, credential, headers, signature] = form.exec(request.headers.authorization ?? "") ?? [];
  const date = request.headers["x-amz-date"];
  return parts(credential, headers, { date: String(date), expiresSec: undefined, signature });
}

function parts(
  credential: string | null | undefined,
  headers: string | null | undefined,
  rest: { date: string | null; expiresSec: number | undefined; signature: string | null | undefined },
): Signature | undefined {
  const time = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(rest.date ?? "");
  if (!credential || !headers || !rest.signature || !time) return undefined;
  const [, year, month, day, hour, minute, second] = time.map(Number) as [number, ...number[]];
  const date = new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second));
  const [accessKeyId = ""] = credential.split("/");
  const { expiresSec, signature } = rest;
  return { accessKeyId, date, expiresSec, headers: headers.split(";"), signature };
}

/** Query parameters that presigning adds by itself. */
const PRESIGNING = new Set([
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Date",
  "X-Amz-Expires",
  "X-Amz-SignedHeaders",
  "X-Amz-Signature",
]);

/** The signature that the request should have. */
async function sign({ request, url, body, credentials }: Signed, given: Signature): Promise<string> {
  const signer = new SignatureV4({
    credentials,
    region: LOCAL_REGION,
    service: "s3",
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  });
  const headers = Object.fromEntries(given.headers.map((name) => [name, String(request.headers[name])]));
  const query: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (PRESIGNING.has(name)) continue;
    // Presigning moves this header to the query, and takes the hash of the body from it.
    if (name.toLowerCase() === "x-amz-content-sha256") headers[name] = value;
    else query[name] = value;
  }
  const { pathname } = url;
  const [hostname = "", port] = String(request.headers.host).split(":");
  const plain = {
    method: request.method ?? "GET",
    protocol: "http:",
    hostname,
    ...(port === undefined ? {} : { port: Number(port) }),
    path: pathname,
    query,
    headers,
    body,
  };
  const signingDate = given.date;
  if (given.expiresSec === undefined) {
    const signed = await signer.sign(plain, { signingDate });
    return /Signature=([0-9a-f]+)$/.exec(signed.headers["authorization"] ?? "")?.[1] ?? "";
  }
  const { body: _, ...withoutBody } = plain;
  const signed = await signer.presign(withoutBody, { signingDate, expiresIn: given.expiresSec });
  return String(signed.query?.["X-Amz-Signature"] ?? "");
}

function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  );
}
