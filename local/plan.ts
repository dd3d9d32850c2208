// Reads a cloud assembly (template and asset manifest) into what this machine has to run: the plan. Every setting that
// changes behaviour is read from the template; a resource type or a setting that is neither run nor known to be
// without effect here is refused, so that what runs locally cannot drift from what is deployed.

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import {
  LOCAL_ACCOUNT,
  LOCAL_REGION,
  type LocalNames,
  type Template,
  type TemplateResource,
  templateResolver,
} from "./cloudformation.ts";
import { StartFailure } from "./start-failure.ts";

export type TablePlan = {
  name: string;
  attributes: { AttributeName: string; AttributeType: "S" | "N" | "B" }[];
  keys: { AttributeName: string; KeyType: "HASH" | "RANGE" }[];
  stream: "NEW_AND_OLD_IMAGES" | "NEW_IMAGE" | "OLD_IMAGE" | "KEYS_ONLY" | undefined;
  ttlAttribute: string | undefined;
};

export type FunctionPlan = {
  /** The logical id. */
  name: string;
  arn: string;
  /** The bundle's module and the export in it. */
  module: string;
  exportName: string;
  timeoutMs: number;
  memoryMb: number;
  environment: Record<string, string>;
  /** How often a failed asynchronous invocation is tried again. */
  asyncRetries: number;
  /** At most so many invocations at once; asynchronous ones beyond wait. Undefined: any number. */
  atOnce: number | undefined;
};

export type MappingPlan = {
  name: string;
  table: string;
  function: string;
  batchSize: number;
  bisect: boolean;
  /** -1: until the record is no longer in the stream. */
  maxRetries: number;
  reportsItemFailures: boolean;
  /** The queue that gets what is given up; undefined: nobody does. */
  deadLetters: string | undefined;
  /** EventBridge-style patterns; a record that matches one of them is delivered. Empty: every record. */
  patterns: unknown[];
};

/** A function that is invoked by the clock. */
export type SchedulePlan = { name: string; everyMs: number; function: string };

export type RulePlan = { name: string; sql: string; function: string };

/** A symmetric key of KMS. */
export type KeyPlan = { arn: string };

/** A bucket; objects older than `expireAfterDays` are removed. */
export type BucketPlan = { name: string; expireAfterDays: number | undefined };

export type Plan = {
  tables: TablePlan[];
  buckets: BucketPlan[];
  keys: KeyPlan[];
  functions: FunctionPlan[];
  mappings: MappingPlan[];
  /** The function behind the HTTP API's `$default` route. */
  apiFunction: string;
  rules: RulePlan[];
  schedules: SchedulePlan[];
  /** The hosts' IoT policy, its document resolved. */
  hostPolicy: { name: string; document: unknown };
};

/** Types that are run here. */
const TABLE = "AWS::DynamoDB::Table";
const FUNCTION = "AWS::Lambda::Function";
const ASYNC_CONFIG = "AWS::Lambda::EventInvokeConfig";
const MAPPING = "AWS::Lambda::EventSourceMapping";
const RULE = "AWS::IoT::TopicRule";
const SCHEDULE = "AWS::Events::Rule";
const POLICY = "AWS::IoT::Policy";
const BUCKET = "AWS::S3::Bucket";
const QUEUE = "AWS::SQS::Queue";
const KEY = "AWS::KMS::Key";
const ROUTE = "AWS::ApiGatewayV2::Route";
const INTEGRATION = "AWS::ApiGatewayV2::Integration";

