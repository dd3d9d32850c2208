// The stack's template: the properties that hosts, tenants and operators rely on. It is made from empty bundles, since
// nothing in it depends on their content; test/infra/synth.test.ts bundles the real handlers.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BundleFolders, FUNCTION_NAMES } from "../../infra/bundle.ts";
import { addStack } from "../../infra/stack.ts";
import { templateResolver } from "../../local/cloudformation.ts";

let folder: string;
let template: Template;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "overspan-stack-test-"));
  const bundles: Partial<Record<string, string>> = {};
  for (const name of FUNCTION_NAMES) {
    const bundle = join(folder, name);
    await mkdir(bundle);
    // Different content, or they would be one asset.
    await writeFile(join(bundle, "lambda.mjs"), `export const handler = () => "${name}";\n`);
    bundles[name] = bundle;
  }
  const app = new App({ outdir: join(folder, "cdk.out"), analyticsReporting: false });
  template = Template.fromStack(addStack(app, bundles as BundleFolders));
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("table", () => {
  it("table: on demand, both images in the stream, TTL, recovery, kept when the stack goes", () => {
    template.hasResource("AWS::DynamoDB::Table", {
      DeletionPolicy: "Retain",
      UpdateReplacePolicy: "Retain",
      Properties: {
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [
          { AttributeName: "pk", KeyType: "HASH" },
          { AttributeName: "sk", KeyType: "RANGE" },
        ],
        GlobalSecondaryIndexes: Match.absent(),
        StreamSpecification: { StreamViewType: "NEW_AND_OLD_IMAGES" },
        TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      },
    });
  });
});

describe("functions", () => {
  it("functions: exactly the seven handlers, on Node.js 22 and arm64", () => {
    const functions = Object.values(template.findResources("AWS::Lambda::Function"));
    expect(functions).toHaveLength(7);
    for (const { Properties } of functions as { Properties: Record<string, unknown> }[]) {
      expect(Properties).toMatchObject({
        Handler: "lambda.handler",
        Runtime: "nodejs22.x",
        Architectures: ["arm64"],
        Environment: { Variables: { OVERSPAN_TABLE: { Ref: expect.stringMatching(/^Table/) } } },
      });
    }
  });

  it("functions: logs are kept a month in a log group of their own", () => {
    template.resourceCountIs("AWS::Logs::LogGroup", 8);
    template.allResourcesProperties("AWS::Logs::LogGroup", { RetentionInDays: 30 });
    template.allResourcesProperties("AWS::Lambda::Function", { LoggingConfig: { LogGroup: Match.anyValue() } });
  });

  it("functions: the IoT endpoint is set only if the parameter is given", () => {
    template.hasParameter("IotDataEndpoint", { Type: "String", Default: "" });
    template.hasResourceProperties("AWS::Lambda::Function", {
      Environment: {
        Variables: {
          OVERSPAN_IOT_ENDPOINT: {
            "Fn::If": ["IotDataEndpointGiven", { Ref: "IotDataEndpoint" }, { Ref: "AWS::NoValue" }],
          },
        },
      },
    });
  });
});

describe("permissions", () => {
  const TABLE_ACTIONS = {
    Api: ["BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"],
    Publish: ["BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query"],
    Sync: ["BatchGetItem", "GetItem", "PutItem", "Query"],
    Report: ["BatchGetItem", "GetItem", "PutItem", "Query"],
    Events: ["BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query"],
    Identity: ["GetItem"],
    Rollout: ["BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"],
  };

  it.each(Object.entries(TABLE_ACTIONS))(
    "permissions: %s -> these actions on the table and no other",
    (name, actions) => {
      const granted = statementsOf(`${name}FunctionRole`)
        .filter(
          ({ Resource }) => JSON.stringify(Resource).includes('"Arn"') && JSON.stringify(Resource).includes("Table"),
        )
        .flatMap(({ Action }) => [Action].flat());
      expect(granted.sort()).toEqual(actions.map((action) => `dynamodb:${action}`));
    },
  );

  it.each([
    ["Api", false],
    ["Publish", true],
    ["Sync", true],
    ["Report", true],
    ["Events", false],
    ["Identity", true],
    ["Rollout", false],
  ])("permissions: %s -> may publish to inboxes: %s, and to nothing else", (name, may) => {
    const statements = statementsOf(`${name}FunctionRole`).filter(({ Action }) =>
      JSON.stringify(Action).includes("iot:Publish"),
    );
    expect(statements).toHaveLength(may ? 1 : 0);
    if (!may) return;
    expect(statements[0]?.Action).toBe("iot:Publish");
    expect(JSON.stringify(statements[0]?.Resource)).toContain(":topic/overspan/v1/hosts/*/inbox");
  });

  it("permissions: certificates -> only the API and Identity may issue them, with the hosts' policy and no other", () => {
    for (const name of ["Api", "Publish", "Sync", "Report", "Events", "Identity", "Rollout"]) {
      const issuing = statementsOf(`${name}FunctionRole`).filter(({ Action }) =>
        /iot:(?!Publish)/.test(String(Action)),
      );
      const may = name === "Api" || name === "Identity";
      expect(issuing, name).toHaveLength(may ? 3 : 0);
      const attaching = issuing.find(({ Action }) => Action.includes("iot:AttachPolicy"));
      if (may) expect(JSON.stringify(attaching?.Resource)).toMatch(/:cert\/\*.*HostPolicy/);
    }
  });

  it("permissions: no wildcard action, and no wildcard resource but where there is none to name", () => {
    for (const { Action, Resource } of allStatements()) {
      for (const action of [Action].flat()) expect(action).not.toContain("*");
      if (Resource === "*") expect(["dynamodb:ListStreams", "iot:CreateCertificateFromCsr"]).toContain(Action);
    }
  });
});

