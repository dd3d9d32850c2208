// One Lambda function of the stack: Node.js 22 on arm64, its own log group with a retention, and a role that may write
// to that log group and nothing else until it is granted more.

import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Architecture, Code, Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { LAMBDA_HANDLER } from "./bundle.ts";

export type FunctionProps = {
  /** The folder with `lambda.mjs`. */
  bundle: string;
  description: string;
  timeoutSec: number;
  memoryMb: number;
  /** At most so many invocations at once; asynchronous ones beyond wait. */
  reservedConcurrency?: number;
  environment: Record<string, string>;
};

/** Adds a function named `id` with its log group and role. */
export function addFunction(scope: Construct, id: string, props: FunctionProps): LambdaFunction {
  const logGroup = new LogGroup(scope, `${id}Log`, {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  // Not the managed AWSLambdaBasicExecutionRole: that one may write to every log group of the account.
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
  logGroup.grantWrite(role);
  return new LambdaFunction(scope, id, {
    code: Code.fromAsset(props.bundle),
    handler: LAMBDA_HANDLER,
    runtime: Runtime.NODEJS_22_X,
    architecture: Architecture.ARM_64,
    description: props.description,
    timeout: Duration.seconds(props.timeoutSec),
    memorySize: props.memoryMb,
    ...(props.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: props.reservedConcurrency }),
    environment: props.environment,
    role,
    logGroup,
  });
}
