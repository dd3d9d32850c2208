// Hosts' certificates: what the functions that issue and revoke them may do.

import { Stack } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { CfnPolicy } from "aws-cdk-lib/aws-iot";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";

/** What AWS IoT has no resource to name for, or one that is not there before it is made. */
const ON_ANY = ["iot:CreateCertificateFromCsr"];
const ON_CERTIFICATES = ["iot:UpdateCertificate", "iot:AttachPolicy", "iot:DetachPolicy"];
const ON_THINGS = [
  "iot:CreateThing",
  "iot:ListThingPrincipals",
  "iot:AttachThingPrincipal",
  "iot:DetachThingPrincipal",
];

/** Lets `fn` issue certificates with the hosts' policy and no other, and revoke them. */
export function grantIssuing(stack: Stack, fn: LambdaFunction, policy: CfnPolicy): void {
  const arn = (resource: string, resourceName: string) =>
    Stack.of(stack).formatArn({ service: "iot", resource, resourceName });
  const things = arn("thing", "*");
  const certificates = arn("cert", "*");
  fn.addToRolePolicy(new PolicyStatement({ actions: ON_ANY, resources: ["*"] }));
  fn.addToRolePolicy(new PolicyStatement({ actions: ON_CERTIFICATES, resources: [certificates, policy.attrArn] }));
  fn.addToRolePolicy(new PolicyStatement({ actions: ON_THINGS, resources: [things, certificates] }));
}
