// Snapshot files in S3. A signed URL covers the object, its own end, and two headers besides: the host's name and a secret.
// The URL is what proxies and logs see; the secret travels only in the message to the host's own inbox, so that a URL that
// was found somewhere fetches nothing.

import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { SnapshotObjects } from "./snapshot-objects.ts";

export const HOST_HEADER = "x-overspan-host";
export const GRANT_HEADER = "x-overspan-grant";

export function s3Snapshots(client: S3Client, bucket: string): SnapshotObjects {
  return {
    async put(key, body) {
      const ContentType = "application/x-ndjson";
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType }));
    },
    async has(key) {
      try {
        await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        return true;
      } catch (error) {
        // Without the right to list, S3 says 403 of an object that is not there.
        if (error instanceof S3ServiceException && [403, 404].includes(error.$metadata.httpStatusCode ?? 0))
          return false;
        throw error;
      }
    },
    async sign(key, { host, grant, forSec }) {
      const headers = { [HOST_HEADER]: host, [GRANT_HEADER]: grant };
      const command = new GetObjectCommand({ Bucket: bucket, Key: key });
      command.middlewareStack.add(
        (next) => (args) => {
          Object.assign((args.request as { headers: Record<string, string> }).headers, headers);
          return next(args);
        },
        { step: "build", name: "boundToHost" },
      );
      return { url: await getSignedUrl(client, command, { expiresIn: forSec }), headers };
    },
  };
}
