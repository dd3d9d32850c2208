// The stack: the table, the seven functions and what calls them. Nothing here is a server that somebody keeps alive.
//
//   HTTP API -> api        stream -> publish        IoT rules -> sync, report        publish, sync, report -> inboxes
//   every minute -> rollout
//
// It looks nothing up while synthesising, so that it synthesises offline and the same for every account.

import { type App, CfnCondition, CfnOutput, CfnParameter, Duration, Fn, Stack } from "aws-cdk-lib";
import { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import type { Table } from "aws-cdk-lib/aws-dynamodb";
import type { CfnPolicy } from "aws-cdk-lib/aws-iot";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Key } from "aws-cdk-lib/aws-kms";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import type { BundleFolders, FunctionName } from "./bundle.ts";
import { addFunction } from "./function.ts";
import { grantIssuing } from "./identity.ts";
import { addHostPolicy, addHostRule, addRuleErrors, inboxTopics } from "./iot.ts";
import { addRolloutSchedule } from "./rollouts.ts";
import { addSecretsKey, SEAL_ACTIONS } from "./secrets.ts";
import { addSnapshotBucket, SNAPSHOT_ACTIONS } from "./snapshots.ts";
import { addTable, READ_ACTIONS, WRITE_ACTIONS } from "./store.ts";
import { addEventSource, addStreamConsumer } from "./stream-consumer.ts";

export const STACK_NAME = "Overspan";

/** Builds the stack around the given bundles. */
export function addStack(app: App, bundles: BundleFolders): Stack {
  const stack = new Stack(app, STACK_NAME, {
    description: "Overspan: tenant networks stretched over data centres (HTTP API, store, publisher, host channels)",
  });
  const table = addTable(stack);
  const snapshots = addSnapshotBucket(stack);
  const policy = addHostPolicy(stack);
  const secretsKey = addSecretsKey(stack);
  const functions = addFunctions(stack, bundles, { table, snapshots, policy, secretsKey });
  grantWhatEachNeeds(stack, functions, { table, snapshots });
  secretsKey.grant(functions.api, ...SEAL_ACTIONS);

  const api = new HttpApi(stack, "HttpApi", {
    description: "Overspan's API: tenants, sites, hosts, networks, endpoints, changes",
    defaultIntegration: new HttpLambdaIntegration("ApiIntegration", functions.api),
    // No authorizer: the function checks every token itself (docs/decisions/0006-tokens-are-checked-in-the-function.md).
  });
  addStreamConsumer(stack, table, functions.publish);
  addEventSource(stack, table, functions.events);
  const errors = addRuleErrors(stack);
  addHostRule(stack, "sync", functions.sync, errors);
  addHostRule(stack, "report", functions.report, errors);
  addHostRule(stack, "certificate", functions.identity, errors);
  addRolloutSchedule(stack, functions.rollout);
  for (const fn of [functions.api, functions.identity]) grantIssuing(stack, fn, policy);

  addOutput(stack, "ApiUrl", api.apiEndpoint, "Base URL of the API");
  addOutput(stack, "TableName", table.tableName, "The DynamoDB table");
  addOutput(stack, "HostPolicyName", policy.ref, "IoT policy for hosts' certificates");
  return stack;
}

type Functions = Readonly<Record<FunctionName, LambdaFunction>>;

type Stores = { table: Table; snapshots: Bucket };

function addFunctions(
  stack: Stack,
  bundles: BundleFolders,
  { table, snapshots, policy, secretsKey }: Stores & { policy: CfnPolicy; secretsKey: Key },
): Functions {
  const withTable = { OVERSPAN_TABLE: table.tableName };
  const { endpoint, brokerUrl } = iotEndpoint(stack);
  const withInboxes = { ...withTable, OVERSPAN_IOT_ENDPOINT: endpoint };
  const withPolicy = { OVERSPAN_HOST_POLICY: policy.ref };
  const withSnapshots = { ...withInboxes, OVERSPAN_SNAPSHOTS: snapshots.bucketName };
  const functions = {
    api: addFunction(stack, "ApiFunction", {
      bundle: bundles.api,
      description: "HTTP API: parses, decides, writes one conditional transaction",
      // A read that waits for a receipt may take 25 s; the HTTP API ends at 30 s.
      timeoutSec: 29,
      memoryMb: 512,
      environment: {
        ...withTable,
        ...withPolicy,
        ...tokenIssuer(stack),
        OVERSPAN_BROKER_URL: brokerUrl,
        OVERSPAN_SECRETS_KEY: secretsKey.keyArn,
      },
    }),
    publish: addFunction(stack, "PublishFunction", {
      bundle: bundles.publish,
      description: "Stream records -> channel logs -> hosts' inboxes",
      timeoutSec: 60,
      memoryMb: 1024,
      environment: withInboxes,
    }),
    sync: addFunction(stack, "SyncFunction", {
      bundle: bundles.sync,
      description: "Answers a host that says what it holds with what it lacks",
      timeoutSec: 60,
      // A channel of 100,000 endpoints is in memory once, as text, while its file is made.
      memoryMb: 1024,
      // Admission: when a whole fleet comes back at once, the rest waits in Lambda's own queue.
      reservedConcurrency: SYNCS_AT_ONCE,
      environment: withSnapshots,
    }),
    report: addFunction(stack, "ReportFunction", {
      bundle: bundles.report,
      description: "Keeps what hosts report as applied, and answers a host that is behind",
      timeoutSec: 60,
      memoryMb: 1024,
      reservedConcurrency: REPORTS_AT_ONCE,
      environment: withSnapshots,
    }),
    events: addFunction(stack, "EventsFunction", {
      bundle: bundles.events,
      description: "Stream records -> the log of events that GET /v1/events reads",
      timeoutSec: 60,
      memoryMb: 512,
      environment: withTable,
    }),
    identity: addFunction(stack, "IdentityFunction", {
      bundle: bundles.identity,
      description: "Renews hosts' certificates, and revokes what they replace",
      timeoutSec: 30,
      memoryMb: 256,
      environment: { ...withInboxes, ...withPolicy },
    }),
    rollout: addFunction(stack, "RolloutFunction", {
      bundle: bundles.rollout,
      description: "Takes rollouts on while nobody looks at them",
      timeoutSec: 60,
      memoryMb: 512,
      environment: withTable,
    }),
  };
  // IoT rules invoke asynchronously; a host asks and reports again by itself, so an old message is worth nothing.
  for (const fn of [functions.sync, functions.report, functions.identity])
    fn.configureAsyncInvoke({ retryAttempts: 2, maxEventAge: Duration.minutes(5) });
  return functions;
}