describe("snapshots", () => {
  it("bucket: private, encrypted, over TLS alone, owned by the account, forgetful", () => {
    template.resourceCountIs("AWS::S3::Bucket", 1);
    template.hasResourceProperties("AWS::S3::Bucket", {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
      LifecycleConfiguration: { Rules: [{ ExpirationInDays: 3, Status: "Enabled" }] },
    });
    template.hasResourceProperties("AWS::S3::BucketPolicy", {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
        ]),
      },
    });
  });

  it.each([
    ["Api", []],
    ["Publish", []],
    ["Sync", ["s3:GetObject", "s3:PutObject"]],
    ["Report", ["s3:GetObject", "s3:PutObject"]],
  ])("permissions: %s -> of the bucket's objects %j", (name, actions) => {
    const statements = statementsOf(`${name}FunctionRole`).filter(({ Action }) =>
      JSON.stringify(Action).includes("s3:"),
    );
    expect(statements.flatMap(({ Action }) => Action)).toEqual(actions);
    for (const { Resource } of statements) expect(JSON.stringify(Resource)).toMatch(/Snapshots.*"\/\*"/);
  });

  it("admission: sync and report run at most 40 at once, so that a fleet that comes back leaves room for the API", () => {
    const limits = Object.values(template.findResources("AWS::Lambda::Function")).map(
      ({ Properties }) => (Properties as { ReservedConcurrentExecutions?: number }).ReservedConcurrentExecutions,
    );
    expect(limits.filter((limit) => limit !== undefined)).toEqual([40, 40]);
    expect(limits).toHaveLength(7);
  });
});

