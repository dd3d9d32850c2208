// The one table (single-table design): on demand, with the stream that drives everything behind the API, TTL for logs,
// tombstones and reports, and point-in-time recovery. It survives the stack: intent is never deleted by a deployment.

import { RemovalPolicy } from "aws-cdk-lib";
import { AttributeType, BillingMode, StreamViewType, Table } from "aws-cdk-lib/aws-dynamodb";
import type { Construct } from "constructs";

/** Adds the table, keys `pk` and `sk` (strings), TTL attribute `ttl` (epoch seconds), stream with both images. */
export function addTable(scope: Construct): Table {
  return new Table(scope, "Table", {
    partitionKey: { name: "pk", type: AttributeType.STRING },
    sortKey: { name: "sk", type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    stream: StreamViewType.NEW_AND_OLD_IMAGES,
    timeToLiveAttribute: "ttl",
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
}

/** What a consistent read of one channel or resource needs. */
export const READ_ACTIONS = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"] as const;

/** What a transaction that replaces and removes items needs; DynamoDB has no action for the transaction itself. */
export const WRITE_ACTIONS = ["dynamodb:PutItem", "dynamodb:DeleteItem"] as const;