/** Of an account's 1,000: enough for 1,000 hosts in seconds, and little enough that the API is never starved. */
const SYNCS_AT_ONCE = 40;
const REPORTS_AT_ONCE = 40;

/** A parameter, not a look-up by a custom resource: docs/decisions/0002-the-template.md. */
function iotEndpoint(stack: Stack): { endpoint: string; brokerUrl: string } {
  const parameter = new CfnParameter(stack, "IotDataEndpoint", {
    type: "String",
    default: "",
    allowedPattern: "^$|^[a-z0-9.-]+$",
    description:
      "Host name of the account's IoT data endpoint (aws iot describe-endpoint --endpoint-type iot:Data-ATS). Empty: the region's endpoint, as the SDK resolves it.",
  });
  const given = new CfnCondition(stack, "IotDataEndpointGiven", {
    expression: Fn.conditionNot(Fn.conditionEquals(parameter.valueAsString, "")),
  });
  const either = (value: string) => Fn.conditionIf(given.logicalId, value, Fn.ref("AWS::NoValue")).toString();
  return {
    endpoint: either(parameter.valueAsString),
    brokerUrl: either(`mqtts://${parameter.valueAsString}:8883`),
  };
}

/** Whose tokens the API takes. None has a default that could be somebody else's issuer: a deployment must say. */
function tokenIssuer(stack: Stack): Record<string, string> {
  const parameter = (id: string, pattern: string, description: string) =>
    new CfnParameter(stack, id, { type: "String", allowedPattern: pattern, description }).valueAsString;
  return {
    OVERSPAN_TOKEN_ISSUER: parameter(
      "TokenIssuer",
      "^https://.+$",
      "The OpenID Connect issuer whose tokens the API takes, as it is in their iss",
    ),
    OVERSPAN_TOKEN_AUDIENCE: parameter(
      "TokenAudience",
      "^.+$",
      "What their aud must have: this API, as the issuer knows it",
    ),
    OVERSPAN_TOKEN_KEYS_URL: parameter(
      "TokenKeysUrl",
      "^https://.+$",
      "Where the issuer's keys are (jwks_uri of its metadata)",
    ),
  };
}

function grantWhatEachNeeds(stack: Stack, functions: Functions, { table, snapshots }: Stores): void {
  // The API, and rollouts by way of it, alone refer to parents (ConditionCheck) and mark what is being deleted (Update).
  for (const fn of [functions.api, functions.rollout])
    table.grant(fn, ...READ_ACTIONS, ...WRITE_ACTIONS, "dynamodb:ConditionCheckItem", "dynamodb:UpdateItem");
  table.grant(functions.publish, ...READ_ACTIONS, ...WRITE_ACTIONS, "dynamodb:ConditionCheckItem");
  table.grant(functions.sync, ...READ_ACTIONS, "dynamodb:PutItem");
  table.grant(functions.report, ...READ_ACTIONS, "dynamodb:PutItem");
  // A report of a host that is behind is answered as a sync request is.
  for (const fn of [functions.sync, functions.report])
    fn.addToRolePolicy(
      new PolicyStatement({ actions: [...SNAPSHOT_ACTIONS], resources: [snapshots.arnForObjects("*")] }),
    );
  table.grant(functions.events, ...READ_ACTIONS, ...WRITE_ACTIONS, "dynamodb:ConditionCheckItem");
  table.grant(functions.identity, "dynamodb:GetItem");
  const toInboxes = () => new PolicyStatement({ actions: ["iot:Publish"], resources: [inboxTopics(stack)] });
  for (const fn of [functions.publish, functions.sync, functions.report, functions.identity])
    fn.addToRolePolicy(toInboxes());
}

function addOutput(stack: Stack, id: string, value: string, description: string): CfnOutput {
  return new CfnOutput(stack, id, { value, description });
}