describe("secrets", () => {
  it("KMS key: symmetric, rotated, kept when the stack goes, and named to the API alone", () => {
    template.resourceCountIs("AWS::KMS::Key", 1);
    template.hasResource("AWS::KMS::Key", {
      DeletionPolicy: "Retain",
      UpdateReplacePolicy: "Retain",
      Properties: { EnableKeyRotation: true, KeySpec: Match.absent(), KeyUsage: Match.absent() },
    });
    const named = Object.entries(template.findResources("AWS::Lambda::Function")).filter(([, { Properties }]) =>
      JSON.stringify(Properties).includes("SecretsKey"),
    );
    expect(named.map(([id]) => id)).toEqual([expect.stringMatching(/^ApiFunction/)]);
    expect(named[0]?.[1]).toMatchObject({
      Properties: {
        Environment: {
          Variables: { OVERSPAN_SECRETS_KEY: { "Fn::GetAtt": [expect.stringMatching(/^SecretsKey/), "Arn"] } },
        },
      },
    });
  });

  it.each([
    ["Api", ["kms:Encrypt", "kms:Decrypt"]],
    ["Publish", []],
    ["Sync", []],
    ["Report", []],
    ["Events", []],
    ["Identity", []],
  ])("permissions: %s -> of the key %j, and of no other", (name, actions) => {
    const statements = statementsOf(`${name}FunctionRole`).filter(({ Action }) =>
      JSON.stringify(Action).includes("kms:"),
    );
    expect(statements.flatMap(({ Action }) => Action)).toEqual(actions);
    for (const { Resource } of statements) {
      expect(Resource).toEqual({ "Fn::GetAtt": [expect.stringMatching(/^SecretsKey/), "Arn"] });
    }
  });

  it("KMS key: its policy -> the account decides by IAM, and nobody else is in it", () => {
    const [key] = Object.values(template.findResources("AWS::KMS::Key")) as {
      Properties: { KeyPolicy: { Statement: { Principal: unknown }[] } };
    }[];
    const principals = key?.Properties.KeyPolicy.Statement.map(({ Principal }) => JSON.stringify(Principal));
    expect(principals).toEqual([expect.stringMatching(/^\{"AWS":.*AWS::AccountId.*:root/)]);
  });
});

describe("HTTP API", () => {
  it("HTTP API: every path goes to the api function, which is told whose tokens are good and cannot be deployed without", () => {
    template.resourceCountIs("AWS::ApiGatewayV2::Route", 1);
    template.hasResourceProperties("AWS::ApiGatewayV2::Route", { RouteKey: "$default", AuthorizationType: "NONE" });
    for (const id of ["TokenIssuer", "TokenAudience", "TokenKeysUrl"]) {
      template.hasParameter(id, { Type: "String", Default: Match.absent() });
    }
    template.hasResourceProperties("AWS::Lambda::Function", {
      Environment: {
        Variables: {
          OVERSPAN_TOKEN_ISSUER: { Ref: "TokenIssuer" },
          OVERSPAN_TOKEN_AUDIENCE: { Ref: "TokenAudience" },
          OVERSPAN_TOKEN_KEYS_URL: { Ref: "TokenKeysUrl" },
        },
      },
    });
    template.hasResourceProperties("AWS::ApiGatewayV2::Integration", {
      IntegrationType: "AWS_PROXY",
      PayloadFormatVersion: "2.0",
      IntegrationUri: { "Fn::GetAtt": [Match.stringLikeRegexp("^ApiFunction"), "Arn"] },
    });
  });
});

describe("stream consumer", () => {
  it("stream consumer: retried until the record expires, bisect, partial failures, from the oldest record", () => {
    template.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
      EventSourceArn: { "Fn::GetAtt": [Match.stringLikeRegexp("^Table"), "StreamArn"] },
      FunctionName: { Ref: Match.stringLikeRegexp("^PublishFunction") },
      StartingPosition: "TRIM_HORIZON",
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: Match.absent(),
      ParallelizationFactor: 1,
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
    });
  });

  it("stream consumer: the filter passes hosts, networks, endpoints, routers and prefixes alone", () => {
    const found = template.findResources("AWS::Lambda::EventSourceMapping");
    const mappings = Object.entries(found) as [
      string,
      { Properties: { FilterCriteria: { Filters: { Pattern: string }[] } } },
    ][];
    const mapping = mappings.find(([id]) => id.startsWith("Publish"))?.[1];
    const patterns = mapping?.Properties.FilterCriteria.Filters.map(({ Pattern }) => JSON.parse(Pattern) as unknown);
    expect(patterns).toEqual([
      { dynamodb: { NewImage: { type: { S: ["host", "network", "endpoint", "router", "prefix"] } } } },
    ]);
  });

  it("events: fed from the same stream by changes, marks and reports alone, and never given up", () => {
    template.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
      FunctionName: { Ref: Match.stringLikeRegexp("^EventsFunction") },
      StartingPosition: "TRIM_HORIZON",
      MaximumRetryAttempts: Match.absent(),
      ParallelizationFactor: 1,
      FilterCriteria: {
        Filters: [
          { Pattern: '{"dynamodb":{"NewImage":{"type":{"S":["change","published","report","host-report"]}}}}' },
        ],
      },
    });
  });

  it("stream consumer: changes that wait raise an alarm", () => {
    template.hasResourceProperties("AWS::CloudWatch::Alarm", {
      MetricName: "IteratorAge",
      Namespace: "AWS/Lambda",
      Threshold: 60_000,
      ComparisonOperator: "GreaterThanThreshold",
    });
  });

  it("stream consumer: a record that was set aside raises an alarm", () => {
    template.hasResourceProperties("AWS::CloudWatch::Alarm", {
      Namespace: "Overspan",
      MetricName: "PoisonRecords",
      Threshold: 1,
      ComparisonOperator: "GreaterThanOrEqualToThreshold",
    });
  });

  it("stream consumer: a dead letter raises an alarm", () => {
    template.hasResourceProperties("AWS::SQS::Queue", { MessageRetentionPeriod: 14 * 86_400 });
    template.hasResourceProperties("AWS::CloudWatch::Alarm", {
      MetricName: "ApproximateNumberOfMessagesVisible",
      Threshold: 1,
      ComparisonOperator: "GreaterThanOrEqualToThreshold",
    });
  });
});

