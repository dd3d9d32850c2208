// The bucket of snapshot files (functions/sync/shared-snapshot.ts): private, encrypted, over TLS only, and forgetful, since
// every file can be made again from the table. Hosts fetch by signed URLs and have no rights of their own.

import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

/** A day longer than a host is sent to a file (FILE_TTL_SEC), so that no URL leads to one that is gone. */
const FORGET_AFTER_DAYS = 3;

export function addSnapshotBucket(scope: Construct): Bucket {
  return new Bucket(scope, "Snapshots", {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: false,
    lifecycleRules: [
      {
        expiration: Duration.days(FORGET_AFTER_DAYS),
        abortIncompleteMultipartUploadAfter: Duration.days(1),
      },
    ],
    // It empties itself; CloudFormation could not delete it with files in it.
    removalPolicy: RemovalPolicy.RETAIN,
  });
}

/** What making, finding and signing a file needs. */
export const SNAPSHOT_ACTIONS = ["s3:GetObject", "s3:PutObject"] as const;
