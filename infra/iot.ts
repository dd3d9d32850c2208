// The hosts' side: topic rules that hand their messages to functions, and the one policy that every host's certificate
// carries. The policy names no host: AWS IoT puts the thing's name in, so a host can speak and listen for itself only.

import { ArnFormat, RemovalPolicy, Stack } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnPolicy, CfnTopicRule } from "aws-cdk-lib/aws-iot";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { hostTopic, type Lane } from "../shared/message/topic.ts";

/** AWS IoT's policy variable: the name of the thing whose certificate made the connection. */
const THING = "${iot:Connection.Thing.ThingName}";

/** The rule's SQL. Base64 of the whole payload, since SQL on a malformed payload would drop it unseen. */
export function ruleSql(lane: Lane): string {
  return `SELECT encode(*, 'base64') AS payload, topic(4) AS host FROM '${hostTopic("+", lane)}'`;
}

/** Sends what hosts publish on `lane` to `target`; what a rule cannot deliver goes to `errors`. */
export function addHostRule(scope: Construct, lane: Lane, target: LambdaFunction, errors: RuleErrors): CfnTopicRule {
  const name = lane.charAt(0).toUpperCase() + lane.slice(1);
  const rule = new CfnTopicRule(scope, `${name}Rule`, {
    topicRulePayload: {
      sql: ruleSql(lane),
      awsIotSqlVersion: "2016-03-23",
      ruleDisabled: false,
      actions: [{ lambda: { functionArn: target.functionArn } }],
      errorAction: { cloudwatchLogs: { logGroupName: errors.logGroup.logGroupName, roleArn: errors.role.roleArn } },
    },
  });
  target.addPermission(`${name}RuleInvokes`, {
    principal: new ServicePrincipal("iot.amazonaws.com"),
    sourceArn: rule.attrArn,
    sourceAccount: Stack.of(scope).account,
  });
  return rule;
}

/** Where failed rule actions are written, and the role that writes them. */
export type RuleErrors = { logGroup: LogGroup; role: Role };

export function addRuleErrors(scope: Construct): RuleErrors {
  const logGroup = new LogGroup(scope, "RuleErrorLog", {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const role = new Role(scope, "RuleErrorRole", { assumedBy: new ServicePrincipal("iot.amazonaws.com") });
  logGroup.grant(role, "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams");
  return { logGroup, role };
}

/**
 * The policy of a host's certificate (at most 2,048 characters). The client id must be the thing's name, and the
 * certificate attached to that thing; no action has a wildcard, so retained messages, shadows and jobs are refused too.
 */
export function addHostPolicy(scope: Construct): CfnPolicy {
  const allow = (Action: string, Resource: string | string[]) => ({ Effect: "Allow", Action, Resource });
  const topic = (lane: Lane) => iotArn(scope, "topic", hostTopic(THING, lane));
  return new CfnPolicy(scope, "HostPolicy", {
    policyDocument: {
      Version: "2012-10-17",
      Statement: [
        {
          ...allow("iot:Connect", iotArn(scope, "client", THING)),
          Condition: { Bool: { "iot:Connection.Thing.IsAttached": "true" } },
        },
        allow("iot:Publish", [topic("sync"), topic("report"), topic("certificate")]),
        allow("iot:Subscribe", iotArn(scope, "topicfilter", hostTopic(THING, "inbox"))),
        allow("iot:Receive", topic("inbox")),
      ],
    },
  });
}

/** The resource of `iot:Publish` to any host's inbox, for the functions that answer hosts. */
export function inboxTopics(scope: Construct): string {
  return iotArn(scope, "topic", hostTopic("*", "inbox"));
}

function iotArn(scope: Construct, resource: string, resourceName: string): string {
  return Stack.of(scope).formatArn({
    service: "iot",
    resource,
    resourceName,
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
  });
}