/** Types without effect on one machine: who may call whom in the account, and where logs and alarms go. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "AWS::IAM::Role",
  "AWS::IAM::Policy",
  "AWS::Logs::LogGroup",
  "AWS::Lambda::Permission",
  "AWS::S3::BucketPolicy",
  "AWS::SQS::QueuePolicy",
  "AWS::CloudWatch::Alarm",
  "AWS::ApiGatewayV2::Api",
  "AWS::ApiGatewayV2::Stage",
]);
const RUN: ReadonlySet<string> = new Set([
  TABLE,
  FUNCTION,
  ASYNC_CONFIG,
  MAPPING,
  RULE,
  SCHEDULE,
  POLICY,
  ROUTE,
  INTEGRATION,
  BUCKET,
  QUEUE,
  KEY,
]);

const AssetManifest = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.object({ path: z.string() }),
      destinations: z.record(z.string(), z.object({ objectKey: z.string() })),
    }),
  ),
});
type AssetManifest = z.infer<typeof AssetManifest>;

/** Reads the template and manifest files of one stack. */
export async function readPlan(templateFile: string, assetManifestFile: string): Promise<Plan> {
  const template = JSON.parse(await readFile(templateFile, "utf8")) as Template;
  const manifest = AssetManifest.parse(JSON.parse(await readFile(assetManifestFile, "utf8")));
  return planOf(template, (key) => join(dirname(assetManifestFile), assetFolder(manifest, key)));
}

/** Makes the plan of a template; `assetFolder` says where the asset with an S3 object key is. */
export function planOf(template: Template, assetFolder: (s3Key: string) => string): Plan {
  const resolve = templateResolver(template, LOCAL_NAMES);
  for (const [id, { Type }] of Object.entries(template.Resources)) {
    if (!RUN.has(Type) && !WITHOUT_EFFECT.has(Type))
      throw new StartFailure(
        `The template has ${id} of type ${Type}, which the local runtime does not know (plan.ts).`,
      );
  }
  const ofType = <T>(type: string, schema: z.ZodType<T>): { id: string; properties: T }[] =>
    Object.entries(template.Resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([id, resource]) => ({ id, properties: parse(schema, resolve(resource.Properties ?? {}), id) }));

  const asyncConfigs = ofType(ASYNC_CONFIG, AsyncConfig);
  const functions = ofType(FUNCTION, FunctionProperties).map(({ id, properties }): FunctionPlan => {
    const [file, exportName] = properties.Handler.split(".") as [string, string];
    const asyncConfig = asyncConfigs.find((config) => config.properties.FunctionName === id);
    return {
      name: id,
      arn: functionArn(id),
      module: join(assetFolder(properties.Code.S3Key), `${file}.mjs`),
      exportName,
      timeoutMs: properties.Timeout * 1000,
      memoryMb: properties.MemorySize,
      environment: properties.Environment.Variables,
      asyncRetries: asyncConfig?.properties.MaximumRetryAttempts ?? 2,
      atOnce: properties.ReservedConcurrentExecutions,
    };
  });
  const functionOf = (arnOrName: string, user: string): string => {
    const found = functions.find(({ arn, name }) => arn === arnOrName || name === arnOrName);
    if (!found) throw new StartFailure(`The template's ${user} names the function ${arnOrName}, which is not in it.`);
    return found.name;
  };

  const tables = ofType(TABLE, TableProperties).map(
    ({ id, properties }): TablePlan => ({
      name: properties.TableName ?? tableName(id),
      attributes: properties.AttributeDefinitions,
      keys: properties.KeySchema,
      stream: properties.StreamSpecification?.StreamViewType,
      ttlAttribute: properties.TimeToLiveSpecification?.AttributeName,
    }),
  );
  const queues = new Set(ofType(QUEUE, QueueProperties).map(({ id }) => id));
  const queueOf = (destination: string | undefined, user: string): string | undefined => {
    if (destination === undefined) return undefined;
    const queue = [...queues].find((id) => destination === arnOf(id, "Arn"));
    if (queue === undefined)
      throw new StartFailure(`The template's ${user} gives up to ${destination}, which is no queue.`);
    return queue;
  };
  return {
    tables,
    buckets: ofType(BUCKET, BucketProperties).map(({ id, properties }) => ({
      name: properties.BucketName ?? bucketName(id),
      expireAfterDays: properties.LifecycleConfiguration.Rules.find((rule) => rule.ExpirationInDays !== undefined)
        ?.ExpirationInDays,
    })),
    keys: ofType(KEY, KeyProperties).map(({ id }) => ({ arn: arnOf(id, "Arn") })),
    functions,
    mappings: ofType(MAPPING, MappingProperties).map(({ id, properties }) => ({
      name: id,
      table: tableOfStream(properties.EventSourceArn, tables),
      function: functionOf(properties.FunctionName, id),
      batchSize: properties.BatchSize,
      bisect: properties.BisectBatchOnFunctionError,
      maxRetries: properties.MaximumRetryAttempts,
      reportsItemFailures: properties.FunctionResponseTypes.includes("ReportBatchItemFailures"),
      deadLetters: queueOf(properties.DestinationConfig?.OnFailure.Destination, id),
      patterns: properties.FilterCriteria.Filters.map(({ Pattern }) => JSON.parse(Pattern) as unknown),
    })),
    apiFunction: apiFunction(ofType(ROUTE, RouteProperties), ofType(INTEGRATION, IntegrationProperties), functionOf),
    rules: ofType(RULE, RuleProperties).map(({ id, properties }) => ({
      name: id,
      sql: properties.TopicRulePayload.Sql,
      function: functionOf(properties.TopicRulePayload.Actions[0].Lambda.FunctionArn, id),
    })),
    schedules: ofType(SCHEDULE, ScheduleProperties).map(({ id, properties }) => ({
      name: id,
      everyMs: properties.ScheduleExpression * 60_000,
      function: functionOf(properties.Targets[0].Arn, id),
    })),
    hostPolicy: policyOf(onlyOne(ofType(POLICY, PolicyProperties), POLICY)),
  };
}

