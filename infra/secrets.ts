// The KMS key that seals what functions keep of secrets (functions/secrets/kms-secret-box.ts). KMS rotates it every year and
// keeps the older material, so that what was sealed before opens.

import { RemovalPolicy } from "aws-cdk-lib";
import { Key } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

export function addSecretsKey(scope: Construct): Key {
  return new Key(scope, "SecretsKey", {
    description: "Overspan: seals join tokens that are kept for a day to answer retries",
    enableKeyRotation: true,
    // Without it what it sealed is gone.
    removalPolicy: RemovalPolicy.RETAIN,
  });
}

/** What sealing and opening needs: not to change the key, nor to give it to others. */
export const SEAL_ACTIONS = ["kms:Encrypt", "kms:Decrypt"] as const;