describe("schedule", () => {
  it("schedule: rollouts are taken on every minute, and a minute that failed is not repeated", () => {
    template.hasResourceProperties("AWS::Events::Rule", {
      ScheduleExpression: "rate(1 minute)",
      State: "ENABLED",
      Targets: [Match.objectLike({ Arn: { "Fn::GetAtt": [Match.stringLikeRegexp("^RolloutFunction"), "Arn"] } })],
    });
    template.hasResourceProperties("AWS::Lambda::EventInvokeConfig", {
      FunctionName: { Ref: Match.stringLikeRegexp("^RolloutFunction") },
      MaximumRetryAttempts: 0,
    });
  });
});

describe("IoT", () => {
  it.each(["sync", "report"])("rule %s: the whole payload in base64 and the host from the topic", (lane) => {
    const name = lane === "sync" ? "Sync" : "Report";
    template.hasResourceProperties("AWS::IoT::TopicRule", {
      TopicRulePayload: {
        Sql: `SELECT encode(*, 'base64') AS payload, topic(4) AS host FROM 'overspan/v1/hosts/+/${lane}'`,
        AwsIotSqlVersion: "2016-03-23",
        RuleDisabled: false,
        Actions: [{ Lambda: { FunctionArn: { "Fn::GetAtt": [Match.stringLikeRegexp(`^${name}Function`), "Arn"] } } }],
        ErrorAction: { CloudwatchLogs: Match.anyValue() },
      },
    });
    template.hasResourceProperties("AWS::Lambda::Permission", {
      Principal: "iot.amazonaws.com",
      FunctionName: { "Fn::GetAtt": [Match.stringLikeRegexp(`^${name}Function`), "Arn"] },
      SourceArn: { "Fn::GetAtt": [`${name}Rule`, "Arn"] },
    });
  });

  it("host policy: own client id, own sync, report and certificate, own inbox, and nothing more", () => {
    const arn = "arn:aws:iot:us-east-1:000000000000";
    const own = "overspan/v1/hosts/${iot:Connection.Thing.ThingName}";
    expect(hostPolicy()).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: "iot:Connect",
          Resource: `${arn}:client/\${iot:Connection.Thing.ThingName}`,
          Condition: { Bool: { "iot:Connection.Thing.IsAttached": "true" } },
        },
        {
          Effect: "Allow",
          Action: "iot:Publish",
          Resource: ["sync", "report", "certificate"].map((lane) => `${arn}:topic/${own}/${lane}`),
        },
        { Effect: "Allow", Action: "iot:Subscribe", Resource: `${arn}:topicfilter/${own}/inbox` },
        { Effect: "Allow", Action: "iot:Receive", Resource: `${arn}:topic/${own}/inbox` },
      ],
    });
  });

  it("host policy: no wildcard, and within AWS IoT's 2,048 characters in the longest region's name", () => {
    const text = JSON.stringify(hostPolicy())
      .replaceAll("us-east-1", "ap-southeast-1")
      .replaceAll("arn:aws:", "arn:aws-us-gov:");
    expect(text).not.toMatch(/[*#+?]/);
    expect(text.length).toBeLessThanOrEqual(2048);
  });
});

type Statement = { Action: string | string[]; Resource: unknown };

function statementsOf(role: string): Statement[] {
  return Object.values(template.findResources("AWS::IAM::Policy"))
    .map(({ Properties }) => Properties as { PolicyName: string; PolicyDocument: { Statement: Statement[] } })
    .filter(({ PolicyName }) => PolicyName.startsWith(role))
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
}

function allStatements(): Statement[] {
  const statements = statementsOf("");
  expect(statements.length).toBeGreaterThan(4);
  return statements;
}

function hostPolicy(): unknown {
  const json = template.toJSON() as Parameters<typeof templateResolver>[0];
  const resolve = templateResolver(json, { ref: (id) => id, attribute: (id) => id });
  const [policy] = Object.values(json.Resources).filter(({ Type }) => Type === "AWS::IoT::Policy");
  return resolve(policy?.Properties?.PolicyDocument);
}
