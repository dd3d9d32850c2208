import { describe, expect, it } from "vitest";
import type { Template, TemplateResource } from "../../local/cloudformation.ts";
import { logName, planOf } from "../../local/plan.ts";

const RESOURCES: Record<string, TemplateResource> = {
  Table: {
    Type: "AWS::DynamoDB::Table",
    Properties: {
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      StreamSpecification: { StreamViewType: "NEW_IMAGE" },
    },
  },
  Function: {
    Type: "AWS::Lambda::Function",
    Properties: {
      Code: { S3Key: "abc.zip" },
      Handler: "lambda.handler",
      Runtime: "nodejs22.x",
      Timeout: 3,
      MemorySize: 128,
      Environment: { Variables: { TABLE: { Ref: "Table" } } },
    },
  },
  Mapping: {
    Type: "AWS::Lambda::EventSourceMapping",
    Properties: {
      EventSourceArn: { "Fn::GetAtt": ["Table", "StreamArn"] },
      FunctionName: { Ref: "Function" },
      BatchSize: 7,
      StartingPosition: "TRIM_HORIZON",
    },
  },
  Route: { Type: "AWS::ApiGatewayV2::Route", Properties: { RouteKey: "$default", Target: "integrations/Integration" } },
  Integration: {
    Type: "AWS::ApiGatewayV2::Integration",
    Properties: {
      IntegrationType: "AWS_PROXY",
      IntegrationUri: { "Fn::GetAtt": ["Function", "Arn"] },
      PayloadFormatVersion: "2.0",
    },
  },
  Policy: { Type: "AWS::IoT::Policy", Properties: { PolicyDocument: { Statement: [] } } },
};

const plan = (change: Record<string, TemplateResource> = {}) =>
  planOf({ Resources: { ...RESOURCES, ...change } } satisfies Template, (key) => `/assets/${key}`);

/** RESOURCES with one property of one resource replaced. */
const changed = (id: string, property: string, value: unknown): Record<string, TemplateResource> => {
  const resource = RESOURCES[id] as TemplateResource;
  return { [id]: { ...resource, Properties: { ...resource.Properties, [property]: value } } };
};

describe("plan", () => {
  it("plan: keys of KMS -> by their ARN as functions see it; one that is not symmetric is refused", () => {
    const key = (properties: object): Record<string, TemplateResource> => ({
      Key: { Type: "AWS::KMS::Key", Properties: { EnableKeyRotation: true, ...properties } },
      ...changed("Function", "Environment", { Variables: { KEY: { "Fn::GetAtt": ["Key", "Arn"] } } }),
    });
    const { keys, functions } = plan(key({}));
    expect(keys).toHaveLength(1);
    expect(keys[0]?.arn).toBe(functions[0]?.environment["KEY"]);
    expect(() => plan(key({ KeySpec: "RSA_2048" }))).toThrow(/Key cannot be run locally/);
  });

  it.each([
    ["PublishFunctionB6602567", "publish"],
    ["Function", "function"],
    ["F", "f"],
  ])("plan: the function %s is called %s in the log", (id, name) => {
    expect(logName(id)).toBe(name);
  });

  it("plan: references are resolved to what things are called here", () => {
    expect(plan()).toMatchObject({
      tables: [{ name: "Overspan-Table", stream: "NEW_IMAGE", ttlAttribute: undefined }],
      functions: [
        {
          name: "Function",
          module: "/assets/abc.zip/lambda.mjs",
          exportName: "handler",
          timeoutMs: 3000,
          environment: { TABLE: "Overspan-Table" },
          asyncRetries: 2,
        },
      ],
      mappings: [
        { table: "Overspan-Table", function: "Function", batchSize: 7, maxRetries: -1, bisect: false, patterns: [] },
      ],
      apiFunction: "Function",
      hostPolicy: { name: "Policy", document: { Statement: [] } },
    });
  });

  it("plan: a bucket, a queue and a limit of invocations -> with their settings", () => {
    const rule = { Status: "Enabled", ExpirationInDays: 3 };
    const more = plan({
      Snapshots: { Type: "AWS::S3::Bucket", Properties: { LifecycleConfiguration: { Rules: [rule] } } },
      Letters: { Type: "AWS::SQS::Queue", Properties: {} },
      ...changed("Function", "ReservedConcurrentExecutions", 4),
      ...changed("Mapping", "DestinationConfig", {
        OnFailure: { Destination: { "Fn::GetAtt": ["Letters", "Arn"] } },
      }),
    });
    expect(more.buckets).toEqual([{ name: "overspan-snapshots", expireAfterDays: 3 }]);
    expect(more.functions[0]?.atOnce).toBe(4);
    expect(more.mappings[0]?.deadLetters).toBe("Letters");
    expect(plan()).toMatchObject({
      buckets: [],
      functions: [{ atOnce: undefined }],
      mappings: [{ deadLetters: undefined }],
    });
  });

  const schedule = (more: Record<string, unknown>): Record<string, TemplateResource> => ({
    Schedule: {
      Type: "AWS::Events::Rule",
      Properties: {
        ScheduleExpression: "rate(5 minutes)",
        State: "ENABLED",
        Targets: [{ Id: "Target0", Arn: { "Fn::GetAtt": ["Function", "Arn"] } }],
        ...more,
      },
    },
  });

  it("plan: a schedule -> its function, and how often", () => {
    expect(plan(schedule({})).schedules).toEqual([{ name: "Schedule", everyMs: 300_000, function: "Function" }]);
    expect(plan().schedules).toEqual([]);
  });

  it.each<[string, Record<string, TemplateResource>, RegExp]>([
    ["a schedule by cron", schedule({ ScheduleExpression: "cron(0 * * * ? *)" }), /whole minutes/],
    ["a rule of events", schedule({ EventPattern: { source: ["aws.s3"] } }), /EventPattern/],
    ["a schedule that is off", schedule({ State: "DISABLED" }), /State/],
    [
      "a type of resource that is not known",
      { Cache: { Type: "AWS::ElastiCache::CacheCluster" } },
      /Cache of type AWS::Elasti/,
    ],
    ["a secondary index", changed("Table", "GlobalSecondaryIndexes", [{}]), /no secondary indexes/],
    ["a setting of the mapping that is not known", changed("Mapping", "TumblingWindowInSeconds", 5), /TumblingWindow/],
    ["another starting position", changed("Mapping", "StartingPosition", "LATEST"), /StartingPosition/],
    ["a mapping of another stream", changed("Mapping", "EventSourceArn", "arn:aws:kinesis:x"), /no table's stream/],
    ["a mapping to no function", changed("Mapping", "FunctionName", "nobody"), /names the function nobody/],
    ["a route beside $default", changed("Route", "RouteKey", "GET /x"), /RouteKey/],
    ["two host policies", { Other: RESOURCES.Policy as TemplateResource }, /2 resources of type AWS::IoT::Policy/],
    [
      "a mapping that gives up to something else than a queue",
      changed("Mapping", "DestinationConfig", { OnFailure: { Destination: "arn:aws:sns:x" } }),
      /which is no queue/,
    ],
    [
      "a bucket that tells of its objects",
      { Bucket: { Type: "AWS::S3::Bucket", Properties: { NotificationConfiguration: {} } } },
      /tells nobody/,
    ],
    ["another runtime", changed("Function", "Runtime", "python3.13"), /Runtime/],
  ])("plan: %s -> refused at start with its name", (_, change, message) => {
    expect(() => plan(change)).toThrow(message);
  });
});