function policyOf({ id, properties }: { id: string; properties: { PolicyDocument: unknown } }): Plan["hostPolicy"] {
  return { name: id, document: properties.PolicyDocument };
}

// Strict where a setting that we do not know could change what happens; loose where the rest has no effect here.
const TableProperties = z.object({
  TableName: z.string().optional(),
  AttributeDefinitions: z.array(z.object({ AttributeName: z.string(), AttributeType: z.enum(["S", "N", "B"]) })),
  KeySchema: z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(["HASH", "RANGE"]) })),
  GlobalSecondaryIndexes: z.undefined("the local runtime makes no secondary indexes").optional(),
  LocalSecondaryIndexes: z.undefined("the local runtime makes no secondary indexes").optional(),
  StreamSpecification: z
    .object({ StreamViewType: z.enum(["NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"]) })
    .optional(),
  TimeToLiveSpecification: z.object({ AttributeName: z.string(), Enabled: z.literal(true) }).optional(),
});
const FunctionProperties = z.object({
  Code: z.object({ S3Key: z.string() }),
  Handler: z.string().regex(/^[\w-]+\.[\w-]+$/),
  Runtime: z.string().startsWith("nodejs"),
  Timeout: z.number(),
  MemorySize: z.number(),
  Environment: z.object({ Variables: z.record(z.string(), z.string()) }),
  ReservedConcurrentExecutions: z.number().int().min(1).optional(),
});
const AsyncConfig = z.object({ FunctionName: z.string(), MaximumRetryAttempts: z.number() });
const MappingProperties = z.strictObject({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  BatchSize: z.number(),
  BisectBatchOnFunctionError: z.boolean().default(false),
  MaximumRetryAttempts: z.number().default(-1),
  // Batches are not waited for here: only the bill would notice.
  MaximumBatchingWindowInSeconds: z.number().optional(),
  FunctionResponseTypes: z.array(z.string()).default([]),
  FilterCriteria: z.object({ Filters: z.array(z.object({ Pattern: z.string() })) }).default({ Filters: [] }),
  StartingPosition: z.literal("TRIM_HORIZON"),
  ParallelizationFactor: z.literal(1).default(1),
  DestinationConfig: z.strictObject({ OnFailure: z.strictObject({ Destination: z.string() }) }).optional(),
});
const BucketProperties = z.object({
  BucketName: z.string().optional(),
  VersioningConfiguration: z.undefined("the local runtime keeps no versions of objects").optional(),
  NotificationConfiguration: z.undefined("the local runtime tells nobody of objects").optional(),
  LifecycleConfiguration: z
    .object({
      Rules: z.array(
        z.object({
          Status: z.literal("Enabled"),
          ExpirationInDays: z.number().optional(),
          Prefix: z.undefined("the local runtime expires a whole bucket").optional(),
        }),
      ),
    })
    .default({ Rules: [] }),
});
const QueueProperties = z.object({ FifoQueue: z.undefined("the local runtime has no FIFO queues").optional() });
const KeyProperties = z.object({
  KeySpec: z.literal("SYMMETRIC_DEFAULT").optional(),
  KeyUsage: z.literal("ENCRYPT_DECRYPT").optional(),
  Enabled: z.literal(true).optional(),
});
const RouteProperties = z.object({ RouteKey: z.literal("$default"), Target: z.string() });
const IntegrationProperties = z.object({
  IntegrationType: z.literal("AWS_PROXY"),
  IntegrationUri: z.string(),
  PayloadFormatVersion: z.literal("2.0"),
});
const RuleProperties = z.object({
  TopicRulePayload: z.object({
    Sql: z.string(),
    RuleDisabled: z.literal(false).default(false),
    Actions: z.tuple([z.strictObject({ Lambda: z.strictObject({ FunctionArn: z.string() }) })]),
  }),
});
const ScheduleProperties = z.strictObject({
  Description: z.string().optional(),
  ScheduleExpression: z
    .string()
    .regex(/^rate\([1-9]\d{0,3} minutes?\)$/, "the local runtime knows schedules of whole minutes")
    .transform((text) => Number(text.replace(/\D/g, ""))),
  State: z.literal("ENABLED"),
  Targets: z.tuple([z.strictObject({ Id: z.string(), Arn: z.string() })]),
});
const PolicyProperties = z.object({ PolicyDocument: z.unknown() });

