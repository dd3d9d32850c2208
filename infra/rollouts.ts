// Rollouts go on when nobody looks: once a minute the function takes on those that are under way, and stays at them for most
// of that minute. What was missed is made up by the next minute, so a failed one is not repeated.

import { Duration } from "aws-cdk-lib";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as Target } from "aws-cdk-lib/aws-events-targets";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";

/** Invokes `rollout` every minute. */
export function addRolloutSchedule(scope: Construct, rollout: LambdaFunction): void {
  rollout.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
  const every = Schedule.rate(Duration.minutes(1));
  const rule = new Rule(scope, "RolloutSchedule", { description: "Takes rollouts on", schedule: every });
  rule.addTarget(new Target(rollout));
}
