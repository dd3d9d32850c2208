// What the Lambdas that answer hosts use to make large channels files: the bucket of OVERSPAN_SNAPSHOTS.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { S3Client } from "@aws-sdk/client-s3";
import { createSnapshotCache, type SnapshotFiles } from "./answer.ts";
import { s3Snapshots } from "./s3-snapshots.ts";

const CACHE_BYTES = 64 * 1024 * 1024;

/** Undefined without a bucket: then every channel goes in messages. */
export function snapshotFiles(bucket: string | undefined): SnapshotFiles | undefined {
  if (bucket === undefined) return undefined;
  // Checksums of our own are in every offer; those of the SDK would be headers that a presigned GET has to send.
  const client = new S3Client({
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  return {
    objects: s3Snapshots(client, bucket),
    wait: (ms) => sleep(ms),
    newId: randomUUID,
    cache: createSnapshotCache(CACHE_BYTES),
  };
}