const LOCAL_NAMES: LocalNames = {
  ref(id, resource) {
    if (resource.Type === TABLE) return tableName(id);
    return resource.Type === BUCKET ? bucketName(id) : id;
  },
  attribute(id, resource: TemplateResource, attribute) {
    if (resource.Type === FUNCTION && attribute === "Arn") return functionArn(id);
    if (resource.Type === TABLE && attribute === "StreamArn") return streamArn(tableName(id));
    return arnOf(id, attribute);
  },
};

/** A function's name for people: `PublishFunctionB6602567` is publish. */
export function logName(functionName: string): string {
  return functionName.replace(/(?<=.)(Function)?[0-9A-F]{8}$/, "").toLowerCase();
}

function arnOf(id: string, attribute: string): string {
  return `arn:local:${id}:${attribute}`;
}

function bucketName(id: string): string {
  return `overspan-${id.toLowerCase()}`;
}

function tableName(id: string): string {
  return `Overspan-${id}`;
}

function functionArn(id: string): string {
  return `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${id}`;
}

function streamArn(table: string): string {
  return `arn:aws:dynamodb:${LOCAL_REGION}:${LOCAL_ACCOUNT}:table/${table}/stream/local`;
}

function tableOfStream(arn: string, tables: TablePlan[]): string {
  const found = tables.find(({ name }) => streamArn(name) === arn);
  if (!found?.stream) throw new StartFailure(`The template maps the events of ${arn}, which is no table's stream.`);
  return found.name;
}

type Parsed<T> = { id: string; properties: T };

function apiFunction(
  routes: Parsed<z.infer<typeof RouteProperties>>[],
  integrations: Parsed<z.infer<typeof IntegrationProperties>>[],
  functionOf: (arn: string, user: string) => string,
): string {
  const { id, properties } = onlyOne(routes, ROUTE);
  const integration = integrations.find((candidate) => properties.Target === `integrations/${candidate.id}`);
  if (!integration) throw new StartFailure(`The template's route ${id} has no integration.`);
  return functionOf(integration.properties.IntegrationUri, integration.id);
}

function onlyOne<T>(items: T[], type: string): T {
  const [item] = items;
  if (item === undefined || items.length > 1)
    throw new StartFailure(`The template has ${items.length} resources of type ${type}; the local runtime runs one.`);
  return item;
}

function assetFolder(manifest: AssetManifest, s3Key: string): string {
  for (const { source, destinations } of Object.values(manifest.files)) {
    if (Object.values(destinations).some(({ objectKey }) => objectKey === s3Key)) return source.path;
  }
  throw new StartFailure(`The template's asset ${s3Key} is not in the asset manifest; run npm run synth again.`);
}

function parse<T>(schema: z.ZodType<T>, value: unknown, id: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new StartFailure(
    `The template's ${id} cannot be run locally: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}.`,
  );
}
