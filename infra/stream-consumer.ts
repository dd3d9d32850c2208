// The table's stream drives the publisher. Only intent passes the filter: the publisher's own writes (log, head,
// record, published) and the hosts' reports would otherwise wake it for nothing, and for ever.
// A record that cannot be read is set aside by the publisher itself; whatever else fails is an outage (a throttled store,
// a bug), and is retried for the day that the stream keeps records: giving up earlier would lose a change for good, since
// nothing but the stream writes the channels' logs. An alarm tells of the delay long before.

import { Duration } from "aws-cdk-lib";
import { ComparisonOperator, Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { ITable, Table } from "aws-cdk-lib/aws-dynamodb";
import { FilterCriteria, FilterRule, type Function as LambdaFunction, StartingPosition } from "aws-cdk-lib/aws-lambda";
import { DynamoEventSource, SqsDlq } from "aws-cdk-lib/aws-lambda-event-sources";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";

/** The entities whose changes hosts must learn. A change or a guard moves nothing by itself. */
export const PUBLISHED_TYPES = ["host", "network", "endpoint", "router", "prefix"] as const;

/** What events are made of: changes, their publication, and what hosts report. */
export const EVENT_TYPES = ["change", "published", "report", "host-report"] as const;

/**
 * Feeds `events` from the same stream, which has room for two readers. Reports come all the time, so a batch is waited for;
 * what fails is tried until it expires, as with the publisher, and an alarm tells of the delay.
 */
export function addEventSource(scope: Construct, table: Table, events: LambdaFunction): void {
  events.addEventSource(
    new DynamoEventSource(table as ITable, {
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 500,
      maxBatchingWindow: Duration.seconds(1),
      parallelizationFactor: 1,
      filters: [FilterCriteria.filter({ dynamodb: { NewImage: { type: { S: FilterRule.or(...EVENT_TYPES) } } } })],
    }),
  );
  events
    .metric("IteratorAge", { period: Duration.minutes(1), statistic: "Maximum" })
    .createAlarm(scope, "EventsDelayAlarm", {
      alarmDescription:
        "Events wait to be told for over five minutes: the store is throttled or the function fails. See its log.",
      threshold: Duration.minutes(5).toMilliseconds(),
      evaluationPeriods: 2,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
}

/** Feeds `publisher` from the table's stream, from its oldest record on. */
export function addStreamConsumer(scope: Construct, table: Table, publisher: LambdaFunction): Queue {
  const deadLetters = new Queue(scope, "PublishDeadLetters", {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  publisher.addEventSource(
    // The cast: the CDK's Table has `T | undefined` members where ITable has optional ones (exactOptionalPropertyTypes).
    new DynamoEventSource(table as ITable, {
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 100,
      // One batch a shard at a time: the publisher is the only writer of logs, and rivals of it only conflict.
      parallelizationFactor: 1,
      reportBatchItemFailures: true,
      bisectBatchOnError: true,
      // No retryAttempts: until the record expires, which only then reaches the dead-letter queue.
      onFailure: new SqsDlq(deadLetters),
      filters: [FilterCriteria.filter({ dynamodb: { NewImage: { type: { S: FilterRule.or(...PUBLISHED_TYPES) } } } })],
    }),
  );
  publisher
    .metric("IteratorAge", { period: Duration.minutes(1), statistic: "Maximum" })
    .createAlarm(scope, "PublishDelayAlarm", {
      alarmDescription:
        "Changes wait to be published for over a minute: the store is throttled or the publisher fails. See its log; nothing is lost for a day.",
      threshold: Duration.minutes(1).toMilliseconds(),
      evaluationPeriods: 2,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  // Counted by the publisher in its log (embedded metric format, functions/publish/telemetry.ts).
  new Metric({
    namespace: "Overspan",
    metricName: "PoisonRecords",
    period: Duration.minutes(1),
    statistic: "Sum",
  }).createAlarm(scope, "PublishPoisonAlarm", {
    alarmDescription:
      "A change can never be published and was set aside: its item is under POISON in the table, with the reason. Mend the cause and write the resource anew.",
    threshold: 1,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  deadLetters
    .metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(1), statistic: "Maximum" })
    .createAlarm(scope, "PublishDeadLettersAlarm", {
      alarmDescription:
        "Changes that could not be published for a day and left the stream: no host will learn of them. Write each resource anew.",
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  return deadLetters;
}
